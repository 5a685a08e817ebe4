"""The rows of a search's result among the variants of a page: where they stand, what only they know, and whether their
figures are those that are computed here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from archcost.errors import ArchcostError
from archcost.reports.page.found import Found
from archcost.search.candidates import Candidates
from archcost.search.enumeration import COSTS
from archcost.search.question import Question
from archcost.search.space import Space
from archcost.spec.settings import settle

SHOWN = 5
"""Rows that differ, of which a page says how."""
ACCURACIES = ("accuracy", "accuracy_low", "accuracy_high")
ALIKE = 1e-4
"""How far apart two accuracies, and as a share two times, may be: results are written to so many digits."""


def numbered(question: Question, row: Mapping[str, Any]) -> tuple[int, int] | None:
    """The space of a row of a result, and its number there; None where no space has it."""
    for at, space in enumerate(question.spaces):
        if space.name != row.get("spec"):
            continue
        size, parameters = row.get("resolution"), row.get("parameters")
        try:
            chosen = settle(space.document, row.get("alpha"), None, tuple(size) if size else None, parameters)
            wanted = {**chosen.parameters, "alpha": chosen.alpha, "resolution": chosen.resolution}
            return at, space.number({name: places[str(wanted[name])] for name, places in _axes(space).items()})
        except (ArchcostError, KeyError):
            continue
    return None


@lru_cache(maxsize=8)
def _axes(space: Space) -> dict[str, dict[str, int]]:
    """Of each axis the places of its values, by their text."""
    return {name: {str(value): at for at, value in enumerate(values)} for name, values in space.axes.items()}


def place_of(question: Question, table: Candidates, row: Mapping[str, Any]) -> int | None:
    """Where a row's network stands in the table, whichever of its variants that names; None where it does not."""
    found = numbered(question, row)
    if found is None:
        return None
    inside = table.space == found[0]
    rows = np.flatnonzero(inside & (table.number == found[1]))
    if not len(rows):
        alike = [getattr(table, name) == row.get(name) for name in COSTS]
        rows = np.flatnonzero(inside & np.logical_and.reduce(alike))
    return int(rows[0]) if len(rows) else None


def told(question: Question, table: Candidates, columns: Mapping[str, Any], found: Found) -> dict[str, Any]:
    """Columns with what only a search knows: measured seconds, predicted ones of devices without a profile here, and
    accuracies, in place of none; and without the accuracies that the search did not know."""
    result = {name: np.array(columns[name], float) for name in ACCURACIES}
    times: dict[str, tuple[str, Any]] = {"measured": ("measured_ms", np.full(len(table), np.nan))}
    for device in found.devices:
        times[device.measured_column] = device.key("measured_ms"), np.full(len(table), np.nan)
        if device.predicted_column not in columns:
            times[device.predicted_column] = device.key("predicted_ms"), np.full(len(table), np.nan)
    gaps = []
    for row in found.rows:
        place = place_of(question, table, row)
        if place is None:
            continue
        if row.get("accuracy") is None:
            gaps.append(place)
        for key, column in times.values():
            if row.get(key) is not None:
                column[place] = row[key] * 1e-3
        for name, column in result.items():
            if row.get(name) is not None and np.isnan(column[place]):
                column[place] = row[name]
    for column in result.values():
        column[gaps] = np.nan
    return {**result, **{name: column for name, (_, column) in times.items()}}


def compared(question: Question, table: Candidates, columns: Mapping[str, Any], found: Found) -> list[str]:
    """Which rows of a result are not what is computed here, and how; no more than a few of them."""
    said = []
    once: dict[str, Mapping[str, Any]] = {}
    for row in found.rows:
        once.setdefault(_called(row), row)
    for called, row in once.items():
        place = place_of(question, table, row)
        if place is None:
            said.append(f"{called}: no such network can exist, or its costs are others")
        elif different := [*_different(row, columns, place, found)]:
            said.append(f"{called}: {', '.join(different)}")
    if len(said) > SHOWN:
        said = [*said[:SHOWN], f"and {len(said) - SHOWN} more of {len(once)}"]
    return said


def _called(row: Mapping[str, Any]) -> str:
    size = row["resolution"]
    parts = [f"α {row['alpha']:g}", *([f"{size[0]}x{size[1]}"] if size else [])]
    parts += [f"{name}={value}" for name, value in row["parameters"].items()]
    return f"{row['spec']} {' '.join(parts)}"


def _different(row: Mapping[str, Any], columns: Mapping[str, Any], place: int, found: Found) -> Iterator[str]:
    """The figures of a row that differ, the result's first."""
    for name in COSTS:
        own = float(columns[name][place])
        if row.get(name) is not None and row[name] != own:
            yield f"{name} {row[name]:,.0f}, here {own:,.0f}"
    own = float(columns["accuracy"][place])
    if row.get("accuracy") is None and own == own:
        yield f"accuracy unknown, here {own:g}"
    elif row.get("accuracy") is not None and abs(row["accuracy"] - own) > ALIKE:
        yield f"accuracy {row['accuracy']:g}, here {own:g}"
    for device in found.devices:
        told_ms, times = row.get(device.key("predicted_ms")), columns.get(device.predicted_column)
        if device.measured or times is None or told_ms is None:
            continue
        own = float(times[place]) * 1e3
        if not abs(told_ms - own) <= ALIKE * max(own, told_ms):
            yield f"predicted {told_ms:g} ms on {device.name}, here {own:g} ms"
