// Texts that keep to a width, measured as the browser draws them.

import { s } from "./dom.js";

const WEIGHTS = {
  "node-name": "600 12.5px",
  "node-more": "11.5px",
  "frame-name": "600 11.5px",
  "block-name": "600 12px",
};
let ruler = null;
const fits = new Map(); // what was measured before, by what it was measured as

// What of a text fits into so many pixels, with an ellipsis for the rest; empty where that is next to nothing.
export function fitted(text, width, kind = "") {
  const style = WEIGHTS[kind.split(" ")[0]] ?? "12px";
  const known = `${style} ${width} ${text}`;
  if (!fits.has(known)) {
    if (fits.size > 20_000) fits.clear();
    fits.set(known, measured(text, width, style));
  }
  return fits.get(known);
}

function measured(text, width, style) {
  if (!ruler) {
    ruler = document.createElement("canvas").getContext("2d");
    ruler.family = getComputedStyle(document.body).fontFamily;
  }
  ruler.font = `${style} ${ruler.family}`;
  const wide = (part) => ruler.measureText(part).width;
  if (wide(text) <= width) return text;
  const letters = [...text];
  let [some, most] = [0, letters.length];
  while (most - some > 1) {
    const middle = (some + most) >> 1;
    if (wide(`${letters.slice(0, middle).join("")}…`) <= width) some = middle;
    else most = middle;
  }
  return some < 2 ? "" : `${letters.slice(0, some).join("")}…`;
}

export function label(text, x, y, width, kind) {
  return s("text", { x, y, class: kind }, fitted(text, width, kind));
}
