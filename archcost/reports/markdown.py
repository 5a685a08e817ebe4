"""Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from archcost.analysis import Analysis
from archcost.reports.columns import GROUP_COLUMNS, Column, Row
from archcost.reports.content import CONVENTION, content


def analysis(analysis: Analysis, by: str | None = None) -> str:
    report = content(analysis, by)
    facts = table(["total", ""], report.facts)
    kinds = _rows(GROUP_COLUMNS, [*report.kinds, report.total])
    return (
        f"## {report.title}\n\n{_rows(report.columns, [*report.rows, report.total])}\n{facts}\n{kinds}\n{CONVENTION}.\n"
    )


def _rows(columns: Sequence[Column], rows: Iterable[Row]) -> str:
    cells = [[column.text(row) for column in columns] for row in rows]
    return table([column.title for column in columns], cells, [column.numeric for column in columns])


def table(header: Sequence[str], rows: Iterable[Sequence[str]], numeric: Sequence[bool] = ()) -> str:
    """A Markdown table; numeric columns stand to the right."""
    rule = ["---:" if i < len(numeric) and numeric[i] else "---" for i in range(len(header))]
    return "".join("| " + " | ".join(_escaped(cell) for cell in cells) + " |\n" for cells in [header, rule, *rows])


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")
