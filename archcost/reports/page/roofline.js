// The layers on a device's roofline: multiply-adds a byte against multiply-adds a second.

import { h, logarithmic, s, section, tipOn } from "./dom.js";
import { seconds, short } from "./format.js";
import { bottomAxis, leftAxis, logTicks } from "./memory.js";
import { family } from "./state.js";
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
    this.lead.textContent = `${device.name}, ${state.dtype}: each point a layer that runs as a kernel of its own, by its predicted time. Under the slope memory bounds it, under a roof arithmetic; far below both, overhead or waste does.`;
    this.plot(now, time);
  }

  points(now, time) {
    return now.layers.flatMap((layer, i) => {
      const own = time.layers[i];
      if (!own || !layer.macs || !layer.bytes_moved) return [];
      const macs = layer.macs * now.batch;
      return [{ layer, own, x: macs / layer.bytes_moved, y: macs / own.seconds }];
    });
  }

  plot(now, time) {
    const width = (this.drawn = this.svg.clientWidth) || 800;
    const height = Math.round(Math.min(420, Math.max(300, width * 0.45)));
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.style.setProperty("height", `${height}px`);
    const points = this.points(now, time);
    const { roof } = time.fit;
    const roofs = Object.keys(ROOFS).map((kind) => [ROOFS[kind], roof[kind]]);
    const highest = Math.max(...roofs.map(([, rate]) => rate));
    const xs = points.map((point) => point.x);
    const x = logarithmic(
      [Math.min(0.1, ...xs), Math.max(highest / roof.bytes, ...xs) * 2],
      [MARGIN_ROOF.left, width - MARGIN_ROOF.right],
    );
    const y = logarithmic(
      [Math.min(...points.map((point) => point.y), highest / 300) * 0.8, highest * 1.8],
      [height - MARGIN_ROOF.bottom, MARGIN_ROOF.top],
    ).clamp(true);
    const [low, high] = x.domain();
    const reach = (rate) => rate / roof.bytes;
    const bottom = y.domain()[0];
    // Roofs that lie side by side share a name.
    const names = [];
    for (const [name, rate] of [...roofs].sort(([, a], [, b]) => b - a)) {
      const near = names.find((other) => Math.abs(other.y - y(rate)) < 15);
      if (near) near.text += `, ${name}`;
      else names.push({ text: name, y: y(rate) });
    }
    this.svg.replaceChildren(
      leftAxis(y, width - MARGIN_ROOF.right, MARGIN_ROOF.left, logTicks(y, 5), short),
      bottomAxis(x, height - MARGIN_ROOF.bottom, MARGIN_ROOF.top, logTicks(x, width < 500 ? 4 : 7), (tick) =>
        String(+tick.toPrecision(2)),
      ),
      s("text", { x: MARGIN_ROOF.left, y: 13, class: "axis-name" }, "Multiply-adds a second"),
      s("text", { x: width - MARGIN_ROOF.right, y: height - 8, class: "axis-name end" }, "multiply-adds a byte moved"),
      s("line", {
        class: "roof slope",
        x1: x(Math.max(low, bottom / roof.bytes)),
        y1: y(Math.max(low * roof.bytes, bottom)),
        x2: x(Math.min(high, reach(highest))),
        y2: y(Math.min(high * roof.bytes, highest)),
      }),
      ...roofs.map(([, rate]) =>
        s("line", { class: "roof", x1: x(Math.max(low, reach(rate))), x2: x(high), y1: y(rate), y2: y(rate) }),
      ),
      ...names.map((name) =>
        s("text", { class: "roof-name end", x: width - MARGIN_ROOF.right, y: name.y - 5 }, name.text),
      ),
      ...points.map((point) => this.dot(point, x, y, points.length)),
    );
  }

  dot({ layer, own, x: byByte, y: bySecond }, x, y, many) {
    const chosen = layer.name === this.state.selected;
    const dot = s("circle", {
      class: `dot-mark k-${family(layer)}${chosen ? " selected" : ""}`,
      cx: x(byByte),
      cy: y(bySecond),
      r: chosen ? 8 : 5.5,
      role: "button",
      tabindex: many > 120 ? -1 : 0,
      "aria-label": `${layer.name}, ${seconds(own.seconds)}, ${own.bound} bound`,
      "aria-pressed": String(chosen),
      onclick: () => this.state.select(layer.name),
      onkeydown: (event) =>
        ["Enter", " "].includes(event.key) && (event.preventDefault(), this.state.select(layer.name)),
    });
    return tipOn(dot, () => [
      layer.name,
      ["time", `${seconds(own.seconds)}, ${own.bound} bound`],
      ["macs a second", short(bySecond)],
      ["macs a byte", String(+byByte.toPrecision(3))],
    ]);
  }
}
