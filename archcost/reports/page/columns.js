// The columns of the table of layers, and those of its CSV.

import { bytes, count, percent, ratio, seconds } from "./format.js";

const sumOf = (name) => (layers) => layers.reduce((total, layer) => total + (layer[name] ?? 0), 0);
const someOf = (name) => (layers) => (layers.some((layer) => layer[name] !== null) ? sumOf(name)(layers) : null);

// key: of a layer's figure; title, and in full where that is short; group: of several layers; write: as text, exactly
// besides; bar: whether one stands in the cell; only: when; spare: only where there is much room, and on paper.
export const COLUMNS = [
  { key: "name", title: "Layer", text: true },
  { key: "kind", title: "Kind", text: true },
  { key: "window", title: "Kernel", full: "Kernel/stride", text: true },
  { key: "output", title: "Output", text: true },
  { key: "macs", title: "Macs", group: sumOf("macs"), write: count, bar: true },
  { key: "share", title: "Share", full: "Share of the macs", group: sumOf("share"), write: percent },
  { key: "counted", title: "Counted", group: someOf("counted"), write: count, only: (state) => state.convention >= 0 },
  { key: "params", title: "Params", group: sumOf("params"), write: count, bar: true },
  {
    key: "seconds",
    title: "Time",
    group: someOf("seconds"),
    write: seconds,
    bar: true,
    only: (state) => state.page.devices.length > 0,
  },
  {
    key: "bound",
    title: "Bound",
    full: "What bounds the time",
    text: true,
    only: (state) => state.page.devices.length > 0,
  },
  {
    key: "activation_bytes",
    title: "Act.",
    full: "Activations",
    group: sumOf("activation_bytes"),
    write: bytes,
    exact: count,
    bar: true,
  },
  {
    key: "bytes_moved",
    title: "Moved",
    full: "Bytes moved",
    group: sumOf("bytes_moved"),
    write: bytes,
    exact: count,
    spare: true,
  },
  { key: "intensity", title: "Flops/B", full: "Flops a byte moved", group: null, write: ratio },
];

// The same columns as `archcost analyze --format csv`.
export function csvOf(state) {
  const { now, network } = state;
  const pair = (values) => (values ? values.join("x") : "");
  const device = state.time;
  const names = [
    "name",
    "kind",
    "block",
    "kernel",
    "stride",
    "groups",
    "input_shapes",
    "output_shape",
    "macs",
    "params",
    "buffers",
    "activation_elements",
    "activation_bytes",
    "bytes_moved",
    "intensity",
    "share",
    "formula",
  ];
  const convention = now.counted && state.data.conventions[state.convention];
  if (convention) names.push("counted", "convention", "unit");
  if (device) names.push("predicted_ms", "bound");
  const rows = now.layers.map((layer) => {
    const cells = [
      layer.name,
      layer.kind,
      layer.block ?? "",
      pair(layer.kernel),
      pair(layer.stride),
      layer.groups ?? "",
      layer.inputs.map(pair).join(" "),
      pair(layer.output),
      layer.macs,
      layer.params,
      layer.buffers,
      layer.activation_elements,
      layer.activation_bytes,
      layer.bytes_moved,
      layer.intensity ?? "",
      layer.share,
      network.formula(layer),
    ];
    if (convention) cells.push(layer.counted ?? "", convention.name, convention.unit);
    if (device) cells.push(layer.seconds === null ? "" : layer.seconds * 1e3, layer.bound);
    return cells.map(cell).join(",");
  });
  return `${[names.join(","), ...rows].join("\n")}\n`;
}

// A text that a spreadsheet would take for a formula gets a quote before it.
function cell(value) {
  const text = typeof value === "string" && /^[=+\-@]/.test(value) ? `'${value}` : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
