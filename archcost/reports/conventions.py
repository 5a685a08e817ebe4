"""Counts by the conventions of other tools: one beside the macs, or all side by side."""

from __future__ import annotations

from typing import Any

from archcost.analysis import Analysis, conventions
from archcost.reports import csv as csv_report
from archcost.reports import markdown as markdown_report
from archcost.reports import table, units
from archcost.reports.content import title
from archcost.reports.json import plain
from archcost.reports.json import settings as settings_data

NAMES = ("convention", "unit", "counted", "uncounted", "of", "differs", "reasons", "remarks")


def rows(analysis: Analysis) -> list[dict[str, Any]]:
    """What each convention counts in one model, as data."""
    network = analysis.network
    return [
        {
            "convention": name,
            "unit": convention.unit,
            "counted": plain(analysis.counted(name)),
            "uncounted": list(analysis.uncounted(name)),
            "of": convention.of,
            "differs": convention.differs,
            "reasons": convention.reasons(network),
            "remarks": convention.notes(network),
        }
        for name, convention in conventions.table().items()
    ]


def data(analysis: Analysis) -> dict[str, Any]:
    """All conventions side by side, with the macs and flops that they compare with."""
    return {
        "spec": analysis.document.name,
        "settings": settings_data(analysis),
        "macs": analysis.macs,
        "flops": analysis.flops,
        "conventions": rows(analysis),
    }


def csv(analysis: Analysis) -> str:
    """A row for each convention; several operators, reasons or remarks are joined by semicolons."""
    found = (
        {**row, **{name: "; ".join(row[name]) for name in ("uncounted", "reasons", "remarks")}}
        for row in rows(analysis)
    )
    return csv_report.listing(NAMES, ([row[name] for name in NAMES] for row in found))


def text(analysis: Analysis, width: int | None = None) -> str:
    """A table for a terminal of so many characters; None for no limit."""
    header, lines = _cells(analysis)
    listed = table.listing(header, lines, [False, False, True, False], width)
    return "\n".join([table.fitted(title(analysis), width), listed])


def markdown(analysis: Analysis) -> str:
    header, lines = _cells(analysis)
    return f"## {title(analysis)}\n\n{markdown_report.table(header, lines, [False, False, True, False])}"


def _cells(analysis: Analysis) -> tuple[list[str], list[list[str]]]:
    lines = [["archcost", "mac", units.count(analysis.macs), "multiply-adds of convolutions, linear layers, products"]]
    for row in rows(analysis):
        shown = "–" if row["counted"] is None else units.count(row["counted"])
        lines.append([row["convention"], row["unit"], shown, _said(row)])
    return ["convention", "unit", "counted", "what makes it differ"], lines


def _said(row: dict[str, Any]) -> str:
    if row["uncounted"]:
        return f"no rule for {', '.join(row['uncounted'])}: {'; '.join(row['reasons'])}"
    return str(row["differs"])
