// Activations that are alive while each layer runs, with the peak.

import { hideTip, linear, s, section, showTip } from "./dom.js";
import { bytes, count } from "./format.js";

const MARGIN = { top: 26, right: 16, bottom: 44, left: 68 };

export class Memory {
  constructor(state) {
    this.state = state;
    const { element, body, lead } = section("memory", "Memory over the schedule", " ");
    Object.assign(this, { element, lead });
    this.svg = s("svg", { class: "chart", role: "img" });
    body.append(this.svg);
    this.svg.addEventListener("pointermove", (event) => this.point(event));
    this.svg.addEventListener("pointerleave", hideTip);
    this.svg.addEventListener("click", (event) => this.pick(event));
    new ResizeObserver(() => this.svg.clientWidth !== this.drawn && this.draw()).observe(body);
  }

  draw() {
    const { now } = this.state;
    this.element.hidden = !now;
    if (!now) return;
    const { steps, peak, at } = now.memory;
    const width = (this.drawn = this.svg.clientWidth) || 800;
    const height = Math.round(Math.min(300, Math.max(220, width * 0.3)));
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.style.setProperty("height", `${height}px`);
    const x = (this.x = linear([0, steps.length], [MARGIN.left, width - MARGIN.right]));
    const [unit, name] = unitOf(peak);
    const y = linear([0, peak / unit || 1], [height - MARGIN.bottom, MARGIN.top]).nice(4);
    const area = d3
      .area()
      .x((_, i) => x(i))
      .y0(y(0))
      .y1((value) => y(value / unit))
      .curve(d3.curveStepAfter);
    const line = d3
      .line()
      .x((_, i) => x(i))
      .y((value) => y(value / unit))
      .curve(d3.curveStepAfter);
    const all = [...steps, steps.at(-1)];
    const selected = now.layers.findIndex((layer) => layer.name === this.state.selected);
    const middle = x(at + 0.5);
    this.lead.textContent = `At most ${bytes(peak)} (${count(peak)} B) are alive at once, at ${now.layers[at].name}; weights are not counted.`;
    this.svg.setAttribute(
      "aria-label",
      `${this.lead.textContent} ${steps.length} layers in the order in which they run.`,
    );
    this.svg.replaceChildren(
      leftAxis(y, width - MARGIN.right, MARGIN.left, y.ticks(4), (tick) => `${tick}`),
      s("text", { x: MARGIN.left, y: 13, class: "axis-name" }, `Alive, ${name}`),
      s(
        "text",
        { x: width - MARGIN.right, y: height - 6, class: "axis-name end" },
        `layer, in the order of the schedule`,
      ),
      s("path", { class: "memory-area", d: area(all) }),
      s("path", { class: "memory-line", d: line(all) }),
      selected >= 0 &&
        s("rect", {
          class: "picked",
          x: x(selected),
          y: MARGIN.top,
          width: Math.max(2, x(selected + 1) - x(selected)),
          height: height - MARGIN.top - MARGIN.bottom,
        }),
      s("line", { class: "peak", x1: middle, x2: middle, y1: y(peak / unit), y2: height - MARGIN.bottom }),
      s("circle", { class: "peak-dot", cx: middle, cy: y(peak / unit), r: 4.5 }),
      s(
        "text",
        {
          class: `peak-name${middle > width - 180 ? " end" : ""}`,
          x: middle + (middle > width - 180 ? -9 : 9),
          y: Math.max(12, y(peak / unit) - 7),
        },
        `peak ${bytes(peak)}`,
      ),
      ...[0, 0.25, 0.5, 0.75, 1].map((part) =>
        s(
          "text",
          { class: "tick middle number", x: x(steps.length * part), y: height - MARGIN.bottom + 15 },
          part === 1 ? "" : String(Math.round(steps.length * part) + 1),
        ),
      ),
    );
  }

  place(event) {
    const box = this.svg.getBoundingClientRect();
    const at = Math.floor(this.x.invert(event.clientX - box.left));
    return this.state.now?.layers[at] ? at : null;
  }

  point(event) {
    const at = this.place(event);
    if (at === null) return hideTip();
    const { layers, memory } = this.state.now;
    showTip(
      [layers[at].name, ["alive", bytes(memory.steps[at])], ["its output", bytes(layers[at].activation_bytes)]],
      event.clientX,
      event.clientY,
    );
  }

  pick(event) {
    const at = this.place(event);
    if (at !== null) this.state.select(this.state.now.layers[at].name);
  }
}

export function unitOf(number) {
  for (const [unit, name] of [
    [2 ** 40, "TiB"],
    [2 ** 30, "GiB"],
    [2 ** 20, "MiB"],
    [2 ** 10, "KiB"],
  ])
    if (number >= unit) return [unit, name];
  return [1, "B"];
}

export function leftAxis(y, right, left, ticks, text) {
  return s(
    "g",
    { class: "axis" },
    ticks.flatMap((tick) => [
      s("line", { class: "grid", x1: left, x2: right, y1: y(tick), y2: y(tick) }),
      s("text", { class: "tick end number", x: left - 8, y: y(tick) + 4 }, text(tick)),
    ]),
  );
}

export function bottomAxis(x, bottom, top, ticks, text) {
  return s(
    "g",
    { class: "axis" },
    ticks.flatMap((tick) => [
      s("line", { class: "grid", x1: x(tick), x2: x(tick), y1: bottom, y2: top }),
      s("text", { class: "tick middle number", x: x(tick), y: bottom + 15 }, text(tick)),
    ]),
  );
}

// Ticks of a logarithmic scale, so many at most.
export function logTicks(scale, most) {
  const [low, high] = scale.domain();
  const inside = (per, step = 1) => {
    const found = [];
    const first = Math.floor(Math.log10(low));
    for (let power = first; 10 ** power <= high; power += step) found.push(...per.map((each) => each * 10 ** power));
    return found.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
  };
  for (const per of [[1, 1.5, 2, 3, 4, 5, 7], [1, 2, 3, 5], [1, 2, 5], [1, 3], [1]]) {
    const found = inside(per);
    if (found.length <= most) return found;
  }
  return inside([1], Math.ceil(Math.log10(high / low) / most));
}
