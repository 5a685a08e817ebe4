"""A user's own table of accuracies: `spec,alpha,resolution,accuracy`, a network a row, in percent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archcost import dims
from archcost.accuracy.model import Accuracy, from_points
from archcost.accuracy.published import Point, percent
from archcost.errors import ArchcostError, SpecError
from archcost.latency import table as tables
from archcost.latency.points import Reference, refer
from archcost.latency.table import Problems, Table
from archcost.spec.parts import Document
from archcost.spec.settings import Settings

VALUE = "accuracy"
COLUMNS = ("spec", "alpha", "resolution", VALUE)


@dataclass(slots=True, eq=False)
class Accuracies:
    """The rows by the spec that they are of. warnings: what a user may not have meant."""

    file: str
    documents: list[Document]
    points: list[list[Point]]
    warnings: list[str]

    def of(self, document: Document) -> Accuracy:
        """What the table says about a spec: one with the same text, or of the same file."""
        for known, points in zip(self.documents, self.points, strict=True):
            if known.file == document.file or known.text == document.text:
                return from_points(document, points, self.file)
        return from_points(document, [], "")


def read(path: str | Path) -> Accuracies:
    """Reads a table; a spec is named as on the command line, also with settings after an @. Columns that are named as
    a parameter of a row's spec set it; an empty cell leaves the spec's own value.

    Raises ArchcostError where the file cannot be read, TableError with all problems of its rows.
    """
    table = tables.read(path, COLUMNS)
    problems = Problems(table.file)
    values = table.parsed(VALUE, percent, problems)
    references = _references(table, problems)
    found = Accuracies(table.file, [], [], _warnings(table, values, references))
    seen: dict[str, tuple[int, float]] = {}
    specs = table.column("spec")
    for row, value in enumerate(values):
        reference = references.get(specs[row])
        settings = _settings(table, row, reference, problems) if reference else None
        if reference is None or settings is None or value is None:
            continue
        place = _place(found, reference.document)
        identity = f"{place} {_identity(settings)}"
        line = table.lines[row]
        earlier = seen.setdefault(identity, (line, value))
        if earlier[1] != value:
            problems.add(line, f"{value:g} for the network that has {earlier[1]:g} in line {earlier[0]}; keep one")
        elif earlier[0] == line:
            found.points[place].append(_point(found, place, settings, value))
    problems.check()
    return found


def _references(table: Table, problems: Problems) -> dict[str, Reference]:
    """Each distinct spec, read once; one problem for each that cannot be."""
    found: dict[str, Reference] = {}
    specs = table.column("spec")
    for spec in dict.fromkeys(specs):
        try:
            if not spec:
                raise ArchcostError("spec is missing")
            found[spec] = refer(spec, Path(table.file).parent)
        except ArchcostError as error:
            problems.add(table.lines[specs.index(spec)], str(error).split("\n")[0])
    return found


def _settings(table: Table, row: int, reference: Reference, problems: Problems) -> Settings | None:
    """The settings of a row; None, and a problem, where no model has them."""
    cells = {name.strip(): cell.strip() for name, cell in zip(table.header, table.rows[row], strict=True)}
    own = {name: cells[name] for name in reference.document.parameters if cells.get(name)}
    try:
        for name in sorted(own.keys() & reference.given.keys()):
            raise ArchcostError(f"{name} is set twice, in its column and in `{cells['spec']}`; keep one")
        return Reference(reference.document, {**reference.given, **own}).settings(cells["alpha"], cells["resolution"])
    except (ArchcostError, SpecError) as error:
        problems.add(table.lines[row], str(error).split("\n")[0])
        return None


def _place(found: Accuracies, document: Document) -> int:
    """Where the table keeps a spec's points."""
    for place, known in enumerate(found.documents):
        if known.file == document.file or known.text == document.text:
            return place
    found.documents.append(document)
    found.points.append([])
    return len(found.documents) - 1


def _identity(settings: Settings) -> str:
    return f"{settings.alpha} {settings.resolution} {sorted(settings.parameters.items(), key=lambda item: item[0])}"


def _point(found: Accuracies, place: int, settings: Settings, value: float) -> Point:
    size: Any = settings.resolution
    alpha = float(dims.as_float(settings.alpha))
    name = found.documents[place].name
    return Point(name, alpha, size, settings.parameters, "", found.file, value, None, found.file)


def _warnings(table: Table, values: Sequence[float | None], references: dict[str, Reference]) -> list[str]:
    parameters = {name for reference in references.values() for name in reference.document.parameters}
    ignored = [name.strip() for name in table.header if name.strip() not in (*COLUMNS, *parameters)]
    found = []
    if ignored:
        listed = ", ".join(f"`{name}`" for name in ignored)
        found.append(f"{table.file}: no spec here has a parameter {listed}; ignored")
    if fractions(values):
        found.append(f"{table.file}: every accuracy is below 1, taken as percent; if they are shares, multiply by 100")
    return found


def fractions(values: Sequence[float | None]) -> bool:
    """Whether accuracies look like shares of 1 where percentages are meant."""
    known = [value for value in values if value is not None]
    return bool(known) and max(known) < 1
