"""What a page is of: specs, or the result of a search."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archcost.errors import ArchcostError

if TYPE_CHECKING:
    from archcost.reports.page.front import Found

RESULT = "result.json"
WANTED = {"space": list, "front": list, "batch": int, "dtype": str, "specs": list}
"""What a search's JSON has, by type."""


@dataclass(frozen=True, slots=True)
class Source:
    """specs: as they were named; axes: of each spec's space, where that is not its own; found: what a search found;
    scale: the batch and the dtype that it counted for."""

    specs: Sequence[str]
    axes: Sequence[Mapping[str, Any]]
    found: Found
    scale: Mapping[str, Any] = field(default_factory=dict)


def source_of(source: str | Path | Sequence[str | Path]) -> Source:
    """Raises ArchcostError for a file that is not what a search writes."""
    from archcost.reports.page.front import Found

    if not isinstance(source, (str, Path)):
        return Source([str(each) for each in source], [{} for _ in source], Found())
    content = _result(Path(source))
    return Source([str(source)], [{}], Found()) if content is None else _searched(content, str(source))


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


def _searched(content: Mapping[str, Any], file: str) -> Source:
    from archcost.reports.page.front import Found

    try:
        specs = [str(space["spec"]) for space in content["space"]]
        axes = [_axes(space) for space in content["space"]]
        winner = content.get("winner")
        if winner is not None and winner["spec"] not in specs:
            raise ValueError(f"its winner is of {winner['spec']}, which it did not search")
        rows = [*content["front"], *([winner] if winner else []), *content.get("equals", [])]
        limits = {str(name): float(value) for name, value in content.get("constraints", {}).items()}
        statements = [str(each) for each in content.get("accuracies", [])]
        found = Found(winner, rows, limits, Path(file).name or file, statements)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArchcostError(f"{file}: is not what `archcost search --out` writes: {error}") from None
    return Source(specs, axes, found, {"batch": content["batch"], "dtype": content["dtype"]})


def _axes(space: Mapping[str, Any]) -> dict[str, Any]:
    """The axes of a space; specs without a resolution have one that nobody reads."""
    sizes = [224 if size is None else tuple(size) for size in space["resolution"]]
    return {"alpha": [*space["alpha"]], "resolution": sizes, **space["parameters"]}
