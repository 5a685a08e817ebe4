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

// A drawing's own pixels; it keeps their proportions at every width, on paper too.
// Sets the attributes of an element that are others than before.
export function update(element, attributes) {
  for (const [name, value] of Object.entries(attributes))
    if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

// Makes these the children of an element, unless they are already.
export function fillWith(element, children) {
  const same = children.length === element.childNodes.length;
  if (!same || children.some((child, i) => child !== element.childNodes[i])) element.replaceChildren(...children);
}

export function sized(svg, width, height) {
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
}

// A section with its heading; `tools` stand beside it.
export function section(id, title, lead, tools = []) {
  const body = h("div", { class: "content" });
  const element = h(
    "section",
    { id, "aria-labelledby": `${id}-title` },
    h(
      "div",
      { class: "section-head" },
      h("h2", { id: `${id}-title`, tabindex: -1 }, title),
      h("div", { class: "tools" }, tools),
    ),
    lead && h("p", { class: "lead" }, lead),
    body,
  );
  byId("main").append(element);
  return { element, body, lead: element.querySelector(".lead") };
}

// What scrolls sideways or down in a box of its own, with a shadow at the edge that more lies beyond.
export function scroller(name, attributes, ...children) {
  const { class: more = "", ...others } = attributes;
  const region = { tabindex: 0, role: "region", "aria-label": name, class: `scroll ${more}` };
  const box = h("div", { ...region, ...others }, children);
  const whole = h("div", { class: "edged" }, box);
  const look = () => {
    const right = box.scrollWidth - box.clientWidth - box.scrollLeft > 1;
    whole.classList.toggle("beyond", right);
  };
  box.addEventListener("scroll", look);
  new ResizeObserver(look).observe(box);
  if (box.firstElementChild) new ResizeObserver(look).observe(box.firstElementChild);
  return { whole, box };
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
