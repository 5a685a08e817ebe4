"""What can be plotted: published points, results of searches, sweeps, and tables of measured latencies."""

from __future__ import annotations

import json
import zipfile
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
from archcost.reports.plots import cells, surface
from archcost.reports.plots import series as plots
from archcost.reports.plots.cells import Columns
from archcost.reports.plots.found import RESULT, fill, result
from archcost.reports.plots.series import ACCURACIES, ACCURACY, Series
from archcost.spec import zoo
from archcost.spec.parts import Document
from archcost.spec.settings import settle

__all__ = ["Reader", "result"]
MIXED = ("device", "processor", "runtime", "dtype", "mode", "batch")
"""Columns that must not differ between the times of one plot."""


@dataclass(frozen=True, slots=True)
class Reader:
    """How sources are read. dtype: of published figures and of bytes; recipes: those preferred, the first first;
    surface: whether to draw what was fitted; spec: what sweeps are of, where they do not say; where: which rows; y: one
    of AXES, as without accuracies nothing needs to be known of them."""

    dtype: str = "float32"
    recipes: Sequence[str] = ()
    surface: bool = False
    spec: str | None = None
    where: Mapping[str, str] = field(default_factory=dict)
    y: str = ACCURACY

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
        readers = {".json": self._json, ".csv": self._csv, ".npz": self._npz}
        if path.suffix in readers:
            return readers[path.suffix](path)
        if zoo.exists(path):
            raise ArchcostError(
                f"{source}: is no source of a plot; name a .json, a .csv, a .npz, a spec, or a search's folder"
            )
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
        found = plots.published(reference.document, known, self.dtype)
        if self.surface:
            surface.add(found, reference.document, known, self.dtype)
        return found

    def _json(self, path: Path) -> list[Series]:
        try:
            content = json.loads(tables.read_text(path))
        except (ValueError, RecursionError) as error:
            raise ArchcostError(f"{path}: is not JSON: {error}") from None
        if isinstance(content, dict) and isinstance(content.get("front"), list):
            return result(content, str(path))
        if isinstance(content, dict) and isinstance(content.get("rows"), list) and content["rows"]:
            rows = [row if isinstance(row, dict) else {} for row in content["rows"]]
            return [self._sweep(cells.by_column(rows), str(content.get("spec") or ""), str(path))]
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
        if "accuracy" in table and "spec" in table:
            rows = [{n: c.strip() or None for n, c in zip(names, row, strict=True)} for row in table.rows]
            return result({"front": rows}, str(path))
        return [self._sweep({name: table.column(name) for name in names}, "", str(path))]

    def _npz(self, path: Path) -> list[Series]:
        """A sweep's arrays; nothing in the file is run, as pickles would be."""
        import numpy as np

        try:
            with zipfile.ZipFile(path) as archive:
                if sum(each.file_size for each in archive.infolist()) > tables.LARGEST_FILE:
                    raise ValueError(f"more than {tables.LARGEST_FILE // 2**30} GiB")
            with np.load(path, allow_pickle=False) as arrays:
                columns = {name: np.atleast_1d(arrays[name]) for name in arrays.files}
        except FileNotFoundError:
            raise ArchcostError(f"{path}: no such file") from None
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, MemoryError) as error:
            raise ArchcostError(f"{path}: is no NPZ of a sweep: {error}") from None
        if "macs" not in columns or len({np.shape(column)[:1] for column in columns.values()}) != 1:
            raise ArchcostError(f"{path}: is no NPZ of a sweep: it needs a column macs, and all of one length")
        return [self._sweep(columns, "", str(path))]

    def _sweep(self, columns: Columns, spec: str, file: str) -> Series:
        """Estimates for a sweep's variants, those that can exist."""
        import numpy as np

        name = self.spec or spec
        if not name:
            raise ArchcostError(f"{file}: does not say which spec it is of; say so with --spec NAME")
        document = refer(name, Path(file).parent).document
        known = self.accuracy(document)
        if not known.points and self.y == ACCURACY:
            raise ArchcostError(f"{document.name}: no accuracy is known; a sweep is plotted where one is published")
        columns = _feasible(columns)
        count = len(columns["macs"]) if "macs" in columns else 0
        if not count:
            raise ArchcostError(f"{file}: has no variant that can exist (none has macs)")
        found = Series(document.name, plots.empty(count), [], notes=[known.statement] if known.points else [])
        fill(found, columns, file)
        times = [name for name in columns if name.startswith("predicted_ms")]
        if len(times) == 1:
            found.columns["seconds"] = cells.numbers(columns, times[0], count, file) * 1e-3
            found.measured = False
        elif times:
            found.notes.append(f"{file}: has times of {len(times)} devices, and shows none; sweep with one --device")
        found.parameters = _estimated(found, document, known, columns)
        if np.isnan(found.columns["accuracy"]).all() and self.y == ACCURACY:
            raise ArchcostError(f"{file}: no accuracy is known of any of its variants of {document.name}")
        return found

    def _measured(self, path: Path) -> list[Series]:
        """Measured networks by spec: rows for the same network are averaged."""
        points = read_points(path, measured=True, where=self.where)
        for name in MIXED:
            there = dict.fromkeys(points.table.column(name)) if name in points.table else {}
            if len(there) > 1:
                listed = ", ".join(f'"{text}"' for text in there)
                raise ArchcostError(f"{path}: times of different {name} ({listed}); choose with --where {name}=…")
        dtype = next(iter(conditions.dtypes(points.table)), "") or self.dtype
        documents = {reference.document.name: reference.document for reference in points.references.values()}
        found = [self._network(points, document, dtype) for document in documents.values()]
        if not any(len(each) for each in found):
            raise ArchcostError(f"{path}: no accuracy in {dtype} is known of {', '.join(documents)}")
        return [each for each in found if len(each)]

    def _network(self, points: Points, document: Document, dtype: str) -> Series:
        """What was measured of one spec, with its accuracies."""
        import numpy as np

        times: dict[str, list[float]] = {}
        settings: dict[str, Any] = {}
        for row, spec in enumerate(points.specs):
            if points.references[spec].document.name == document.name:
                key = repr(points.settings[row])
                times.setdefault(key, []).append(points.seconds[row])
                settings[key] = points.settings[row]
        known = self.accuracy(document, dtype)
        networks = list(settings.values())
        found = Series(document.name, plots.costs(document, networks, dtype), [], measured=True)
        found.columns["seconds"] = np.array([sum(each) / len(each) for each in times.values()])
        for places, chosen in plots.batches(networks):
            estimate = known.settings(chosen)
            for name, values in zip(ACCURACIES, (estimate.value, estimate.low, estimate.high), strict=True):
                # What is published needs no estimate.
                found.columns[name][places] = np.where(np.isnan(estimate.published), values, estimate.published)
        own = settle(document).parameters
        found.parameters = [
            {name: str(value) for name, value in each.parameters.items() if value != own[name]} for each in networks
        ]
        kept = np.flatnonzero(~np.isnan(found.columns["accuracy"]) | (self.y != ACCURACY))
        lost = len(settings) - len(kept)
        found = found.chosen(kept)
        found.notes = [known.statement, *points.table.notes] if self.y == ACCURACY else [*points.table.notes]
        if lost:
            found.notes.append(f"{document.name}: {lost} of {len(settings)} networks have no known accuracy; left out")
        return found


