// The table of all layers: a tree of blocks, or a flat list; sorted, filtered, and drawn as far as it is in view.

import { COLUMNS, csvOf } from "./columns.js";
import { download, h, say, scroller, section } from "./dom.js";
import { DASH, bytes, count, many, seconds, sizes } from "./format.js";
import { family } from "./state.js";
import { hideTip, leaveTip, showTip, showTipOf } from "./tip.js";
import { blocksOf, treeOf } from "./tree.js";

const ROW = 30;
const WHOLE = 160; // so many rows are drawn without a window
const NATURAL = new Intl.Collator("en", { numeric: true }); // separable2 stands before separable10

export class Layers {
  constructor(state) {
    this.state = state;
    this.sort = { key: "", down: true };
    this.filter = "";
    this.grouped = true;
    this.closed = new Set();
    this.built = "";
    const filter = h("input", {
      type: "search",
      id: "filter",
      placeholder: "name or kind",
      oninput: () => this.look(filter.value),
    });
    const grouped = h("input", {
      type: "checkbox",
      id: "grouped",
      checked: true,
      onchange: () => ((this.grouped = grouped.checked), this.fill()),
    });
    const tools = [
      h("label", { class: "field" }, h("span", {}, "Filter"), filter),
      h("label", { class: "field check" }, grouped, h("span", {}, "by block")),
      h("button", { type: "button", class: "small", id: "fold", onclick: () => this.fold() }, "Close all"),
      h("button", { type: "button", class: "small", id: "csv", onclick: () => this.save() }, "CSV"),
    ];
    const { element, body, lead } = section("layers", "Layers", " ", tools);
    this.element = element;
    this.lead = lead;
    this.head = h("tr", { "aria-rowindex": 1 });
    this.rows = h("tbody", { onclick: (event) => this.click(event), onkeydown: (event) => this.key(event) });
    this.total = h("tr", {});
    this.table = h(
      "table",
      { class: "layers", id: "layer-table" },
      h("thead", {}, this.head),
      this.rows,
      h("tfoot", {}, this.total),
    );
    const { whole, box } = scroller(
      "Table of layers",
      { class: "tall", onscroll: () => this.items && this.window() },
      this.table,
    );
    this.scroll = box;
    this.none = h("p", { class: "quiet", id: "no-match", hidden: true });
    body.append(whole, this.none);
    this.rows.addEventListener("pointermove", (event) => event.pointerType !== "touch" && this.tip(event));
    this.rows.addEventListener("pointerleave", leaveTip);
    this.rows.addEventListener("focusin", (event) => event.target.matches(":focus-visible") && this.tip(event));
    this.rows.addEventListener("focusout", hideTip);
  }

  draw() {
    const { now } = this.state;
    this.element.hidden = !now;
    if (!now) return;
    const shape = `${this.state.active}:${now.structure.layers.join()}`;
    if (shape !== this.built) {
      this.built = shape;
      this.closed = new Set(now.layers.length > WHOLE ? blocksOf(now.layers) : []);
    }
    this.columns = COLUMNS.filter((column) => !column.only || column.only(this.state));
    this.heads();
    const shown = this.shown;
    this.shown = this.state.selected;
    if (this.shown && this.shown !== shown) this.reveal(this.shown);
    else this.fill();
  }

  // Opens the blocks of a layer and brings its row into the table's view.
  reveal(name) {
    const path = (this.state.now.layers.find((layer) => layer.name === name)?.block ?? "").split(".");
    path.forEach((_, i) => this.closed.delete(path.slice(0, i + 1).join(".")));
    this.fill();
    const at = this.items.findIndex((item) => item.layer?.name === name);
    if (at < 0) return;
    const top = at * ROW;
    const { scrollTop, clientHeight } = this.scroll;
    if (top < scrollTop || top > scrollTop + clientHeight - 3 * ROW)
      this.scroll.scrollTop = Math.max(0, top - clientHeight / 2);
    this.window(true);
  }

  heads() {
    const key = `${this.columns.map((column) => column.key).join()} ${JSON.stringify(this.sort)} ${!!this.printing}`;
    if (this.head.dataset.key === key) return;
    this.head.dataset.key = key;
    this.head.replaceChildren(
      ...this.columns.map((column) => {
        const on = this.sort.key === column.key;
        return h(
          "th",
          {
            scope: "col",
            class: `${column.text ? "" : "right"}${spare(column)}`,
            title: column.full,
            "aria-sort": on ? (this.sort.down ? "descending" : "ascending") : "none",
          },
          // A head with buttons in it is not repeated on each sheet of paper.
          this.printing
            ? column.title
            : h(
                "button",
                { type: "button", "data-sort": column.key, onclick: () => this.order(column) },
                column.title,
                h("span", { "aria-hidden": "true" }, on ? (this.sort.down ? " ↓" : " ↑") : ""),
              ),
        );
      }),
    );
  }

