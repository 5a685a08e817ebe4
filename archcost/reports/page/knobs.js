// The knobs: sliders over the values that the tables hold.

import { copy, h, byId, say, showCommand } from "./dom.js";
import { count, plain, square } from "./format.js";

export class Knobs {
  constructor(state) {
    this.state = state;
    this.made = -1;
    byId("knobs").append((this.box = h("div", { class: "knobs" })));
  }

  draw() {
    if (this.made !== this.state.active) this.make();
    for (const update of this.updates) update();
  }

  make() {
    const { state } = this;
    const { network } = state;
    this.made = state.active;
    this.updates = [];
    const { alpha, resolution, parameters } = network.knobs;
    const rows = [
      state.networks.length > 1 && this.networks(),
      this.slider(
        "alpha",
        "Width α",
        alpha,
        plain,
        (at) => state.turn({ alpha: at }),
        () => state.knobs[state.active].alpha,
        true,
      ),
      this.slider(
        "resolution",
        "Resolution",
        resolution,
        (size) => (size ? `${square(size)} px` : "–"),
        (at) => state.turn({ resolution: at }),
        () => state.knobs[state.active].resolution,
      ),
      ...parameters.map((parameter, i) => this.parameter(parameter, i)),
      this.batch(),
      this.choice(
        "dtype",
        "Number type",
        Object.keys(state.data.dtypes),
        () => state.dtype,
        (dtype) => state.set({ dtype }),
      ),
      state.page.devices.length > 0 &&
        this.choice(
          "device",
          "Device",
          state.page.devices.map((device) => device.name),
          () => state.page.devices[state.device].name,
          (name) => state.set({ device: state.page.devices.findIndex((device) => device.name === name) }),
        ),
      this.command(),
    ];
    const reset = h("button", { type: "button", class: "small", onclick: () => this.reset() }, "Reset");
    this.box.replaceChildren(h("div", { class: "knobs-head" }, h("h2", {}, "Knobs"), reset), ...rows.filter(Boolean));
  }

  reset() {
    const { state } = this;
    const { active, batch, dtype } = state.data.start;
    state.set({ knobs: state.networks.map((network) => network.start()), active, batch, dtype });
    say("Reset");
  }

  networks() {
    const { state } = this;
    const names = state.networks.map((network) => network.label);
    return this.choice(
      "network",
      "Network",
      names,
      () => names[state.active],
      (name) => state.set({ active: names.indexOf(name), selected: null }),
    );
  }

  // marks: whether to show where neighbouring values are the same network.
  slider(id, label, knob, text, change, at, marks = false) {
    const values = knob.values;
    const output = h("output", { class: "value number", for: `knob-${id}`, id: `value-${id}` });
    const input = h("input", {
      type: "range",
      id: `knob-${id}`,
      min: 0,
      max: Math.max(0, values.length - 1),
      step: 1,
      disabled: !!knob.fixed,
      "aria-describedby": knob.fixed ? `why-${id}` : marks ? `same-${id}` : null,
      oninput: () => change(Number(input.value)),
    });
    const strip = marks && !knob.fixed && h("div", { class: "strip", "aria-hidden": "true" });
    const same = marks && !knob.fixed && h("p", { class: "quiet same", id: `same-${id}` });
    this.updates.push(() => {
      input.value = at();
      output.textContent = text(values[at()]);
      input.setAttribute("aria-valuetext", text(values[at()]));
      if (strip) this.same(strip, same, values, at());
    });
    return h(
      "div",
      { class: "knob" },
      h("div", { class: "knob-head" }, h("label", { for: `knob-${id}` }, label), output),
      input,
      strip,
      !knob.fixed &&
        h(
          "div",
          { class: "ends number", "aria-hidden": "true" },
          h("span", {}, text(values[0])),
          h("span", {}, text(values.at(-1))),
        ),
      same,
      knob.fixed && h("p", { class: "quiet", id: `why-${id}` }, knob.fixed),
      knob.note && knob.note !== knob.fixed && h("p", { class: "quiet" }, knob.note),
    );
  }

