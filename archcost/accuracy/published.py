"""Published accuracies on ImageNet: rows of `tables/`, each with its source and the recipe that it was trained by.

Recipes are never mixed: the same network trained twice differs by more than its neighbour in width does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from archcost.errors import ArchcostError
from archcost.latency import table as tables
from archcost.latency.table import Problems, Table, quoted, whole
from archcost.spec.names import unknown

FOLDER = Path(__file__).parent / "tables"
COLUMNS = ("spec", "alpha", "resolution", "parameters", "dtype", "recipe", "top1", "top5", "source", "note")


@dataclass(frozen=True, slots=True)
class Point:
    """One network's accuracy.

    resolution: (height, width), None where the spec has none; parameters: those that differ from the spec's own, as
    text; top1, top5: percent; note: what a reader of the figure should know.
    """

    spec: str
    alpha: float
    resolution: tuple[int, int] | None
    parameters: Mapping[str, object]
    dtype: str
    recipe: str
    top1: float
    top5: float | None
    source: str
    note: str = ""


def of(spec: str, dtype: str = "float32") -> list[Point]:
    """What is published for a spec of the zoo in one dtype, of every recipe, in the tables' order."""
    return [point for point in everything() if point.spec == spec and point.dtype == dtype]


def recipes(points: Sequence[Point]) -> list[str]:
    """The recipes of points, that with the most first; of equals, that which comes first."""
    names = [point.recipe for point in points]
    return sorted(dict.fromkeys(names), key=lambda name: -names.count(name))


def by_recipe(points: Sequence[Point], recipe: str | None = None) -> list[Point]:
    """The points of one recipe; without its name, of that with the most points.

    Raises ArchcostError for a recipe that they do not have.
    """
    known = recipes(points)
    if recipe is not None and recipe not in known:
        raise ArchcostError(unknown("recipe", recipe, known))
    chosen = recipe if recipe is not None else next(iter(known), None)
    return [point for point in points if point.recipe == chosen]


@cache
def everything() -> tuple[Point, ...]:
    """All rows of all tables."""
    return tuple(point for file in sorted(FOLDER.glob("*.csv")) for point in read(file))


def read(file: Path) -> list[Point]:
    """Raises ArchcostError, TableError with all that is wrong with the file."""
    table = tables.read(file, COLUMNS)
    problems = Problems(table.file)
    points = [_point(table, row, problems) for row in range(len(table))]
    problems.check()
    return [point for point in points if point is not None]


def _point(table: Table, row: int, problems: Problems) -> Point | None:
    cells = {name.strip(): cell.strip() for name, cell in zip(table.header, table.rows[row], strict=True)}
    try:
        size = whole(cells["resolution"])
        given = dict(part.split("=", 1) for part in cells["parameters"].split(",") if part)
        return Point(
            spec=cells["spec"],
            alpha=float(cells["alpha"]),
            resolution=(size, size),
            parameters=given,
            dtype=cells["dtype"],
            recipe=cells["recipe"],
            top1=percent(cells["top1"]),
            top5=percent(cells["top5"]) if cells["top5"] else None,
            source=cells["source"],
            note=cells["note"],
        )
    except ValueError as error:
        problems.add(table.lines[row], str(error))
        return None


def percent(text: str) -> float:
    """An accuracy in a cell. Raises ValueError for what is none."""
    try:
        value = float(text) if text.isascii() and "_" not in text else -1.0
    except ValueError:
        value = -1.0
    if not 0 <= value <= 100:
        raise ValueError(f"must be a percentage from 0 to 100, not {quoted(text)}")
    return value
