"""Which tensors are alive while each layer runs, in the file's order.

A layer's output takes memory of its own, unless it is a view of its input, or works in place because nobody
else reads that input. Memory is freed after its last reader. The network's input lives until its last use;
outputs that nobody reads live to the end. Weights are not counted.
"""

from __future__ import annotations

from dataclasses import dataclass

from archcost.analysis.sums import Sum
from archcost.cost import Amount
from archcost.graph import INPUT, Network


@dataclass(frozen=True, slots=True)
class Schedule:
    """steps: (layer, elements alive while it runs), where a maximum may stand; allocates: outputs that do."""

    steps: list[tuple[str, Sum]]
    allocates: dict[str, Amount]


def schedule(network: Network, inplace: bool = True) -> Schedule:
    """Liveness over the file's order, in elements of one sample."""
    owner = owners(network, inplace)
    size = {INPUT: Amount.product(*network.input_shape)}
    size |= {
        layer.name: Amount.product(*layer.output_shape) for layer in network.layers if owner[layer.name] == layer.name
    }
    last = last_uses(network, owner)
    ending: dict[int, list[str]] = {}
    for name, index in last.items():
        ending.setdefault(index, []).append(name)
    steps: list[tuple[str, Sum]] = []
    alive = Sum()
    entries = {INPUT: alive.add(size[INPUT])}
    for index, layer in enumerate(network.layers):
        if owner[layer.name] == layer.name:
            entries[layer.name] = alive.add(size[layer.name])
        # Only where memory is taken can the sum reach a new maximum; at first there is the input.
        if owner[layer.name] == layer.name or index == 0:
            steps.append((layer.name, alive.copy()))
        for name in ending.get(index, ()):
            alive.remove(entries[name])
    return Schedule(steps, {name: amount for name, amount in size.items() if name != INPUT})


def owners(network: Network, inplace: bool) -> dict[str, str]:
    """For each tensor the one whose memory it lives in."""
    readers = network.readers
    owner = {INPUT: INPUT}
    shared: dict[str, bool] = {INPUT: readers[INPUT] > 1}
    for layer in network.layers:
        storage, source = layer.op.storage, layer.inputs[0]
        if storage == "view" or (storage == "in_place" and inplace and not shared[source]):
            owner[layer.name] = owner[source]
            shared[layer.name] = readers[layer.name] > 1 or shared[source]
        else:
            owner[layer.name] = layer.name
            shared[layer.name] = readers[layer.name] > 1
    return owner


def last_uses(network: Network, owner: dict[str, str]) -> dict[str, int]:
    """The index of the layer after which each memory is freed; what is never freed is left out."""
    last: dict[str, int] = {}
    kept = {owner[name] for name, readers in network.readers.items() if readers == 0}
    for index, layer in enumerate(network.layers):
        for source in layer.inputs:
            last[owner[source]] = index
    return {name: index for name, index in last.items() if name not in kept}
