"""Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from archcost.analysis import Analysis
from archcost.reports.columns import Column, Row
from archcost.reports.content import CONVENTION, content

if TYPE_CHECKING:
    from archcost.analysis.training import Training
    from archcost.reports.latency import Latency


def analysis(
    analysis: Analysis, by: str | None = None, latency: Latency | None = None, training: Training | None = None
) -> str:
    report = content(analysis, by, latency, training)
    facts = table(["total", ""], report.facts)
    kinds = _rows(report.kind_columns, report.kind_lines)
    notes = "".join(f"\n{_escaped(note)}\n" for note in report.notes)
    layers = _rows(report.columns, report.lines)
    return f"## {report.title}\n\n{layers}\n{facts}\n{kinds}\n{CONVENTION}.\n{notes}"


def _rows(columns: Sequence[Column], rows: Iterable[Row]) -> str:
    cells = [[column.text(row) for column in columns] for row in rows]
    return table([column.title for column in columns], cells, [column.numeric for column in columns])


def table(header: Sequence[str], rows: Iterable[Sequence[str]], numeric: Sequence[bool] = ()) -> str:
    """A Markdown table; numeric columns stand to the right."""
    rule = ["---:" if i < len(numeric) and numeric[i] else "---" for i in range(len(header))]
    return "".join("| " + " | ".join(_escaped(cell) for cell in cells) + " |\n" for cells in [header, rule, *rows])


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")
