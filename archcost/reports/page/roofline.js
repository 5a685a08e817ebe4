// The layers on a device's roofline: flops a byte against flops a second, where a multiply-add is two.

import { bottomAxis, leftAxis, logTicks, logarithmic } from "./axes.js";
import { fillWith, h, s, section, sized, update } from "./dom.js";
import { seconds, short } from "./format.js";
import { Roving } from "./roving.js";
import { family } from "./state.js";
import { fitted } from "./text.js";
import { tipOn } from "./tip.js";
import { legend } from "./treemap.js";

const MARGIN_ROOF = { top: 26, right: 18, bottom: 44, left: 64 };
const ROOFS = { pointwise: "matrix products", dense: "other convolutions", depthwise: "depthwise" };

export class Roofline {
  constructor(state) {
    this.state = state;
    const { element, body, lead } = section("roofline", "Roofline", " ");
    Object.assign(this, { element, lead });
    this.svg = s("svg", { class: "chart", role: "group", "aria-label": "Roofline of the layers" });
    this.none = h("p", { class: "quiet" });
    this.legend = legend();
    this.roving = new Roving(this.svg);
    this.dots = new Map(); // by layer, kept from one drawing to the next
    body.append(this.none, this.svg, this.legend);
    new ResizeObserver(() => this.svg.clientWidth !== this.drawn && this.draw()).observe(body);
  }

  draw() {
    const { state } = this;
    const { now, time } = state;
    this.element.hidden = !now;
    if (!now) return;
    const device = state.page.devices[state.device];
    this.svg.toggleAttribute("hidden", !time);
    this.legend.hidden = !time;
    this.none.textContent = time
      ? ""
      : device
        ? `${device.name} has no times in ${state.dtype}.`
        : "Written without a device: archcost report … --device NAME adds its roofline and predicted times.";
    if (!time) return void (this.lead.textContent = "");
    const points = pointsOf(now, time);
    this.lead.textContent = `${device.name}, ${state.dtype}: each point a layer that runs as a kernel of its own, by its predicted time. Under the slope memory bounds it, under a roof arithmetic; far below both, overhead or waste does.${this.without(points)}`;
    this.drawn = this.svg.clientWidth;
    this.roving.redraw(() =>
      drawRoofs(this.svg, time.fit.roof, points, (point, x, y) => this.dot(point, x(point.x), y(point.y))),
    );
  }

  // What to say where the selected layer has no point.
  without(points) {
    const { selected } = this.state;
    if (!selected || points.some(({ layer }) => layer.name === selected)) return "";
    const why = "it multiplies nothing, or runs within another kernel";
    return ` ${selected}, which is selected, has none of this cost: ${why}.`;
  }

  dot(point, x, y) {
    const { layer, own } = point;
    const chosen = layer.name === this.state.selected;
    if (!this.dots.has(layer.name)) this.dots.set(layer.name, this.dotOf(layer.name));
    const found = this.dots.get(layer.name);
    Object.assign(found, { point });
    update(found.dot, {
      class: `dot-mark k-${family(layer)}${chosen ? " selected" : ""}`,
      cx: x.toFixed(2),
      cy: y.toFixed(2),
      r: chosen ? 8 : 5.5,
      "aria-label": `${layer.name}, ${seconds(own.seconds)}, ${own.bound} bound`,
      "aria-pressed": String(chosen),
    });
    return found.dot;
  }

  dotOf(name) {
    const dot = s("circle", {
      role: "button",
      "data-mark": name,
      tabindex: -1,
      onclick: () => this.state.select(name),
    });
    const found = { dot, point: null };
    tipOn(dot, () => {
      const { layer, own, x, y } = found.point;
      return [
        layer.name,
        ["time", `${seconds(own.seconds)}, ${own.bound} bound`],
        ["flops a second", short(y)],
        ["flops a byte", String(+x.toPrecision(3))],
      ];
    });
    return found;
  }
}

// A network's kernels on a device: flops a byte (x) and a second (y).
export function pointsOf(now, time) {
  return now.layers.flatMap((layer, i) => {
    const own = time.layers[i];
    if (!own || !layer.macs || !layer.bytes_moved) return [];
    const macs = layer.macs * now.batch;
    return [{ layer, own, x: layer.intensity, y: (2 * macs) / own.seconds }];
  });
}

// Draws a device's roofs and points under them. roof: bytes and multiply-adds a second; mark: (point, x, y) → element.
export function drawRoofs(svg, roof, points, mark) {
  const width = svg.clientWidth || 800;
  const height = Math.round(Math.min(420, Math.max(300, width * 0.45)));
  const [left, right, bottom] = [MARGIN_ROOF.left, width - MARGIN_ROOF.right, height - MARGIN_ROOF.bottom];
  sized(svg, width, height);
  const roofs = Object.keys(ROOFS).map((kind) => [ROOFS[kind], 2 * roof[kind]]);
  const highest = Math.max(...roofs.map(([, rate]) => rate));
  const xs = points.map((point) => point.x);
  const x = logarithmic([Math.min(0.1, ...xs), Math.max(highest / roof.bytes, ...xs) * 2], [left, right]);
  const lowest = Math.min(...points.map((point) => point.y), highest / 300) * 0.8;
  const y = logarithmic([lowest, highest * 1.8], [bottom, MARGIN_ROOF.top]).clamp(true);
  const [low, high] = x.domain();
  const reach = (rate) => rate / roof.bytes;
  if (svg.childElementCount !== 3) svg.replaceChildren(s("g", {}), s("g", {}), s("g", { class: "roof-names" }));
  const [axes, marks, named] = svg.children;
  axes.replaceChildren(
    leftAxis(y, right, left, logTicks(y, 5), short),
    bottomAxis(x, bottom, MARGIN_ROOF.top, logTicks(x, width < 500 ? 4 : 7), (tick) => String(+tick.toPrecision(2))),
    s("text", { x: left, y: 13, class: "axis-name" }, "Flops a second"),
    s("text", { x: right, y: height - 8, class: "axis-name end" }, "flops a byte moved"),
    s("line", {
      class: "roof slope",
      x1: x(Math.max(low, reach(lowest))),
      y1: y(Math.max(low * roof.bytes, lowest)),
      x2: x(Math.min(high, reach(highest))),
      y2: y(Math.min(high * roof.bytes, highest)),
    }),
    ...roofs.map(([, rate]) =>
      s("line", { class: "roof", x1: x(Math.max(low, reach(rate))), x2: right, y1: y(rate), y2: y(rate) }),
    ),
  );
  const drawn = points.map((point) => mark(point, x, y));
  fillWith(marks, drawn);
  // Above the dots.
  const names = roofNames(roofs, y, right - left - 4);
  named.replaceChildren(...names.map(({ text, y: at }) => s("text", { x: right, y: at - 5, class: "roof-name end" }, text)));
}

// Roofs that lie side by side share a name. Each stands whole within the width, or not at all.
function roofNames(roofs, y, width) {
  const fits = (text) => fitted(text, width, "roof-name") === text;
  const names = [];
  for (const [name, rate] of [...roofs].sort(([, a], [, b]) => b - a)) {
    const near = names.find((other) => Math.abs(other.y - y(rate)) < 15);
    const both = near && `${near.text}, ${name}`;
    if (!near && fits(name)) names.push({ text: name, y: y(rate) });
    else if (near && fits(both)) near.text = both;
  }
  return names;
}
