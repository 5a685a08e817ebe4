"""What can be plotted: published points, results of searches, sweeps, and tables of measured latencies."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archcost.accuracy import model as accuracies
from archcost.accuracy.model import Accuracy
from archcost.errors import ArchcostError
from archcost.latency import conditions
from archcost.latency import table as tables
from archcost.latency.points import LATENCY, POINT_COLUMNS, Points, read_points, refer
from archcost.reports.plots import series as plots
from archcost.reports.plots.series import COSTS, Series
from archcost.spec import zoo
from archcost.spec.parts import Document
from archcost.spec.settings import settle

RESULT = "result.json"
MIXED = ("device", "processor", "runtime", "dtype", "mode", "batch")
"""Columns that must not differ between the times of one plot."""


@dataclass(frozen=True, slots=True)
class Reader:
    """How sources are read. dtype: of published figures and of bytes; recipes: those preferred, the first first;
    surface: whether to draw what was fitted; spec: what sweeps are of, where they do not say; where: which rows."""

    dtype: str = "float32"
    recipes: Sequence[str] = ()
    surface: bool = False
    spec: str | None = None
    where: Mapping[str, str] = field(default_factory=dict)

    def read(self, source: str) -> list[Series]:
        """The series of one source: a folder or file of a search, a sweep's or measurements' file, or a spec.

        Raises ArchcostError for what is none of these, and where no accuracy is known.
        """
        path = Path(source)
        if source in zoo.names() or path.suffix in (".yaml", ".yml"):
            return [self._published(source)]
        if zoo.exists(path) and path.is_dir():
            if not (path / RESULT).exists():
                raise ArchcostError(f"{source}: has no {RESULT}; name the folder that `archcost search --out` wrote")
            path = path / RESULT
        if path.suffix == ".json":
            return self._json(path)
        if path.suffix == ".csv":
            return self._csv(path)
        if zoo.exists(path):
            raise ArchcostError(f"{source}: is no source of a plot; name a .json, a .csv, a spec, or a search's folder")
        return [self._published(source)]

    def accuracy(self, document: Document, dtype: str | None = None) -> Accuracy:
        """By the first of the recipes that the spec has figures of, else by that with the most."""
        dtype = "int8" if (dtype or self.dtype) == "int8" else "float32"  # halves lose no accuracy to speak of
        for recipe in self.recipes:
            try:
                return accuracies.of(document, dtype, recipe)
            except ArchcostError:  # another recipe may have some
                continue
        return accuracies.of(document, dtype)

    def _published(self, source: str) -> Series:
        reference = refer(source)
        if reference.given:
            raise ArchcostError(f"{source}: a plot shows all that is published; name the spec without settings")
        known = self.accuracy(reference.document)
        return plots.published(reference.document, known, self.dtype, self.surface)

    def _json(self, path: Path) -> list[Series]:
        try:
            content = json.loads(tables.read_text(path))
        except (ValueError, RecursionError) as error:
            raise ArchcostError(f"{path}: is not JSON: {error}") from None
        if isinstance(content, dict) and isinstance(content.get("front"), list):
            return result(content, str(path))
        if isinstance(content, dict) and isinstance(content.get("rows"), list) and content["rows"]:
            rows = [row if isinstance(row, dict) else {} for row in content["rows"]]
            return [self._sweep(rows, str(content.get("spec") or ""), str(path))]
        raise ArchcostError(f"{path}: is neither the {RESULT} of a search nor a sweep's JSON")

    def _csv(self, path: Path) -> list[Series]:
        table = tables.read(path, (), self.where)
        if LATENCY in table:
            return self._measured(path)
        if "macs" not in table:
            raise ArchcostError(
                f"{path}: is neither a sweep (no column macs) nor a table of measurements "
                f"({', '.join((*POINT_COLUMNS, LATENCY))})"
            )
        names = [name.strip() for name in table.header]
        rows = [{n: c.strip() or None for n, c in zip(names, row, strict=True)} for row in table.rows]
        if "accuracy" in table and "spec" in table:
            return result({"front": rows}, str(path))
        return [self._sweep(rows, "", str(path))]

    def _sweep(self, rows: Sequence[Mapping[str, Any]], spec: str, file: str) -> Series:
        """Estimates for a sweep's variants, those that can exist."""
        import numpy as np

        name = self.spec or spec
        if not name:
            raise ArchcostError(f"{file}: does not say which spec it is of; say so with --spec NAME")
        document = refer(name, Path(file).parent).document
        known = self.accuracy(document)
        if not known.points:
            raise ArchcostError(f"{document.name}: no accuracy is known; a sweep is plotted where one is published")
        rows = [row for row in rows if row.get("macs") is not None]
        found = Series(document.name, plots.empty(len(rows)), [], notes=[known.statement])
        _fill(found, rows, file)
        times = [name for name in (rows[0] if rows else ()) if name.startswith("predicted_ms")]
        if len(times) == 1:
            found.columns["seconds"] = _column(rows, times[0], file) * 1e-3
            found.measured = False
        given = [{p: str(row[p]) for p in document.parameters if row.get(p) is not None} for row in rows]
        own = settle(document).parameters
        for chosen in dict.fromkeys(tuple(each.items()) for each in given):
            places = np.array([place for place, each in enumerate(given) if tuple(each.items()) == chosen])
            parameters = settle(document, parameters=dict(chosen)).parameters
            at = {name: found.columns[name][places] for name in ("alpha", "height", "width")}
            estimate = known.estimate(at["alpha"], (at["height"], at["width"]), parameters)
            for name, values in zip(_ACCURACY, (estimate.value, estimate.low, estimate.high), strict=True):
                found.columns[name][places] = values
            differing = {name: str(value) for name, value in parameters.items() if value != own[name]}
            for place in places:
                given[place] = differing
        found.parameters = given
        return found

    def _measured(self, path: Path) -> list[Series]:
        """Measured networks by spec: rows for the same network are averaged."""
        points = read_points(path, measured=True, where=self.where)
        for name in MIXED:
            there = dict.fromkeys(points.table.column(name)) if name in points.table else {}
            if len(there) > 1:
                listed = ", ".join(f'"{text}"' for text in there)
                raise ArchcostError(f"{path}: times of different {name} ({listed}); choose with --where {name}=…")
        dtype = next(iter(conditions.dtypes(points.table))) or self.dtype
        documents = {reference.document.name: reference.document for reference in points.references.values()}
        found = [self._network(points, document, dtype) for document in documents.values()]
        if not any(len(each) for each in found):
            raise ArchcostError(f"{path}: no accuracy in {dtype} is known of {', '.join(documents)}")
        return [each for each in found if len(each)]

    def _network(self, points: Points, document: Document, dtype: str) -> Series:
        import numpy as np

        times: dict[str, list[float]] = {}
        settings: dict[str, Any] = {}
        for row, spec in enumerate(points.specs):
            if points.references[spec].document.name == document.name:
                key = repr(points.settings[row])
                times.setdefault(key, []).append(points.seconds[row])
                settings[key] = points.settings[row]
        known = self.accuracy(document, dtype)
        estimates = [known.settings(each) for each in settings.values()]
        found = Series(document.name, plots.costs(document, list(settings.values()), dtype), [], measured=True)
        found.columns["seconds"] = np.array([sum(each) / len(each) for each in times.values()])
        for name, part in zip(_ACCURACY, ("value", "low", "high"), strict=True):
            found.columns[name] = np.array([float(getattr(estimate, part)) for estimate in estimates])
        exact = np.array([float(estimate.published) for estimate in estimates])
        for name in _ACCURACY:  # what is published needs no estimate
            found.columns[name] = np.where(np.isnan(exact), found.columns[name], exact)
        own = settle(document).parameters
        found.parameters = [
            {name: str(value) for name, value in each.parameters.items() if value != own[name]}
            for each in settings.values()
        ]
        kept = np.flatnonzero(~np.isnan(found.columns["accuracy"]))
        lost = len(settings) - len(kept)
        found = found.chosen(kept)
        found.notes = [known.statement, *points.table.notes]
        if lost:
            found.notes.append(f"{document.name}: {lost} of {len(settings)} networks have no known accuracy; left out")
        return found


