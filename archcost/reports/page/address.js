// The page's address: the section in view and the knobs, so that a reload keeps them and a link can be sent.
// #layers, or #layers?network=0&alpha=0.5&batch=8: values as the command line takes them; what was never turned is
// left out.

import { byId } from "./dom.js";
import { plain, square } from "./format.js";

const PAUSE = 400; // milliseconds that knobs rest before the address follows; browsers refuse many changes a second

export class Address {
  constructor(state) {
    this.state = state;
    this.section = "";
    state.watchers.push(() => {
      clearTimeout(this.waiting);
      this.waiting = setTimeout(() => this.write(), PAUSE);
    });
    addEventListener("hashchange", () => (this.read(), this.jump()));
  }

  // What the knobs are called here, with their values as text and the place of what is set.
  names() {
    const { network, knobs, active } = this.state;
    const { alpha, resolution, parameters } = network.knobs;
    const own = knobs[active];
    return [
      ["alpha", alpha, plain, own.alpha],
      ["resolution", resolution, (size) => (size ? square(size) : ""), own.resolution],
      ...parameters.map((each, i) => [`set.${each.name}`, each, plain, own.parameters[i]]),
    ];
  }

  write() {
    const { state } = this;
    const { start } = state.data;
    const said = new URLSearchParams();
    if (state.active !== start.active) said.set("network", String(state.active));
    for (const [name, knob, text, at] of this.names()) if (at !== knob.at) said.set(name, text(knob.values[at]));
    if (state.batch !== start.batch) said.set("batch", String(state.batch));
    if (state.dtype !== start.dtype) said.set("dtype", state.dtype);
    const query = said.size ? `?${said}` : "";
    const hash = this.section || query ? `#${this.section}${query}` : "";
    if (hash !== location.hash) history.replaceState(null, "", hash || location.pathname);
  }

  // Sets the knobs as the address says; what it names that the page has not is passed over.
  read() {
    const [section, query = ""] = location.hash.slice(1).split("?");
    this.section = byId("main").querySelector(`:scope > section[id="${CSS.escape(decoded(section))}"]`)?.id ?? "";
    const { state } = this;
    const said = new URLSearchParams(query);
    if (![...said].length) return;
    const change = {};
    if (state.networks[said.get("network")]) state.active = Number(said.get("network"));
    const places = this.names().map(([name, knob, text, at]) => {
      const found = said.has(name) ? knob.values.findIndex((value) => text(value) === said.get(name)) : -1;
      return found < 0 ? at : found;
    });
    const [alpha, resolution, ...parameters] = places;
    const batch = Number(said.get("batch"));
    if (Number.isInteger(batch) && batch >= 1 && batch <= state.largestBatch) change.batch = batch;
    if (said.get("dtype") in state.data.dtypes) change.dtype = said.get("dtype");
    state.set({ ...change, active: state.active, knobs: state.turned({ alpha, resolution, parameters }) });
  }

  // Draws all that stands above a section, so that it stays where it is, and goes there.
  jump(section = this.section) {
    const element = section && byId(section);
    if (!element) return;
    this.section = section;
    this.state.drawTo(element);
    element.scrollIntoView({ block: "start", behavior: "instant" });
  }

  go(event, section) {
    event.preventDefault();
    const [, query] = location.hash.split("?");
    history.pushState(null, "", `#${section}${query ? `?${query}` : ""}`);
    this.jump(section);
    byId(section).querySelector("h2").focus({ preventScroll: true });
  }
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
