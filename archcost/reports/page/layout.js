// Where a graph's boxes stand: dagre places what branches; a chain of such pieces is stacked, so that it is a column.

export const NODE = { width: 168, height: 38 };
export const TAB = 16; // pixels that the name of an open block takes
const EDGE_ROOM = 12;

// nodes: { id, block, layers } by id, in the order of the schedule; edges: pairs of ids; open: names of open blocks.
// Gives boxes and frames by id ({ x, y, width, height } about their middles), routes (points by edge), width, height.
export function placed(nodes, edges, open) {
  const found = { boxes: new Map(), frames: new Map(), routes: [], width: 0, height: 0 };
  let top = EDGE_ROOM;
  let tail = null; // the box that the next piece hangs from
  for (const piece of pieces(nodes, edges, open)) {
    const own = laid(piece, open);
    const link = edges.find(([from, to]) => tail === from && own.boxes.has(to));
    const above = tail && found.boxes.get(tail);
    const dx = above ? above.x - own.boxes.get(link?.[1] ?? piece.ids[0]).x : 0;
    const dy = top - own.top;
    const moved = ({ x, y, ...rest }) => ({ x: x + dx, y: y + dy, ...rest });
    for (const [id, box] of own.boxes) found.boxes.set(id, moved(box));
    for (const [id, frame] of own.frames) found.frames.set(id, moved(frame));
    for (const { edge, points } of own.routes) found.routes.push({ edge, points: points.map(moved) });
    if (link) found.routes.push({ edge: link, points: between(above, found.boxes.get(link[1])) });
    top += own.bottom - own.top + (open.size ? 40 : 28);
    tail = piece.last;
  }
  return shifted(found);
}

function between(above, below) {
  const [from, to] = [above.y + above.height / 2, below.y - below.height / 2];
  return [0, 0.5, 1].map((part) => ({
    x: above.x + (below.x - above.x) * part,
    y: from + (to - from) * part,
  }));
}

// Everything moved so that it begins at the drawing's corner.
function shifted(found) {
  const all = [...found.boxes.values(), ...found.frames.values()];
  const left = Math.min(...all.map(({ x, width }) => x - width / 2)) - EDGE_ROOM;
  for (const box of all) box.x -= left;
  for (const { points } of found.routes) for (const point of points) point.x -= left;
  const reach = [...all.map(({ x, width }) => x + width / 2), ...found.routes.flatMap((r) => r.points.map(({ x }) => x))];
  found.width = Math.max(...reach) + EDGE_ROOM;
  found.height = Math.max(...all.map(({ y, height }) => y + height / 2)) + EDGE_ROOM;
  return found;
}

const parentOf = (name) => (name.includes(".") ? name.slice(0, name.lastIndexOf(".")) : "");

// The open blocks that a node stands in, the outermost first.
function framesOf(node, open) {
  const block = node.block ? parentOf(node.block) : (node.layers[0]?.block ?? "");
  const parts = block ? block.split(".") : [];
  return parts.map((_, i) => parts.slice(0, i + 1).join(".")).filter((name) => open.has(name));
}

// The schedule cut wherever a single edge crosses and no open block is cut: { ids, edges, last }.
function pieces(nodes, edges, open) {
  const ids = [...nodes.keys()];
  const place = new Map(ids.map((id, i) => [id, i]));
  const outer = ids.map((id) => framesOf(nodes.get(id), open)[0] ?? id);
  const crossing = new Array(ids.length).fill(0);
  for (const [from, to] of edges)
    for (let at = place.get(from); at < place.get(to); at++) crossing[at] += 1;
  const found = [];
  let first = 0;
  ids.forEach((id, at) => {
    const cut = crossing[at] === 1 && outer[at] !== outer[at + 1];
    if (!cut && at < ids.length - 1) return;
    const own = new Set(ids.slice(first, at + 1));
    const next = edges.find(([from, to]) => own.has(from) && place.get(to) > at);
    const inside = edges.filter(([from, to]) => own.has(from) && own.has(to));
    found.push({ ids: [...own], edges: inside, last: next?.[0] ?? id, nodes });
    first = at + 1;
  });
  return found;
}

// One piece by itself, with where it begins and ends.
function laid({ ids, edges, nodes }, open) {
  if (ids.length === 1 && !framesOf(nodes.get(ids[0]), open).length) {
    const box = { x: 0, y: 0, ...NODE };
    return { boxes: new Map([[ids[0], box]]), frames: new Map(), routes: [], ...reachOf([box], []) };
  }
  const graph = new dagre.graphlib.Graph({ compound: true });
  graph.setGraph({ rankdir: "TB", nodesep: 22, ranksep: open.size ? 34 : 24 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const id of ids) {
    graph.setNode(id, { ...NODE });
    const path = framesOf(nodes.get(id), open).map((name) => `open ${name}`);
    path.forEach((name, i) => {
      if (!graph.hasNode(name)) graph.setNode(name, {});
      if (i) graph.setParent(name, path[i - 1]);
    });
    if (path.length) graph.setParent(id, path.at(-1));
  }
  for (const [from, to] of edges) graph.setEdge(from, to);
  dagre.layout(graph);
  const boxes = new Map(ids.map((id) => [id, graph.node(id)]));
  const names = graph.nodes().filter((name) => name.startsWith("open "));
  const frames = new Map(names.map((name) => [name.slice(5), withTab(graph.node(name))]));
  const routes = edges.map((edge) => ({ edge, points: graph.edge(...edge).points }));
  return { boxes, frames, routes, ...reachOf(boxes.values(), frames.values()) };
}

const withTab = ({ x, y, width, height }) => ({ x, y: y - TAB / 2, width, height: height + TAB });

function reachOf(boxes, frames) {
  const all = [...boxes, ...frames];
  return {
    top: Math.min(...all.map(({ y, height }) => y - height / 2)),
    bottom: Math.max(...all.map(({ y, height }) => y + height / 2)),
  };
}