_ACCURACY = ("accuracy", "accuracy_low", "accuracy_high")


def result(content: Mapping[str, Any], file: str = RESULT) -> list[Series]:
    """The front of a search, and its winner, by spec; content: of its JSON.

    Raises ArchcostError for what is not a search's.
    """
    rows = [*content["front"]]
    winner = content.get("winner")
    if not all(isinstance(row, dict) and row.get("spec") for row in (*rows, winner or {"spec": "none"})) or not rows:
        raise ArchcostError(f"{file}: has no front of networks that name their spec")
    place = None
    if winner:
        same = [place for place, row in enumerate(rows) if all(row.get(name) == winner.get(name) for name in _SETTINGS)]
        place = same[0] if same else len(rows)
        rows += [] if same else [winner]
    limits = _limits(content.get("constraints"))
    found = []
    for spec in dict.fromkeys(str(row["spec"]) for row in rows):
        own = [row for row in rows if row["spec"] == spec]
        name = Path(spec).stem if spec not in zoo.names() else spec
        each = Series(name, plots.empty(len(own)), [], limits=limits, imagenet=name in zoo.names())
        _fill(each, own, file)
        for name in _ACCURACY:
            each.columns[name] = _column(own, name, file)
        measured, predicted = (_column(own, name, file) * 1e-3 for name in ("measured_ms", "predicted_ms"))
        each.columns["seconds"] = _else(measured, predicted)
        each.measured = True if _some(measured) else False if _some(predicted) else None
        each.parameters = [_named(row.get("parameters")) for row in own]
        each.winner = None if place is None or rows[place] not in own else own.index(rows[place])
        said = content.get("accuracies")
        each.notes = [str(note) for note in said] if isinstance(said, list) else []
        found.append(each)
    return found


