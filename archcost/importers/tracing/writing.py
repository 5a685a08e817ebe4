"""Layers as the text of a spec: flat, each under the path of the module that it came from."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from archcost.importers.tracing import widths
from archcost.importers.tracing.entries import Entry
from archcost.importers.tracing.mapping import Mapping
from archcost.spec.expansion import LONGEST_NAME
from archcost.spec.parts import INPUT


@dataclass(frozen=True, slots=True)
class Written:
    """What the header says. kind: the model's class; fixed, fixed_width: why resolution and width cannot change."""

    name: str
    origin: str
    kind: str
    unused: int = 0
    partial: tuple[str, ...] = ()
    fixed: str = ""
    fixed_width: str = ""


def written(layers: Mapping, header: Written, plain: bool = False) -> str:
    """The spec's text. plain: every size as the number that it is here, none computed from others."""
    top: dict[str, Any] = {"name": header.name, "imported": _imported(header)}
    top["input"] = list(layers.sample(layers.input))
    names = {layers.input: INPUT, **named(list(layers.entries.values()), list(layers.entries))}
    if plain:
        for entry in layers.entries.values():
            entry.draft.written = {}
    elif scaling := widths.applied(layers, names, header.kind):
        top["scaling"] = scaling
    lines = []
    before = layers.input
    for key, entry in layers.entries.items():
        lines.append(f"  - {_flow(_fields(key, entry, names, before))}")
        before = key
    return _top(top) + _LAYERS + "\n".join(lines) + "\n"


_LAYERS = "\nlayers:\n"


def _top(fields: dict[str, Any]) -> str:
    import yaml

    said = yaml.safe_dump(fields, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None)
    return str(said).rstrip()


def headed(text: str, header: Written) -> str:
    """A spec's text with another header."""
    import yaml

    top, between, rest = text.partition(_LAYERS)
    return _top({**yaml.safe_load(top), "imported": _imported(header)}) + between + rest


def _imported(header: Written) -> dict[str, Any]:
    found: dict[str, Any] = {"origin": header.origin}
    if header.unused:
        found["unused_params"] = header.unused
    if header.partial:
        found["partial"] = list(header.partial)
    if header.fixed:
        found["fixed"] = header.fixed
    if header.fixed_width:
        found["fixed_width"] = header.fixed_width
    return found


def _fields(key: str, entry: Entry, names: dict[str, str], before: str) -> dict[str, Any]:
    fields: dict[str, Any] = {"name": names[key], **entry.draft.fields, **entry.draft.written}
    if entry.draft.scale:
        fields["scale"] = entry.draft.scale
    if entry.draft.sources != [before]:
        sources = [names[source] for source in entry.draft.sources]
        fields["from"] = sources[0] if len(sources) == 1 else sources
    return {entry.draft.kind: fields}


def _flow(entry: dict[str, Any]) -> str:
    import yaml

    said = yaml.safe_dump([entry], sort_keys=False, allow_unicode=True, width=10**6, default_flow_style=True)
    return str(said).strip()[1:-1][1:-1]


def named(entries: list[Entry], keys: list[str]) -> dict[str, str]:
    """A name for each: the module's path where the module is one layer, else the path and what is done there."""
    together: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        together[entry.call.path].append(entry)
    parents = {path.rpartition(".")[0] for path in together}
    parents |= {".".join(path.split(".")[:depth]) for path in together for depth in range(1, path.count(".") + 1)}
    found: dict[str, str] = {}
    taken: Counter[str] = Counter({INPUT: 1})
    for key, entry in zip(keys, entries, strict=True):
        path = entry.call.path
        alike = len({each.draft.kind for each in together[path]}) == 1
        what = _what(entry)
        base = path if path and alike and path not in parents else f"{path}.{what}" if path else what
        base = ".".join(_word(part) for part in base.split("."))
        base = f"_{base}" if base.startswith("$") else base
        base = base[-_LONGEST:].lstrip(".")
        name = base
        while taken[name]:
            taken[base] += 1
            name = f"{base}_{taken[base]}"
        taken[name] += 1
        found[key] = name
    return found


_LONGEST = LONGEST_NAME - 10
"""Room for a number."""


def _word(part: str) -> str:
    """A part of a path as a spec takes it: a module's key can be any text."""
    return "".join(character if character.isprintable() else "_" for character in part).strip() or "_"


def _what(entry: Entry) -> str:
    if entry.draft.kind in ("traced", "constant"):
        return entry.call.operator.strip("_") or entry.draft.kind
    return (
        str(entry.draft.fields.get("function") or entry.draft.kind)
        if entry.draft.kind == "elementwise"
        else entry.draft.kind
    )
