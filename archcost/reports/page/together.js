// Several networks in one chart each: memory over the schedule, the roofline, and where a cost goes by kind of layer.

import { bottomAxis, leftAxis, linear, unitOf } from "./axes.js";
import { shapeOf } from "./cloud.js";
import { h, s, scroller, section, select, sized } from "./dom.js";
import { bytes, percent, seconds, short } from "./format.js";
import { envelope } from "./memory.js";
import { drawRoofs, pointsOf } from "./roofline.js";
import { Roving } from "./roving.js";
import { COSTS, FAMILY_NAMES, family } from "./state.js";
import { tipOn } from "./tip.js";

const MARGIN_TOGETHER = { top: 26, right: 16, bottom: 44, left: 64 };
const DASHES = ["", "7 4", "2 3", "10 3 2 3", "5 2", "1 5"];
const STEPS = 240; // so many of a schedule are drawn, each the most of its part

export class Together {
  constructor(state) {
    this.state = state;
    const costs = state.costs.map(([name, cost]) => [name, cost.title]);
    const tools = [select("Kinds by", costs, state.cost, (cost) => state.set({ cost }))];
    const { element, body } = section("together", "Charts side by side", "All networks, each at its own knobs.", tools);
    this.element = element;
    this.cost = element.querySelector("select");
    const chart = (name) => s("svg", { class: "chart", role: "group", "aria-label": name });
    this.memory = chart("Memory over the schedule of all networks");
    this.roof = chart("Roofline of all networks");
    this.roving = new Roving(this.roof);
    this.table = h("table", { class: "compare", id: "kind-table" });
    this.names = h("ul", { class: "legend" });
    this.memoryName = h("h3", {}, "Memory over the schedule");
    this.roofName = h("h3", {}, "Roofline");
    this.kindsName = h("h3", {});
    const panel = (...parts) => h("div", { class: "panel" }, parts);
    body.append(
      this.names,
      h(
        "div",
        { class: "panels" },
        panel(this.memoryName, this.memory),
        (this.roofPanel = panel(this.roofName, this.roof)),
      ),
      this.kindsName,
      scroller("Kinds of layers side by side", {}, this.table).whole,
    );
    new ResizeObserver(() => this.memory.clientWidth !== this.drawn && this.draw()).observe(body);
  }

  draw() {
    const { state } = this;
    this.drawn = this.memory.clientWidth;
    this.cost.value = state.cost;
    this.names.replaceChildren(...state.networks.map((network, i) => h("li", {}, key(i), network.label)));
    this.drawMemory();
    this.drawRoof();
    this.drawKinds();
  }

  drawMemory() {
    const { evaluated } = this.state;
    const { top, right, bottom, left } = MARGIN_TOGETHER;
    const width = this.memory.clientWidth || 400;
    const height = Math.round(Math.min(340, Math.max(240, width * 0.6)));
    sized(this.memory, width, height);
    const peak = Math.max(...evaluated.map((now) => now?.memory.peak ?? 0));
    const [unit, name] = unitOf(peak);
    const x = linear([0, 1], [left, width - right]);
    const y = linear([0, peak / unit || 1], [height - bottom, top]).nice(4);
    const curve = (now, i) => {
      const { steps } = now.memory;
      const line = d3
        .line()
        .x(([at]) => x(at / steps.length))
        .y(([, value]) => y(value / unit))
        .curve(d3.curveStepAfter);
      const path = s("path", {
        class: "together-line",
        d: line(envelope(steps, Math.ceil(steps.length / STEPS))),
        style: { stroke: `var(--space-${i % 6})`, "stroke-dasharray": DASHES[i % 6] },
      });
      return tipOn(path, () => [now.network.label, ["peak", bytes(now.memory.peak)], ["at", now.totals.peak_at]]);
    };
    this.memory.replaceChildren(
      leftAxis(y, width - right, left, y.ticks(4), String),
      bottomAxis(x, height - bottom, height - bottom, [0, 0.25, 0.5, 0.75, 1], (part) => `${part * 100} %`),
      s("text", { x: left, y: 13, class: "axis-name" }, `Alive, ${name}`),
      s("text", { x: width - right, y: height - 8, class: "axis-name end" }, "of the schedule's layers"),
      ...evaluated.map((now, i) => (now ? curve(now, i) : "")),
    );
  }

  drawRoof() {
    const { evaluated, device, page } = this.state;
    const points = evaluated.flatMap((now, i) => {
      const time = now?.times[device];
      return time ? pointsOf(now, time).map((point) => ({ ...point, i, spec: now.network.label })) : [];
    });
    const fit = evaluated.map((now) => now?.times[device]?.fit).find(Boolean);
    this.roofPanel.hidden = !fit;
    if (!fit) return;
    this.roofName.textContent = `Roofline, ${page.devices[device].name}`;
    this.roving.redraw(() => drawRoofs(this.roof, fit.roof, points, (...given) => this.mark(...given)));
  }

  mark({ layer, own, i, spec, x: byByte, y: bySecond }, x, y) {
    const mark = s("path", {
      class: "together-mark",
      d: shapeOf(i, 60),
      transform: `translate(${x(byByte)} ${y(bySecond)})`,
      style: { fill: `var(--space-${i % 6})` },
      role: "img",
      "data-mark": `${i} ${layer.name}`,
      tabindex: -1,
      "aria-label": `${spec}, ${layer.name}: ${seconds(own.seconds)}, ${own.bound} bound`,
    });
    return tipOn(mark, () => [
      `${spec}: ${layer.name}`,
      ["time", `${seconds(own.seconds)}, ${own.bound} bound`],
      ["flops a second", short(bySecond)],
      ["flops a byte", String(+byByte.toPrecision(3))],
    ]);
  }

  drawKinds() {
    const { state } = this;
    const { of, write, title } = COSTS[state.cost];
    this.kindsName.textContent = `${title} by kind of layer`;
    const sums = state.evaluated.map((now) => {
      const found = Object.fromEntries(Object.keys(FAMILY_NAMES).map((name) => [name, 0]));
      for (const layer of now?.layers ?? []) found[family(layer)] += of(layer);
      return found;
    });
    const totals = sums.map((each) => Object.values(each).reduce((a, b) => a + b, 0));
    const cell = (value, total, there) =>
      h(
        "td",
        { class: `right number${value ? "" : " nil"}`, style: total ? { "--bar": `${(100 * value) / total}%` } : null },
        there ? write(value) : "–",
        there && value ? h("span", { class: "quiet" }, ` ${percent(value / total)}`) : "",
      );
    const rows = Object.entries(FAMILY_NAMES)
      .filter(([name]) => sums.some((each) => each[name]))
      .map(([name, said]) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, h("span", { class: `dot k-${name}`, "aria-hidden": "true" }), said),
          sums.map((each, i) => cell(each[name], totals[i], state.evaluated[i])),
        ),
      );
    const heads = state.networks.map((network) => h("th", { scope: "col", class: "right" }, network.label));
    this.table.replaceChildren(h("thead", {}, h("tr", {}, h("td", {}), heads)), h("tbody", {}, rows));
  }
}

// A network's line and mark.
function key(i) {
  const colour = `var(--space-${i % 6})`;
  return s(
    "svg",
    { class: "shape wide", viewBox: "-15 -6 30 12", "aria-hidden": "true" },
    s("path", { d: "M-15 0H15", class: "together-line", style: { stroke: colour, "stroke-dasharray": DASHES[i % 6] } }),
    s("path", { d: shapeOf(i, 50), style: { fill: colour } }),
  );
}
