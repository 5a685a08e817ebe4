// A network at one position of its knobs: every figure is multiplied out from the tables, nothing is estimated.

import { formula, sizes } from "./format.js";
import { Program } from "./program.js";

// The terms of conventions that every layer has.
const OWN = new Set(["macs", "params", "buffers"]);

export class Device {
  constructor(data) {
    this.name = data.name;
    this.description = data.description;
    this.mode = data.mode;
    this.calibrated = data.calibrated;
    this.bounds = data.bounds;
    this.fits = {};
    for (const [dtype, fit] of Object.entries(data.fits)) this.fits[dtype] = compiled(fit);
  }
}

function compiled(fit) {
  const each = (programs) => Object.fromEntries(Object.entries(programs).map(([name, p]) => [name, new Program(p)]));
  return {
    ...fit,
    kernels: each(fit.kernels),
    rival: fit.rival && each(fit.rival),
    launched: new Program(fit.launched),
    judged: each(fit.judged),
  };
}

export class Network {
  constructor(data, page) {
    Object.assign(this, data);
    this.page = page;
    this.devices = page.devices;
    this.widths = data.knobs.alpha.values.length;
    this.sizes = data.knobs.resolution.values.length;
    this.layers = data.layers.map(([name, block, at]) => ({ ...data.figures[at], name, block }));
    this.bySet = new Map(data.sets.map((set, i) => [set.join(), data.combinations[i]]));
    this.tooLarge = new Set(data.beyond.map((set) => set.join()));
    this.now = new Float64Array(data.vectors.length);
  }

  start() {
    const { alpha, resolution, parameters } = this.knobs;
    return { alpha: alpha.at, resolution: resolution.at, parameters: parameters.map((each) => each.at) };
  }

  // Why the tables hold nothing at these parameters: "" where they do, "beyond" where numbers are too large for a page,
  // "absent" where there was no room for all.
  without({ parameters }) {
    const key = parameters.join();
    return this.bySet.has(key) ? "" : this.tooLarge.has(key) ? "beyond" : "absent";
  }

  value(factor) {
    return factor < 0 ? this.now[-1 - factor] : factor;
  }

  product(factors) {
    let found = 1;
    for (const factor of factors) found *= factor < 0 ? this.now[-1 - factor] : factor;
    return found;
  }

  sum(products) {
    let found = 0;
    for (const factors of products) found += this.product(factors);
    return found;
  }

  shape(several) {
    return several.map((factors) => this.product(factors));
  }

  // Takes every vector's entry at one α and one resolution.
  turn(alpha, resolution) {
    const cell = alpha * this.sizes + resolution;
    this.vectors.forEach(({ axis, values }, i) => {
      if (axis === "pair") this.now[i] = this.value(values[0]) * this.value(values[1]);
      else this.now[i] = values[axis === "a" ? alpha : axis === "r" ? resolution : cell];
    });
  }

  // The structure at these knobs; null where no network can exist, or where the tables do not hold it.
  structure(knobs) {
    const combination = this.bySet.get(knobs.parameters.join());
    if (!combination) return null;
    this.turn(knobs.alpha, knobs.resolution);
    const which = this.value(combination.cells);
    return which ? this.structures[combination.structures[which - 1]] : null;
  }

  // Everything at these knobs; null where the tables have no network. batch: samples; dtype: of weights and activations.
  at(knobs, batch, dtype) {
    const structure = this.structure(knobs);
    if (!structure) return null;
    const bytes = this.page.dtypes[dtype];
    const layers = structure.layers.map((row, i) => this.layer(this.layers[row], i, batch, bytes));
    const totals = { macs: 0, params: 0, buffers: 0, activation_bytes: 0, bytes_moved: 0, layers: layers.length };
    for (const layer of layers) {
      for (const name of ["macs", "params", "buffers", "activation_bytes", "bytes_moved"]) totals[name] += layer[name];
    }
    totals.flops = 2 * totals.macs;
    totals.weight_bytes = (totals.params + totals.buffers) * bytes;
    totals.longest_path = structure.longest_path;
    for (const name of ["receptive_field", "stride"]) {
      totals[name] = structure[name] && structure[name].map((factors) => this.product(factors));
    }
    const memory = this.memory(structure, layers, batch * bytes);
    totals.peak_activation_bytes = memory.peak;
    totals.peak_at = memory.at === null ? "" : layers[memory.at].name;
    for (const layer of layers) layer.share = totals.macs ? layer.macs / totals.macs : 0;
    const times = this.devices.map((device) => this.time(device, dtype, layers, batch));
    return {
      network: this,
      knobs,
      batch,
      dtype,
      input: this.input(structure),
      structure,
      layers,
      totals,
      memory,
      times,
    };
  }

  input(structure) {
    return structure.input.map((factor) => this.value(factor));
  }

