// What the network is, and its totals.

import { byId, dotted, h, scroller, section, select } from "./dom.js";
import { DASH, bytes, count, many, seconds, short, sizes } from "./format.js";

const HEADS = ["Counter", "Calls them", "Counts", "Against archcost", "What differs"];

export class Overview {
  constructor(state) {
    this.state = state;
    this.head();
    const { body, element } = section("overview", "Overview");
    this.tools = element.querySelector(".tools");
    const options = [
      ["-1", "multiply-adds (archcost)"],
      ...state.data.conventions.map((each, i) => [String(i), each.name]),
    ];
    this.tools.append(
      select("Counted as", options, String(state.convention), (value) => state.set({ convention: Number(value) })),
    );
    this.tiles = h("div", { class: "tiles" });
    this.note = h("p", { class: "lead", id: "convention-note" });
    this.facts = h("dl", { class: "facts" });
    this.every = h("details", { class: "conventions" });
    body.append(this.tiles, this.note, this.facts, this.every);
  }

  head() {
    this.name = h("h1", {});
    this.source = h("p", { class: "quiet" });
    this.input = h("p", { class: "input number", id: "input" });
    byId("head").append(
      h("div", { class: "title" }, this.name, this.source),
      this.input,
      h("nav", { "aria-label": "Sections", id: "nav" }),
    );
  }

  draw() {
    const { state } = this;
    const { network, now } = state;
    const several = state.networks.length > 1;
    this.name.textContent = several ? state.data.title : network.name;
    this.source.textContent = several ? `In view: ${network.label}. ${network.source}` : network.source;
    if (state.data.front?.origin) this.source.textContent += ` – what the search in ${state.data.front.origin} found`;
    document.body.classList.toggle("nothing", !now);
    this.input.textContent = now
      ? `Input ${sizes(now.input)}, batch ${count(state.batch)}, ${state.dtype}`
      : { "": "No network can exist at these knobs; the command line says why." }[this.without()] ??
        "This page does not hold the network at these knobs.";
    this.every.hidden = !now;
    if (!now) {
      this.tiles.replaceChildren(...this.missing());
      this.note.textContent = "";
      this.facts.replaceChildren();
      this.every.replaceChildren();
      return;
    }
    this.drawTiles(now);
    this.drawNote(now);
    this.drawFacts(now);
    this.drawConventions(now);
  }

  // Why there is nothing at these knobs.
  without() {
    return this.state.network.without(this.state.knobs[this.state.active]);
  }

  // What to say then; of a variant that the front has, its totals.
  missing() {
    const { state } = this;
    const { network, variants } = state;
    const without = this.without();
    const said = {
      "": `These settings make no network: ${state.command()} says why.`,
      beyond: "These settings make numbers beyond 2^53, which no page can show to the unit. Run:",
      absent: `The layers at these settings are not on this page, which holds ${count(network.sets.length)} of ${count(network.possible)} combinations of parameters. Run:`,
    }[without];
    const warning = h("p", { class: "warning", id: without ? "absent" : "nothing" }, said);
    if (!without) return [warning];
    const at = variants?.set() ?? -1;
    const command = h("p", {}, h("code", { id: "absent-command" }, state.command()));
    if (at < 0) return [h("div", { class: "absent" }, warning, command)];
    const { batch, dtype } = state.data.front;
    const totals = h("p", { class: "quiet" }, `Its totals, batch ${count(batch)}, ${dtype}:`);
    const tiles = Object.entries(variants.axes).map(([name, axis]) => this.known(name, axis, variants.values(name)[at]));
    return [h("div", { class: "absent" }, warning, command, totals), ...tiles];
  }

  known(name, { title, write }, value) {
    const exact = Number.isInteger(value) && h("span", { id: `total-${name}` }, count(value));
    return h(
      "div",
      { class: "tile" },
      h("div", { class: "tile-name" }, title),
      h("div", { class: "tile-figure number" }, write(value)),
      h("div", { class: "tile-exact number" }, exact),
    );
  }

