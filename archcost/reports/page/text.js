// Texts that keep to a width, measured as the browser draws them.

import { s } from "./dom.js";

const WEIGHTS = {
  "node-name": "600 12.5px",
  "node-more": "11.5px",
  "frame-name": "600 11.5px",
  "block-name": "600 12px",
};
let ruler = null;
const textWidths = new Map(); // by style and text, how wide it is

// What of a text fits into so many pixels, with an ellipsis for the rest; empty where that is next to nothing.
export function fitted(text, width, kind = "") {
  const style = WEIGHTS[kind.split(" ", 1)[0]] ?? "12px";
  if (wideness(text, style) <= width) return text;
  const letters = [...text];
  let [some, most] = [0, letters.length];
  while (most - some > 1) {
    const middle = (some + most) >> 1;
    if (wideness(`${letters.slice(0, middle).join("")}…`, style) <= width) some = middle;
    else most = middle;
  }
  return some < 2 ? "" : `${letters.slice(0, some).join("")}…`;
}

// The width of a text, measured once.
function wideness(text, style) {
  const key = `${style} ${text}`;
  let found = textWidths.get(key);
  if (found === undefined) {
    if (!ruler) {
      ruler = document.createElement("canvas").getContext("2d");
      ruler.family = getComputedStyle(document.body).fontFamily;
    }
    if (ruler.style !== style) ruler.font = `${(ruler.style = style)} ${ruler.family}`;
    if (textWidths.size > 20_000) textWidths.clear();
    textWidths.set(key, (found = ruler.measureText(text).width));
  }
  return found;
}

export function label(text, x, y, width, kind) {
  return s("text", { x, y, class: kind }, fitted(text, width, kind));
}
