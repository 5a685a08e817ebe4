// What the page shows now, and who must be told when that changes.

import { commandLine } from "./command.js";
import { bytes, seconds, short } from "./format.js";
import { Device, Network } from "./model.js";
import { runsOf } from "./runs.js";
import { Variants } from "./variants.js";

export class State {
  constructor(data) {
    this.data = data;
    this.page = { dtypes: data.dtypes, devices: data.devices.map((device) => new Device(device)) };
    this.networks = data.networks.map((network) => new Network(network, this.page));
    this.knobs = this.networks.map((network) => network.start());
    Object.assign(this, {
      active: data.start.active,
      batch: data.start.batch,
      dtype: data.start.dtype,
      device: 0,
      cost: "macs",
      selected: null,
    });
    const names = data.conventions.map((each) => each.name);
    this.convention = names.indexOf(data.start.convention);
    this.parts = [];
    this.watchers = [];
    this.evaluate();
    this.variants = data.front ? new Variants(this) : null;
  }

  get network() {
    return this.networks[this.active];
  }

  // The evaluation of the network in view; null where these knobs make none.
  get now() {
    return this.evaluated[this.active];
  }

  get time() {
    return this.now?.times[this.device] ?? null;
  }

  get largestBatch() {
    return Math.min(...this.networks.map((network) => network.largest_batch));
  }

  evaluate() {
    this.evaluated = this.networks.map((network, i) => network.at(this.knobs[i], this.batch, this.dtype));
    this.evaluated.forEach((each) => {
      if (!each) return;
      const time = each.times[this.device];
      each.layers.forEach((layer, i) => {
        layer.seconds = time?.layers[i]?.seconds ?? null;
        layer.bound = time?.layers[i]?.bound ?? "";
        layer.counted = null;
      });
      each.counted = this.convention < 0 ? null : each.network.counted(each, this.convention);
      each.counted?.layers.forEach((value, i) => (each.layers[i].counted = value));
    });
  }

  // A part of the page: drawn again after each change that it is concerned with, once it is in view.
  add(part, concerns = null) {
    this.parts.push({ part, concerns, stale: true, seen: !part.element });
    if (part.element) this.watch(this.parts.at(-1));
  }

  watch(entry) {
    this.watcher ??= new IntersectionObserver(
      (entries) => {
        for (const { target, isIntersecting } of entries) {
          const found = this.parts.find(({ part }) => part.element === target);
          found.seen = isIntersecting;
          if (found.seen && found.stale) this.draw(found);
        }
      },
      { rootMargin: "300px" },
    );
    this.watcher.observe(entry.part.element);
  }

  draw(entry) {
    entry.stale = false;
    entry.part.draw();
  }

  // change: what is set, by name; knobs are the active network's, or all networks' that have such a value.
  set(change) {
    const figures = Object.keys(change).some((name) => !["selected", "cost"].includes(name));
    Object.assign(this, change);
    if (figures) this.evaluate();
    // A layer that the knobs took away is selected no more.
    if (figures && this.now && !this.now.layers.some((layer) => layer.name === this.selected)) this.selected = null;
    for (const entry of this.parts) {
      if (entry.concerns && !Object.keys(change).some((name) => entry.concerns.includes(name))) continue;
      entry.stale = true;
      if (entry.seen) this.draw(entry);
    }
    for (const watcher of this.watchers) watcher();
  }

  // All networks' knobs with those of one changed.
  turned(knobs, active = this.active) {
    return this.knobs.map((own, i) => (i === active ? { ...own, ...knobs } : own));
  }

  turn(knobs, active = this.active) {
    this.set({ knobs: this.turned(knobs, active), active });
  }

  // Draws what waits, as far down as an element; without one all of it.
  drawTo(element = null) {
    for (const entry of this.parts) {
      const below = element && entry.part.element?.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_PRECEDING;
      if (entry.stale && !below) this.draw(entry);
    }
  }

  drawAll() {
    for (const entry of this.parts) this.draw(entry);
  }

  // The stretches of α that make the same network, at the parameters that are set.
  runs() {
    return runsOf(this.network, this.knobs[this.active]);
  }

  select(name) {
    this.set({ selected: this.selected === name ? null : name });
  }

  // The costs that a layer can be looked at by.
  get costs() {
    return Object.entries(COSTS).filter(([name]) => name !== "time" || this.page.devices.length);
  }

  // The command line that says the same.
  command(index = this.active) {
    const network = this.networks[index];
    const { alpha, resolution, parameters } = network.knobs;
    const knobs = this.knobs[index];
    const words = commandLine(
      {
        spec: network.spec,
        alpha: given(alpha, knobs.alpha) ? alpha.values[knobs.alpha] : null,
        resolution: given(resolution, knobs.resolution) ? resolution.values[knobs.resolution] : null,
        parameters: parameters
          .filter((each, i) => given(each, knobs.parameters[i]))
          .map((each) => [each.name, each.values[knobs.parameters[parameters.indexOf(each)]]]),
      },
      { ...this.data, batch: this.batch, dtype: this.dtype, device: this.page.devices[this.device] },
    );
    if (this.convention >= 0) words.push("--convention", this.data.conventions[this.convention].name);
    return words.join(" ");
  }
}

// Whether a command line names a knob's value: where there are others, or it is not the spec's own.
const given = (knob, at) => knob.values.length > 1 || String(knob.values[at]) !== String(knob.own);

// How far each layer is along a cost, and how that is written.
export const COSTS = {
  macs: { title: "Multiply-adds", unit: "macs", of: (layer) => layer.macs, write: short },
  params: { title: "Parameters", unit: "params", of: (layer) => layer.params, write: short },
  activations: { title: "Activation memory", unit: "bytes", of: (layer) => layer.activation_bytes, write: bytes },
  moved: { title: "Bytes moved", unit: "bytes", of: (layer) => layer.bytes_moved, write: bytes },
  time: { title: "Predicted time", unit: "s", of: (layer) => layer.seconds ?? 0, write: seconds },
};

// Families of kinds that share a colour.
const FAMILIES = {
  conv: "conv",
  conv_transpose: "conv",
  depthwise: "depthwise",
  pointwise: "pointwise",
  linear: "linear",
  matmul: "linear",
  attention: "linear",
  scaled_dot_product: "linear",
  batch_norm: "norm",
  layer_norm: "norm",
  group_norm: "norm",
  max_pool: "pool",
  avg_pool: "pool",
  global_avg_pool: "pool",
};

// A layer's family: a convolution's is that of what it does, whatever it is called.
export function family({ kind, kernel, groups, inputs }) {
  if (kind === "conv" && groups > 1 && groups === inputs[0][0]) return "depthwise";
  if (kind === "conv" && kernel.every((size) => size === 1)) return "pointwise";
  if (FAMILIES[kind]) return FAMILIES[kind];
  if (kind.includes("norm")) return "norm";
  if (kind.includes("pool")) return "pool";
  if (kind.includes("conv")) return "conv";
  return kind.includes("attention") ? "linear" : "other";
}

export const FAMILY_NAMES = {
  conv: "convolution",
  depthwise: "depthwise",
  pointwise: "pointwise 1×1",
  linear: "linear, attention",
  norm: "norm",
  pool: "pool",
  other: "other",
};
