// Puts the page together.

import { Address } from "./address.js";
import { Compare } from "./compare.js";
import { byId, h, section } from "./dom.js";
import { readData } from "./data.js";
import { Front } from "./front.js";
import { Graph } from "./graph.js";
import { Knobs } from "./knobs.js";
import { Layers } from "./layers.js";
import { Memory } from "./memory.js";
import { Overview } from "./overview.js";
import { Roofline } from "./roofline.js";
import { State } from "./state.js";
import { watchTips } from "./tip.js";
import { Together } from "./together.js";
import { Treemap } from "./treemap.js";

const REST = 60; // milliseconds between one part and the next

async function begin() {
  const data = await readData();
  const state = new State(data);
  byId("wait").remove();
  const figures = ["knobs", "active", "batch", "dtype", "device", "convention"];
  if (state.networks.length > 1) {
    state.add(new Compare(state), figures);
    state.add(new Together(state), [...figures, "cost"]);
  }
  state.add(new Overview(state), figures);
  state.add(new Knobs(state), figures);
  if (data.front) state.add(new Front(state), ["knobs", "active", "batch", "dtype"]);
  else if (data.lacking.length) section("front", "Front", `There is none here: ${data.lacking.join("; ")}.`);
  state.add(new Treemap(state));
  state.add(new Memory(state));
  state.add(new Roofline(state));
  state.add(new Graph(state));
  state.add(new Layers(state));
  const address = new Address(state);
  byId("nav").append(
    ...[...document.querySelectorAll("main > section")].map(({ id, firstChild }) =>
      h("a", { href: `#${id}`, onclick: (event) => address.go(event, id) }, firstChild.firstChild.textContent),
    ),
  );
  byId("foot").append(
    h(
      "p",
      { class: "quiet" },
      `Written by archcost ${data.version}. Every figure is computed in this file from its tables, to the unit; nothing is loaded. Charts: D3 (BSD); graph: dagre (MIT).`,
    ),
  );
  for (const [event, on] of [
    ["beforeprint", true],
    ["afterprint", false],
  ])
    addEventListener(event, () => {
      document.documentElement.toggleAttribute("data-printing", on); // on white, whatever the screen is
      state.drawTo();
      for (const { part } of state.parts) part.print?.(on);
    });
  watchTips();
  address.read();
  for (const entry of state.parts) if (!entry.part.element) state.draw(entry);
  address.jump();
  document.documentElement.dataset.ready = "yes";
  globalThis.archcostPage = state; // for a console, and for tests
  document.fonts.ready.then(() => address.jump());
  // What is out of view is drawn once, a part at a time, so that nothing moves when it comes into view.
  const rest = () => {
    const entry = state.parts.find(({ stale }) => stale);
    if (!entry) return;
    state.draw(entry);
    setTimeout(rest, REST);
  };
  setTimeout(rest, REST);
}

begin().catch((error) => {
  byId("main").replaceChildren(
    h(
      "p",
      { class: "warning" },
      `This page could not be unpacked: ${error.message}. It needs a browser of 2023 or later.`,
    ),
  );
  throw error;
});
