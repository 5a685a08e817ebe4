"""What α does to each `out`: nothing to classes, the same to channels that are added, whole groups to grouped ones."""

from __future__ import annotations

import math
from collections.abc import Mapping as Names
from typing import Any

from archcost.importers.tracing.entries import Entry
from archcost.importers.tracing.families import FAMILIES, MOBILE, SHUFFLENET, Family, shufflenet
from archcost.importers.tracing.mapping import Mapping
from archcost.importers.tracing.slots import PRODUCERS, Slot, Slots
from archcost.spec.scaling import FIXED, GROW

_DIVISIBLE = {"round": "nearest", "multiple": 8, "minimum": 8, "at_least": 0.9}
_FEWEST_DEPTHWISE = 3
"""So many make a mobile network."""


def applied(layers: Mapping, names: Names[str, str], kind: str) -> dict[str, Any]:
    """Writes what α does into the layers; returns the spec's `scaling`, empty for the usual one.

    names: of the layers in the spec; kind: the model's class.
    """
    return _Widths(layers, names, kind).apply()


class _Widths:
    def __init__(self, layers: Mapping, names: Names[str, str], kind: str) -> None:
        self.layers = layers
        self.names = names
        self.kind = kind
        self.entries = layers.entries
        self.slots = Slots(layers)
        self.order = {key: place for place, key in enumerate(self.entries)}
        self.producers = [key for key, entry in self.entries.items() if entry.draft.kind in PRODUCERS]
        self.multiples: dict[int, int] = {}
        """Of a slot, by its id: what its width must be a multiple of."""
        self.defined: dict[int, str] = {}
        """Of a slot, by its id: the first layer whose width is an expression; the others are as wide."""
        self.readers: dict[str, list[str]] = {}
        for key, entry in self.entries.items():
            for source in entry.draft.sources:
                self.readers.setdefault(source, []).append(key)

    def apply(self) -> dict[str, Any]:
        family = FAMILIES.get(self.kind) or (MOBILE if self._mobile() else Family(False))
        self._groups()
        halves = min((self._base(key) for key in self.producers if "branch" in self.names[key]), default=0)
        for key in self.producers:
            draft, slot = self.entries[key].draft, self._slot(key)
            base = self._base(key)
            said = self._structural(key, slot, base)
            if said is None and self.kind == SHUFFLENET:
                said = shufflenet(self.names[key], base, halves)
            if said is None and (family is not MOBILE or self._expands(key)):
                said = family.rule(self.names[key], base, self._channels(key))
            if said is None and family.divisible and base % 8:
                said = f"max(1, floor({base} * $alpha))"
            if said != FIXED and id(slot) in self.defined:
                said = self._size_of(self.defined[id(slot)])
            if said in (FIXED, GROW):
                draft.scale = said
            elif said is not None:
                draft.written["out"] = said.replace("channels()", "features()") if draft.kind == "linear" else said
                self.defined.setdefault(id(slot), key)
        return dict(_DIVISIBLE) if family.divisible else {}

    def _structural(self, key: str, slot: Slot, base: int) -> str | None:
        """What the network itself asks for: fixed classes, sums of parts, whole groups."""
        if slot.fixed:
            return FIXED
        if slot.made is not None and slot.made[0] < self.order[key]:
            return self._size_of(slot.made[1])
        multiple = math.lcm(self.multiples.get(id(slot), 1), slot.divisor)
        return f"round_to({base} * $alpha, {multiple})" if multiple > 1 else None

    def _size_of(self, key: str) -> str:
        """The width of a layer that stands before, by its name."""
        axis = self.slots.axes[key]
        size = "channels" if axis is None or axis.index == 0 else "features"
        return f"{size}('{self.names[key]}')"

    def _groups(self) -> None:
        """Grouped convolutions: of one number of groups throughout, or of groups of one width."""
        grouped = [
            (key, entry)
            for key, entry in self.entries.items()
            if entry.draft.kind in ("conv", "pointwise") and entry.draft.fields.get("groups", 1) > 1
        ]
        sizes = {self._channels(key) // entry.draft.fields["groups"] for key, entry in grouped}
        numbers = {entry.draft.fields["groups"] for _, entry in grouped}
        by_size = len(numbers) > 1 and len(sizes) < len(numbers)
        for key, entry in grouped:
            size = self._channels(key) // entry.draft.fields["groups"]
            if by_size:
                entry.draft.written["groups"] = f"channels() // {size}"
            multiple = size if by_size else int(entry.draft.fields["groups"])
            read = self.slots.reads[key]
            for slot in (self._slot(key), read.slot.root() if read is not None else None):
                if slot is not None:
                    self.multiples[id(slot)] = math.lcm(multiple, self.multiples.get(id(slot), 1))
        if by_size and len(sizes) == 1:
            # Stages of a RegNet are whole groups wide throughout, so that what adds up keeps its proportions.
            for key in self.producers:
                if self._base(key) % min(sizes) == 0:
                    self.multiples.setdefault(id(self._slot(key)), min(sizes))

    def _slot(self, key: str) -> Slot:
        axis = self.slots.axes[key]
        assert axis is not None
        return axis.slot.root()

    def _base(self, key: str) -> int:
        return int(self.entries[key].draft.fields["out"])

    def _channels(self, key: str) -> int:
        """The channels, or features, that a layer reads."""
        entry: Entry = self.entries[key]
        shape = self.slots.shape(entry.draft.sources[0])
        return shape[-1] if entry.draft.kind == "linear" else shape[0]

    def _mobile(self) -> bool:
        """Whether a network of no known family has depthwise convolutions, and widths in multiples of 8."""
        depthwise = sum(entry.draft.kind == "depthwise" for entry in self.entries.values())
        wide = [self._base(key) for key in self.producers if not self._squeezed(key) and not self._slot(key).fixed]
        return depthwise >= _FEWEST_DEPTHWISE and all(base % 8 == 0 for base in wide) and self.kind != SHUFFLENET

    def _squeezed(self, key: str) -> bool:
        """Whether a layer works on one position, as the two of a squeeze-and-excite do."""
        return all(size == 1 for size in self.entries[key].shape[1:])

    def _expands(self, key: str) -> bool:
        """Whether a depthwise convolution reads what a layer makes, norms and activations between looked through."""
        while True:
            readers = self.readers.get(key, [])
            if len(readers) != 1 or self._channels(readers[0]) < 1:
                return False
            key = readers[0]
            kind = self.entries[key].draft.kind
            if kind == "depthwise":
                return True
            if kind in PRODUCERS or len(self.entries[key].draft.sources) > 1:
                return False
