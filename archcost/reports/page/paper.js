// A graph on paper: one drawing where it fits a page, columns of it where it is long, and a sentence where neither can
// be read.

import { h, s } from "./dom.js";

const PAPER = { width: 690, height: 880 }; // CSS pixels of an A4 page within its margins, below a heading
const LARGEST = 0.8; // the scale of a small drawing
const WHOLE_FROM = 0.6; // a drawing that fits a page at this scale is not cut
const LEAST = 0.45; // the smallest scale whose letters can be read
const SHEETS = 4;
const GAP = 10;

export function columnsOf({ svg, width, height, placed }) {
  const wide = Math.min(LARGEST, PAPER.width / width);
  if (wide < LEAST) return [left("is too wide")];
  const scale = PAPER.height / height >= WHOLE_FROM ? Math.min(wide, PAPER.height / height) : wide;
  const columns = Math.ceil((height * scale) / PAPER.height - 0.001);
  const most = Math.min(height / columns + 40, PAPER.height / scale);
  const slices = columns > 1 ? cuts(placed, height, most) : [[0, height]];
  const beside = Math.max(1, Math.floor((PAPER.width + GAP) / (width * scale + GAP)));
  if (slices.length > beside * SHEETS) return [left("is too long")];
  const drawn = slices.map(([top, bottom]) => slice(svg, width, top, bottom, scale));
  const rows = d3.range(0, drawn.length, beside).map((at) => drawn.slice(at, at + beside));
  return rows.map((row) => h("div", { class: "graph-sheet" }, row));
}

function left(why) {
  const instead = "close blocks before printing, or see it on the screen.";
  return h("p", { class: "quiet" }, `The drawing ${why} for paper; ${instead}`);
}

// Where the drawing is cut: at most so high each, and through no box.
function cuts(placed, height, most) {
  const boxes = [...placed.boxes.values()].map(({ y, height: own }) => [y - own / 2 - 4, y + own / 2 + 6]);
  const found = [];
  for (let top = 0; top < height;) {
    let bottom = Math.min(height, top + most);
    const cut = boxes.filter(([above, below]) => above < bottom && bottom < below);
    if (bottom < height && cut.length) bottom = Math.max(top + most / 4, Math.min(...cut.map(([above]) => above)));
    found.push([top, bottom]);
    top = bottom;
  }
  return found;
}

// A copy of what lies between two heights.
function slice(svg, width, top, bottom, scale) {
  const found = s("svg", { class: "graph", viewBox: `0 ${top} ${width} ${bottom - top}` });
  for (const child of svg.children) {
    const box = child.getBBox();
    if (child.tagName === "defs" || (box.y <= bottom && box.y + box.height >= top)) found.append(child.cloneNode(true));
  }
  found.setAttribute("width", width * scale);
  found.setAttribute("height", (bottom - top) * scale);
  for (const mark of found.querySelectorAll("[tabindex]")) mark.removeAttribute("tabindex");
  for (const mark of found.querySelectorAll("[id]")) mark.removeAttribute("id");
  return found;
}
