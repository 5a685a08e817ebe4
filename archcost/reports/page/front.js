// Accuracy against cost: every variant, the front, what is published, and a budget that can be dragged.

import { bottomAxis, leftAxis, spanning, ticksOf } from "./axes.js";
import { Budget, EDGE } from "./budget.js";
import { paintCloud, shapeOf } from "./cloud.js";
import { h, s, say, section, select, sized } from "./dom.js";
import { count } from "./format.js";
import { hideTip, leaveTip, showTip } from "./tip.js";
import { leadOf } from "./lead.js";
import { Walker } from "./walker.js";
import { Winner } from "./winner.js";

const FEWEST = 5; // known accuracies for which the front is of accuracy, unless a search was
const NEAR = 14; // pixels
const BEYOND = 10; // so many times the dearest variant, or part of the cheapest, an axis reaches for the search's limit
const DIAMOND = "M0-5.6L5.6 0L0 5.6L-5.6 0Z";
const colour = (mark) => `var(--space-${mark % 6})`;

export class Front {
  constructor(state) {
    this.state = state;
    this.variants = state.variants;
    const names = Object.keys(this.variants.axes);
    const options = names.map((name) => [name, this.variants.axes[name].title]);
    const rated = this.variants.known("accuracy") >= FEWEST || (state.data.front.origin && names.includes("accuracy"));
    Object.assign(this, this.variants.asked ?? { x: "macs", y: rated ? "accuracy" : "peak_activation_bytes" });
    const tools = [
      select("Across", options, this.x, (x) => this.axes({ x })),
      select("Up", options, this.y, (y) => this.axes({ y })),
    ];
    const { element, body, lead } = section("front", "Front", " ", tools);
    Object.assign(this, { element, lead });
    this.build(body);
  }