  // First the largest, or A to Z; then the other way; then the network's own order.
  order(column) {
    const first = !column.text;
    if (this.sort.key !== column.key) this.sort = { key: column.key, down: first };
    else this.sort = this.sort.down === first ? { key: column.key, down: !first } : { key: "", down: true };
    const { key } = this.sort;
    this.heads();
    this.fill();
    this.head.querySelector(`[data-sort="${column.key}"]`).focus();
    say(key ? `Sorted by ${column.title}, ${this.sort.down ? "descending" : "ascending"}` : "In the network's order");
  }

  look(text) {
    this.filter = text.trim().toLowerCase();
    this.fill();
  }

  fold() {
    const all = blocksOf(this.state.now.layers);
    this.closed = this.closed.size ? new Set() : new Set(all);
    this.fill();
  }

  fill() {
    const { now } = this.state;
    const kept = now.layers.filter(
      (layer) => !this.filter || `${layer.name} ${layer.kind}`.toLowerCase().includes(this.filter),
    );
    this.items = this.grouped
      ? this.tree(kept)
      : this.sorted(kept.map((layer) => ({ layer, depth: 0, layers: [layer] })));
    this.most = Object.fromEntries(
      this.columns.filter((c) => c.bar).map((c) => [c.key, Math.max(...now.layers.map((l) => l[c.key] ?? 0), 0)]),
    );
    this.table.setAttribute("aria-rowcount", this.items.length + 1);
    const hidden = now.layers.length - kept.length;
    this.none.hidden = kept.length > 0;
    this.none.textContent = `No layer's name or kind has “${this.filter}” in it.`;
    this.lead.textContent = `${many(kept.length, "layer")}${hidden ? ` of ${count(now.layers.length)}` : ""}; macs and params of one sample, bytes and times of the batch. The formula stands beside a row that you point at.`;
    this.element.querySelector("#fold").textContent = this.closed.size ? "Open all" : "Close all";
    this.element.querySelector("#fold").disabled = !this.grouped;
    this.sums(kept, now);
    this.window(true);
  }

  sums(kept, now) {
    const time = this.state.time;
    this.total.replaceChildren(
      ...this.columns.map((column, i) => {
        if (!i) return h("th", { scope: "row" }, kept.length < now.layers.length ? "Sum of these" : "Sum");
        return h(
          "td",
          { class: `${column.text ? "" : "right number"}${spare(column)}`, title: exactly(column, column.group?.(kept)) },
          column.group ? column.write(column.group(kept)) : "",
        );
      }),
    );
    this.total.title = time && time.own ? `besides, the network's own overhead takes ${seconds(time.own)}` : "";
  }

  // Blocks with what is in them, as rows; of closed ones the block alone.
  tree(layers) {
    const root = treeOf(layers);
    const rows = [];
    const walk = (children, depth) => {
      for (const item of this.sorted(children)) {
        rows.push(Object.assign(item, { depth }));
        if (!item.layer && (this.printing || !this.closed.has(item.name))) walk(item.children, depth + 1);
      }
    };
    walk(root.children, 0);
    return rows;
  }

  sorted(items) {
    const { key, down } = this.sort;
    if (!key) return items;
    const column = this.columns.find((each) => each.key === key);
    if (!column) return items;
    const turn = down ? -1 : 1;
    return items
      .map((item, i) => [this.rank(item, column), i, item])
      .sort(([a, i], [b, j]) => {
        const none = (value) => value === null || value === undefined || value === "";
        if (none(a) || none(b)) return none(a) - none(b) || i - j;
        return (typeof a === "string" ? NATURAL.compare(a, b) : a - b) * turn || i - j;
      })
      .map(([, , item]) => item);
  }

  value(item, column) {
    const { layer } = item;
    if (!layer) return column.key === "name" ? item.name : column.group ? column.group(item.layers) : null;
    if (column.key === "window") return this.state.network.window(layer);
    return column.key === "output" ? sizes(layer.output) : layer[column.key];
  }

  // What a row is sorted by: shapes and windows by their sizes, all else by what stands there.
  rank(item, column) {
    const area = (values) => (values ? values.reduce((product, size) => product * size, 1) : null);
    if (column.key === "output") return item.layer ? area(item.layer.output) : null;
    if (column.key === "window")
      return item.layer?.kernel ? area(item.layer.kernel) + area(item.layer.stride ?? []) / 1e6 : null;
    return this.value(item, column);
  }

  // Draws the rows in view, and room for the others.
  window(anew = false) {
    const total = this.items.length;
    const all = total <= WHOLE || this.printing;
    const first = all ? 0 : Math.max(0, Math.floor(this.scroll.scrollTop / ROW) - 10);
    const last = all ? total : Math.min(total, first + Math.ceil(this.scroll.clientHeight / ROW) + 24);
    if (!anew && first === this.first && last === this.last) return;
    [this.first, this.last] = [first, last];
    const focused = this.rows.contains(document.activeElement) ? document.activeElement.dataset.at : null;
    const room = (rows) =>
      rows
        ? h(
            "tr",
            { class: "room", "aria-hidden": "true" },
            h("td", { colspan: this.columns.length, style: { height: `${rows * ROW}px` } }),
          )
        : null;
    const rows = this.items.slice(first, last).map((item, i) => this.row(item, first + i));
    this.rows.replaceChildren(...[room(first), ...rows, room(total - last)].filter(Boolean));
    if (focused !== null) this.rows.querySelector(`[data-at="${focused}"]`)?.focus({ preventScroll: true });
  }

