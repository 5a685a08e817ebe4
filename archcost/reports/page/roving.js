// Of many marks one is reached by the Tab key; arrow keys go on from there, Enter or space does what a click does.

export class Roving {
  // box: what the marks are in; each has `data-mark`, its name.
  constructor(box) {
    this.box = box;
    this.at = null;
    box.addEventListener("keydown", (event) => this.key(event));
    box.addEventListener("focusin", ({ target }) => this.take(target.closest("[data-mark]")));
  }

  get marks() {
    return [...this.box.querySelectorAll("[data-mark]")];
  }

  take(mark) {
    if (!mark) return;
    this.at = mark.dataset.mark;
    for (const other of this.box.querySelectorAll('[data-mark][tabindex="0"]')) other.setAttribute("tabindex", -1);
    mark.setAttribute("tabindex", 0);
  }

  key(event) {
    const { marks } = this;
    const at = marks.indexOf(event.target);
    if (at < 0) return;
    const moves = {
      ArrowRight: at + 1,
      ArrowDown: at + 1,
      ArrowLeft: at - 1,
      ArrowUp: at - 1,
      Home: 0,
      End: marks.length - 1,
    };
    if (event.key in moves) marks[Math.min(marks.length - 1, Math.max(0, moves[event.key]))].focus();
    else if (event.key === "Enter" || event.key === " ") event.target.dispatchEvent(new Event("click"));
    else return;
    event.preventDefault();
  }

  // Draws the marks anew; the keyboard stays where it was.
  redraw(draw) {
    const focused = this.box.contains(document.activeElement);
    draw();
    const { marks } = this;
    const own = marks.find((mark) => mark.dataset.mark === this.at);
    if (marks.length) this.take(own ?? marks[0]);
    if (focused) own?.focus({ preventScroll: true });
  }
}
