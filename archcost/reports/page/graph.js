// The network drawn: blocks that open and close, its tensors as arrows. dagre places them.

import { columnsOf } from "./paper.js";
import { h, s, section, select } from "./dom.js";
import { count, many, percent, sizes } from "./format.js";
import { NODE, TAB, placed } from "./layout.js";
import { Roving } from "./roving.js";
import { COSTS } from "./state.js";
import { fitted, label } from "./text.js";
import { tipOn } from "./tip.js";
import { blocksOf } from "./tree.js";

const AROUND = 600; // so far around the drawing's window boxes have their figures, where they are many
const MANY = 400; // so many boxes are drawn at most, unless somebody opens more by hand

export class Graph {
  constructor(state) {
    this.state = state;
    this.open = new Set();
    this.zoom = 1;
    this.laid = "";
    this.said = "";
    const button = (text, name, act) =>
      h("button", { type: "button", class: "small", "aria-label": name, title: name, onclick: act }, text);
    const costs = state.costs.map(([name, cost]) => [name, cost.title]);
    const tools = [
      select("Coloured by", costs, state.cost, (cost) => state.set({ cost })),
      h("button", { type: "button", class: "small", id: "graph-fold", onclick: () => this.all() }, "Open all"),
      button("−", "Smaller", () => this.scale(0.8)),
      button("+", "Larger", () => this.scale(1.25)),
    ];
    const { element, body, lead } = section("graph", "Graph", " ", tools);
    Object.assign(this, { element, lead });
    this.cost = element.querySelector("select");
    this.svg = s("svg", { class: "graph", role: "group", "aria-label": "The network's graph" });
    this.roving = new Roving(this.svg);
    this.box = h(
      "div",
      { class: "scroll graph-box", tabindex: 0, role: "region", "aria-label": "Drawing of the network" },
      this.svg,
    );
    this.ends = [h("span", { class: "number" }, "0"), h("span", { class: "number" })];
    const ramp = h("span", { class: "ramp", "aria-hidden": "true" });
    this.ramp = h("p", { class: "ramp-line quiet", id: "graph-scale" }, this.ends[0], ramp, this.ends[1]);
    this.paper = h("div", { class: "graph-paper", "aria-hidden": "true" });
    body.append(this.ramp, this.box, this.paper);
    [this.scrolled, this.tall] = [0, 900];
    this.box.addEventListener("scroll", () => {
      [this.scrolled, this.tall] = [this.box.scrollTop, this.box.clientHeight];
      if (this.nodes?.size > MANY) this.fill();
    });
  }

  draw() {
    const { now, cost } = this.state;
    this.element.hidden = !now;
    if (!now) return;
    this.cost.value = cost;
    const names = now.structure.layers.map((row) => now.network.layers[row].name).join();
    const key = `${this.state.active}:${names}:${[...this.open].join()}`;
    const anew = key !== this.laid;
    if (anew) this.lay(key);
    const { title } = COSTS[cost];
    this.lead.textContent = `Coloured by ${title.toLowerCase()}. A block opens with a click and closes by its name; a layer is selected.${this.said}`;
    this.roving.redraw(() => this.paint());
    if (anew && !this.open.size) this.reveal();
    const { selected } = this.state;
    if (selected && selected !== this.shownLayer) this.reveal(selected);
    this.shownLayer = selected;
  }

  // Opens every block, or as many as a drawing holds, and says which; or closes them all.
  all() {
    const { layers } = this.state.now;
    const blocks = blocksOf(layers);
    if (this.open.size) this.open = new Set();
    else {
      let boxes = new Set(layers.map((layer) => this.shown(layer))).size;
      for (const name of [...blocks].sort((a, b) => a.split(".").length - b.split(".").length)) {
        this.open.add(name);
        boxes += insideOf(name, layers) - 1;
        if (boxes > MANY) {
          this.open.delete(name);
          break;
        }
      }
    }
    this.said =
      this.open.size && this.open.size < blocks.size
        ? ` Opened ${count(this.open.size)} of ${many(blocks.size, "block")}, the outermost first: a drawing holds ${count(MANY)} boxes; the others open one by one.`
        : "";
    this.draw();
    this.reveal();
  }

