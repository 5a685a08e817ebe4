// The network drawn: blocks that open and close, its tensors as arrows. dagre places them.

import { h, s, section, tipOn } from "./dom.js";
import { percent, sizes } from "./format.js";
import { COSTS } from "./state.js";
import { blocksOf } from "./tree.js";
import { label } from "./treemap.js";

const NODE = { width: 168, height: 38 };
const TAB = 16; // pixels that the name of an open block takes
const MANY = 400; // so many boxes are drawn at most

export class Graph {
  constructor(state) {
    this.state = state;
    this.open = new Set();
    this.zoom = 1;
    this.laid = "";
    const button = (text, name, act) =>
      h("button", { type: "button", class: "small", "aria-label": name, title: name, onclick: act }, text);
    const tools = [
      h("button", { type: "button", class: "small", id: "graph-fold", onclick: () => this.all() }, "Open all"),
      button("−", "Smaller", () => this.scale(0.8)),
      button("+", "Larger", () => this.scale(1.25)),
    ];
    const { element, body, lead } = section("graph", "Graph", " ", tools);
    Object.assign(this, { element, lead });
    this.svg = s("svg", { class: "graph", role: "group", "aria-label": "The network's graph" });
    this.box = h(
      "div",
      { class: "scroll graph-box", tabindex: 0, role: "region", "aria-label": "Drawing of the network" },
      this.svg,
    );
    body.append(this.box);
  }

  draw() {
    const { now, cost } = this.state;
    this.element.hidden = !now;
    if (!now) return;
    const { title } = COSTS[cost];
    this.lead.textContent = `Coloured by ${title.toLowerCase()}. A block opens with a click and closes by its name; a layer is selected.`;
    const key = `${this.state.active}:${now.structure.layers.map((row) => now.network.layers[row].name).join()}:${[...this.open].join()}`;
    if (key !== this.laid) this.lay(key);
    this.paint();
  }

  all() {
    const blocks = blocksOf(this.state.now.layers);
    this.open = this.open.size ? new Set() : new Set(blocks);
    if (this.open.size && this.state.now.layers.length + blocks.size > MANY)
      this.open = new Set([...blocks].filter((name) => !name.includes(".")).slice(0, 12));
    this.draw();
  }

  scale(factor) {
    this.zoom = Math.min(2, Math.max(0.3, this.zoom * factor));
    this.size();
  }

  size() {
    this.svg.setAttribute("width", Math.ceil(this.width * this.zoom));
    this.svg.setAttribute("height", Math.ceil(this.height * this.zoom));
  }

  // What stands for a layer: itself, or the outermost of its blocks that is closed.
  shown(layer) {
    const path = layer.block ? layer.block.split(".") : [];
    for (let i = 1; i <= path.length; i++) {
      const name = path.slice(0, i).join(".");
      if (!this.open.has(name)) return `block ${name}`;
    }
    return `layer ${layer.name}`;
  }

  lay(key) {
    const { now } = this.state;
    this.laid = key;
    const graph = new dagre.graphlib.Graph({ compound: true, multigraph: false });
    graph.setGraph({
      rankdir: "TB",
      nodesep: 22,
      ranksep: this.open.size ? 34 : 24,
      marginx: 12,
      marginy: 12,
      ranker: now.layers.length > 300 ? "longest-path" : "network-simplex",
    });
    graph.setDefaultEdgeLabel(() => ({}));
    const nodes = new Map([["input", { id: "input", text: "input", layers: [] }]]);
    const ids = now.layers.map((layer) => {
      const id = this.shown(layer);
      if (!nodes.has(id)) nodes.set(id, { id, block: id.startsWith("block ") ? id.slice(6) : null, layers: [] });
      nodes.get(id).layers.push(layer);
      return id;
    });
    for (const node of nodes.values()) graph.setNode(node.id, { width: NODE.width, height: NODE.height });
    for (const name of this.open) {
      if (!now.layers.some((layer) => layer.block === name || layer.block?.startsWith(`${name}.`))) continue;
      graph.setNode(`open ${name}`, {});
    }
    for (const [id, node] of nodes) {
      const inside = node.block ? parentOf(node.block) : node.layers[0]?.block;
      if (inside && graph.hasNode(`open ${inside}`)) graph.setParent(id, `open ${inside}`);
    }
    for (const name of this.open) {
      const parent = parentOf(name);
      if (parent && graph.hasNode(`open ${name}`) && graph.hasNode(`open ${parent}`))
        graph.setParent(`open ${name}`, `open ${parent}`);
    }
    now.structure.inputs.forEach((sources, i) => {
      for (const source of sources) {
        const from = source ? ids[source - 1] : "input";
        if (from !== ids[i]) graph.setEdge(from, ids[i]);
      }
    });
    dagre.layout(graph);
    Object.assign(this, { placed: graph, nodes });
    const { width, height } = graph.graph();
    Object.assign(this, { width, height });
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.size();
  }

