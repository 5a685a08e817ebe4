"""A model against its limits, in every form."""

from __future__ import annotations

from typing import Any

from archcost.analysis.limits import Check, Limit
from archcost.reports import csv as csv_report
from archcost.reports import markdown as markdown_report
from archcost.reports import table, units
from archcost.reports.content import title
from archcost.reports.json import settings

LABELS = {
    "macs": "macs",
    "params": "params",
    "weight_bytes": "weights, bytes",
    "peak_activation_bytes": "peak memory, bytes",
}
HEADER = ["limit", "value", "at most", "verdict"]
NUMERIC = [False, True, True, False]


def data(check: Check) -> dict[str, Any]:
    return {
        "spec": check.analysis.document.name,
        "settings": settings(check.analysis),
        "ok": check.ok,
        "limits": [_row(limit) for limit in check.limits],
    }


def csv(check: Check) -> str:
    rows = [_row(limit) for limit in check.limits]
    return csv_report.listing(list(rows[0]), ([*row.values()] for row in rows))


def text(check: Check, width: int | None = None) -> str:
    listed = table.listing(HEADER, map(_cells, check.limits), NUMERIC, width)
    return "\n".join([table.fitted(title(check.analysis), width), listed, _verdict(check)])


def markdown(check: Check) -> str:
    listed = markdown_report.table(HEADER, map(_cells, check.limits), NUMERIC)
    return f"## {title(check.analysis)}\n\n{listed}\n{_verdict(check)}\n"


def _row(limit: Limit) -> dict[str, Any]:
    return {
        "name": limit.name,
        "figure": limit.figure,
        "value": limit.value,
        "limit": limit.limit,
        "ok": None if limit.unknown else limit.ok,
        "excess": limit.excess,
        "percent": limit.percent,
    }


def _cells(limit: Limit) -> list[str]:
    return [LABELS[limit.figure], units.count(limit.value), units.count(limit.limit), _said(limit)]


def _said(limit: Limit) -> str:
    if limit.unknown:
        return "not known to hold: this is the part that is counted"
    if not limit.excess:
        return "holds, just"
    by = f"{units.count(abs(limit.excess))} ({_percent(abs(limit.percent))})"
    if limit.ok:
        return f"holds, {by} to spare"
    return f"EXCEEDED by {by}{' or more' if limit.partial else ''}"


def _percent(percent: float) -> str:
    """Never 0 for what is not."""
    return f"{percent:.2f} %" if percent >= 0.01 else "less than 0.01 %"


def _verdict(check: Check) -> str:
    if check.ok:
        return "All limits hold."
    said = [f"{len(check.exceeded)} of {len(check.limits)} limits exceeded."] if check.exceeded else []
    unknown = ", ".join(LABELS[limit.figure] for limit in check.unknown)
    if unknown:
        imported = check.analysis.document.imported
        listed = ", ".join(imported.partial) if imported is not None else ""
        said.append(f"{unknown}: not known to hold, as nobody knows the multiply-adds of {listed}.")
    return " ".join(said)