_SETTINGS = ("spec", "alpha", "resolution", "parameters")


def _limits(constraints: Any) -> dict[str, float]:
    """By column, in its own unit."""
    found: dict[str, float] = {}
    for name, value in constraints.items() if isinstance(constraints, dict) else ():
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            column = {"latency_ms": "seconds", "min_accuracy": "accuracy"}.get(str(name), str(name))
            found[column] = value * 1e-3 if name == "latency_ms" else float(value)
    return found


def _named(parameters: Any) -> dict[str, str]:
    if isinstance(parameters, dict):
        return {name: str(value) for name, value in parameters.items()}
    return {} if not parameters else {"": str(parameters)}


def _fill(found: Series, rows: Sequence[Mapping[str, Any]], file: str) -> None:
    """Settings and costs of rows, in whichever of the ways that reports have of writing a resolution."""
    import numpy as np

    for name in ("alpha", *COSTS):
        found.columns[name] = _column(rows, name, file)
    sizes = np.array([_size(row, file) for row in rows], float).reshape(-1, 2)
    found.columns["height"], found.columns["width"] = sizes.T


def _size(row: Mapping[str, Any], file: str) -> tuple[float, float]:
    both: Any = row.get("resolution")
    if both is None:
        both = [row.get("height"), row.get("width")]
    elif isinstance(both, str):
        both = both.replace("×", "x").split("x")
    elif not isinstance(both, list):
        both = [both]
    return _number(both[0], "resolution", file), _number(both[-1], "resolution", file)


def _column(rows: Sequence[Mapping[str, Any]], name: str, file: str) -> Any:
    import numpy as np

    return np.array([_number(row.get(name), name, file) for row in rows], float)


def _number(value: Any, name: str, file: str) -> float:
    if value is None or value == "":
        return math.nan
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number < math.inf:
        raise ArchcostError(f"{file}: {name} must be a number from 0 on, not {str(value)[:60]!r}")
    return number


def _some(column: Any) -> bool:
    return bool((column == column).any())


def _else(first: Any, second: Any) -> Any:
    import numpy as np

    return np.where(np.isnan(first), second, first)
