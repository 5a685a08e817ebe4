"""Two models side by side: which of their layers are the same, and what differs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from archcost.analysis.analysis import TOTALS, Analysis
from archcost.analysis.layers import LayerCost
from archcost.errors import ArchcostError

CHANGES = ("equal", "changed", "renamed", "added", "removed")
FIGURES = ("macs", "params", "buffers", "activation_bytes", "bytes_moved")
"""What a layer is compared in, beside its shapes and its window."""
_OWN = {"name", "block"}


@dataclass(frozen=True, slots=True)
class Change:
    """A figure on both sides; None where a side has none."""

    a: Any
    b: Any

    @property
    def difference(self) -> int | None:
        """b - a, where both are numbers."""
        return self.b - self.a if isinstance(self.a, int) and isinstance(self.b, int) else None

    @property
    def percent(self) -> float | None:
        """The difference in percent of a."""
        difference = self.difference
        return 100 * difference / self.a if difference is not None and self.a else None


@dataclass(frozen=True, slots=True)
class Pair:
    """A layer of each side that stand for each other; None where only one side has it."""

    a: LayerCost | None
    b: LayerCost | None

    @property
    def change(self) -> str:
        """One of CHANGES; a renamed layer is equal in all but its name."""
        if self.a is None or self.b is None:
            return "added" if self.a is None else "removed"
        a, b = self.a, self.b
        if any(getattr(a, f.name) != getattr(b, f.name) for f in fields(LayerCost) if f.name not in _OWN):
            return "changed"
        return "equal" if a.name == b.name else "renamed"

    @property
    def layer(self) -> LayerCost:
        """The layer of either side, B's first."""
        found = self.b or self.a
        assert found is not None
        return found

    def figure(self, name: str) -> Change:
        """One figure of both sides; of a layer that is not there, 0."""
        a, b = (0 if side is None else getattr(side, name) for side in (self.a, self.b))
        return Change(a, b)


@dataclass(eq=False)
class Difference:
    """What distinguishes one model (a) from another (b). Raises ArchcostError for batches."""

    a: Analysis
    b: Analysis

    def __post_init__(self) -> None:
        if self.a.settings.arrays or self.b.settings.arrays:
            raise ArchcostError("a difference is between two models; this is a batch")

    @cached_property
    def totals(self) -> dict[str, Change]:
        return {name: Change(self.a.totals[name], self.b.totals[name]) for name in TOTALS}

    @cached_property
    def layers(self) -> list[Pair]:
        """Every layer of both sides once, in B's order; what A alone has stands where it stood there."""
        return list(_ordered(self.a.layers, self.b.layers))

    @property
    def counts(self) -> dict[str, int]:
        """How many layers there are of each sort of change."""
        found = dict.fromkeys(CHANGES, 0)
        for pair in self.layers:
            found[pair.change] += 1
        return found


Key = Callable[[LayerCost], Hashable]


def _named(layer: LayerCost) -> Hashable:
    return layer.name, layer.kind


def _shaped(layer: LayerCost) -> Hashable:
    return layer.kind, layer.input_shapes, layer.output_shape


KEYS: tuple[Key, ...] = (
    lambda layer: (layer.name, _shaped(layer)),
    lambda layer: (_shaped(layer), layer.kernel, layer.groups, layer.macs, layer.params),
    _shaped,
    _named,
)
"""By what layers are matched, the surest first; among those left over that agree in it, in order."""


def _matched(a: Sequence[LayerCost], b: Sequence[LayerCost]) -> dict[int, int]:
    """Positions in b -> positions in a."""
    # Where only sizes differ, names tell all; shapes could match a layer with its neighbour of another size.
    keys = (_named,) if list(map(_named, a)) == list(map(_named, b)) else KEYS
    found: dict[int, int] = {}
    left = list(range(len(a)))
    for key in keys:
        waiting: dict[Hashable, deque[int]] = {}
        for i in left:
            waiting.setdefault(key(a[i]), deque()).append(i)
        for j in range(len(b)):
            if j not in found and waiting.get(key(b[j])):
                found[j] = waiting[key(b[j])].popleft()
        left = sorted(i for queue in waiting.values() for i in queue)
    return found


def _ordered(a: Sequence[LayerCost], b: Sequence[LayerCost]) -> Iterator[Pair]:
    found = _matched(a, b)
    kept = set(found.values())

    def removed(i: int) -> Iterator[Pair]:
        """The layers of A alone from position i on, up to one that has a partner."""
        while i < len(a) and i not in kept:
            yield Pair(a[i], None)
            i += 1

    yield from removed(0)
    for j, layer in enumerate(b):
        if j in found:
            yield Pair(a[found[j]], layer)
            yield from removed(found[j] + 1)
        else:
            yield Pair(None, layer)
