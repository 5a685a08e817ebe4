// What stands above the front: at what scale it is, how many variants it has, and what cannot be told here.

import { count, many } from "./format.js";

export function leadOf(front) {
  const how = "Drag the budget, or click a point to set the knobs to it.";
  return [keptOf(front), countedOf(front), front.beyond, untoldOf(front), how].filter(Boolean).join(" ");
}

// At which batch and in which number type all of it is.
function keptOf({ state, asked }) {
  const { data, batch, dtype } = state;
  const same = data.front.batch === batch && data.front.dtype === dtype;
  return `${asked}${same ? "" : ", whatever batch and number type the knobs are set to"}.`;
}

function countedOf({ state, unknown, y }) {
  const { whole, count: there, size } = state.data.front;
  const which = whole
    ? `${many(there, "distinct network")} among ${many(size, "variant")}.`
    : `${many(there, "network")} that the search named, of ${many(size, "variant")}.`;
  if (!unknown) return which;
  const figure = y === "accuracy" ? "accuracy" : "figure";
  const [have, are] = unknown === 1 ? ["has", "is"] : ["have", "are"];
  return `${which} ${count(unknown)} of them ${have} no known ${figure} here and ${are} left out.`;
}

// What to say of limits that nothing here can be held against.
function untoldOf({ variants }) {
  const { untold } = variants;
  if (!untold.length) return "";
  const named = untold.map(([name]) => (name === "measured" ? "measured time" : name.replace("seconds:", "time on ")));
  return `The search's limit on ${named.join(" and ")} cannot be held against other variants here: no such figures are known.`;
}