def _feasible(columns: Columns) -> Columns:
    """The rows of variants that can exist."""
    import numpy as np

    if "macs" not in columns:
        return columns
    macs = columns["macs"]
    if isinstance(macs, np.ndarray):
        there = np.asarray(columns.get("feasible", np.ones(len(macs))), bool)
        return {name: np.asarray(column)[there] for name, column in columns.items()}
    kept = [row for row, cell in enumerate(macs) if cell is not None and cell != ""]
    return {name: [column[row] for row in kept] for name, column in columns.items()}


def _estimated(found: Series, document: Document, known: Accuracy, columns: Columns) -> Sequence[Mapping[str, str]]:
    """Fills in accuracies; of each row the parameters that differ from the spec's own."""

    own = settle(document).parameters
    names = [name for name in document.parameters if name in columns]
    texts = [[_text(cell) for cell in columns[name]] for name in names]
    rows = list(zip(*texts, strict=True)) if names else [()] * len(found)
    places: dict[tuple[str, ...], list[int]] = {}
    for place, row in enumerate(rows):
        places.setdefault(row, []).append(place)
    differing: list[Mapping[str, str]] = [{}] * len(found)
    for row, members in places.items():
        given = {name: text for name, text in zip(names, row, strict=True) if text}
        parameters = settle(document, parameters=given).parameters
        at = {name: found.columns[name][members] for name in ("alpha", "height", "width")}
        estimate = known.estimate(at["alpha"], (at["height"], at["width"]), parameters)
        for name, values in zip(ACCURACIES, (estimate.value, estimate.low, estimate.high), strict=True):
            found.columns[name][members] = values
        others = {name: str(value) for name, value in parameters.items() if value != own[name]}
        for place in members:
            differing[place] = others
    return differing


def _text(cell: Any) -> str:
    """As an option would have it."""
    if hasattr(cell, "item"):
        cell = cell.item()
    if isinstance(cell, bool):
        return str(cell).lower()
    return "" if cell is None else f"{cell:.12g}" if isinstance(cell, float) else str(cell).strip()