  layer(row, index, batch, bytes) {
    const moved = this.sum(row.in) + this.product(row.out.flat());
    const [macs, params, buffers] = [this.sum(row.macs), this.sum(row.params), this.sum(row.buffers)];
    const allocated = row.allocates ? this.product(row.out.flat()) * batch : 0;
    const bytes_moved = row.moves ? (moved * batch + params + buffers) * bytes : 0;
    return {
      row,
      index,
      name: row.name,
      kind: row.kind,
      block: row.block,
      macs,
      params,
      buffers,
      activation_elements: allocated,
      activation_bytes: allocated * bytes,
      bytes_moved,
      intensity: bytes_moved ? (2 * macs * batch) / bytes_moved : null,
      inputs: row.shapes.map((shape) => this.shape(shape)),
      output: this.shape(row.out),
      kernel: row.kernel && this.shape(row.kernel),
      stride: row.stride && this.shape(row.stride),
      groups: row.groups && this.product(row.groups),
      seconds: null,
      bound: "",
    };
  }

  formula(layer) {
    return formula(layer.row.macs.map((factors) => factors.map((factor) => this.value(factor))));
  }

  window(layer) {
    return layer.kernel ? `${sizes(layer.kernel)}/${sizes(layer.stride ?? [])}` : "";
  }

  // What is alive while each layer runs, in bytes.
  memory(structure, layers, bytes) {
    const { owner, last } = structure;
    const size = [
      this.input(structure).reduce((a, b) => a * b, 1),
      ...layers.map((l) => l.output.reduce((a, b) => a * b, 1)),
    ];
    const ending = new Map();
    last.forEach((index, tensor) => {
      if (index >= 0) ending.set(index, [...(ending.get(index) ?? []), tensor]);
    });
    let alive = size[0];
    let peak = 0;
    let at = null;
    const steps = [];
    layers.forEach((layer, i) => {
      const own = owner[i + 1] === i + 1;
      if (own) alive += size[i + 1];
      if ((own || i === 0) && alive > peak) [peak, at] = [alive, i];
      steps.push(alive * bytes);
      for (const tensor of ending.get(i) ?? []) alive -= size[tensor];
    });
    return { steps, peak: peak * bytes, at };
  }

  // The predicted time on a device; `layers` get their parts where `into` is wanted. null where it has no fit.
  time(device, dtype, layers, batch) {
    const fit = device.fits[dtype];
    if (!fit) return null;
    const found = { device, fit, layers: new Array(layers.length).fill(null) };
    let [seconds, rival, macs, moved, kernels] = [fit.network_seconds, fit.rival ? fit.rival_seconds : 0, 0, 0, 0];
    layers.forEach((layer, i) => {
      if (!layer.row.runs?.includes(fit.fusion)) return;
      const kernel = this.kernel(layer.row.time, batch);
      const program = fit.kernels[kernel.kind].run(kernel.inputs);
      const own = program.output(0);
      found.layers[i] = { seconds: own, bound: bound(device.bounds, program), kind: kernel.kind };
      seconds += own;
      if (fit.rival) rival += fit.rival[kernel.kind].run(kernel.inputs).output(0);
      macs += kernel.macs * batch;
      moved += (kernel.reads + kernel.writes) * batch * fit.element_bytes;
      kernels += 1;
    });
    const parts = seconds;
    seconds = fit.launched.run([seconds, kernels]).output(0);
    const judged = fit.judged[this.name].run([seconds, macs, moved, fit.rival ? rival : seconds, batch]);
    const [low, high] = [judged.output(0), judged.output(1)].map((end) => (Number.isNaN(end) ? null : end));
    return Object.assign(found, {
      seconds,
      low,
      high,
      extrapolated: !!judged.output(2),
      own: seconds - parts + fit.network_seconds,
    });
  }

  kernel(time, batch) {
    const single = time.depthwise && this.product(time.depthwise);
    const kind = single ? "depthwise" : time.kind;
    const values = Object.fromEntries(Object.entries(time.sizes).map(([name, sum]) => [name, this.sum(sum)]));
    const order = Object.keys(time.sizes);
    const inputs = (single ? order.filter((name) => !name.startsWith("tiles")) : order).map((name) => values[name]);
    inputs.push(batch);
    return { kind, inputs, ...values };
  }

  // What a convention counts in each layer, by its place; null where it has no rule.
  counted(evaluated, convention) {
    let total = 0;
    const layers = evaluated.layers.map((layer) => {
      const rule = layer.row.rules[convention];
      if (rule === null) return ((total = null), null);
      let found = 0;
      for (const [term, factor] of Object.entries(this.rules[rule])) {
        found += factor * (OWN.has(term) ? layer[term] : this.sum(layer.row.terms[term]));
      }
      if (total !== null) total += found;
      return found;
    });
    const missing = [...new Set(evaluated.layers.filter((l) => l.row.rules[convention] === null).map((l) => l.kind))];
    return { total: missing.length ? null : total, layers, missing };
  }
}

// Of equal shares that whose name comes last, as Python's max has it.
function bound(names, program) {
  let best = 0;
  for (let i = 1; i < names.length; i++) {
    const [a, b] = [program.output(1 + i), program.output(1 + best)];
    if (a > b || (a === b && names[i] > names[best])) best = i;
  }
  return names[best];
}
