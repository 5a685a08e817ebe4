// All variants of a search as columns: their values along an axis, the front, and who wins under a budget.

import { accuracy, bytes, plain, quoted, seconds, short, square } from "./format.js";

export class Variants {
  constructor(state) {
    const { front } = state.data;
    this.state = state;
    this.data = front;
    this.count = front.count;
    this.columns = front.columns;
    this.published = front.published;
    this.scaled = new Map();
    this.axes = this.choices();
    this.limits = this.columnsOf(front.limits);
  }

  // What can stand on an axis: title, how it is written, and whether more is better.
  choices() {
    const found = { accuracy: { title: "Top-1 accuracy, %", write: accuracy, up: true } };
    found.macs = { title: "Multiply-adds", write: short };
    found.params = { title: "Parameters", write: short };
    found.peak_activation_bytes = { title: "Peak activation memory", write: bytes };
    found.weight_bytes = { title: "Weights", write: bytes };
    for (const name of Object.keys(this.columns)) {
      if (name.startsWith("seconds:")) found[name] = { title: `Predicted time, ${name.slice(8)}`, write: seconds };
    }
    for (const name of Object.keys(this.columns)) {
      if (name === "measured") found[name] = { title: "Measured time", write: seconds };
      if (name.startsWith("measured:")) found[name] = { title: `Measured time, ${name.slice(9)}`, write: seconds };
    }
    return Object.fromEntries(
      Object.entries(found).filter(([name]) => this.columns[name].some((value) => !Number.isNaN(value))),
    );
  }

  // Of how many variants a figure is known.
  known(name) {
    return this.columns[name].reduce((found, value) => found + !Number.isNaN(value), 0);
  }

  // The search's limits by column; a least accuracy is one too.
  columnsOf(limits) {
    const times =
      Object.keys(this.columns).find((name) => name === "measured" && name in this.axes) ??
      Object.keys(this.axes).find((name) => name.startsWith("seconds:"));
    return Object.entries(limits).flatMap(([name, value]) => {
      if (name === "latency_ms") return times ? [[times, value * 1e-3]] : [];
      if (name.startsWith("latency_ms_")) {
        const device = name.slice(11);
        const column = [`measured:${device}`, `seconds:${device}`].find((each) => each in this.axes);
        return column ? [[column, value * 1e-3]] : [];
      }
      return [[name === "min_accuracy" ? "accuracy" : name, value]];
    });
  }

  // By how much bytes grow with the batch and the type of numbers that are set now.
  factor(name) {
    const { dtypes } = this.state.data;
    const size = dtypes[this.state.dtype] / dtypes[this.data.dtype];
    if (name === "weight_bytes") return size;
    return name === "peak_activation_bytes" ? (size * this.state.batch) / this.data.batch : 1;
  }

  values(name) {
    const factor = this.factor(name);
    const key = `${name} ${factor}`;
    if (!this.scaled.has(key)) {
      if (this.scaled.size > 12) this.scaled.clear();
      this.scaled.set(
        key,
        Float64Array.from(this.columns[name], (value) => value * factor),
      );
    }
    return this.scaled.get(key);
  }

  ofPublished(point, name) {
    return point[name] === undefined || point[name] === null ? NaN : point[name] * this.factor(name);
  }

  // The settings of a variant: values by axis.
  settings(at) {
    const space = this.data.spaces[this.columns.space[at]];
    let number = this.columns.number[at];
    const found = {};
    for (const { name, values } of [...space.axes].reverse()) {
      found[name] = values[number % values.length];
      number = Math.floor(number / values.length);
    }
    return { index: this.columns.space[at], spec: space.spec, found };
  }

  describe(at) {
    const { spec, found } = this.settings(at);
    const parts = [`α ${plain(found.alpha)}`];
    if (found.resolution) parts.push(`${square(found.resolution)} px`);
    for (const [name, value] of Object.entries(found))
      if (!["alpha", "resolution"].includes(name)) parts.push(`${name} ${plain(value)}`);
    return { spec, text: parts.join(", ") };
  }

  command(at) {
    const { spec, found } = this.settings(at);
    const words = ["archcost", "analyze", quoted(spec), "--alpha", plain(found.alpha)];
    if (found.resolution) words.push("--resolution", square(found.resolution));
    for (const [name, value] of Object.entries(found)) {
      if (!["alpha", "resolution"].includes(name)) words.push("--set", quoted(`${name}=${plain(value)}`));
    }
    return words.join(" ");
  }

  // Sets the knobs to a variant.
  show(at) {
    const { index, found } = this.settings(at);
    const { alpha, resolution, parameters } = this.state.networks[index].knobs;
    const near = (values, wanted) =>
      values.reduce((best, value, i) => (Math.abs(value - wanted) < Math.abs(values[best] - wanted) ? i : best), 0);
    this.state.turn(
      {
        alpha: near(alpha.values, found.alpha),
        resolution: Math.max(
          0,
          resolution.values.findIndex((size) => String(size) === String(found.resolution)),
        ),
        parameters: parameters.map((each) =>
          Math.max(
            0,
            each.values.findIndex((value) => value === found[each.name]),
          ),
        ),
      },
      index,
    );
  }

  // The places of the front of two axes, the cheapest first.
  front(x, y) {
    const [xs, ys] = [this.values(x), this.values(y)];
    const sign = this.axes[y].up ? -1 : 1;
    const order = new Uint32Array(this.count);
    let many = 0;
    for (let i = 0; i < this.count; i++) if (xs[i] === xs[i] && ys[i] === ys[i]) order[many++] = i;
    const sorted = order.subarray(0, many).sort((a, b) => xs[a] - xs[b] || (ys[a] - ys[b]) * sign || a - b);
    const found = [];
    let best = Infinity;
    for (const at of sorted) {
      if (sign * ys[at] < best) {
        best = sign * ys[at];
        found.push(at);
      }
    }
    return found;
  }

  // The best along y with at most `budget` along x that keeps to the search's other limits; -1 for none. Ties go to
  // fewer multiply-adds, then fewer parameters, then the earlier variant, as in a search.
  // without: a place that is passed over.
  winner(x, y, budget, without = -1) {
    const [xs, ys] = [this.values(x), this.values(y)];
    const { macs, params } = this.columns;
    const sign = this.axes[y].up ? -1 : 1;
    const others = this.limits
      .filter(([name]) => name !== x && this.columns[name])
      .map(([name, limit]) => [this.columns[name], limit, name === "accuracy"]);
    let best = -1;
    for (let i = 0; i < this.count; i++) {
      if (!(xs[i] <= budget) || ys[i] !== ys[i] || i === without) continue;
      if (!others.every(([column, limit, least]) => (least ? column[i] >= limit : column[i] <= limit))) continue;
      if (best < 0) best = i;
      else {
        const better = sign * (ys[i] - ys[best]) || macs[i] - macs[best] || params[i] - params[best];
        if (better < 0) best = i;
      }
    }
    return best;
  }

  // The variant that is the network in view; -1 for none.
  current() {
    const { now, active } = this.state;
    if (!now) return -1;
    const { macs, params, space, peak_activation_bytes: peak } = this.columns;
    const bytes_ = now.totals.peak_activation_bytes / this.factor("peak_activation_bytes");
    for (let i = 0; i < this.count; i++) {
      if (macs[i] === now.totals.macs && params[i] === now.totals.params && space[i] === active && peak[i] === bytes_)
        return i;
    }
    return -1;
  }
}
