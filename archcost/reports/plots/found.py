"""What a search found, from its JSON or the CSV of its front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from archcost.analysis import SCHEMA_VERSION
from archcost.errors import ArchcostError, printable
from archcost.reports.plots import cells
from archcost.reports.plots import series as plots
from archcost.reports.plots.cells import Columns
from archcost.reports.plots.series import ACCURACIES, COSTS, SECONDS, Series
from archcost.spec import zoo

RESULT = "result.json"
SETTINGS = ("spec", "alpha", "resolution", "parameters")


def result(content: Mapping[str, Any], file: str = RESULT) -> list[Series]:
    """The front of a search, and its winner, by spec; content: of its JSON.

    Raises ArchcostError for what is not a search's.
    """
    version = content.get("schema_version", SCHEMA_VERSION)
    if version != SCHEMA_VERSION:
        raise ArchcostError(
            f"{file}: its schema_version is {printable(str(version)[:20])}; this archcost reads {SCHEMA_VERSION}"
        )
    rows, winner = content["front"], content.get("winner") or None
    rows = [*rows] if isinstance(rows, list) else []
    if not rows or not all(map(_names_its_spec, rows if winner is None else [*rows, winner])):
        raise ArchcostError(f"{file}: has no front of networks that name their spec")
    place = None
    if winner:
        same = [place for place, row in enumerate(rows) if all(row.get(name) == winner.get(name) for name in SETTINGS)]
        place = same[0] if same else len(rows)
        rows += [] if same else [winner]
    said = content.get("accuracies")
    notes = [str(note) for note in said] if isinstance(said, list) else []
    limits = _limits(content.get("constraints"))
    found = []
    for spec in dict.fromkeys(row["spec"] for row in rows):
        own = [number for number, row in enumerate(rows) if row["spec"] == spec]
        each = _series(spec, [rows[number] for number in own], file)
        each.limits, each.notes = limits, notes
        each.winner = own.index(place) if place in own else None
        found.append(each)
    return found


def _names_its_spec(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("spec"), str) and bool(row["spec"])


def _series(spec: str, rows: Sequence[Mapping[str, Any]], file: str) -> Series:
    import numpy as np

    name = spec if spec in zoo.names() else Path(spec).stem
    columns = cells.by_column(rows)
    found = Series(name, plots.empty(len(rows)), [_named(row.get("parameters")) for row in rows])
    found.imagenet = name in zoo.names()
    fill(found, columns, file)
    for part in ACCURACIES:
        found.columns[part] = cells.numbers(columns, part, len(rows), file, most=100)
    for device in ("", *_devices(columns)):
        measured, predicted = (
            cells.numbers(columns, f"{kind}_ms{device}", len(rows), file) * 1e-3 for kind in ("measured", "predicted")
        )
        found.columns[f"{SECONDS} {device[1:]}".strip()] = np.where(np.isnan(measured), predicted, measured)
        known = True if _some(measured) else False if _some(predicted) else None
        found.measured = known if found.measured is None else found.measured or known
    return found


def _devices(columns: Columns) -> list[str]:
    """What follows the names of times where there are several devices: `_NAME`."""
    named = [name.removeprefix("measured_ms") for name in columns if name.startswith("measured_ms_")]
    return [each for each in named if len(each) > 1]


def fill(found: Series, columns: Columns, file: str) -> None:
    """Settings and costs, from the columns of a report."""
    count = len(found)
    for name in ("alpha", *COSTS):
        found.columns[name] = cells.numbers(columns, name, count, file)
    found.columns["height"], found.columns["width"] = cells.sizes(columns, count, file).T


def _limits(constraints: Any) -> dict[str, float]:
    """By column, in its own unit."""
    found: dict[str, float] = {}
    for name, value in constraints.items() if isinstance(constraints, dict) else ():
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            word, _, device = str(name).partition("latency_ms")
            timed = not word and name != word
            column = f"{SECONDS} {device[1:]}".strip() if timed else "accuracy" if name == "min_accuracy" else str(name)
            found[column] = value * 1e-3 if timed else float(value)
    return found


def _named(parameters: Any) -> dict[str, str]:
    if isinstance(parameters, dict):
        return {str(name): str(value) for name, value in parameters.items()}
    return {} if not parameters else {"": str(parameters)}


def _some(column: Any) -> bool:
    return bool((column == column).any())
