// Where a cost goes: rectangles by block or by kind of operator.

import { fillWith, h, s, section, select, sized, update } from "./dom.js";
import { percent } from "./format.js";
import { Roving } from "./roving.js";
import { COSTS, FAMILY_NAMES, family } from "./state.js";
import { fitted } from "./text.js";
import { tipOn } from "./tip.js";
import { treeOf } from "./tree.js";

const SEEN = 2; // pixels; what is smaller is not drawn

export class Treemap {
  constructor(state) {
    this.state = state;
    this.by = "block";
    const tools = [
      select(
        "Of",
        state.costs.map(([name, cost]) => [name, cost.title]),
        state.cost,
        (cost) => state.set({ cost }),
      ),
      select(
        "By",
        [
          ["block", "block"],
          ["kind", "kind"],
        ],
        this.by,
        (by) => ((this.by = by), this.draw()),
      ),
    ];
    const { element, body, lead } = section("where", "Where it goes", " ", tools);
    Object.assign(this, { element, lead });
    this.cost = element.querySelector("select");
    this.svg = s("svg", { class: "chart treemap", role: "group", "aria-label": "Treemap of cost" });
    this.roving = new Roving(this.svg);
    this.leaves = new Map(); // by layer
    this.blocks = new Map(); // by name
    body.append(this.svg, legend());
    new ResizeObserver(() => this.resized()).observe(body);
  }

  resized() {
    if (this.svg.clientWidth !== this.drawn) this.draw();
  }

  draw() {
    const { now, cost } = this.state;
    this.element.hidden = !now;
    if (!now) return;
    this.cost.value = cost;
    const { of, title, write } = COSTS[cost];
    const width = this.svg.clientWidth || 800;
    const height = Math.round(Math.min(460, Math.max(280, width * 0.42)));
    this.drawn = this.svg.clientWidth;
    const total = now.layers.reduce((sum, layer) => sum + of(layer), 0);
    this.lead.textContent = total
      ? `${title}, ${write(total)} in all. A click selects the layer everywhere.${this.without(of)}`
      : `${title}: none here.`;
    sized(this.svg, width, height);
    const root = d3
      .hierarchy(this.groups(now.layers), (item) => item.children)
      .sum((item) => (item.layer ? of(item.layer) : 0));
    root.sort((a, b) => b.value - a.value);
    d3
      .treemap()
      .size([width, height])
      .paddingOuter(2)
      .paddingTop((node) => (node.depth && named(node) ? 18 : 2))
      .paddingInner(1)
      .round(true)(root);
    const drawn = root.descendants().filter((node) => node.depth && node.value && this.visible(node));
    this.roving.redraw(() =>
      fillWith(
        this.svg,
        drawn.map((node) => (node.children ? this.block(node) : this.leaf(node, total, write))),
      ),
    );
  }

  // What to say where the selected layer has no rectangle.
  without(of) {
    const { now, selected } = this.state;
    const layer = now.layers.find(({ name }) => name === selected);
    return layer && !of(layer) ? ` ${selected}, which is selected, has none of this cost.` : "";
  }

  // Blocks within blocks; or the kinds of operators.
  groups(layers) {
    if (this.by === "block") return treeOf(layers);
    const kinds = new Map(layers.map((layer) => [layer.kind, []]));
    for (const layer of layers) kinds.get(layer.kind).push(layer);
    return { children: [...kinds].map(([label, own]) => ({ label, children: own.map((layer) => ({ layer })) })) };
  }

  // Whether there is anything to see of it, or to find.
  visible({ x0, y0, x1, y1, data }) {
    return (x1 - x0 >= SEEN && y1 - y0 >= SEEN) || data.layer?.name === this.state.selected;
  }

  // A block's rectangle and name; as those of layers, kept from one drawing to the next.
  block(node) {
    const { x0, y0, x1, y1, data, depth } = node;
    const key = `${this.by} ${data.name ?? data.label}`;
    if (!this.blocks.has(key)) this.blocks.set(key, blockAround(s("rect", { rx: 3 })));
    const found = this.blocks.get(key);
    update(found.rect, { class: `block depth-${depth % 2}`, x: x0, y: y0, width: x1 - x0, height: y1 - y0 });
    const name = named(node) && fitted(data.label, x1 - x0 - 8, "block-name");
    fillWith(found.group, [found.rect, ...texted(found.texts, [["block-name", name, x0 + 5, y0 + 13]])]);
    return found.group;
  }

  leaf(node, total, write) {
    const { x0, y0, x1, y1, value } = node;
    const { layer } = node.data;
    const [width, height] = [x1 - x0, y1 - y0];
    const chosen = layer.name === this.state.selected;
    if (!this.leaves.has(layer.name)) this.leaves.set(layer.name, this.leafOf(layer.name));
    const found = this.leaves.get(layer.name);
    const [share, cost] = [percent(value / total), write(value)];
    found.lines = [layer.name, [layer.kind, cost], ["share", share]];
    update(found.group, {
      class: `leaf k-${family(layer)}${chosen ? " selected" : ""}`,
      "aria-label": `${layer.name}: ${cost}, ${share}`,
      "aria-pressed": String(chosen),
    });
    update(found.rect, { x: x0, y: y0, width, height });
    const own = this.by === "kind" ? layer.name : layer.name.split(".").at(-1);
    const texts = [
      ["leaf-name", width > 34 && height > 17 && fitted(own, width - 8, "leaf-name"), x0 + 5, y0 + 13],
      // a number whole, or not at all
      ["leaf-share number", height > 32 && fitted(share, width - 7) === share && share, x0 + 5, y0 + 27],
    ];
    fillWith(found.group, [found.rect, ...texted(found.texts, texts)]);
    return found.group;
  }

  leafOf(name) {
    const rect = s("rect", { rx: 2 });
    const marks = { role: "button", "data-mark": name, tabindex: -1, onclick: () => this.state.select(name) };
    const found = { rect, group: s("g", marks, rect), texts: {}, lines: [] };
    tipOn(found.group, () => found.lines);
    return found;
  }
}

const blockAround = (rect) => ({ rect, group: s("g", {}, rect), texts: {} });

// Texts as elements, each kept by its class: [class, text or nothing, x, y].
function texted(kept, texts) {
  return texts
    .filter(([, text]) => text)
    .map(([kind, text, x, y]) => {
      const found = (kept[kind] ??= s("text", { class: kind }));
      update(found, { x, y });
      if (found.textContent !== text) found.textContent = text;
      return found;
    });
}

// Whether a block has room for its name.
const named = ({ x0, x1, y0, y1, depth }) =>
  depth <= 2 && x1 - x0 > (depth > 1 ? 64 : 46) && y1 - y0 > (depth > 1 ? 44 : 20);

export function legend(families = Object.keys(FAMILY_NAMES)) {
  return h(
    "ul",
    { class: "legend", "aria-label": "Colours" },
    families.map((name) => h("li", {}, h("span", { class: `dot k-${name}` }), FAMILY_NAMES[name])),
  );
}
