// The tip beside the pointer, the finger or the focused element: lines, each a text or [name, value].
// A pointer's goes when it leaves, a finger's with the next tap, the keyboard's with the focus; Escape ends each.

import { byId, h } from "./dom.js";

const STILL = 20; // pixels that what a tip stands over may move on the screen before the tip goes

let tipped = null; // the focused element that the tip is of
let under = null; // the section that a pointer's tip stands over, and where it was on the screen

export function showTip(lines, x, y) {
  const tip = byId("tip");
  const section = document.elementFromPoint(x, y)?.closest("section");
  under = section ? { section, top: section.getBoundingClientRect().top } : null;
  tip.replaceChildren(
    ...lines
      .filter(Boolean)
      .map((line, i) =>
        Array.isArray(line)
          ? h("div", { class: "tip-row" }, h("span", {}, line[0]), h("span", { class: "number" }, line[1]))
          : h("div", { class: i ? "" : "tip-title" }, line),
      ),
  );
  tip.hidden = false;
  putTip(x, y);
}

function putTip(x, y) {
  const tip = byId("tip");
  const { width, height } = tip.getBoundingClientRect();
  const left = x + 14 + width > innerWidth ? Math.max(4, x - width - 14) : x + 14;
  const top = y + 14 + height > innerHeight ? Math.max(4, y - height - 14) : y + 14;
  tip.style.setProperty("left", `${left}px`);
  tip.style.setProperty("top", `${top}px`);
}

// Of an element with the keyboard, which the tip then describes to those who hear the page.
export function showTipOf(element, lines) {
  hideTip();
  tipped = element;
  element.setAttribute("aria-describedby", "tip");
  showTip(lines, ...besideOf(element));
  const [, y] = besideOf(element);
  byId("tip").hidden = y < 0 || y > innerHeight;
}

function besideOf(element) {
  const box = element.getBoundingClientRect();
  return [box.left + Math.min(box.width, 160), box.bottom - 10];
}

export function hideTip() {
  byId("tip").hidden = true;
  tipped?.removeAttribute("aria-describedby");
  tipped = null;
}

// A finger leaves with every tap; what it tapped stays told.
export function leaveTip(event) {
  if (event.pointerType !== "touch") hideTip();
}

export function tipOn(element, lines) {
  const point = (event) => showTip(lines(), event.clientX, event.clientY);
  element.addEventListener("pointermove", (event) => event.pointerType !== "touch" && point(event));
  element.addEventListener("pointerleave", leaveTip);
  element.addEventListener("click", (event) => event.pointerType === "touch" && point(event));
  element.addEventListener("focus", () => element.matches(":focus-visible") && showTipOf(element, lines()));
  element.addEventListener("blur", hideTip);
  return element;
}

// Whether the page moved under a tip. That the browser scrolls to keep things in place when more is drawn above or below
// them moves nothing.
const moved = () => !under || Math.abs(under.section.getBoundingClientRect().top - under.top) > STILL;

// The tip goes with Escape and with the next press, and follows its element when the page scrolls.
export function watchTips() {
  addEventListener("keydown", (event) => event.key === "Escape" && hideTip());
  addEventListener("pointerdown", hideTip, true);
  addEventListener(
    "scroll",
    ({ target }) => {
      if (!tipped?.isConnected) return void (target === document && moved() && hideTip());
      if (!target.contains(tipped)) return;
      const [x, y] = besideOf(tipped);
      byId("tip").hidden = y < 0 || y > innerHeight; // until it scrolls into view
      putTip(x, y);
    },
    true,
  );
}
