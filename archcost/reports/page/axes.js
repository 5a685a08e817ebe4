// Scales, axes and their ticks.

import { s } from "./dom.js";
import { terse } from "./format.js";

// Scales from a domain to a range.
export const linear = (domain, range) => d3.scaleLinear().domain(domain).range(range);
export const logarithmic = (domain, range) => d3.scaleLog().domain(domain).range(range);

// A scale over values from `low` to `high`, with room on both sides: logarithmic, unless it is to be straight or has
// values from 0 down.
export function spanning(low, high, range, straight) {
  if (!straight && low > 0) return logarithmic([low * 0.93, high * 1.07], range);
  const margin = (high - low) * 0.06 || 1;
  return Object.assign(linear([low - margin, high + margin], range), { straight: true });
}

export function ticksOf(scale, most, binary) {
  return scale.straight ? scale.ticks(most) : logTicks(scale, most, binary);
}

export function leftAxis(y, right, left, ticks, text) {
  return s(
    "g",
    { class: "axis" },
    ticks.flatMap((tick) => [
      s("line", { class: "grid", x1: left, x2: right, y1: y(tick), y2: y(tick) }),
      s("text", { class: "tick end number", x: left - 8, y: y(tick) + 4 }, terse(text(tick))),
    ]),
  );
}

export function bottomAxis(x, bottom, top, ticks, text) {
  return s(
    "g",
    { class: "axis" },
    ticks.flatMap((tick) => [
      s("line", { class: "grid", x1: x(tick), x2: x(tick), y1: bottom, y2: top }),
      s("text", { class: "tick middle number", x: x(tick), y: bottom + 15 }, terse(text(tick))),
    ]),
  );
}

const DECIMAL = [[1, 1.5, 2, 3, 4, 5, 7], [1, 2, 3, 5], [1, 2, 5], [1, 3], [1]];
const BINARY = [[1, 1.25, 1.5, 1.75], [1, 1.5], [1]];

// Ticks of a logarithmic scale, one at least and so many at most; those of bytes are powers of two.
export function logTicks(scale, most, binary = false) {
  const [low, high] = scale.domain();
  const base = binary ? 2 : 10;
  const log = binary ? Math.log2 : Math.log10;
  const inside = (per, step = 1) => {
    const found = [];
    const first = Math.floor(log(low) / step) * step;
    for (let power = first; base ** power <= high; power += step)
      found.push(...per.map((each) => each * base ** power));
    return found.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
  };
  const steps = binary ? [1, 2, 5, 10] : [1, 2, 3, 6];
  const choices = [...(binary ? BINARY : DECIMAL).map((per) => inside(per)), ...steps.map((step) => inside([1], step))];
  const fitting = choices.find((found) => found.length && found.length <= most);
  return fitting ?? [Math.sqrt(low * high)];
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
