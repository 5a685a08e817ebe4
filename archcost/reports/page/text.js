// Texts that keep to a width, measured as the browser draws them.

import { s } from "./dom.js";

const WEIGHTS = {
  "node-name": "600 12.5px",
  "node-more": "11.5px",
  "frame-name": "600 11.5px",
  "block-name": "600 12px",
};
let ruler = null;

// What of a text fits into so many pixels, with an ellipsis for the rest; empty where that is next to nothing.
export function fitted(text, width, kind = "") {
  ruler ??= document.createElement("canvas").getContext("2d");
  ruler.font = `${WEIGHTS[kind.split(" ")[0]] ?? "12px"} ${getComputedStyle(document.body).fontFamily}`;
  const wide = (part) => ruler.measureText(part).width;
  if (wide(text) <= width) return text;
  const letters = [...text];
  let [fits, most] = [0, letters.length];
  while (most - fits > 1) {
    const middle = (fits + most) >> 1;
    if (wide(`${letters.slice(0, middle).join("")}…`) <= width) fits = middle;
    else most = middle;
  }
  return fits < 2 ? "" : `${letters.slice(0, fits).join("")}…`;
}

export function label(text, x, y, width, kind) {
  return s("text", { x, y, class: kind }, fitted(text, width, kind));
}
