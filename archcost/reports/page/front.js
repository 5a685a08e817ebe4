// Accuracy against cost: every variant, the front, what is published, and a budget that can be dragged.

import { h, hideTip, linear, logarithmic, s, say, section, select, showTip } from "./dom.js";
import { accuracy, count, plain, square } from "./format.js";
import { bottomAxis, leftAxis, logTicks } from "./memory.js";
import { Budget, EDGE } from "./budget.js";
import { Variants } from "./variants.js";
import { Winner } from "./winner.js";

const SPACES = 6; // so many colours for the clouds of several specs
const FEWEST = 5; // known accuracies for which the front is of accuracy, unless a search was
const NEAR = 14; // pixels

export class Front {
  constructor(state) {
    this.state = state;
    this.variants = new Variants(state);
    const names = Object.keys(this.variants.axes);
    const options = names.map((name) => [name, this.variants.axes[name].title]);
    this.y =
      this.variants.known("accuracy") >= FEWEST || state.data.front.origin ? "accuracy" : "peak_activation_bytes";
    if (!names.includes(this.y)) this.y = "peak_activation_bytes";
    this.x =
      this.variants.limits.map(([name]) => name).find((name) => name !== this.y && names.includes(name)) ?? "macs";
    const tools = [
      select(
        "Across",
        options.filter(([name]) => name !== "accuracy"),
        this.x,
        (x) => this.axes({ x }),
      ),
      select("Up", options, this.y, (y) => this.axes({ y })),
    ];
    const { element, body, lead } = section("front", "Front", " ", tools);
    Object.assign(this, { element, lead });
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.svg = s("svg", { class: "chart front", role: "group", "aria-label": "Variants, the front, and the budget" });
    this.plot = h("div", { class: "plot" }, this.canvas, this.svg);
    this.card = new Winner(this);
    this.notes = h("div", { class: "quiet notes" });
    body.append(this.plot, this.legend(), this.card.element, this.notes);
    this.plot.addEventListener("pointermove", (event) => this.point(event));
    this.plot.addEventListener("pointerleave", hideTip);
    this.plot.addEventListener("click", (event) => this.pick(event));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => ((this.painted = ""), this.draw()));
    new ResizeObserver(() => this.plot.clientWidth !== this.width && this.width && this.draw()).observe(body);
  }

  legend() {
    const marks = { front: "front", published: "published", winner: "winner under the budget", current: "the knobs" };
    const { spaces } = this.state.data.front;
    const clouds = spaces.map((space, i) =>
      h(
        "li",
        {},
        h("span", { class: "mark mark-variant", style: { background: `var(--space-${i % SPACES})` } }),
        spaces.length > 1 ? space.spec : "variant",
      ),
    );
    return h(
      "ul",
      { class: "legend" },
      clouds,
      Object.entries(marks).map(([name, text]) => h("li", {}, h("span", { class: `mark mark-${name}` }), text)),
    );
  }

  axes(change) {
    Object.assign(this, change, { budget: undefined });
    this.draw();
  }

  draw() {
    const { variants, state } = this;
    const key = [
      this.x,
      this.y,
      variants.factor(this.x),
      variants.factor(this.y),
      this.plot.clientWidth,
      devicePixelRatio,
    ].join();
    if (key !== this.painted) {
      this.painted = key;
      this.frame();
    }
    this.overlay();
    const { front } = state.data;
    const unknown = this.unknown
      ? ` ${count(this.unknown)} of them have no known ${this.y === "accuracy" ? "accuracy" : "figure"} here and are left out.`
      : "";
    const still =
      front.batch !== state.batch || front.dtype !== state.dtype
        ? ` Times are for batch ${front.batch} in ${front.dtype}.`
        : "";
    const which = front.whole
      ? `${count(front.count)} distinct networks among ${count(front.size)} variants.`
      : `${count(front.count)} networks that the search named, of ${count(front.size)} variants.`;
    this.lead.textContent = `${which}${unknown}${still} Drag the budget, or click a point to set the knobs to it.`;
    this.notes.replaceChildren(...front.statements.map((statement) => h("p", {}, statement)));
  }

  // Scales, the cloud of variants, and the front: what no knob changes.
  frame() {
    const { variants } = this;
    const [xs, ys] = [variants.values(this.x), variants.values(this.y)];
    const width = (this.width = this.plot.clientWidth || 800);
    const height = (this.height = Math.round(Math.min(480, Math.max(320, width * 0.5))));
    const up = variants.axes[this.y].up;
    const points = variants.published
      .map((point) => [variants.ofPublished(point, this.x), variants.ofPublished(point, this.y), point])
      .filter(([a, b]) => a === a && b === b);
    let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
    const widen = (a, b) => {
      if (a !== a || b !== b) return;
      x0 = Math.min(x0, a);
      x1 = Math.max(x1, a);
      y0 = Math.min(y0, b);
      y1 = Math.max(y1, b);
    };
    this.unknown = 0;
    for (let i = 0; i < variants.count; i++) {
      if (xs[i] !== xs[i] || ys[i] !== ys[i]) this.unknown++;
      else widen(xs[i], ys[i]);
    }
    for (const [a, b] of points) widen(a, b);
    if (x0 > x1) [x0, x1, y0, y1] = [1, 10, up ? 0 : 1, up ? 100 : 10];
    this.sx = logarithmic([x0 * 0.93, x1 * 1.07], [EDGE.left, width - EDGE.right]);
    const margin = (y1 - y0) * 0.06 || 1;
    this.sy = up
      ? linear([y0 - margin, y1 + margin], [height - EDGE.bottom, EDGE.top])
      : logarithmic([y0 * 0.93, y1 * 1.07], [height - EDGE.bottom, EDGE.top]);
    this.points = points;
    this.range = [x0, x1];
    this.edge = variants.front(this.x, this.y);
    const limit = variants.limits.find(([name]) => name === this.x);
    const own = variants.data.winner;
    const start = limit ? limit[1] * variants.factor(this.x) : own === null ? Math.sqrt(x0 * x1) : xs[own];
    this.budget ??= start === start ? Math.min(x1, Math.max(x0, start)) : x1;
    this.cloud(xs, ys);
  }

  cloud(xs, ys) {
    const { canvas, width, height, sx, sy } = this;
    const ratio = devicePixelRatio || 1;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    this.plot.style.setProperty("height", `${height}px`);
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    const style = getComputedStyle(document.documentElement);
    const colours = d3.range(SPACES).map((i) => style.getPropertyValue(`--space-${i}`).trim());
    const { space } = this.variants.columns;
    let last = -1;
    const size = xs.length > 20000 ? 1.6 : xs.length > 3000 ? 2.2 : 3.2;
    context.globalAlpha = xs.length > 20000 ? 0.35 : 0.6;
    const at = (this.pixels = new Float32Array(2 * xs.length).fill(NaN));
    for (let i = 0; i < xs.length; i++) {
      if (xs[i] !== xs[i] || ys[i] !== ys[i]) continue;
      if (space[i] !== last) context.fillStyle = colours[(last = space[i]) % SPACES];
      at[2 * i] = sx(xs[i]);
      at[2 * i + 1] = sy(ys[i]);
      context.fillRect(at[2 * i] - size / 2, at[2 * i + 1] - size / 2, size, size);
    }
  }

  overlay() {
    const { variants, width, height, sx, sy } = this;
    const { write: writeX, title: titleX } = variants.axes[this.x];
    const { write: writeY, title: titleY, up } = variants.axes[this.y];
    const [xs, ys] = [variants.values(this.x), variants.values(this.y)];
    const line = d3
      .line()
      .x((at) => sx(xs[at]))
      .y((at) => sy(ys[at]))
      .curve(d3.curveStepAfter);
    this.best = variants.winner(this.x, this.y, this.budget);
    const now = variants.current();
    const mark = (at, kind, r) =>
      at >= 0 && xs[at] === xs[at] && ys[at] === ys[at]
        ? s("circle", { class: kind, cx: sx(xs[at]), cy: sy(ys[at]), r })
        : null;
    const own = this.state.data.front.winner ?? -1;
    const spaces = this.state.data.front.spaces.length;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.style.setProperty("height", `${height}px`);
    this.grip ??= new Budget(this);
    this.grip.draw(variants.axes[this.x]);
    const handle = this.grip.element;
    const keep = handle.parentNode === this.svg;
    const rest = [
      leftAxis(sy, width - EDGE.right, EDGE.left, up ? sy.ticks(6) : logTicks(sy, 5), (tick) =>
        up ? String(tick) : writeY(tick),
      ),
      bottomAxis(sx, height - EDGE.bottom, EDGE.top, logTicks(sx, width < 500 ? 4 : 8), writeX),
      s("text", { x: EDGE.left, y: 13, class: "axis-name" }, titleY),
      s("text", { x: width - EDGE.right, y: height - 8, class: "axis-name end" }, titleX),
      s("path", { class: "front-line", d: line(this.edge) ?? "" }),
      ...(this.edge.length < 400 ? this.edge.map((at) => mark(at, "front-dot", 2.6)) : []),
      ...this.points.map(([a, b, point]) =>
        s("rect", {
          class: "published",
          style: spaces > 1 ? { stroke: `var(--space-${point.space % SPACES})` } : null,
          x: sx(a) - 4,
          y: sy(b) - 4,
          width: 8,
          height: 8,
          transform: `rotate(45 ${sx(a)} ${sy(b)})`,
        }),
      ),
      mark(own, "own-winner", 9),
      mark(now, "current", 6),
      mark(this.best, "best", 6.5),
    ].filter(Boolean);
    // The handle keeps its place in the document, and with it the keyboard and the pointer.
    if (keep) {
      for (const child of [...this.svg.children]) if (child !== handle) child.remove();
      handle.before(...rest);
    } else this.svg.replaceChildren(...rest, handle);
    this.card.draw();
  }

  setBudget(value) {
    const [low, high] = this.range;
    this.budget = Math.min(high, Math.max(low, value));
    this.overlay();
    if (this.best >= 0) say(`Winner: ${this.variants.describe(this.best).text}`);
  }

  near(event) {
    const box = this.svg.getBoundingClientRect();
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
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
    if (published) return showTip(this.source(published), event.clientX, event.clientY);
    if (variant < 0) return hideTip();
    const { variants } = this;
    const { spec, text } = variants.describe(variant);
    showTip(
      [
        `${spec}, ${text}`,
        ...Object.entries(variants.axes).map(([name, axis]) => [
          axis.title,
          axis.write(variants.values(name)[variant]),
        ]),
      ],
      event.clientX,
      event.clientY,
    );
  }

  source(point) {
    const spec = this.state.data.front.spaces[point.space].spec;
    return [
      `${spec}, α ${plain(point.alpha)}${point.resolution ? `, ${square(point.resolution)} px` : ""}`,
      ["published top-1", accuracy(point.accuracy)],
      ["trained", point.recipe],
      ...Object.entries(this.variants.axes)
        .filter(([name]) => name !== "accuracy")
        .map(([name, axis]) => [axis.title, axis.write(this.variants.ofPublished(point, name))]),
      `Source: ${point.source}`,
      point.note,
    ].filter(Boolean);
  }

  pick(event) {
    if (this.dragging) return;
    const { variant } = this.near(event);
    if (variant < 0) return;
    this.picked = variant;
    this.variants.show(variant);
    say(`The knobs are set to ${this.variants.describe(variant).text}`);
  }
}
