"""Instances of one block laid over one another: which layers they share, which some leave out, how all are wired."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from archcost.exporters.torch.code import Call
from archcost.spec.parts import Origin

Wire = tuple[str, int]
"""A tensor inside a block: (the name of the entry that wrote it, which of its outputs); ("", i) is input i."""
MOST_TRIALS = 256


@dataclass(frozen=True, slots=True)
class Entry:
    """One child of one instance, or several that repeat.

    forms, said, binds: its code (see Leaf). count, first: of a repeated child, how often and its first number.
    """

    name: str
    kind: str
    forms: tuple[Call, ...]
    said: str | None
    binds: int
    inputs: tuple[Wire, ...]
    outputs: int = 1
    origin: Origin | None = None
    count: int | None = None
    first: int = 0

    @property
    def shape(self) -> object:
        """What is alike in instances that differ in numbers only."""
        forms = tuple(map(_names, self.forms))
        return self.name, self.kind, forms, self.said, self.inputs, self.outputs, self.count is None, self.first


@dataclass(frozen=True, slots=True)
class Instance:
    """One opening of a block: its entries in the order of running. key: tells it from others."""

    key: int
    entries: dict[str, Entry]
    input_count: int
    outputs: tuple[Wire, ...]

    @property
    def shape(self) -> object:
        return tuple(entry.shape for entry in self.entries.values()), self.input_count, self.outputs

    @property
    def inputs(self) -> dict[str, tuple[Wire, ...]]:
        return {name: entry.inputs for name, entry in self.entries.items()}


@dataclass(slots=True)
class Overlay:
    """Several instances as one: their entries as `wires` has them all.

    callees: how each is constructed; None for what only an expression says. instead: what stands for an entry's
    output where it is left out.
    """

    instances: list[Instance]
    names: list[str] = field(default_factory=list)
    examples: dict[str, Entry] = field(default_factory=dict)
    callees: dict[str, str | None] = field(default_factory=dict)
    wires: dict[str, tuple[Wire, ...]] = field(default_factory=dict)
    instead: dict[str, Wire] = field(default_factory=dict)
    outputs: tuple[Wire, ...] = ()

    def found(self, name: str) -> list[Entry | None]:
        """The entry of that name in each instance, None where it is left out."""
        return [each.entries.get(name) for each in self.instances]


def overlays(instances: Iterable[Instance]) -> list[Overlay]:
    """As few overlays as the instances can be laid into."""
    alike: dict[object, list[Instance]] = {}
    for instance in instances:
        alike.setdefault(instance.shape, []).append(instance)
    found: list[Overlay] = []
    for group in alike.values():
        for index, known in enumerate(found):
            joined = _overlay([*known.instances, *group])
            if joined is not None:
                found[index] = joined
                break
        else:
            alone = _overlay(group)
            assert alone is not None
            found.append(alone)
    return found


def _overlay(instances: list[Instance]) -> Overlay | None:
    """The instances as one; None where they cannot be."""
    several = list({instance.shape: instance for instance in instances}.values())
    names = _joint_order([list(each.entries) for each in several])
    if names is None or len({(each.input_count, len(each.outputs)) for each in several}) > 1:
        return None
    overlay = Overlay(sorted(instances, key=lambda each: each.key), names)
    for name in names:
        entries = [each.entries[name] for each in several if name in each.entries]
        if not _joined(overlay, entries):
            return None
    return overlay if _wired(overlay, several) else None


def _joint_order(orders: Sequence[list[str]]) -> list[str] | None:
    """One order that holds all of them; None where two contradict each other."""
    joint = max(orders, key=len).copy()
    for order in orders if len(orders) > 1 else ():
        place = 0
        for name in order:
            if name not in joint:
                joint.insert(place, name)
            elif joint.index(name) < place:
                return None
            place = joint.index(name) + 1
    return joint


def _joined(overlay: Overlay, entries: list[Entry]) -> bool:
    """Whether these entries of one name can be written by the same code; notes how."""
    first = entries[0]
    if len({(e.kind, e.outputs, len(e.inputs), e.count is None, e.first) for e in entries}) > 1:
        return False
    shared = [
        call.callee
        for call in first.forms
        if all(_names(call) in [_names(other) for other in entry.forms] for entry in entries)
    ]
    said = first.said if len({entry.said for entry in entries}) == 1 else None
    overlay.callees[first.name] = shared[0] if shared else None
    overlay.examples[first.name] = replace(first, said=said)
    return bool(shared) or said is not None


def _names(call: Call) -> object:
    """What is called with which arguments, those that are calls alike."""
    return call.callee, tuple((name, _names(each) if isinstance(each, Call) else None) for name, each in call.arguments)


def _wired(overlay: Overlay, several: list[Instance]) -> bool:
    """Finds wires of which each instance's are what is left without the entries that it leaves out."""
    optional = [name for name in overlay.names if any(name not in each.entries for each in several)]
    if any(overlay.examples[name].outputs != 1 for name in optional):
        return False
    choices = [
        range(1 if overlay.examples[name].count is not None else len(overlay.examples[name].inputs))
        for name in optional
    ]
    for chosen in itertools.islice(itertools.product(*choices), MOST_TRIALS):
        if _try(overlay, several, dict(zip(optional, chosen, strict=True))):
            return True
    return False


def _try(overlay: Overlay, several: list[Instance], chosen: dict[str, int]) -> bool:
    """chosen: which of its inputs stands for an optional entry."""
    inputs = [each.inputs for each in several]
    overlay.wires, overlay.instead = {}, {}

    def fitting(wanted: list[tuple[Wire, ...] | None]) -> tuple[Wire, ...] | None:
        for candidate in dict.fromkeys(wires for wires in wanted if wires is not None):
            reduced = [tuple(_reduced(w, known, overlay.instead) for w in candidate) for known in inputs]
            if all(wires is None or wires == left for wires, left in zip(wanted, reduced, strict=True)):
                return candidate
        return None

    for name in overlay.names:
        wires = fitting([known.get(name) for known in inputs])
        if wires is None:
            return False
        overlay.wires[name] = wires
        if name in chosen:
            overlay.instead[name] = wires[chosen[name]]
    outputs = fitting([each.outputs for each in several])
    overlay.outputs = outputs or ()
    return outputs is not None


def _reduced(wire: Wire, known: dict[str, tuple[Wire, ...]], instead: dict[str, Wire]) -> Wire:
    """The wire where the entries that are not known are left out."""
    while wire[0] and wire[0] not in known and wire[0] in instead:
        wire = instead[wire[0]]
    return wire
