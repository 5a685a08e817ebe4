// Who wins under the budget, and why.

import { copy, h, showCommand } from "./dom.js";
import { accuracy } from "./format.js";

export class Winner {
  constructor(front) {
    this.front = front;
    this.element = h("div", {
      class: "winner",
      id: "winner",
      role: "group",
      "aria-label": "The winner under the budget",
    });
  }

  draw() {
    const { front } = this;
    const { variants, best, picked } = front;
    if (best < 0)
      return void this.element.replaceChildren(
        h("p", { id: "winner-name" }, "No variant keeps to this budget and to the search's limits."),
      );
    const { spec, text } = variants.describe(best);
    const figures = Object.entries(variants.axes).map(([name, axis]) => [
      axis.title,
      axis.write(variants.values(name)[best]),
    ]);
    const { title, write } = variants.axes[front.x];
    const others = variants.limits
      .filter(([name]) => name !== front.x)
      .map(
        ([name, limit]) =>
          `${variants.axes[name].title} ${variants.least(name) ? "≥" : "≤"} ${variants.axes[name].write(limit)}`,
      );
    this.element.replaceChildren(
      ...[
        h(
          "div",
          { class: "winner-head" },
          h(
            "div",
            {},
            h(
              "div",
              { class: "tile-name" },
              `Wins at ${lowered(title)} ${variants.least(front.x) ? "≥" : "≤"} ${write(front.budget)}, ${front.scale}`,
            ),
            h("div", { class: "winner-name", id: "winner-name" }, `${spec}, ${text}`),
          ),
          h("button", { type: "button", id: "set-winner", onclick: () => variants.show(best) }, "Set the knobs to it"),
        ),
        h(
          "dl",
          { class: "facts" },
          figures.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", { class: "number" }, value))),
          interval(variants, best),
        ),
        h("p", { id: "why", class: "quiet" }, this.why(best)),
        others.length
          ? h("p", { class: "quiet" }, `Keeps to the search's other limits too: ${others.join(", ")}.`)
          : null,
        this.line("winner-command", best),
        picked >= 0 &&
          picked !== best &&
          h(
            "p",
            { class: "picked-name" },
            `Picked: ${variants.describe(picked).spec}, ${variants.describe(picked).text}`,
          ),
        picked >= 0 && picked !== best && this.line("picked-command", picked),
      ].filter(Boolean),
    );
  }

  // A variant's command line, to copy.
  line(id, at) {
    const { variants, x, y } = this.front;
    const command = variants.command(at, [x, y]);
    const button = h("button", { type: "button", class: "small", onclick: () => copy(command, button) }, "Copy");
    const code = h("code", { id });
    showCommand(code, command);
    return h("div", { class: "copyline" }, code, button);
  }

  // Why it won: nothing within the limits is better, by how much it is, and which limit holds it back.
  why(best) {
    const { front } = this;
    const { variants } = front;
    const { write, up } = variants.axes[front.y];
    const ys = variants.values(front.y);
    const second = variants.winner(front.x, front.y, front.budget, best);
    const used = [[front.x, front.budget], ...variants.limits.filter(([name]) => name !== front.x)].filter(
      ([name]) => !variants.least(name),
    );
    const shares = used.map(
      ([name, limit]) =>
        `${((100 * variants.values(name)[best]) / limit).toFixed(1)} % of the ${lowered(variants.axes[name].title)}`,
    );
    const better = !up ? "has less" : front.y === "accuracy" ? "is more accurate" : "has more";
    const first = `Nothing within the limits ${better}${shares.length ? `; it uses ${shares.join(" and ")} allowed` : ""}.`;
    if (second < 0) return first;
    const { spec: other, text } = variants.describe(second);
    const spec = front.state.data.front.spaces.length > 1 ? `${other}, ` : "";
    const gap = Math.abs(ys[best] - ys[second]);
    return `${first} Next: ${spec}${text}, ${front.y === "accuracy" ? `${gap.toFixed(2)} points behind` : write(ys[second])}.`;
  }
}

// A title within a sentence; a device's name keeps its letters.
const lowered = (title) => title[0].toLowerCase() + title.slice(1);

// The accuracy that is used, between which it lies, and what is published of the network.
function interval(variants, at) {
  const [used, low, high, known] = ["accuracy", "accuracy_low", "accuracy_high", "published"].map(
    (name) => variants.columns[name][at],
  );
  if (used !== used) return null;
  const digits = (value) => value.toFixed(1);
  const told = known === known ? `; published ${digits(known)}` : "";
  const text =
    used === known
      ? `${accuracy(used)}, published`
      : low === low
        ? `${accuracy(used)} (${digits(low)} to ${digits(high)}, fitted${told})`
        : told && `${accuracy(used)} (own${told})`;
  const name = used !== known && low === low ? "Accuracy, 80 % interval" : "Accuracy is";
  return text ? h("div", {}, h("dt", {}, name), h("dd", { class: "number", id: "accuracy-is" }, text)) : null;
}
