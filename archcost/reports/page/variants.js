// All variants of a search as columns, at the batch and in the number type of the search: their values along an axis, the front, and who wins under a budget.

import { commandLine } from "./command.js";
import { accuracy, bytes, plain, seconds, short, square } from "./format.js";

export class Variants {
  constructor(state) {
    const { front } = state.data;
    this.state = state;
    this.data = front;
    this.count = front.count;
    this.columns = front.columns;
    this.published = front.published;
    this.axes = this.choices();
    this.limits = this.columnsOf(front.limits);
  }

  // What can stand on an axis: title, how it is written, and whether more is better.
  choices() {
    const found = { accuracy: { title: "Top-1 accuracy, %", write: accuracy, up: true } };
    found.macs = { title: "Multiply-adds", write: short };
    found.params = { title: "Parameters", write: short };
    found.peak_activation_bytes = { title: "Peak activation memory", write: bytes, binary: true };
    found.weight_bytes = { title: "Weights", write: bytes, binary: true };
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

  values(name) {
    return this.columns[name];
  }

  ofPublished(point, name) {
    return point[name] ?? NaN;
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

  // What a tip tells of a variant, and of a published point.
  figures(at) {
    const { spec, text } = this.describe(at);
    const figures = Object.entries(this.axes).map(([name, axis]) => [axis.title, axis.write(this.values(name)[at])]);
    return [`${spec}, ${text}`, ...figures];
  }

  source(point) {
    const { spec } = this.data.spaces[point.space];
    return [
      `${spec}, α ${plain(point.alpha)}${point.resolution ? `, ${square(point.resolution)} px` : ""}`,
      ["published top-1", accuracy(point.accuracy)],
      ["trained", point.recipe],
      ...Object.entries(this.axes)
        .filter(([name]) => name !== "accuracy")
        .map(([name, axis]) => [axis.title, axis.write(this.ofPublished(point, name))]),
      `Source: ${point.source}`,
      point.note,
    ].filter(Boolean);
  }

  // axes: a device whose time stands on one of them is the line's; else the one in view.
  command(at, axes) {
    const { spec, found } = this.settings(at);
    const { alpha, resolution, ...parameters } = found;
    const { data, page, device } = this.state;
    const own = page.devices.find(({ name }) => axes.includes(`seconds:${name}`));
    const { batch, dtype } = this.data;
    return commandLine(
      { spec, alpha, resolution, parameters: Object.entries(parameters) },
      { ...data, batch, dtype, device: own ?? page.devices[device] },
    ).join(" ");
  }

  // Sets the knobs to a variant, and batch and number type to what its figures here are of.
  show(at) {
    const { index, found } = this.settings(at);
    const { state } = this;
    const { batch, dtype } = this.data;
    const { alpha, resolution, parameters } = state.networks[index].knobs;
    const near = (values, wanted) =>
      values.reduce((best, value, i) => (Math.abs(value - wanted) < Math.abs(values[best] - wanted) ? i : best), 0);
    const place = (values, wanted) =>
      Math.max(
        0,
        values.findIndex((value) => String(value) === String(wanted)),
      );
    const own = {
      alpha: near(alpha.values, found.alpha),
      resolution: place(resolution.values, found.resolution),
      parameters: parameters.map((each) => place(each.values, found[each.name])),
    };
    state.set({ knobs: state.turned(own, index), active: index, batch, dtype });
  }

  // The places of all variants that two axes know, the cheapest first, then the better.
  ordered(x, y) {
    const [xs, ys] = [this.values(x), this.values(y)];
    const sign = this.axes[y].up ? -1 : 1;
    const order = new Uint32Array(this.count);
    let many = 0;
    for (let i = 0; i < this.count; i++) if (xs[i] === xs[i] && ys[i] === ys[i]) order[many++] = i;
    return order.subarray(0, many).sort((a, b) => xs[a] - xs[b] || (ys[a] - ys[b]) * sign || a - b);
  }

  // The front of places in that order.
  front(sorted, y) {
    const ys = this.values(y);
    const sign = this.axes[y].up ? -1 : 1;
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
    const { now, active, data } = this.state;
    if (!now) return -1;
    const { macs, params, space, peak_activation_bytes: peak } = this.columns;
    const scale = (data.dtypes[this.data.dtype] * this.data.batch) / (data.dtypes[now.dtype] * now.batch);
    const bytes_ = now.totals.peak_activation_bytes * scale;
    for (let i = 0; i < this.count; i++) {
      if (macs[i] === now.totals.macs && params[i] === now.totals.params && space[i] === active && peak[i] === bytes_)
        return i;
    }
    return -1;
  }
}