  paint() {
    const { now, cost } = this.state;
    const { of, write } = COSTS[cost];
    const position = new Map(now.layers.map((layer, i) => [layer.name, i]));
    const total = now.layers.reduce((sum, layer) => sum + of(layer), 0);
    const values = new Map(
      [...this.nodes].map(([id, node]) => [
        id,
        node.layers.reduce((sum, layer) => sum + of(now.layers[position.get(layer.name)]), 0),
      ]),
    );
    const most = Math.max(...values.values(), 0) || 1;
    const line = d3
      .line()
      .x((p) => p.x)
      .y((p) => p.y)
      .curve(d3.curveBasis);
    const frames = [...this.open]
      .filter((name) => this.placed.hasNode(`open ${name}`))
      .sort((a, b) => a.length - b.length)
      .map((name) => this.frame(name));
    const edges = this.placed
      .edges()
      .map((edge) => s("path", { class: "edge", d: line(this.placed.edge(edge).points), "marker-end": "url(#arrow)" }));
    const boxes = [...this.nodes.values()].map((node) =>
      this.box_(node, values.get(node.id), most, total, write, now, position),
    );
    const focused = this.svg.contains(document.activeElement) ? document.activeElement.dataset.id : null;
    this.svg.replaceChildren(
      s(
        "defs",
        {},
        s(
          "marker",
          { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 6, markerHeight: 6, orient: "auto" },
          s("path", { class: "arrow", d: "M0 0 L8 4 L0 8 z" }),
        ),
      ),
      ...frames,
      ...edges,
      ...boxes,
    );
    if (focused)
      [...this.svg.querySelectorAll("[data-id]")]
        .find((each) => each.dataset.id === focused)
        ?.focus({ preventScroll: true });
    this.element.querySelector("#graph-fold").textContent = this.open.size ? "Close all" : "Open all";
  }

  toggle(name) {
    if (!this.open.delete(name)) this.open.add(name);
    this.draw();
  }

  frame(name) {
    const { x, y, width, height: own } = this.placed.node(`open ${name}`);
    const [left, top, height] = [x - width / 2, y - own / 2 - TAB, own + TAB];
    const close = () => this.toggle(name);
    return s(
      "g",
      {},
      s("rect", { class: "frame", x: left, y: top, width, height, rx: 8 }),
      s(
        "g",
        {
          class: "frame-close",
          "data-id": `frame ${name}`,
          role: "button",
          tabindex: 0,
          "aria-label": `Close ${name}`,
          "aria-expanded": "true",
          onclick: close,
          onkeydown: (event) => ["Enter", " "].includes(event.key) && (event.preventDefault(), close()),
        },
        s("rect", { class: "frame-tab", x: left, y: top, width, height: TAB - 1, rx: 6 }),
        label(`▾ ${name.split(".").at(-1)}`, left + 8, top + 12, width - 12, "frame-name"),
      ),
    );
  }

  box_(node, value, most, total, write, now, position) {
    const { x, y } = this.placed.node(node.id);
    const [left, top] = [x - NODE.width / 2, y - NODE.height / 2];
    const last = node.layers.at(-1) && now.layers[position.get(node.layers.at(-1).name)];
    const name = node.block ?? last?.name ?? "input";
    const chosen = node.layers.some((layer) => layer.name === this.state.selected);
    const act = () => (node.block ? this.toggle(node.block) : last && this.state.select(name));
    const short_ = name.split(".").at(-1);
    const group = s(
      "g",
      {
        class: `node${node.block ? " block-node" : ""}${chosen ? " selected" : ""}${value / most > 0.55 ? " strong" : ""}`,
        "data-id": node.id,
        role: last ? "button" : "img",
        tabindex: last ? 0 : null,
        "aria-label": `${name}${node.block ? `, ${node.layers.length} layers, closed` : ""}: ${write(value)}`,
        "aria-expanded": node.block ? "false" : null,
        "aria-pressed": node.block || !last ? null : String(chosen),
        onclick: act,
        onkeydown: (event) => ["Enter", " "].includes(event.key) && (event.preventDefault(), act()),
      },
      node.block &&
        s("rect", { class: "behind", x: left + 4, y: top + 4, width: NODE.width, height: NODE.height, rx: 7 }),
      s("rect", {
        class: "face",
        x: left,
        y: top,
        width: NODE.width,
        height: NODE.height,
        rx: 7,
        style: { "--heat": `${(100 * value) / most}%` },
      }),
      label(node.block ? `▸ ${short_}` : short_, left + 10, top + 16, NODE.width - 20, "node-name"),
      label(
        last ? `${sizes(last.output)} · ${write(value)}` : sizes(now.input),
        left + 10,
        top + 30,
        NODE.width - 20,
        "node-more number",
      ),
    );
    return last
      ? tipOn(group, () => [
          name,
          ["output", sizes(last.output)],
          [COSTS[this.state.cost].title.toLowerCase(), write(value)],
          ["share", total ? percent(value / total) : "–"],
          node.block ? ["layers", String(node.layers.length)] : ["kind", last.kind],
        ])
      : group;
  }
}

const parentOf = (name) => (name.includes(".") ? name.slice(0, name.lastIndexOf(".")) : "");
