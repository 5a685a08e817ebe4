// Puts the page together.

import { Compare } from "./compare.js";
import { byId, h } from "./dom.js";
import { readData } from "./data.js";
import { Front } from "./front.js";
import { Graph } from "./graph.js";
import { Knobs } from "./knobs.js";
import { Layers } from "./layers.js";
import { Memory } from "./memory.js";
import { Overview } from "./overview.js";
import { Roofline } from "./roofline.js";
import { State } from "./state.js";
import { Treemap } from "./treemap.js";

async function begin() {
  const data = await readData();
  const state = new State(data);
  byId("wait").remove();
  const figures = ["knobs", "active", "batch", "dtype", "device", "convention"];
  if (state.networks.length > 1) state.add(new Compare(state), figures);
  state.add(new Overview(state), figures);
  state.add(new Knobs(state), figures);
  if (data.front) state.add(new Front(state), ["knobs", "active", "batch", "dtype"]);
  state.add(new Treemap(state));
  state.add(new Memory(state));
  state.add(new Roofline(state));
  state.add(new Graph(state));
  const layers = new Layers(state);
  state.add(layers);
  byId("nav").append(
    ...[...document.querySelectorAll("main > section")].map((each) =>
      h("a", { href: `#${each.id}` }, each.querySelector("h2").textContent),
    ),
  );
  byId("foot").append(
    h(
      "p",
      { class: "quiet" },
      `Written by archcost ${data.version}. Every figure is computed in this file from its tables, to the unit; nothing is loaded. Charts: D3 (BSD); graph: dagre (MIT).`,
    ),
  );
  addEventListener("beforeprint", () => {
    layers.printing = true;
    state.drawAll();
  });
  addEventListener("afterprint", () => {
    layers.printing = false;
    state.drawAll();
  });
  for (const { part } of state.parts) if (!part.element) part.draw();
  document.documentElement.dataset.ready = "yes";
  globalThis.archcostPage = state; // for a console, and for tests
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
