// All variants of a search as columns, at the batch and in the number type of the search: their values along an axis, the front, and who wins under a budget.

import { commandLine } from "./command.js";
import { accuracy, bytes, plain, seconds, short, square } from "./format.js";

const FIGURES = ["macs", "params", "weight_bytes", "peak_activation_bytes"];

export class Variants {
  constructor(state) {
    const { front } = state.data;
    this.state = state;
    this.data = front;
    this.count = front.count;
    this.columns = front.columns;
    this.of = front.of; // each network's space
    this.published = front.published;
    this.axes = this.choices();
    // Limits of the search, as [column, value]; of those on what is not known here only the search could tell.
    this.limits = front.limits.filter(([name]) => name in this.axes);
    this.untold = front.limits.filter(([name]) => !(name in this.axes));
    // What the search was asked for: up, then across; null where one of them is not known here.
    const [y, x] = front.objectives.map((name) => name.replace("+", ""));
    this.asked = y in this.axes && x in this.axes ? { x, y } : null;
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
    for (const name of this.data.objectives.filter((each) => each.startsWith("+"))) {
      const axis = found[name.slice(1)];
      if (axis) Object.assign(axis, { up: true, title: `${axis.title}, more is better` });
    }
    return Object.fromEntries(
      Object.entries(found).filter(([name]) => this.columns[name].some((value) => !Number.isNaN(value))),
    );
  }

  // Of how many variants a figure is known.
  known(name) {
    return this.columns[name].reduce((found, value) => found + !Number.isNaN(value), 0);
  }

  // Whether a budget along an axis is a least, as accuracy's is; else it is a most.
  least(name) {
    return name === "accuracy";
  }

  keeps(name, value, limit) {
    return this.least(name) ? value >= limit : value <= limit;
  }

  values(name) {
    return this.columns[name];
  }

  ofPublished(point, name) {
    return point[name] ?? NaN;
  }

  // The network of the page that a space is drawn and shown as; and what all of its networks are called.
  network(space) {
    const { active } = this.state;
    return this.of[active] === space ? active : this.of.indexOf(space);
  }

  named(space) {
    return this.state.networks.filter((_, i) => this.of[i] === space).map(({ label }) => label).join(", ");
  }

  // The settings of a variant: values by axis.
  settings(at) {
    const space = this.data.spaces[this.columns.space[at]];
    let number = this.columns.number[at];
    const found = [];
    for (const { name, values } of [...space.axes].reverse()) {
      found.unshift([name, values[number % values.length]]);
      number = Math.floor(number / values.length);
    }
    return { index: this.network(this.columns.space[at]), spec: space.spec, found: Object.fromEntries(found) };
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
    const knobs = state.networks[index].knobs;
    const place = (knob, wanted, own) => {
      const at_ = knob.values.findIndex((value) => String(value) === String(wanted));
      return at_ < 0 ? own : at_;
    };
    const now = state.knobs[index];
    const own = {
      alpha: place(knobs.alpha, found.alpha, now.alpha),
      resolution: place(knobs.resolution, found.resolution, now.resolution),
      parameters: knobs.parameters.map((each, i) => place(each, found[each.name] ?? each.own, now.parameters[i])),
    };
    state.set({ knobs: state.turned(own, index), active: index, batch, dtype });
  }

  // The places of all variants that two axes know, the best along x first, then the better.
  ordered(x, y) {
    const [xs, ys] = [this.values(x), this.values(y)];
    const sign = this.axes[y].up ? -1 : 1;
    const along = this.least(x) ? -1 : 1;
    const order = new Uint32Array(this.count);
    let many = 0;
    for (let i = 0; i < this.count; i++) if (xs[i] === xs[i] && ys[i] === ys[i]) order[many++] = i;
    return order.subarray(0, many).sort((a, b) => (xs[a] - xs[b]) * along || (ys[a] - ys[b]) * sign || a - b);
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

  // The best along y within a budget along x that keeps to the search's other limits; -1 for none. Ties go to higher
  // accuracy, fewer multiply-adds, fewer parameters, and then to the earlier variant, as in a search.
  // without: a place that is passed over, and the same network of another spec with it.
  winner(x, y, budget, without = -1) {
    const [xs, ys] = [this.values(x), this.values(y)];
    const { macs, params, accuracy: known } = this.columns;
    const sign = this.axes[y].up ? -1 : 1;
    const others = this.limits.filter(([name]) => name !== x).map(([name, limit]) => [name, this.columns[name], limit]);
    const accuracyOf = (i) => (known[i] === known[i] ? known[i] : -1);
    const against = (i, best) =>
      sign * (ys[i] - ys[best]) ||
      accuracyOf(best) - accuracyOf(i) ||
      macs[i] - macs[best] ||
      params[i] - params[best];
    let best = -1;
    for (let i = 0; i < this.count; i++) {
      if (!this.keeps(x, xs[i], budget) || ys[i] !== ys[i] || this.same(i, without)) continue;
      if (!others.every(([name, column, limit]) => this.keeps(name, column[i], limit))) continue;
      if (best < 0 || against(i, best) < 0) best = i;
    }
    return best;
  }

  // Whether two places are one network, as far as its figures tell.
  same(a, b) {
    const { space } = this.columns;
    const alike = (name) => this.columns[name][a] === this.columns[name][b];
    return a === b || (b >= 0 && space[a] !== space[b] && FIGURES.every(alike));
  }

  // The place of the variant that the knobs are set to, whether or not the tables hold its network; -1 for none.
  set() {
    const { network, knobs, active } = this.state;
    const { alpha, resolution, parameters } = network.knobs;
    const own = knobs[active];
    const values = { alpha: alpha.values[own.alpha], resolution: resolution.values[own.resolution] };
    parameters.forEach((each, i) => (values[each.name] = each.values[own.parameters[i]]));
    let number = 0;
    for (const { name, values: all } of this.data.spaces[this.of[active]].axes) {
      const place = all.findIndex((value) => String(value) === String(values[name]));
      if (place < 0) return -1;
      number = number * all.length + place;
    }
    const { space, number: numbers } = this.columns;
    for (let i = 0; i < this.count; i++) if (numbers[i] === number && space[i] === this.of[active]) return i;
    return -1;
  }

  // The variant that is the network in view; -1 for none.
  current() {
    const { now, active, data } = this.state;
    if (!now) return this.set();
    const { macs, params, space, peak_activation_bytes: peak } = this.columns;
    const scale = (data.dtypes[this.data.dtype] * this.data.batch) / (data.dtypes[now.dtype] * now.batch);
    const bytes_ = now.totals.peak_activation_bytes * scale;
    for (let i = 0; i < this.count; i++) {
      if (macs[i] === now.totals.macs && params[i] === now.totals.params && space[i] === this.of[active] && peak[i] === bytes_)
        return i;
    }
    return -1;
  }
}