  // Brings what stands for a layer, or the input, into the middle of the drawing's window.
  reveal(name = null) {
    const layer = this.state.now.layers.find((each) => each.name === name);
    const { x, y } = this.placed.boxes.get(layer ? this.shown(layer) : "input");
    const scale = this.svg.clientWidth / this.width || this.zoom;
    this.box.scrollTop = y * scale - this.box.clientHeight / 2;
    const left = Math.max(0, (this.box.clientWidth - this.svg.clientWidth) / 2);
    this.box.scrollLeft = left + x * scale - this.box.clientWidth / 2;
  }

  // On paper a tall drawing stands in columns, and one that nobody could read is left out.
  print(on) {
    this.paper.replaceChildren();
    this.element.classList.toggle("in-columns", on);
    if (on && this.state.now) {
      this.draw();
      this.fill(true);
      this.paper.append(...columnsOf(this));
    }
  }

  scale(factor) {
    this.zoom = Math.min(2, Math.max(0.3, this.zoom * factor));
    this.size();
    this.fill();
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
    const nodes = new Map([["input", { id: "input", layers: [] }]]);
    const ids = now.layers.map((layer) => {
      const id = this.shown(layer);
      if (!nodes.has(id)) nodes.set(id, { id, block: id.startsWith("block ") ? id.slice(6) : null, layers: [] });
      nodes.get(id).layers.push(layer);
      return id;
    });
    const edges = new Map();
    now.structure.inputs.forEach((sources, i) => {
      for (const source of sources) {
        const from = source ? ids[source - 1] : "input";
        if (from !== ids[i]) edges.set(`${from}\n${ids[i]}`, [from, ids[i]]);
      }
    });
    this.nodes = nodes;
    this.placed = placed(nodes, [...edges.values()], this.open);
    Object.assign(this, { width: this.placed.width, height: this.placed.height });
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.size();
  }

  // Draws frames, edges and boxes where they are others than before, and fills in the figures.
  paint() {
    const { now, cost } = this.state;
    const { of, write } = COSTS[cost];
    const layers = new Map(now.layers.map((layer) => [layer.name, layer]));
    const values = new Map();
    for (const { id, layers: own } of this.nodes.values())
      values.set(
        id,
        own.reduce((sum, { name }) => sum + of(layers.get(name)), 0),
      );
    const total = now.layers.reduce((sum, layer) => sum + of(layer), 0);
    const most = values.size ? Math.max(...values.values(), 0) : 0;
    this.figures = { layers, values, total, most: most || 1, write, input: now.input };
    if (this.drawn !== this.laid) {
      this.drawn = this.laid;
      this.build();
    }
    this.fill();
    this.ends[1].textContent = `${write(most)} in a box`;
    this.element.querySelector("#graph-fold").textContent = this.open.size ? "Close all" : "Open all";
  }

