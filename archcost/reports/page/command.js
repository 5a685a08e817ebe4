// The command lines that say what the page shows.

import { plain, quoted, square } from "./format.js";

// network: what it is called, and the settings that the line gives; parameters: pairs of a name and a value.
export function commandLine({ spec, alpha, resolution, parameters }, { batch, dtype, device, inplace }) {
  const words = ["archcost", "analyze", quoted(spec)];
  if (alpha !== null) words.push("--alpha", plain(alpha));
  if (resolution) words.push("--resolution", square(resolution));
  for (const [name, value] of parameters) words.push("--set", quoted(`${name}=${plain(value)}`));
  if (batch !== 1) words.push("--batch", String(batch));
  if (dtype !== "float32") words.push("--dtype", dtype);
  if (!inplace) words.push("--no-inplace");
  if (device?.fits[dtype]) {
    words.push("--device", quoted(device.name));
    if (device.mode) words.push("--mode", device.mode);
  }
  return words;
}
