// Where a graph's boxes stand: dagre places what branches; a chain of such pieces is stacked, so that it is a column.

export const NODE = { width: 168, height: 38 };
export const TAB = 16; // pixels that the name of an open block takes
const EDGE_ROOM = 12;

// nodes: { block, layers } by id, in the order of the schedule; edges: pairs of ids; open: names of open blocks.
// Gives boxes and frames by id ({ x, y, width, height } about their middles), routes (points by edge), width, height.
export function placed(nodes, edges, open) {
  const found = { boxes: new Map(), frames: new Map(), routes: [], width: 0, height: 0 };
  let top = EDGE_ROOM;
  for (const piece of pieces(nodes, edges, open)) {
    const own = laid(piece, open);
    const above = found.boxes.get(piece.source);
    const dx = above ? above.x - own.entry : 0;
    const dy = top - own.top;
    const moved = ({ x, y, ...rest }) => ({ x: x + dx, y: y + dy, ...rest });
    for (const [id, box] of own.boxes) found.boxes.set(id, moved(box));
    for (const [id, frame] of own.frames) found.frames.set(id, moved(frame));
    for (const { edge, points } of own.routes) {
      const route = points.map(moved);
      if (edge[0] === piece.source) route[0] = { x: above.x, y: above.y + above.height / 2 };
      found.routes.push({ edge, points: route });
    }
    top += own.bottom - own.top + (open.size ? 40 : 28);
  }
  return shifted(found);
}

// Everything moved so that it begins at the drawing's corner.
function shifted(found) {
  const all = [...found.boxes.values(), ...found.frames.values()];
  const left = Math.min(...all.map(({ x, width }) => x - width / 2)) - EDGE_ROOM;
  for (const box of all) box.x -= left;
  for (const { points } of found.routes) for (const point of points) point.x -= left;
  const curves = found.routes.flatMap(({ points }) => points.map(({ x }) => x));
  found.width = Math.max(...all.map(({ x, width }) => x + width / 2), ...curves) + EDGE_ROOM;
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

// The schedule cut wherever a single tensor crosses and no open block is cut: ids, edges, and the node above that
// their first edges come from.
function pieces(nodes, edges, open) {
  const ids = [...nodes.keys()];
  const place = new Map(ids.map((id, i) => [id, i]));
  const outer = ids.map((id) => framesOf(nodes.get(id), open)[0] ?? id);
  const crossing = ids.map(() => new Set());
  for (const [from, to] of edges) for (let at = place.get(from); at < place.get(to); at++) crossing[at].add(from);
  const found = [];
  let [first, source] = [0, null];
  ids.forEach((_, at) => {
    const cut = crossing[at].size === 1 && outer[at] !== outer[at + 1];
    if (!cut && at < ids.length - 1) return;
    const own = new Set(ids.slice(first, at + 1));
    found.push({ ids: [...own], edges: edges.filter(([, to]) => own.has(to)), source, nodes });
    [first, source] = [at + 1, [...crossing[at]][0]];
  });
  return found;
}

// One piece by itself, with where it begins and ends, and where along x the tensor from above comes in.
function laid({ ids, edges, source, nodes }, open) {
  if (ids.length === 1 && !framesOf(nodes.get(ids[0]), open).length) {
    const box = { x: 0, y: 0, ...NODE };
    const into = [-1, -0.7, -0.5].map((part) => ({ x: 0, y: part * NODE.height }));
    const routes = edges.map((edge) => ({ edge, points: into }));
    return { boxes: new Map([[ids[0], box]]), frames: new Map(), routes, entry: 0, ...reachOf([box], []) };
  }
  const graph = new dagre.graphlib.Graph({ compound: true });
  graph.setGraph({ rankdir: "TB", nodesep: 22, ranksep: open.size ? 34 : 24 });
  graph.setDefaultEdgeLabel(() => ({}));
  if (source) graph.setNode(source, { width: NODE.width, height: 0 });
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
  const entry = source ? graph.node(source).x : 0;
  return { boxes, frames, routes, entry, ...reachOf(boxes.values(), frames.values()) };
}

const withTab = ({ x, y, width, height }) => ({ x, y: y - TAB / 2, width, height: height + TAB });

function reachOf(boxes, frames) {
  const all = [...boxes, ...frames];
  return {
    top: Math.min(...all.map(({ y, height }) => y - height / 2)),
    bottom: Math.max(...all.map(({ y, height }) => y + height / 2)),
  };
}
