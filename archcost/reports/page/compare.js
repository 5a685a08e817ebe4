// Several networks side by side: their totals as they are set now, with bars.

import { h, scroller, section } from "./dom.js";
import { bytes, count, plain, seconds, short, square } from "./format.js";

export class Compare {
  constructor(state) {
    this.state = state;
    this.linked = false;
    const { element, body } = section(
      "compare",
      "Side by side",
      "At the knobs of each. The charts below hold all; the sections after the front are of the one in view.",
    );
    this.element = element;
    this.table = h("table", { class: "compare", id: "compare-table" });
    const link = h("input", {
      type: "checkbox",
      id: "link",
      onchange: () => ((this.linked = link.checked), this.follow()),
    });
    element
      .querySelector(".tools")
      .append(h("label", { class: "field check" }, link, h("span", {}, "turn α and resolution of all together")));
    body.append(scroller("Networks side by side", {}, this.table).whole);
  }

  // With linked knobs, all get the α and the resolution of the one in view, or the nearest that they have.
  follow() {
    const { state } = this;
    if (!this.linked) return false;
    const own = state.network.knobs;
    const { alpha, resolution } = state.knobs[state.active];
    const nearest = (values, wanted, size) =>
      values.reduce(
        (best, value, i) => (Math.abs(size(value) - wanted) < Math.abs(size(values[best]) - wanted) ? i : best),
        0,
      );
    const area = (value) => (value ? value[0] : 0);
    const knobs = state.networks.map((network, i) =>
      i === state.active
        ? state.knobs[i]
        : {
            ...state.knobs[i],
            alpha: own.alpha.fixed
              ? state.knobs[i].alpha
              : nearest(network.knobs.alpha.values, own.alpha.values[alpha], Number),
            resolution: own.resolution.fixed
              ? state.knobs[i].resolution
              : nearest(network.knobs.resolution.values, area(own.resolution.values[resolution]), area),
          },
    );
    if (JSON.stringify(knobs) === JSON.stringify(state.knobs)) return false;
    state.set({ knobs });
    return true;
  }

  draw() {
    const { state } = this;
    if (this.follow()) return;
    const rows = [
      ["Multiply-adds", (now) => now.totals.macs, short, count],
      ["Parameters", (now) => now.totals.params, short, count],
      ["Weights", (now) => now.totals.weight_bytes, bytes, count],
      ["Peak activations", (now) => now.totals.peak_activation_bytes, bytes, count],
      ["Bytes moved", (now) => now.totals.bytes_moved, bytes, count],
      ["Layers", (now) => now.totals.layers, count, null],
      ...state.page.devices.map((device, i) => [
        `Time, ${device.name}`,
        (now) => now.times[i]?.seconds ?? null,
        seconds,
        null,
      ]),
    ];
    if (state.convention >= 0)
      rows.splice(1, 0, [
        `As ${state.data.conventions[state.convention].name} counts`,
        (now) => now.counted.total,
        short,
        count,
      ]);
    const heads = state.networks.map((network, i) => {
      const knobs = state.knobs[i];
      const size = network.knobs.resolution.values[knobs.resolution];
      return h(
        "th",
        { scope: "col", class: i === state.active ? "active" : "" },
        h(
          "button",
          {
            type: "button",
            "aria-pressed": String(i === state.active),
            onclick: () => state.set({ active: i, selected: null }),
          },
          network.label,
        ),
        h(
          "span",
          { class: "quiet number" },
          `α ${plain(network.knobs.alpha.values[knobs.alpha])}${size ? `, ${square(size)} px` : ""}`,
        ),
      );
    });
    const body = rows.map(([name, of, write, exact]) => {
      const values = state.evaluated.map((now) => (now ? of(now) : null));
      const most = Math.max(...values.map((value) => value ?? 0)) || 1;
      return h(
        "tr",
        {},
        h("th", { scope: "row" }, name),
        values.map((value, i) =>
          h(
            "td",
            {
              class: `right number${i === state.active ? " active" : ""}`,
              style: value ? { "--bar": `${(100 * value) / most}%` } : null,
              title: exact && value !== null ? exact(value) : null,
            },
            write(value),
            i && value !== null && values[0] ? h("span", { class: "quiet" }, ` ${times(value / values[0])}`) : "",
          ),
        ),
      );
    });
    this.table.replaceChildren(h("thead", {}, h("tr", {}, h("td", {}), heads)), h("tbody", {}, body));
  }
}

function times(ratio) {
  return `×${ratio >= 10 ? ratio.toFixed(0) : ratio >= 1 ? ratio.toFixed(2) : ratio.toFixed(ratio < 0.1 ? 3 : 2)}`;
}