  row(item, at) {
    const { layer } = item;
    const chosen = layer && layer.name === this.state.selected;
    const open = !layer && (this.printing || !this.closed.has(item.name));
    return h(
      "tr",
      {
        "data-at": at,
        tabindex: at === (this.roving ?? 0) ? 0 : -1,
        "aria-rowindex": at + 2,
        class: `${layer ? "" : "group"}${chosen ? " selected" : ""}`,
        "aria-selected": layer ? String(!!chosen) : null,
      },
      this.columns.map((column, i) => {
        const value = this.value(item, column);
        if (!i) {
          const name = layer ? (this.grouped ? layer.name.split(".").at(-1) : layer.name) : item.label;
          return h(
            "th",
            { scope: "row", title: layer?.name ?? item.name, style: { "padding-left": `${8 + item.depth * 12}px` } },
            !layer &&
              h(
                "button",
                {
                  type: "button",
                  class: "fold",
                  tabindex: -1,
                  "aria-expanded": String(open),
                  "aria-label": `${open ? "Close" : "Open"} ${item.name}`,
                },
                open ? "▾" : "▸",
              ),
            layer && h("span", { class: `dot k-${family(layer)}`, "aria-hidden": "true" }),
            name,
            !layer && h("span", { class: "quiet" }, `  ${item.layers.length}`),
          );
        }
        if (column.text)
          return h("td", { class: column.key === "output" || column.key === "window" ? "number" : "kind", title: value }, value ?? "");
        const written =
          value === null || value === undefined
            ? column.group
              ? DASH
              : ""
            : value === 0 && column.bar
              ? "0"
              : column.write(value);
        const most = column.bar && layer ? this.most[column.key] : 0;
        return h(
          "td",
          {
            class: `right number${value ? "" : " nil"}${spare(column)}`,
            title: exactly(column, value),
            "data-key": column.key,
            style: most && value ? { "--bar": `${(100 * value) / most}%` } : null,
          },
          written,
        );
      }),
    );
  }

  click(event) {
    const row = event.target.closest("tr[data-at]");
    if (!row) return;
    const at = Number(row.dataset.at);
    this.rove(at, false);
    const item = this.items[at];
    this.act(item);
    if (item.layer && event.pointerType === "touch") showTip(this.lines(item.layer), event.clientX, event.clientY);
  }

  act(item) {
    if (item.layer) return this.state.select(item.layer.name);
    if (!this.closed.delete(item.name)) this.closed.add(item.name);
    this.fill();
  }

  key(event) {
    const row = event.target.closest("tr[data-at]");
    if (!row) return;
    const at = Number(row.dataset.at);
    const item = this.items[at];
    const moves = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      Home: 0,
      End: this.items.length - 1,
      PageDown: at + 12,
      PageUp: at - 12,
    };
    if (event.key in moves) this.rove(Math.min(this.items.length - 1, Math.max(0, moves[event.key])), true);
    else if (event.key === "Enter" || event.key === " ") this.act(item);
    else if (event.key === "ArrowRight" && !item.layer && this.closed.has(item.name)) this.act(item);
    else if (event.key === "ArrowLeft" && !item.layer && !this.closed.has(item.name)) this.act(item);
    else return;
    event.preventDefault();
  }

  // Which row takes the keyboard.
  rove(at, focus) {
    this.roving = at;
    if (at < this.first || at >= this.last) this.scroll.scrollTop = at * ROW;
    this.window(true);
    if (focus) this.rows.querySelector(`[data-at="${at}"]`)?.focus();
  }

  tip(event) {
    const row = event.target.closest("tr[data-at]");
    const item = row && this.items[Number(row.dataset.at)];
    if (!item?.layer) return hideTip();
    if (event.type === "focusin") showTipOf(row, this.lines(item.layer));
    else showTip(this.lines(item.layer), event.clientX, event.clientY);
  }

  lines(layer) {
    const { network } = this.state;
    return [
      layer.name,
      layer.row.macs.length ? ["macs", `${network.formula(layer)} = ${count(layer.macs)}`] : null,
      ["input", layer.inputs.map(sizes).join(", ")],
      ["output", sizes(layer.output)],
      layer.params ? ["params", count(layer.params)] : null,
      ["activations", layer.activation_bytes ? bytes(layer.activation_bytes) : "none of its own"],
      ["moved", bytes(layer.bytes_moved)],
      layer.groups > 1 ? ["groups", count(layer.groups)] : null,
      layer.seconds !== null ? ["time", `${seconds(layer.seconds)}, ${layer.bound} bound`] : null,
    ];
  }

  // On paper every row stands.
  print(on) {
    this.printing = on;
    this.draw();
  }

  save() {
    const { network } = this.state;
    download(`${network.name.replace(/[^\w.-]+/g, "_") || "layers"}.csv`, "text/csv", csvOf(this.state));
  }
}

const spare = (column) => (column.spare ? " spare" : "");
const exactly = (column, value) => (column.exact && value ? `${column.exact(value)} B` : null);