  drawTiles(now) {
    const { totals } = now;
    const tile = (id, name, number, unit, more) =>
      h(
        "div",
        { class: "tile" },
        h("div", { class: "tile-name" }, name),
        h("div", { class: "tile-figure number" }, number),
        h("div", { class: "tile-exact number" }, h("span", { id: `total-${id}` }, unit), ""),
        more && h("div", { class: "quiet" }, more),
      );
    const exact = (id, name, number, written, unit, more) => {
      const found = tile(id, name, written, "", more);
      const [place] = found.querySelectorAll(".tile-exact");
      place.replaceChildren(h("span", { id: `total-${id}` }, count(number)), ` ${unit}`);
      return found;
    };
    const tiles = [
      exact("macs", "Multiply-adds", totals.macs, short(totals.macs), "macs", "of one sample"),
      exact("flops", "FLOPs", totals.flops, short(totals.flops), "flops", "2 × macs"),
      exact(
        "params",
        "Parameters",
        totals.params,
        short(totals.params),
        "params",
        `${count(totals.buffers)} buffers besides`,
      ),
      exact("weight_bytes", "Weights", totals.weight_bytes, bytes(totals.weight_bytes), "B", `in ${now.dtype}`),
      exact(
        "peak_activation_bytes",
        "Peak activations",
        totals.peak_activation_bytes,
        bytes(totals.peak_activation_bytes),
        "B",
        totals.peak_at && ["at ", dotted(totals.peak_at)],
      ),
    ];
    if (now.counted) {
      const convention = this.state.data.conventions[this.state.convention];
      const unit = `${convention.unit}s`;
      tiles.splice(
        1,
        0,
        exact(
          "counted",
          `As ${convention.name} counts`,
          now.counted.total,
          short(now.counted.total),
          unit,
          now.counted.missing.length ? `no rule for ${now.counted.missing.join(", ")}` : convention.of,
        ),
      );
      tiles[1].classList.add("chosen");
    }
    now.times.forEach((time, i) => tiles.push(this.time(time, this.state.page.devices[i], i)));
    this.tiles.replaceChildren(...tiles);
  }

  time(time, device, i) {
    const { dtype, batch } = this.state;
    const more = !time
      ? `no times in ${dtype} are known`
      : time.low === null
        ? "no interval is known"
        : `80 % interval ${seconds(time.low)} … ${seconds(time.high)}`;
    return h(
      "div",
      { class: "tile" },
      h("div", { class: "tile-name" }, `Predicted on ${device.name}`),
      h("div", { class: "tile-figure number" }, time ? seconds(time.seconds) : DASH),
      h(
        "div",
        { class: "tile-exact number" },
        h(
          "span",
          { id: `total-time-${i}`, "data-seconds": time ? time.seconds : "" },
          time ? `${(time.seconds * 1e3).toFixed(4)} ms` : DASH,
        ),
        batch > 1 ? ` for ${count(batch)}` : "",
      ),
      h("div", { class: "quiet" }, more, time?.extrapolated ? "; extrapolated" : ""),
    );
  }

  drawNote() {
    const { state } = this;
    const convention = state.data.conventions[state.convention];
    this.note.textContent = convention
      ? `${convention.of} counts ${convention.unit}s: ${convention.differs}`
      : "Convention: macs are multiply-adds of convolutions, linear layers and matrix products; flops = 2 × macs. Both of one sample; bytes and times of the batch.";
  }

  drawFacts(now) {
    const { totals } = now;
    const both = (pair) => (pair ? (pair[0] === pair[1] ? count(pair[0]) : pair.join(" × ")) : DASH);
    const facts = [
      ["Layers", count(totals.layers)],
      ["Longest path", many(totals.longest_path, "layer")],
      ["Receptive field", totals.receptive_field ? `${both(totals.receptive_field)} px` : DASH],
      ["Stride", totals.stride ? `${both(totals.stride)} px` : DASH],
      ["All activations", bytes(totals.activation_bytes)],
      ["Bytes moved", bytes(totals.bytes_moved)],
    ];
    if (now.network.partial.length) facts.push(["Partial: not counted", now.network.partial.join(", ")]);
    this.facts.replaceChildren(
      ...facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", { class: "number" }, value))),
    );
  }

  drawConventions(now) {
    const { state } = this;
    const open = this.every.open;
    const rows = state.data.conventions.map((convention, i) => {
      const found = now.network.counted(now, i);
      const base = convention.unit === "flop" ? now.totals.flops : now.totals.macs;
      const difference = found.total === null ? DASH : base ? percentOf(found.total - base, base) : DASH;
      return h(
        "tr",
        {},
        h("th", { scope: "row" }, convention.name),
        h("td", {}, `${convention.unit}s`),
        h("td", { class: "number", "data-convention": convention.name }, count(found.total)),
        h("td", { class: "number" }, difference),
        h(
          "td",
          { class: "quiet" },
          found.missing.length ? `no rule for ${found.missing.join(", ")}` : convention.differs,
        ),
      );
    });
    this.every.replaceChildren(
      h("summary", {}, "What other counters print for it"),
      scroller("Conventions side by side", {}, table(HEADS, rows)).whole,
    );
    this.every.open = open;
  }
}

function table(heads, rows) {
  const head = heads.map((text) => h("th", { scope: "col" }, text));
  return h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows));
}

function percentOf(difference, base) {
  const share = (100 * difference) / base;
  return `${difference > 0 ? "+" : difference < 0 ? "−" : "±"}${Math.abs(share).toFixed(2)} %`;
}
