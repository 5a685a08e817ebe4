// The keyboard's way to the front's points: a ring that arrow keys move, and that Enter chooses.

import { s, say } from "./dom.js";
import { hideTip, showTipOf } from "./tip.js";

export class Walker {
  constructor(front) {
    this.front = front;
    this.at = null;
    this.element = s(
      "g",
      { class: "walker", role: "button", tabindex: 0, id: "walker" },
      s("circle", { r: 11 }),
      s("circle", { class: "walker-dot", r: 3 }),
    );
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.element.addEventListener("focus", () => this.element.matches(":focus-visible") && this.tell());
    this.element.addEventListener("blur", hideTip);
  }

  // Stops along x: of the front with what is published, or every variant.
  stops(all) {
    const { front } = this;
    const xs = front.variants.values(front.x);
    const places = all ? front.known : front.edge;
    const found = Array.from(places, (variant) => ({ variant, x: xs[variant] }));
    if (!all) found.push(...front.points.map(([x, , published]) => ({ published, x })));
    return found.sort((a, b) => a.x - b.x);
  }

  key(event) {
    const moves = { ArrowRight: [1], ArrowLeft: [-1], ArrowUp: [1, true], ArrowDown: [-1, true] };
    const ends = { Home: 0, End: Infinity };
    if (event.key in ends) this.move(this.stops(false), ends[event.key]);
    else if (event.key in moves) this.step(...moves[event.key]);
    else if (event.key === "Enter" || event.key === " ") this.choose();
    else return;
    event.preventDefault();
  }

  step(by, all = false) {
    const stops = this.stops(all);
    const same = ({ variant, published }) => variant === this.at?.variant && published === this.at?.published;
    const at = stops.findIndex(same);
    const next = at < 0 ? stops.findIndex(({ x }) => x >= (this.at?.x ?? 0)) : at + by;
    this.move(stops, next);
  }

  move(stops, to) {
    if (!stops.length) return;
    this.at = stops[Math.min(stops.length - 1, Math.max(0, to))];
    this.draw();
    this.tell();
    say(this.element.getAttribute("aria-label"));
  }

  choose() {
    if (this.at?.variant !== undefined) this.front.choose(this.at.variant);
    else if (this.at) say("A published point is no variant here; its source is told beside it");
  }

  lines() {
    const { published, variant } = this.at;
    const { variants } = this.front;
    return published ? variants.source(published) : variants.figures(variant);
  }

  tell() {
    showTipOf(this.element, this.lines());
  }

  draw() {
    const { front, element } = this;
    const [xs, ys] = [front.variants.values(front.x), front.variants.values(front.y)];
    // The axes may have been changed since, or no longer know it.
    const pointOf = (stop) => stop?.published && front.points.find(([, , each]) => each === stop.published);
    const known = (at) => at !== undefined && xs[at] === xs[at] && ys[at] === ys[at];
    if (!pointOf(this.at) && !known(this.at?.variant)) this.at = this.stops(false)[0] ?? null;
    element.toggleAttribute("hidden", !this.at);
    if (!this.at) return;
    const { published, variant } = this.at;
    const [x, y] = pointOf(this.at) ?? [xs[variant], ys[variant]];
    this.at.x = x;
    element.setAttribute("transform", `translate(${front.sx(x)} ${front.sy(y)})`);
    const [title, ...rest] = this.lines();
    const said = rest.map((line) => (Array.isArray(line) ? line.join(" ") : line));
    element.setAttribute("aria-label", `${published ? "Published: " : ""}${title}; ${said.join("; ")}`);
  }
}
