// Layers as a tree of the blocks that their names are in.

export function blocksOf(layers) {
  const found = new Set();
  for (const { block } of layers) {
    const path = block ? block.split(".") : [];
    path.forEach((_, i) => found.add(path.slice(0, i + 1).join(".")));
  }
  return found;
}

// The root: children are blocks (name, label, children, layers) and leaves (layer, layers).
export function treeOf(layers) {
  const root = { children: [], byName: new Map(), layers: [] };
  for (const layer of layers) {
    const path = layer.block ? layer.block.split(".") : [];
    let at = root;
    path.forEach((part, i) => {
      if (!at.byName.has(part)) {
        const name = path.slice(0, i + 1).join(".");
        const block = { name, label: part, children: [], byName: new Map(), layers: [] };
        at.byName.set(part, block);
        at.children.push(block);
      }
      at = at.byName.get(part);
      at.layers.push(layer);
    });
    at.children.push({ layer, layers: [layer] });
  }
  return root;
}
