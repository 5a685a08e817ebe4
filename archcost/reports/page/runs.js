// The α that make the same network, as stretches of places: where no vector that its layers read changes.
export function runsOf(network, knobs) {
  const combination = network.bySet.get(knobs.parameters.join());
  if (!combination) return [[knobs.alpha, knobs.alpha]];
  network.runs ??= new Map();
  const key = knobs.parameters.join();
  if (!network.runs.has(key)) network.runs.set(key, stretches(network, combination.same));
  return network.runs.get(key);
}

function stretches(network, same) {
  const numbers = same < 0 ? network.vectors[-1 - same].values : new Array(network.widths).fill(0);
  const runs = [[0, 0]];
  for (let alpha = 1; alpha < network.widths; alpha++) {
    if (numbers[alpha] === numbers[alpha - 1]) runs.at(-1)[1] = alpha;
    else runs.push([alpha, alpha]);
  }
  return runs;
}
