"""What a page is of: specs, or the result of a search."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archcost.api.rows import axes_of, devices_of, limits_of, objectives_of, row_of, scale_of, text_of
from archcost.errors import ArchcostError
from archcost.spec import loading

if TYPE_CHECKING:
    from archcost.reports.page.found import Found

RESULT = "result.json"
WANTED = {"space": list, "front": list, "batch": int, "dtype": str, "specs": list}
"""What a search's JSON has, by type; `inplace` was not written by early versions."""
FILES = (".yaml", ".yml", ".onnx", ".py")
"""Ends of the names of specs that are files, wherever a search found them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A network of a page. spec: as the command line names it; label: what it is called among others; axes: of its
    space, where they are not the spec's own; chosen: a row of a result that it is shown as."""

    spec: str
    label: str
    axes: Mapping[str, Any] = field(default_factory=dict)
    chosen: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """entries: the page's networks; found: what a search found; scale: the batch, the dtype and whether layers work in
    place, as that search counted."""

    entries: Sequence[Entry]
    found: Found
    scale: Mapping[str, Any] = field(default_factory=dict)


def source_of(source: Any) -> Source:
    """Raises ArchcostError for what names no network, and for a file that is not what a search writes."""
    from archcost.reports.page.found import Found

    several = [source] if isinstance(source, (str, Path)) else source
    named = isinstance(several, Sequence) and all(isinstance(each, (str, Path)) and str(each) for each in several)
    if not named or not several:
        raise ArchcostError("a page is of a spec, of several, or of the folder of a search; name one")
    results = [_result(Path(each)) for each in several]
    if len(several) == 1 and results[0] is not None:
        return _searched(results[0], Path(several[0]))
    entries = [
        Entry(str(each), str(each)) if content is None else _winner(content, Path(each))
        for each, content in zip(several, results, strict=True)
    ]
    return Source(entries, Found())


def _result(path: Path) -> Any:
    """A search's JSON; None for what is no such thing."""
    file = path / RESULT if path.is_dir() else path
    if not path.is_dir() and (path.suffix != ".json" or not path.is_file()):
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        said = "there is none; name a spec, or the folder that `archcost search --out` wrote"
        raise ArchcostError(f"{file}: {said}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ArchcostError(f"{file}: is not the JSON of a search: {error}") from None
    content = content if isinstance(content, dict) else {}
    wrong = [name for name, kind in WANTED.items() if not isinstance(content.get(name), kind)]
    if content.get("schema_version") != 1:
        wrong.append("schema_version")
    if wrong:
        raise ArchcostError(f"{file}: is not what `archcost search --out` writes: {', '.join(wrong)}")
    return content


def _searched(content: Mapping[str, Any], path: Path) -> Source:
    from archcost.reports.page.found import Found

    try:
        devices = devices_of(content)
        known = {space["spec"]: _there(space["spec"], path) for space in content["space"]}
        entries = [Entry(known[s["spec"]], known[s["spec"]], axes_of(s)) for s in content["space"]]
        winner = row_of(content["winner"], known, devices) if content.get("winner") is not None else None
        listed = (*content["front"], *content.get("equals", []), *content.get("timed", []))
        rows = [*([winner] if winner else []), *(row_of(each, known, devices) for each in listed)]
        found = Found(
            winner,
            rows,
            limits_of(content.get("constraints", {}), devices),
            Path(path).name or str(path),
            [text_of(each) for each in content.get("accuracies", [])],
            objectives_of(content.get("objectives", ())),
            devices,
        )
        scale = scale_of(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArchcostError(f"{path}: is not what `archcost search --out` writes: {error}") from None
    return Source(entries, found, scale)


def _winner(content: Mapping[str, Any], path: Path) -> Entry:
    """The winner of a search, as a network beside others."""
    found = _searched(content, path)
    winner = found.found.winner
    if winner is None:
        raise ArchcostError(f"{path}: has no winner to put beside others")
    return Entry(winner["spec"], f"{winner['spec']} of {found.found.origin}", {}, winner)


def _there(named: Any, path: Path) -> str:
    """Where a spec that a search named is: as it was named, else beside the result or in a folder around it."""
    name = text_of(named)
    if loading.is_spec(name) or Path(name).is_absolute() or not name.lower().endswith(FILES):
        return name
    folder = path.resolve() if path.is_dir() else path.resolve().parent
    for around in (folder, *folder.parents):
        if loading.is_spec(str(around / name)) or (around / name).is_file():
            found: str = os.path.relpath(around / name)
            return found
    raise ArchcostError(
        f"{path}: the search was of {name}, which is neither here nor in a folder around the result; go to the folder "
        "where it ran"
    )
