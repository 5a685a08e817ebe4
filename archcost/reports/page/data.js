// The page's data: one JSON text, compressed, and columns of numbers in it that are compressed on their own.

function bytesOf(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

function inflated(text) {
  return new Response(new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("deflate")));
}

export async function readData() {
  const element = document.getElementById("data");
  const data = JSON.parse(await inflated(element.textContent).text());
  element.remove();
  if (data.front) {
    const columns = Object.entries(data.front.columns);
    data.front.columns = Object.fromEntries(
      await Promise.all(columns.map(async ([name, column]) => [name, await unpacked(column, data.front.count)])),
    );
  }
  return data;
}

// Bytes of one significance lie together, which compresses better; little-endian, as every browser's machine is.
async function unpacked(column, count) {
  const bytes = new Uint8Array(await inflated(column.data).arrayBuffer());
  const size = column.kind === "int32" ? 4 : 8;
  const ordered = new Uint8Array(count * size);
  for (let at = 0; at < size; at++) {
    const plane = at * count;
    for (let i = 0; i < count; i++) ordered[i * size + at] = bytes[plane + i];
  }
  return column.kind === "int32" ? new Int32Array(ordered.buffer) : new Float64Array(ordered.buffer);
}
