// Activations that are alive while each layer runs, with the peak.

import { bottomAxis, leftAxis, linear, unitOf } from "./axes.js";
import { s, section, sized } from "./dom.js";
import { bytes, count, many } from "./format.js";
import { hideTip, leaveTip, showTip, showTipOf } from "./tip.js";

const MARGIN = { top: 26, right: 16, bottom: 44, left: 68 };
const FINEST = 3; // pixels that a step takes at least

export class Memory {
  constructor(state) {
    this.state = state;
    this.at = 0;
    const { element, body, lead } = section("memory", "Memory over the schedule", " ");
    Object.assign(this, { element, lead });
    this.rest = s("g", {});
    this.cursor = this.slider();
    this.svg = s("svg", { class: "chart", role: "group" }, this.rest, this.cursor);
    body.append(this.svg);
    this.svg.addEventListener("pointermove", (event) => event.pointerType !== "touch" && this.point(event));
    this.svg.addEventListener("pointerleave", leaveTip);
    this.svg.addEventListener("click", (event) => this.pick(event));
    new ResizeObserver(() => this.svg.clientWidth !== this.drawn && this.draw()).observe(body);
  }

  // The keyboard's place on the schedule.
  slider() {
    const cursor = s(
      "g",
      { class: "cursor", role: "slider", tabindex: 0, id: "memory-cursor", "aria-label": "Layer of the schedule" },
      s("rect", { y: MARGIN.top }),
    );
    cursor.addEventListener("keydown", (event) => this.key(event));
    cursor.addEventListener("focus", () => cursor.matches(":focus-visible") && this.tell());
    cursor.addEventListener("blur", hideTip);
    return cursor;
  }

  key(event) {
    const { layers } = this.state.now;
    const moves = {
      ArrowRight: this.at + 1,
      ArrowUp: this.at + 1,
      ArrowLeft: this.at - 1,
      ArrowDown: this.at - 1,
      PageUp: this.at + 10,
      PageDown: this.at - 10,
      Home: 0,
      End: layers.length - 1,
    };
    if (event.key in moves) {
      this.at = Math.min(layers.length - 1, Math.max(0, moves[event.key]));
      this.putCursor();
      this.tell();
    } else if (event.key === "Enter" || event.key === " ") this.state.select(layers[this.at].name);
    else return;
    event.preventDefault();
  }

  putCursor() {
    const { layers, memory } = this.state.now;
    this.at = Math.min(this.at, layers.length - 1);
    const box = this.cursor.firstElementChild;
    box.setAttribute("x", this.x(this.at));
    box.setAttribute("width", Math.max(2, this.x(this.at + 1) - this.x(this.at)));
    box.setAttribute("height", this.height - MARGIN.top - MARGIN.bottom);
    const said = {
      valuemin: 1,
      valuemax: layers.length,
      valuenow: this.at + 1,
      valuetext: `${layers[this.at].name}: ${bytes(memory.steps[this.at])} alive`,
    };
    for (const [name, value] of Object.entries(said)) this.cursor.setAttribute(`aria-${name}`, value);
  }

  tell() {
    showTipOf(this.cursor, this.lines(this.at));
  }

