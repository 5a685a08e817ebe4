// Where a cost goes: rectangles by block or by kind of operator.

import { fillWith, h, s, section, select, sized, update } from "./dom.js";
import { percent } from "./format.js";
import { Roving } from "./roving.js";
import { COSTS, FAMILY_NAMES, family } from "./state.js";
import { fitted, label } from "./text.js";
import { tipOn } from "./tip.js";
import { treeOf } from "./tree.js";

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
    const drawn = root.descendants().filter((node) => node.depth && node.value);
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

  block(node) {
    const { x0, y0, x1, y1 } = node;
    const group = s(
      "g",
      {},
      s("rect", { class: `block depth-${node.depth % 2}`, x: x0, y: y0, width: x1 - x0, height: y1 - y0, rx: 3 }),
    );
    if (named(node)) group.append(label(node.data.label, x0 + 5, y0 + 13, x1 - x0 - 8, "block-name"));
    return group;
  }

  // A layer's rectangle, kept from one drawing to the next.
  leaf(node, total, write) {
    const { x0, y0, x1, y1, value } = node;
    const { layer } = node.data;
    const [width, height] = [x1 - x0, y1 - y0];
    const chosen = layer.name === this.state.selected;
    if (!this.leaves.has(layer.name)) this.leaves.set(layer.name, this.leafOf(layer.name));
    const found = this.leaves.get(layer.name);
    const share = percent(value / total);
    found.lines = [layer.name, [layer.kind, write(value)], ["share", share]];
    update(found.group, {
      class: `leaf k-${family(layer)}${chosen ? " selected" : ""}`,
      "aria-label": `${layer.name}: ${write(value)}, ${share}`,
      "aria-pressed": String(chosen),
    });
    update(found.rect, { x: x0, y: y0, width, height });
    const own = this.by === "kind" ? layer.name : layer.name.split(".").at(-1);
    const texts = [];
    if (width > 34 && height > 17) texts.push(label(own, x0 + 5, y0 + 13, width - 8, "leaf-name"));
    if (height > 32 && fitted(share, width - 7) === share) // a number whole, or not at all
      texts.push(s("text", { x: x0 + 5, y: y0 + 27, class: "leaf-share number" }, share));
    if (texts.length || found.group.childElementCount > 1) found.group.replaceChildren(found.rect, ...texts);
    return found.group;
  }

  leafOf(name) {
    const rect = s("rect", { rx: 2 });
    const marks = { role: "button", "data-mark": name, tabindex: -1, onclick: () => this.state.select(name) };
    const found = { rect, group: s("g", marks, rect), lines: [] };
    tipOn(found.group, () => found.lines);
    return found;
  }
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
