"""Which channels are the same channels: sizes that must change together when α changes.

Every convolution and linear layer opens a slot; what adds tensors joins their slots; what concatenates or splits
makes a slot out of others.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from archcost.importers.tracing.entries import Entry
from archcost.importers.tracing.graph import Shape
from archcost.importers.tracing.mapping import Mapping

PRODUCERS = ("conv", "pointwise", "linear", "conv_transpose")
_STRETCHING = ("add", "multiply", "subtract", "divide", "minimum", "maximum")
_NOTHING = ("traced", "constant", "matmul", "scaled_dot_product_attention", "attention")


@dataclass(slots=True, eq=False)
class Slot:
    """Channels. made: the layer that a slot made of others first stands at, with its place in the order."""

    parent: Slot | None = None
    parts: list[Slot] = field(default_factory=list)
    fixed: bool = False
    made: tuple[int, str] | None = None
    producers: list[str] = field(default_factory=list)
    divisor: int = 1
    """What splits it: its width must be a multiple."""

    def root(self) -> Slot:
        slot = self
        while slot.parent is not None:
            slot = slot.parent
        return slot


@dataclass(frozen=True, slots=True)
class Axis:
    """Where a tensor has its channels."""

    index: int
    slot: Slot


class Slots:
    """The slots of all layers. axes: tensor -> where its channels are; reads: layer -> the slot that it reads."""

    def __init__(self, layers: Mapping) -> None:
        self.layers = layers
        self.axes: dict[str, Axis | None] = {}
        self.reads: dict[str, Axis | None] = {}
        self._halves: dict[tuple[int, int], Slot] = {}
        shape = layers.sample(layers.input)
        self.axes[layers.input] = Axis(0, Slot(fixed=True)) if len(shape) in (1, 3) else None
        for place, (key, entry) in enumerate(layers.entries.items()):
            self.reads[key] = self.axes.get(entry.draft.sources[0]) if entry.draft.sources else None
            self.axes[key] = self._after(place, key, entry)
        for name in layers.trace.outputs:
            axis = self.axes.get(layers.resolved(name))
            if axis is not None:
                _fix(axis.slot)

    def shape(self, name: str) -> Shape:
        entry = self.layers.entries.get(name)
        return entry.shape if entry is not None else self.layers.sample(name)

    def _after(self, place: int, key: str, entry: Entry) -> Axis | None:
        draft = entry.draft
        if draft.kind in PRODUCERS:
            return Axis(len(entry.shape) - 1 if draft.kind == "linear" else 0, Slot(producers=[key]))
        if draft.kind in _NOTHING:
            return None
        if draft.kind in _STRETCHING:
            return self._joined(key, entry)
        axis = self.axes.get(draft.sources[0])
        if axis is None:
            return None
        rule = _MOVES.get(draft.kind)
        if rule is not None:
            return rule(self, place, key, entry, axis)
        return axis if axis.index < len(entry.shape) else None

    def _joined(self, key: str, entry: Entry) -> Axis | None:
        found: Axis | None = None
        for source in entry.draft.sources:
            axis = self.axes.get(source)
            if axis is None or self.shape(source)[axis.index] != entry.shape[axis.index]:
                continue
            if found is None:
                found = axis
            elif found.index == axis.index:
                join(found.slot, axis.slot)
        return found

    def _made(self, place: int, key: str, parts: list[Slot]) -> Slot:
        return Slot(parts=parts, made=(place, key))

    def depthwise(self, place: int, key: str, entry: Entry, axis: Axis) -> Axis | None:
        if entry.draft.fields.get("multiplier", 1) == 1:
            return axis
        return Axis(0, self._made(place, key, [axis.slot]))

    def transpose(self, place: int, key: str, entry: Entry, axis: Axis) -> Axis | None:
        return Axis(entry.draft.fields["axes"].index(axis.index), axis.slot)

    def reshape(self, place: int, key: str, entry: Entry, axis: Axis) -> Axis | None:
        before = self.shape(entry.draft.sources[0])
        if before[axis.index] == 1:
            return None
        rank = sum(size != 1 for size in before[: axis.index])
        return Axis([i for i, size in enumerate(entry.shape) if size != 1][rank], axis.slot)

    def flatten(self, place: int, key: str, entry: Entry, axis: Axis) -> Axis | None:
        before, start = self.shape(entry.draft.sources[0]), entry.draft.fields.get("start", 0)
        if axis.index < start:
            return axis
        if all(size == 1 for i, size in enumerate(before) if i >= start and i != axis.index):
            return Axis(start, axis.slot)
        return Axis(start, self._made(place, key, [axis.slot]))

    def pooled(self, place: int, key: str, entry: Entry, axis: Axis) -> Axis | None:
        return axis if axis.index == 0 else None

    def reduce(self, place: int, key: str, entry: Entry, axis: Axis) -> Axis | None:
        gone = entry.draft.fields["axes"]
        if axis.index in gone:
            return None
        kept = entry.draft.fields.get("keep_dims")
        return Axis(axis.index - (0 if kept else sum(each < axis.index for each in gone)), axis.slot)

    def select(self, place: int, key: str, entry: Entry, axis: Axis) -> Axis | None:
        return Axis(axis.index - 1, axis.slot) if axis.index else None

    def slice(self, place: int, key: str, entry: Entry, axis: Axis) -> Axis | None:
        if entry.draft.fields.get("axis", 0) != axis.index:
            return axis
        before = self.shape(entry.draft.sources[0])
        whole, length = before[axis.index], entry.draft.fields["length"]
        name = "channels" if axis.index == 0 else "features" if axis.index == len(before) - 1 else ""
        start = entry.draft.fields.get("start", 0)
        if name and start:
            # As far as the next part begins, so that the parts of a tensor are the whole of it.
            begin = f"{name}() * {start} // {whole}"
            entry.draft.written |= {"start": begin, "length": f"{name}() * {start + length} // {whole} - {begin}"}
        elif name:
            entry.draft.written["length"] = f"{name}() * {length} // {whole}"
        return Axis(axis.index, self._made(place, key, [axis.slot]))

    def grouped(self, place: int, key: str, entry: Entry, axis: Axis) -> Axis | None:
        if axis.index == 0:
            root = axis.slot.root()
            root.divisor = math.lcm(root.divisor, int(entry.draft.fields["groups"]))
        return axis

    def split(self, place: int, key: str, entry: Entry, axis: Axis) -> Axis | None:
        if entry.draft.fields.get("axis", 0) != axis.index:
            return axis
        parts, root = entry.draft.fields["parts"], axis.slot.root()
        if len(root.parts) == parts and len({id(part.root()) for part in root.parts}) == 1:
            return Axis(axis.index, root.parts[0])
        root.divisor = math.lcm(root.divisor, parts)
        half = self._halves.setdefault((id(root), parts), self._made(place, key, [root]))
        return Axis(axis.index, half)

    def concat(self, place: int, key: str, entry: Entry, axis: Axis) -> Axis | None:
        along = entry.draft.fields.get("axis", 0)
        others = [self.axes.get(source) for source in entry.draft.sources]
        if along != axis.index:
            for other in others:
                if other is not None and other.index == axis.index:
                    join(axis.slot, other.slot)
            return axis
        if any(other is None or other.index != along for other in others):
            return None
        return Axis(along, self._made(place, key, [other.slot for other in others if other is not None]))


_MOVES: dict[str, Callable[[Slots, int, str, Entry, Axis], Axis | None]] = {
    "depthwise": Slots.depthwise,
    "transpose": Slots.transpose,
    "reshape": Slots.reshape,
    "flatten": Slots.flatten,
    "reduce": Slots.reduce,
    "select": Slots.select,
    "slice": Slots.slice,
    "split": Slots.split,
    "group_norm": Slots.grouped,
    "channel_shuffle": Slots.grouped,
    "concat": Slots.concat,
    "global_avg_pool": Slots.pooled,
    "global_max_pool": Slots.pooled,
}


def join(a: Slot, b: Slot) -> None:
    """Makes two slots one."""
    a, b = a.root(), b.root()
    if a is b:
        return
    b.parent = a
    a.producers += b.producers
    a.divisor = math.lcm(a.divisor, b.divisor)
    a.made = min((made for made in (a.made, b.made) if made is not None), default=None)
    if a.fixed or b.fixed:
        _fix(a)
        _fix(b)
    a.parts = a.parts or b.parts


def _fix(slot: Slot) -> None:
    """α leaves these channels alone, and those that they are made of."""
    waiting = [slot]
    while waiting:
        each = waiting.pop().root()
        if not each.fixed or each is slot.root():
            each.fixed = True
            waiting += [part for part in each.parts if not part.root().fixed]