  draw() {
    const { now } = this.state;
    this.element.hidden = !now;
    if (!now) return;
    const { steps, peak, at } = now.memory;
    const width = (this.drawn = this.svg.clientWidth) || 800;
    const height = (this.height = Math.round(Math.min(300, Math.max(220, width * 0.3))));
    sized(this.svg, width, height);
    const x = (this.x = linear([0, steps.length], [MARGIN.left, width - MARGIN.right]));
    const [unit, name] = unitOf(peak);
    const y = linear([0, peak / unit || 1], [height - MARGIN.bottom, MARGIN.top]).nice(4);
    const each = Math.ceil((steps.length * FINEST) / (width - MARGIN.left - MARGIN.right));
    const exact = peak < 1024 ? "" : ` (${count(peak)} B)`;
    const most = each > 1 ? ` Each step of the drawing is the most of ${each} layers.` : "";
    this.lead.textContent = `At most ${bytes(peak)}${exact} are alive at once, at ${now.layers[at].name}; weights are not counted.${most}`;
    this.svg.setAttribute(
      "aria-label",
      `${this.lead.textContent} ${many(steps.length, "layer")} in the order in which they run.`,
    );
    const ticks = scheduleTicks(steps.length, width < 500 ? 4 : 8);
    this.rest.replaceChildren(
      ...[
        leftAxis(y, width - MARGIN.right, MARGIN.left, y.ticks(4), (tick) => `${tick}`),
        bottomAxis((tick) => x(tick - 0.5), height - MARGIN.bottom, height - MARGIN.bottom, ticks, String),
        s("text", { x: MARGIN.left, y: 13, class: "axis-name" }, `Alive, ${name}`),
        s(
          "text",
          { x: width - MARGIN.right, y: height - 6, class: "axis-name end" },
          `layer, in the order of the schedule`,
        ),
        ...this.curve(envelope(steps, each), x, (value) => y(value / unit)),
        this.picked(x, height),
        ...this.peak(x(at + 0.5), y(peak / unit), width, height, bytes(peak)),
      ].filter(Boolean),
    );
    this.putCursor();
  }

  // steps: pairs of where a step begins and what is alive there, the last where the schedule ends.
  curve(steps, x, y) {
    const area = d3
      .area()
      .x(([at]) => x(at))
      .y0(y(0))
      .y1(([, value]) => y(value))
      .curve(d3.curveStepAfter);
    const line = d3
      .line()
      .x(([at]) => x(at))
      .y(([, value]) => y(value))
      .curve(d3.curveStepAfter);
    return [s("path", { class: "memory-area", d: area(steps) }), s("path", { class: "memory-line", d: line(steps) })];
  }

  picked(x, height) {
    const { now, selected } = this.state;
    const at = now.layers.findIndex((layer) => layer.name === selected);
    if (at < 0) return null;
    const width = Math.max(2, x(at + 1) - x(at));
    return s("rect", { class: "picked", x: x(at), y: MARGIN.top, width, height: height - MARGIN.top - MARGIN.bottom });
  }

  peak(x, y, width, height, text) {
    const end = x > width - 180;
    return [
      s("line", { class: "peak", x1: x, x2: x, y1: y, y2: height - MARGIN.bottom }),
      s("circle", { class: "peak-dot", cx: x, cy: y, r: 4.5 }),
      s(
        "text",
        { class: `peak-name${end ? " end" : ""}`, x: x + (end ? -9 : 9), y: Math.max(12, y - 7) },
        `peak ${text}`,
      ),
    ];
  }

  place(event) {
    const box = this.svg.getBoundingClientRect();
    const at = Math.floor(this.x.invert(((event.clientX - box.left) * (this.drawn || 800)) / box.width));
    return this.state.now?.layers[at] ? at : null;
  }

  lines(at) {
    const { layers, memory } = this.state.now;
    return [layers[at].name, ["alive", bytes(memory.steps[at])], ["its output", bytes(layers[at].activation_bytes)]];
  }

  point(event) {
    const at = this.place(event);
    if (at === null) return hideTip();
    showTip(this.lines(at), event.clientX, event.clientY);
  }

  pick(event) {
    const at = this.place(event);
    if (at === null) return;
    this.at = at;
    this.state.select(this.state.now.layers[at].name);
    if (event.pointerType === "touch") this.point(event);
  }
}

// Of every so many steps the most, with the place where it begins.
export function envelope(steps, each) {
  const found = [];
  for (let at = 0; at < steps.length; at += each) found.push([at, Math.max(...steps.slice(at, at + each))]);
  return [...found, [steps.length, found.at(-1)[1]]];
}

// Layers' numbers along the schedule: the first, and round ones.
function scheduleTicks(layers, most) {
  if (layers <= most) return d3.range(1, layers + 1);
  const round = d3.ticks(1, layers, most).filter((tick) => Number.isInteger(tick) && tick > 1 && tick <= layers);
  return [1, ...round.filter((tick) => tick - 1 > (round[1] - round[0]) / 2)];
}
