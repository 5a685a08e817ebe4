// Elements. Texts of the data only ever become text nodes and attributes' values, never markup.

const SVG = "http://www.w3.org/2000/svg";

function built(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") Object.entries(value).forEach(([key, each]) => element.style.setProperty(key, each));
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

export const h = (tag, attributes, ...children) => built(document.createElement(tag), attributes, children);
export const s = (tag, attributes, ...children) => built(document.createElementNS(SVG, tag), attributes, children);
export const byId = (id) => document.getElementById(id);

// A section with its heading; `tools` stand beside it.
export function section(id, title, lead, tools = []) {
  const body = h("div", { class: "content" });
  const element = h(
    "section",
    { id, "aria-labelledby": `${id}-title` },
    h("div", { class: "section-head" }, h("h2", { id: `${id}-title` }, title), h("div", { class: "tools" }, tools)),
    lead && h("p", { class: "lead" }, lead),
    body,
  );
  byId("main").append(element);
  return { element, body, lead: element.querySelector(".lead") };
}

export function select(label, options, value, change) {
  const field = h(
    "select",
    { onchange: () => change(field.value) },
    options.map(([key, text]) => h("option", { value: key }, text)),
  );
  field.value = value;
  return h("label", { class: "field" }, h("span", {}, label), field);
}

// The tip beside the pointer or the focused element: lines, each a text or [name, value].
export function showTip(lines, x, y) {
  const tip = byId("tip");
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
  const { width, height } = tip.getBoundingClientRect();
  const left = x + 14 + width > innerWidth ? Math.max(4, x - width - 14) : x + 14;
  const top = y + 14 + height > innerHeight ? Math.max(4, y - height - 14) : y + 14;
  tip.style.setProperty("left", `${left}px`);
  tip.style.setProperty("top", `${top}px`);
}

export function hideTip() {
  byId("tip").hidden = true;
}

export function tipOn(element, lines) {
  element.addEventListener("pointermove", (event) => showTip(lines(), event.clientX, event.clientY));
  element.addEventListener("pointerleave", hideTip);
  element.addEventListener("focus", () => {
    const box = element.getBoundingClientRect();
    showTip(lines(), box.left + Math.min(box.width, 120), box.bottom - 10);
  });
  element.addEventListener("blur", hideTip);
  return element;
}

// For those who do not see the page.
export function say(text) {
  byId("said").textContent = text;
}

export async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = h("textarea", { class: "hidden", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  const own = button.textContent;
  button.textContent = "Copied";
  say("Copied");
  setTimeout(() => (button.textContent = own), 1200);
}

export function download(name, type, text) {
  const link = h("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// A dotted name that may break after its dots, and a command line that breaks before its options only.
export const dotted = (name) => name.split(".").flatMap((part, i) => (i ? [".", h("wbr"), part] : [part]));

export function showCommand(code, command) {
  const options = command.split(/ (?=--)/);
  code.replaceChildren(...options.flatMap((option, i) => [i ? " " : "", h("span", { class: "option" }, option)]));
}

// Scales from a domain to a range.
export const linear = (domain, range) => d3.scaleLinear().domain(domain).range(range);
export const logarithmic = (domain, range) => d3.scaleLog().domain(domain).range(range);