  build() {
    const line = d3
      .line()
      .x((p) => p.x)
      .y((p) => p.y)
      .curve(d3.curveBasis);
    const frames = [...this.open]
      .filter((name) => this.placed.frames.has(name))
      .sort((a, b) => a.length - b.length)
      .map((name) => this.frame(name));
    const edges = this.placed.routes.map(({ points }) =>
      s("path", { class: "edge", d: line(points), "marker-end": "url(#arrow)" }),
    );
    this.boxes = new Map([...this.nodes.values()].map((node) => [node.id, this.box_(node)]));
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
      ...[...this.boxes.values()].map(({ group }) => group),
    );
  }

  // The figures of the boxes: of all where they are few, else of those in the drawing's window and near it.
  fill(all = this.nodes.size <= MANY) {
    if (!this.figures) return;
    const from = this.scrolled / this.zoom - AROUND;
    const to = from + (AROUND + this.tall) / this.zoom + AROUND;
    for (const [id, box] of this.boxes) {
      const { y } = this.placed.boxes.get(id);
      if (all || (y > from && y < to)) this.fillBox(box);
    }
  }

  toggle(name) {
    const closed = this.open.delete(name);
    if (!closed) this.open.add(name);
    this.roving.at = `${closed ? "block" : "frame"} ${name}`;
    this.said = "";
    this.draw();
  }

  frame(name) {
    const { x, y, width, height } = this.placed.frames.get(name);
    const [left, top] = [x - width / 2, y - height / 2];
    const close = () => this.toggle(name);
    return s(
      "g",
      {},
      s("rect", { class: "frame", x: left, y: top, width, height, rx: 8 }),
      s(
        "g",
        {
          class: "frame-close",
          "data-mark": `frame ${name}`,
          role: "button",
          tabindex: -1,
          "aria-label": `Close ${name}`,
          "aria-expanded": "true",
          onclick: close,
        },
        s("rect", { class: "frame-tab", x: left, y: top, width, height: TAB - 1, rx: 6 }),
        label(`▾ ${name.split(".").at(-1)}`, left + 8, top + 12, width - 12, "frame-name"),
      ),
    );
  }

  // A node's elements, without its figures.
  box_(node) {
    const { x, y } = this.placed.boxes.get(node.id);
    const [left, top] = [x - NODE.width / 2, y - NODE.height / 2];
    const size = { width: NODE.width, height: NODE.height, rx: 7 };
    const last = node.layers.at(-1);
    const name = node.block ?? last?.name ?? "input";
    const short_ = name.split(".").at(-1);
    const face = s("rect", { class: "face", x: left, y: top, ...size });
    const more = s("text", { x: left + 10, y: top + 30, class: "node-more number" });
    const act = () => (node.block ? this.toggle(node.block) : last && this.state.select(name));
    const group = s(
      "g",
      {
        "data-mark": last ? node.id : null,
        role: last ? "button" : "img",
        tabindex: last ? -1 : null,
        "aria-expanded": node.block ? "false" : null,
        onclick: act,
      },
      node.block && s("rect", { class: "behind", x: left + 4, y: top + 4, ...size }),
      face,
      label(node.block ? `▸ ${short_}` : short_, left + 10, top + 16, NODE.width - 20, "node-name"),
      more,
    );
    const box = { node, name, group, face, more, filled: null };
    if (last) tipOn(group, () => this.lines(box));
    return box;
  }

  lines({ node, name }) {
    const { layers, values, total, write } = this.figures;
    const last = layers.get(node.layers.at(-1).name);
    const value = values.get(node.id);
    return [
      name,
      ["output", sizes(last.output)],
      [COSTS[this.state.cost].title.toLowerCase(), write(value)],
      ["share", total ? percent(value / total) : "–"],
      node.block ? ["layers", String(node.layers.length)] : ["kind", last.kind],
    ];
  }

  fillBox(box) {
    const { node, name, group, face, more } = box;
    const { layers, values, most, write, input } = this.figures;
    const { selected } = this.state;
    const value = values.get(node.id);
    const last = node.layers.length ? layers.get(node.layers.at(-1).name) : null;
    const chosen = node.layers.some((layer) => layer.name === selected);
    const closed = node.block ? `, ${many(node.layers.length, "layer")}, closed` : "";
    const inside = chosen && node.block ? `; ${selected} is selected in it` : "";
    const said = `${name}${closed}: ${write(value)}${inside}`;
    const figures = last ? `${sizes(last.output)} · ${write(value)}` : sizes(input);
    const below = inside ? `● ${selected.split(".").at(-1)}` : figures;
    const heat = `${(100 * value) / most}%`;
    const filled = [said, below, heat, chosen].join("\n");
    if (filled === box.filled) return;
    box.filled = filled;
    group.setAttribute("class", `node${node.block ? " block-node" : ""}${chosen ? " selected" : ""}`);
    group.setAttribute("aria-label", said);
    if (!node.block && last) group.setAttribute("aria-pressed", String(chosen));
    face.style.setProperty("--heat", heat);
    more.textContent = fitted(below, NODE.width - 20, "node-more");
  }
}

// Of how many boxes a block is made when it is open and those in it are closed.
function insideOf(block, layers) {
  const own = layers.filter((layer) => layer.block === block || layer.block?.startsWith(`${block}.`));
  const depth = block.split(".").length;
  return new Set(
    own.map((layer) => (layer.block === block ? `layer ${layer.name}` : layer.block.split(".", depth + 1).join("."))),
  ).size;
}
