"""HTML tables for notebooks; every text is escaped."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from archcost.analysis import Analysis, Sweep, Validation
from archcost.dims import is_array
from archcost.reports import csv as csv_report
from archcost.reports.content import CONVENTION, content
from archcost.reports.units import swept

if TYPE_CHECKING:
    from archcost.reports.latency import Latency

MOST_ROWS = 200


def analysis(analysis: Analysis, latency: Latency | None = None) -> str:
    if is_array(analysis.macs):
        header, *rows = list(csv.reader(io.StringIO(csv_report.analysis(analysis, latency=latency))))
        more = f" (the first {MOST_ROWS} here)" if len(rows) > MOST_ROWS else ""
        title = f"<h4>{escape(analysis.document.name)}: a batch of {len(rows):,} models{more}</h4>"
        return title + table(header, rows[:MOST_ROWS])
    report = content(analysis, latency=latency)
    cells = [[column.text(row) for column in report.columns] for row in report.lines]
    layers = table([column.title for column in report.columns], cells)
    facts = table(["total", ""], report.facts)
    notes = "".join(f"<p>{escape(note)}</p>" for note in report.notes)
    layers = f"<details open><summary>layers</summary>{layers}</details>"
    return f"<h4>{escape(report.title)}</h4>{facts}{layers}<p>{escape(CONVENTION)}</p>{notes}"


def sweep(sweep: Sweep) -> str:
    rows: list[list[str]] = []
    for row in sweep.rows():
        rows.append(["" if cell is None else swept(cell, name) for name, cell in row.items()])
        if len(rows) == MOST_ROWS:
            break
    more = f"<p>the first {MOST_ROWS} of {len(sweep):,} variants</p>" if len(sweep) > MOST_ROWS else ""
    return table(list(sweep.columns), rows) + more


def validation(validation: Validation) -> str:
    rows = [[c.layer, c.what, str(c.archcost), str(c.witness), c.by] for c in validation.differences[:MOST_ROWS]]
    verdict = f"{validation.compared:,} figures compared, {len(validation.differences):,} differ"
    differences = table(["layer", "what", "archcost", "witness", "by"], rows) if rows else ""
    return (
        f"<h4>{escape(validation.spec)}: {'ok' if validation.ok else 'differences'}</h4><p>{verdict}</p>{differences}"
    )


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
