"""Measurements from other machines: the files that `archcost measurements export` writes."""

from __future__ import annotations

from collections.abc import Sequence

from archcost.latency import table as csv_table
from archcost.latency.measurement import FIELDS, Measurement, from_cells
from archcost.latency.table import Problems


def read(files: Sequence[str]) -> list[Measurement]:
    """The measurements of all files. Raises ArchcostError at the first file with problems, with all of that file's."""
    return [measurement for file in files for measurement in _read(file)]


def _read(file: str) -> list[Measurement]:
    table = csv_table.read(file, tuple(FIELDS))
    problems = Problems(table.file)
    names = [title.strip() for title in table.header]
    found: list[Measurement] = []
    for line, row in zip(table.lines, table.rows, strict=True):
        try:
            found.append(from_cells(dict(zip(names, row, strict=True))))
        except ValueError as error:
            problems.add(line, str(error))
    problems.check()
    return found
