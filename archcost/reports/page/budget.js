// The line of the budget: dragged by the pointer or moved by keys, each a hundredth of the axis.

import { s } from "./dom.js";
import { terse } from "./format.js";

// The front's margins, in pixels.
export const EDGE = { top: 26, right: 20, bottom: 46, left: 64 };

export class Budget {
  constructor(front) {
    this.front = front;
    const line = s("line", { class: "budget-line" });
    const knob = s("rect", { class: "budget-knob", width: 14, height: 26, rx: 7 });
    const text = s("text", { class: "budget-name" });
    const wide = s("rect", { class: "budget-wide", width: 24 });
    const handle = s(
      "g",
      {
        class: "budget",
        role: "slider",
        tabindex: 0,
        "aria-label": "Budget",
        "aria-orientation": "horizontal",
        id: "budget",
      },
      line,
      wide,
      knob,
      text,
    );
    handle.addEventListener("pointerdown", (event) => {
      handle.setPointerCapture(event.pointerId);
      this.held = true;
      handle.focus({ preventScroll: true });
      event.preventDefault();
    });
    handle.addEventListener("pointermove", (event) => {
      if (!this.held) return;
      front.dragging = true; // a press that does not move picks a point, as beside the line
      const { left, width } = front.svg.getBoundingClientRect();
      front.setBudget(front.sx.invert(((event.clientX - left) * front.width) / width));
      event.stopPropagation();
    });
    for (const end of ["pointerup", "pointercancel"])
      handle.addEventListener(end, () => ((this.held = false), setTimeout(() => (front.dragging = false))));
    handle.addEventListener("keydown", (event) => {
      const [low, high] = front.range;
      const moved = (steps) => front.sx.invert(front.sx(front.budget) + (steps * (front.sx(high) - front.sx(low))) / 100);
      const moves = {
        ArrowRight: moved(1),
        ArrowUp: moved(1),
        ArrowLeft: moved(-1),
        ArrowDown: moved(-1),
        PageUp: moved(10),
        PageDown: moved(-10),
        Home: low,
        End: high,
      };
      if (!(event.key in moves)) return;
      event.preventDefault();
      front.setBudget(moves[event.key]);
    });
    this.element = handle;
  }

  // write, title: of the axis that the budget is along.
  draw({ write, title }) {
    const { element: handle, front } = this;
    const [line, wide, knob, text] = handle.children;
    const x = front.sx(front.budget);
    const bottom = front.height - EDGE.bottom;
    const put = (element, values) =>
      Object.entries(values).forEach(([name, value]) => element.setAttribute(name, value));
    put(line, { x1: x, x2: x, y1: EDGE.top, y2: bottom });
    put(wide, { x: x - 12, y: EDGE.top, height: bottom - EDGE.top });
    put(knob, { x: x - 7, y: bottom - 30 });
    const right = x > front.width * 0.7;
    put(text, { x: x + (right ? -12 : 12), y: bottom - 12, class: `budget-name${right ? " end" : ""}` });
    text.textContent = `budget ${terse(write(front.budget))}`;
    put(handle, {
      "aria-valuemin": front.range[0],
      "aria-valuemax": front.range[1],
      "aria-valuenow": front.budget,
      "aria-valuetext": `${write(front.budget)}, ${title}`,
    });
  }
}
