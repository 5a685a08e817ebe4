"""Why a counter's figure is not its convention's: how models are written in PyTorch, tried against the difference.

Some counters see modules but not functions, or a function once where its module counts twice. The data's remarks say
which kinds of operators that concerns; what they come to is known to the unit, so a difference can be told apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from archcost.analysis.conventions import Convention
from archcost.graph import Layer, Network

NAMES = {
    **dict.fromkeys(("conv", "depthwise", "pointwise"), "convolutions"),
    **dict.fromkeys(("add", "subtract", "multiply", "divide", "minimum", "maximum", "elementwise"), "arithmetic"),
    "conv_transpose": "transposed convolutions",
    "linear": "linear layers",
    "matmul": "matrix products",
    "scaled_dot_product_attention": "attention",
}
"""What terms call kinds of operators; pools are pooling, and the others go by their own names."""
PROJECTIONS = "projections"
UNSEEN_PROJECTIONS = "nothing is counted of these projections, as of those of nn.MultiheadAttention"
MOST_KINDS = 6
_ATTENTION = "scaled_dot_product_attention"


@dataclass(frozen=True, slots=True)
class Term:
    """A part of a count: so much beyond the macs, or, below zero, so much of them that is left out."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Cause:
    """What accounts for a difference, to the unit: a remark, and how much of each term."""

    remark: str
    parts: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class _Change:
    """What a count changes by, should operators of a kind be written in another way than the rule expects."""

    kind: str
    remark: str
    parts: tuple[Term, ...]

    @property
    def count(self) -> int:
        return sum(part.count for part in self.parts)


def name_of(kind: str) -> str:
    return "pooling" if kind.endswith("_pool") else NAMES.get(kind, kind.replace("_", " "))


def causes_of(convention: Convention, network: Network, difference: int) -> tuple[Cause, ...]:
    """The fewest remarks that account for a difference to the unit; none where they do not."""
    changes = [*_remarked(convention, network), *_projected(convention, network)]
    for size in range(1, len({change.kind for change in changes}) + 1):
        for chosen in combinations(changes, size):
            distinct = len({change.kind for change in chosen}) == size
            if distinct and sum(change.count for change in chosen) == difference:
                return _grouped(chosen)
    return ()


def _grouped(chosen: tuple[_Change, ...]) -> tuple[Cause, ...]:
    by_remark: dict[str, list[Term]] = {}
    for change in chosen:
        by_remark.setdefault(change.remark, []).extend(change.parts)
    return tuple(Cause(remark, tuple(parts)) for remark, parts in by_remark.items())


def _remarked(convention: Convention, network: Network) -> Iterator[_Change]:
    """For each kind with a remark: what the convention says it may be counted as instead; else nothing, or half."""
    layers: dict[str, list[Layer]] = {}
    for layer in network.layers:
        if layer.kind in convention.remarks:
            layers.setdefault(layer.kind, []).append(layer)
    counts = {kind: _sum(convention, network, members) for kind, members in layers.items()}
    for kind in sorted(counts, key=lambda kind: -counts[kind])[:MOST_KINDS]:
        count, remark = counts[kind], convention.remarks[kind]
        others = [-count, -count // 2] if count % 2 == 0 else [-count]
        if kind in convention.otherwise:
            rule = convention.otherwise[kind]
            others = [sum(_plain(rule.amount(layer).value) for layer in layers[kind]) - count]
        for change in others:
            if change:
                yield _Change(kind, remark, (Term(name_of(kind), change),))


def _projected(convention: Convention, network: Network) -> Iterator[_Change]:
    """The linear layers around attention, without and with its products."""
    around = list(_projections(network))
    missed = _sum(convention, network, around)
    if not missed:
        return
    linear = Term("linear layers of attention", -missed)
    yield _Change(PROJECTIONS, UNSEEN_PROJECTIONS, (linear,))
    products = _sum(convention, network, [layer for layer in network.layers if layer.kind == _ATTENTION])
    if products:
        yield _Change(PROJECTIONS, UNSEEN_PROJECTIONS, (linear, Term(name_of(_ATTENTION), -products)))


def _projections(network: Network) -> Iterator[Layer]:
    """Linear layers whose output attention reads, or that read its output, with nothing between that multiplies."""
    readers: dict[str, list[str]] = {}
    for layer in network.layers:
        for source in layer.inputs:
            readers.setdefault(source, []).append(layer.name)
    found: dict[str, Layer] = {}
    for layer in network.layers:
        if layer.kind == _ATTENTION:
            sources = {each.name: each.inputs for each in network.layers}
            found |= _linear(network, layer.inputs, sources) | _linear(network, readers.get(layer.name, ()), readers)
    yield from found.values()


def _linear(network: Network, start: Any, onward: Any) -> dict[str, Layer]:
    """The first linear layers on each way."""
    waiting, seen, found = list(start), set(), {}
    while waiting:
        name = waiting.pop()
        layer = network.named.get(name)
        if layer is None or name in seen:
            continue
        seen.add(name)
        if layer.kind == "linear":
            found[name] = layer
        elif not layer.cost.macs:
            waiting += onward.get(name, ())
    return found


def _sum(convention: Convention, network: Network, layers: list[Layer]) -> int:
    return sum(_plain(convention.value(layer, network)) for layer in layers)


def _plain(value: Any) -> int:
    """Zero where there is no rule."""
    return 0 if value is None else int(value)
