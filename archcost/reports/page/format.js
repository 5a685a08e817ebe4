// Numbers as people read them. null and NaN are what nobody knows, and are shown as a dash.

export const DASH = "–";

const known = (number) => number !== null && number !== undefined && !Number.isNaN(number);

export function count(number) {
  return known(number) ? String(number).replace(/\B(?=(\d{3})+(?!\d))/g, ",") : DASH;
}

function three(number) {
  return number < 9.995 ? number.toFixed(2) : number < 99.95 ? number.toFixed(1) : number.toFixed(0);
}

function prefixed(number, prefixes, unit) {
  for (const [factor, prefix] of prefixes) if (number >= factor * 0.9995) return `${three(number / factor)} ${prefix}`;
  return `${+number.toPrecision(3)}${unit}`;
}

export function short(number) {
  if (!known(number)) return DASH;
  return prefixed(
    number,
    [
      [1e15, "P"],
      [1e12, "T"],
      [1e9, "G"],
      [1e6, "M"],
      [1e3, "k"],
    ],
    "",
  );
}

export function bytes(number) {
  if (!known(number)) return DASH;
  return prefixed(
    number,
    [
      [2 ** 40, "TiB"],
      [2 ** 30, "GiB"],
      [2 ** 20, "MiB"],
      [2 ** 10, "KiB"],
    ],
    " B",
  );
}

export function seconds(number) {
  if (!known(number)) return DASH;
  return prefixed(
    number,
    [
      [1, "s"],
      [1e-3, "ms"],
      [1e-6, "µs"],
      [1e-9, "ns"],
    ],
    " s",
  );
}

// A tick without zeros that say nothing: 20 M for 20.0 M.
export function terse(text) {
  return text.replace(/(\.\d*?)0+(?!\d)/, "$1").replace(/\.(?!\d)/, "");
}

export function many(number, name) {
  return `${count(number)} ${name}${number === 1 ? "" : "s"}`;
}

export function percent(share) {
  return known(share) ? `${(100 * share).toFixed(share < 0.0995 ? 2 : 1)} %` : DASH;
}

export function accuracy(value) {
  return known(value) ? `${value.toFixed(1)} %` : DASH;
}

export function ratio(number) {
  return known(number) ? (number >= 99.95 ? number.toFixed(0) : number.toFixed(2)) : DASH;
}

export const sizes = (several) => several.join("×");

export const square = (size) => (size[0] === size[1] ? String(size[0]) : `${size[0]}x${size[1]}`);

// A setting as the command line takes it.
export function plain(value) {
  return String(value);
}

export function quoted(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

// A formula's products with their numbers: ones are left out; the first two and the last two, if equal, are a square.
export function formula(sum) {
  if (!sum.length) return "0";
  return sum.map((factors) => powers(factors).join(" · ") || "1").join(" + ");
}

function powers(factors) {
  const last = factors.length - 2;
  const found = [];
  for (let i = 0; i < factors.length;) {
    const pair = (i === 0 || i === last) && i <= last && factors[i] === factors[i + 1];
    if (factors[i] !== 1) found.push(pair ? `${factors[i]}²` : String(factors[i]));
    i += pair ? 2 : 1;
  }
  return found;
}