  // The stretches of α that round to the same network, the one in view filled.
  same(strip, text, values, at) {
    const { state } = this;
    const runs = state.runs();
    const own = runs.find(([first, last]) => first <= at && at <= last);
    const key = `${runs.length},${own},${!state.now}`;
    if (strip.dataset.key === key) return;
    strip.dataset.key = key;
    strip.replaceChildren(
      ...runs
        .filter((run) => run === own || run[1] > run[0])
        .map((run, i) =>
          h("span", {
            class: `run${run === own ? " own" : i % 2 ? " odd" : ""}`,
            style: {
              left: `${(100 * run[0]) / values.length}%`,
              width: `${(100 * (run[1] - run[0] + 1)) / values.length}%`,
            },
          }),
        ),
    );
    text.textContent = !state.now
      ? ""
      : own[1] > own[0]
        ? `α ${plain(values[own[0]])} to ${plain(values[own[1]])} round to this same network`
        : "no neighbouring α rounds to this network";
  }

  parameter(parameter, i) {
    const { state } = this;
    const at = () => state.knobs[state.active].parameters[i];
    const turned = (to) => state.knobs[state.active].parameters.map((own, place) => (place === i ? to : own));
    const change = (to) => state.turn({ parameters: turned(to) });
    const numbers = parameter.values.every((value) => typeof value === "number");
    const id = `set-${i}`;
    const found =
      (numbers && parameter.values.length > 2) || parameter.fixed
        ? this.slider(id, parameter.name, parameter, plain, change, at)
        : this.choice(
            id,
            parameter.name,
            parameter.values.map(String),
            () => String(parameter.values[at()]),
            (name) => change(parameter.values.findIndex((value) => String(value) === name)),
          );
    if (parameter.help) found.append(h("p", { class: "quiet" }, parameter.help));
    return found;
  }

  batch() {
    const { state } = this;
    const most = state.largestBatch;
    const input = h("input", {
      type: "number",
      id: "knob-batch",
      min: 1,
      max: most,
      step: 1,
      inputmode: "numeric",
      class: "number",
      oninput: () => {
        const batch = Number(input.value);
        const fits = Number.isInteger(batch) && batch >= 1 && batch <= most;
        input.setAttribute("aria-invalid", String(!fits));
        if (fits) state.set({ batch });
      },
    });
    const power = h("input", {
      type: "range",
      id: "knob-batch-power",
      min: 0,
      max: Math.min(10, Math.floor(Math.log2(most))),
      step: 1,
      "aria-label": "Batch, in powers of two",
      oninput: () => state.set({ batch: 2 ** Number(power.value) }),
    });
    this.updates.push(() => {
      if (Number(input.value) !== state.batch) input.value = state.batch;
      input.setAttribute("aria-invalid", "false");
      power.value = Math.round(Math.log2(state.batch));
      power.setAttribute("aria-valuetext", count(state.batch));
    });
    return h(
      "div",
      { class: "knob" },
      h("div", { class: "knob-head" }, h("label", { for: "knob-batch" }, "Batch"), input),
      power,
    );
  }

  choice(id, label, names, value, change) {
    const field = h(
      "select",
      { id: `knob-${id}`, onchange: () => change(field.value) },
      names.map((name) => h("option", { value: name }, name)),
    );
    this.updates.push(() => (field.value = value()));
    return h(
      "div",
      { class: "knob" },
      h("div", { class: "knob-head" }, h("label", { for: `knob-${id}` }, label), field),
    );
  }

  command() {
    const text = h("code", { id: "command", tabindex: 0 });
    this.updates.push(() => showCommand(text, this.state.command()));
    const button = h(
      "button",
      { type: "button", class: "small", onclick: () => copy(this.state.command(), button) },
      "Copy",
    );
    return h(
      "div",
      { class: "knob command" },
      h("div", { class: "knob-head" }, h("span", {}, "The same on the command line"), button),
      text,
    );
  }
}
