"""Layers that a spec repeats a different number of times from one opening of a block to the next, taken as one."""

from __future__ import annotations

from dataclasses import replace

from archcost.exporters.torch.merge import Entry, Wire


def folded(instances: list[list[Entry]]) -> list[list[Entry]]:
    """The entries of each instance, those of one `repeat` as one entry where their number varies.

    The first stays apart where it differs from the rest. What cannot be folded stays as it is.
    """
    result = instances
    for item in _varying(instances):
        found = [_fold(entries, item, apart=False) for entries in result]
        if any(each is None for each in found):
            found = [_fold(entries, item, apart=True) for entries in result]
        firsts = {
            entry.first for each in found if each for entry in each if entry.count is not None and _of(entry, item)
        }
        if all(each is not None for each in found) and len(firsts) <= 1:
            result = [each for each in found if each is not None]
    return result


def _of(entry: Entry, item: int) -> bool:
    return entry.origin is not None and id(entry.origin.item) == item


def _varying(instances: list[list[Entry]]) -> list[int]:
    """The entries of the spec that are repeated, not equally often everywhere."""
    counts: dict[int, set[int]] = {}
    for entries in instances:
        for entry in entries:
            if entry.origin and "repeat" in entry.origin.item.beside:
                counts.setdefault(id(entry.origin.item), set())
    for item, found in counts.items():
        found |= {sum(_of(entry, item) for entry in entries) for entries in instances}
    return [item for item, found in counts.items() if len(found) > 1]


def _fold(entries: list[Entry], item: int, apart: bool) -> list[Entry] | None:
    """With the entries of an item as one; None where they are not alike, or not one after another."""
    places = [place for place, entry in enumerate(entries) if _of(entry, item)]
    if apart:
        places = places[1:]
    if not places:
        return entries
    start, run = places[0], [entries[place] for place in places]
    base, first = _number(run[0].name)
    if places != list(range(start, start + len(run))) or first is None:
        return None
    for before, each, number in zip(run, run[1:], range(first + 1, first + len(run)), strict=False):
        alike = replace(each, name=run[0].name, inputs=run[0].inputs, origin=run[0].origin) == run[0]
        if not alike or each.name != f"{base}{number}" or each.inputs != ((before.name, 0), *run[0].inputs[1:]):
            return None
    name, last = f"{base}*", run[-1].name
    if run[0].outputs != 1 or not run[0].forms:
        return None
    one = replace(run[0], name=name, said=None, count=len(run), first=first)
    rest = [replace(each, inputs=_renamed(each.inputs, last, name)) for each in entries[start + len(run) :]]
    return [*entries[:start], one, *rest]


def _number(name: str) -> tuple[str, int | None]:
    base = name.rstrip("0123456789")
    return base, int(name[len(base) :]) if name[len(base) :] else None


def _renamed(wires: tuple[Wire, ...], old: str, new: str) -> tuple[Wire, ...]:
    return tuple((new, index) if name == old else (name, index) for name, index in wires)