  build(body) {
    this.budgets = {}; // by what is across
    this.moved = new Set(); // axes along which the budget is no longer where it began
    const { batch, dtype, origin } = this.state.data.front;
    this.scale = `batch ${count(batch)}, ${dtype}`;
    this.asked = `Front: ${this.scale}, as ${origin ? "searched" : "written"}`;
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.rest = s("g", {});
    this.walker = new Walker(this);
    this.grip = new Budget(this);
    this.svg = s(
      "svg",
      { class: "chart front", role: "group", "aria-label": "Variants, the front, and the budget" },
      this.rest,
      this.walker.element,
      this.grip.element,
    );
    this.plot = h("div", { class: "plot" }, this.canvas, this.svg);
    this.card = new Winner(this);
    this.legend = h("ul", { class: "legend" });
    this.notes = h("div", { class: "quiet notes" });
    body.append(this.plot, this.legend, this.card.element, this.notes);
    this.plot.addEventListener("pointermove", (event) => event.pointerType !== "touch" && this.point(event));
    this.plot.addEventListener("pointerleave", leaveTip);
    this.plot.addEventListener("click", (event) => this.pick(event));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.repaint());
    new ResizeObserver(() => this.plot.clientWidth !== this.width && this.width && this.draw()).observe(body);
  }

  get budget() {
    return this.budgets[this.x];
  }

  // The search's own winner, as long as nothing is asked but what the search was.
  get own() {
    const { asked, data } = this.variants;
    const same = asked ? this.x === asked.x && this.y === asked.y : !this.turned;
    return same && !this.moved.has(this.x) ? data.winner : null;
  }

  drawLegend() {
    const { spaces, of } = this.state.data.front;
    const marks = [
      ["front", "front", this.edge.length > 1],
      ["published", spaces.length > 1 ? "published: hollow" : "published", this.points.length],
      ["winner", "winner under the budget", this.best >= 0],
      ["current", "the knobs", this.current >= 0],
    ];
    const clouds = spaces.map((_, i) =>
      h(
        "li",
        {},
        s(
          "svg",
          { class: "shape", viewBox: "-6 -6 12 12", "aria-hidden": "true" },
          s("path", { d: shapeOf(of.indexOf(i), 60), style: { fill: colour(of.indexOf(i)) } }),
        ),
        spaces.length > 1 ? this.variants.named(i) : "variant",
      ),
    );
    const shown = marks.filter(([, , there]) => there);
    this.legend.replaceChildren(
      ...clouds,
      ...shown.map(([name, text]) => h("li", {}, h("span", { class: `mark mark-${name}` }), text)),
    );
  }

  axes(change) {
    Object.assign(this, change, { turned: true });
    this.draw();
  }

  repaint() {
    this.painted = "";
    this.draw();
  }

  // Before and after printing, which is on white.
  print() {
    this.repaint();
  }

  draw() {
    const { state } = this;
    const key = [this.x, this.y, this.plot.clientWidth, devicePixelRatio].join();
    if (key !== this.painted) {
      this.painted = key;
      this.frame();
    }
    this.overlay();
    const { front } = state.data;
    this.lead.textContent = leadOf(this);
    const differ = front.differences.map((said) => h("p", { class: "warning" }, `${front.origin} says otherwise: ${said}`));
    this.notes.replaceChildren(...differ, ...front.statements.map((statement) => h("p", {}, statement)));
  }

  // Scales, the cloud of variants, and the front: what no knob changes.
  frame() {
    const { variants } = this;
    const [xs, ys] = [variants.values(this.x), variants.values(this.y)];
    const width = (this.width = this.plot.clientWidth || 800);
    const height = (this.height = Math.round(Math.min(480, Math.max(320, width * 0.5))));
    const points = variants.published
      .map((point) => [variants.ofPublished(point, this.x), variants.ofPublished(point, this.y), point])
      .filter(([a, b]) => a === a && b === b);
    const limit = variants.limits.find(([name]) => name === this.x)?.[1];
    const [x0, x1, y0, y1] = this.domain(xs, ys, points, limit);
    this.sx = spanning(x0, x1, [EDGE.left, width - EDGE.right], this.x === "accuracy");
    this.sy = spanning(y0, y1, [height - EDGE.bottom, EDGE.top], this.y === "accuracy");
    this.points = points;
    this.range = [x0, x1];
    this.known = variants.ordered(this.x, this.y);
    this.edge = variants.front(this.known, this.y);
    const own = variants.data.winner;
    const start = limit ?? (own === null ? this.sx.invert((this.sx(x0) + this.sx(x1)) / 2) : xs[own]);
    const { write } = variants.axes[this.x];
    this.beyond = limit < x0 || limit > x1 ? `The search's limit, ${write(limit)}, lies beyond the axis.` : "";
    const loosest = variants.least(this.x) ? x0 : x1;
    this.budgets[this.x] ??= start === start ? Math.min(x1, Math.max(x0, start)) : loosest;
    sized(this.svg, width, height);
    this.plot.style.setProperty("aspect-ratio", `${width} / ${height}`);
    const marks = this.state.data.front.spaces.map((_, i) => variants.of.indexOf(i));
    const { space } = variants.columns;
    this.pixels = paintCloud(this.canvas, { xs, ys, space, sx: this.sx, sy: this.sy, width, height, marks });
  }

  // From where to where the axes reach: all variants and points, and the search's limit.
  domain(xs, ys, points, limit) {
    let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
    const widen = (a, b) => {
      if (a !== a || b !== b) return;
      x0 = Math.min(x0, a);
      x1 = Math.max(x1, a);
      y0 = Math.min(y0, b);
      y1 = Math.max(y1, b);
    };
    this.unknown = 0;
    for (let i = 0; i < xs.length; i++) {
      if (xs[i] !== xs[i] || ys[i] !== ys[i]) this.unknown++;
      else widen(xs[i], ys[i]);
    }
    for (const [a, b] of points) widen(a, b);
    if (x0 > x1) [x0, x1, y0, y1] = [1, 10, 1, 10];
    if (limit > 0) [x0, x1] = [Math.min(x0, Math.max(limit, x0 / BEYOND)), Math.max(x1, Math.min(limit, x1 * BEYOND))];
    return [x0, x1, y0, y1];
  }

  // What the knobs and the budget change: the winner, the marks, and the card.
  overlay() {
    const { variants } = this;
    this.best = this.own ?? variants.winner(this.x, this.y, this.budget);
    this.current = variants.current();
    this.rest.replaceChildren(...this.drawnAxes(), ...this.marks());
    this.grip.draw(variants.axes[this.x]);
    this.walker.draw();
    this.drawLegend();
    this.card.draw();
  }

  drawnAxes() {
    const { width, height, sx, sy } = this;
    const [x, y] = [this.variants.axes[this.x], this.variants.axes[this.y]];
    const [right, bottom] = [width - EDGE.right, height - EDGE.bottom];
    const plainly = (scale, write) => (scale.straight ? String : write);
    return [
      leftAxis(sy, right, EDGE.left, ticksOf(sy, sy.straight ? 6 : 5, y.binary), plainly(sy, y.write)),
      bottomAxis(sx, bottom, EDGE.top, ticksOf(sx, width < 500 ? 4 : 8, x.binary), plainly(sx, x.write)),
      s("text", { x: EDGE.left, y: 13, class: "axis-name" }, y.title),
      s("text", { x: right, y: height - 8, class: "axis-name end" }, x.title),
    ];
  }

  // The front, what is published, and who won, is picked and is in view; with several specs each has its shape.
  marks() {
    const { variants, sx, sy } = this;
    const { spaces, winner } = this.state.data.front;
    const [xs, ys] = [variants.values(this.x), variants.values(this.y)];
    const { space } = variants.columns;
    const several = spaces.length > 1;
    const line = d3
      .line()
      .x((at) => sx(xs[at]))
      .y((at) => sy(ys[at]))
      .curve(d3.curveStepAfter);
    const shape = (kind, of, area, x, y, paint) =>
      s("path", {
        class: kind,
        d: several ? shapeOf(variants.of.indexOf(of), area) : DIAMOND,
        style: several ? { [paint]: colour(variants.of.indexOf(of)) } : null,
        transform: `translate(${sx(x)} ${sy(y)})`,
      });
    const known = (at) => at >= 0 && xs[at] === xs[at] && ys[at] === ys[at];
    const mark = (at, kind, r) => known(at) && s("circle", { class: kind, cx: sx(xs[at]), cy: sy(ys[at]), r });
    const dot = (at) =>
      several ? shape("front-dot", space[at], 42, xs[at], ys[at], "fill") : mark(at, "front-dot", 2.6);
    return [
      s("path", { class: "front-line", d: line(this.edge) ?? "" }),
      ...(this.edge.length < 400 ? this.edge.map(dot) : []),
      ...this.points.map(([x, y, point]) => shape("published", point.space, 64, x, y, "stroke")),
      mark(winner ?? -1, "own-winner", 9),
      mark(this.current, "current", 6),
      mark(this.best, "best", 6.5),
    ].filter(Boolean);
  }

  setBudget(value) {
    const [low, high] = this.range;
    this.budgets[this.x] = Math.min(high, Math.max(low, value));
    this.moved.add(this.x);
    this.overlay();
    if (this.best >= 0) say(`Winner: ${this.variants.describe(this.best).text}`);
  }

  near(event) {
    const box = this.svg.getBoundingClientRect();
    const [px, py] = [event.clientX - box.left, event.clientY - box.top].map((at) => (at * this.width) / box.width);
    let [best, least] = [-1, NEAR * NEAR];
    for (let i = 0; i < this.variants.count; i++) {
      const [dx, dy] = [this.pixels[2 * i] - px, this.pixels[2 * i + 1] - py];
      const distance = dx * dx + dy * dy;
      if (distance < least) [best, least] = [i, distance];
    }
    const published = this.points
      .map(([a, b, point]) => [(this.sx(a) - px) ** 2 + (this.sy(b) - py) ** 2, point])
      .filter(([d]) => d < NEAR * NEAR)
      .sort(([a], [b]) => a - b)[0];
    return { variant: best, published: published && published[0] <= least + 30 ? published[1] : null };
  }

  point(event) {
    if (this.dragging || !this.pixels) return;
    const { variant, published } = this.near(event);
    this.plot.classList.toggle("near", variant >= 0);
    if (published) return showTip(this.variants.source(published), event.clientX, event.clientY);
    if (variant < 0) return hideTip();
    showTip(this.variants.figures(variant), event.clientX, event.clientY);
  }

  pick(event) {
    if (this.dragging) return;
    const { variant } = this.near(event);
    if (variant >= 0) this.choose(variant);
    if (event.pointerType === "touch") this.point(event);
  }

  choose(variant) {
    this.picked = variant;
    this.variants.show(variant);
    say(`The knobs are set to ${this.variants.describe(variant).text}, ${this.scale}`);
  }
}
