"""Other people's counters beside archcost, in every form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archcost.analysis.causes import Cause, Term
from archcost.analysis.crosscheck import Crosscheck, Row
from archcost.reports import csv as csv_report
from archcost.reports import markdown as markdown_report
from archcost.reports import table, units
from archcost.reports.content import title
from archcost.reports.json import settings

HEADER = ["counter", "version", "unit", "its figure", "archcost", "difference", "verdict"]
NUMERIC = [False, False, False, True, True, True, False]
LEAST = ["version", "unit", "difference", "archcost"]
FIRM = "\N{NO-BREAK SPACE}"
CSV = (
    *("counter", "version", "unit", "verdict", "figure", "archcost", "difference", "terms", "causes", "failure"),
    *("note", "reasons", "remarks"),
)


def data(found: Crosscheck) -> dict[str, Any]:
    analysis = found.analysis
    return {
        "spec": analysis.document.name,
        "settings": settings(analysis),
        "model": found.source or None,
        "macs": analysis.macs,
        "flops": analysis.flops,
        "ok": found.ok,
        "counters": [_row(row) for row in found.rows],
        "not_installed": list(found.absent),
    }


def csv(found: Crosscheck) -> str:
    """A row for each figure; terms and other lists are joined by semicolons."""
    rows = []
    for row in found.rows:
        cells = _row(row)
        cells["terms"] = _joined(row.terms)
        cells["causes"] = "; ".join(f"{_joined(cause.parts)}: {cause.remark}" for cause in row.causes)
        cells |= {name: "; ".join(cells[name]) for name in ("reasons", "remarks")}
        rows.append([csv_report.cell(cells[name]) for name in CSV])
    return csv_report.listing(CSV, rows)


def text(found: Crosscheck, width: int | None = None) -> str:
    """A table for a terminal of so many characters, then how each figure comes about; None for no limit."""
    lines = [_cells(row) for row in found.rows]
    parts = [table.fitted(f"{title(found.analysis)}\n{_subject(found)}", width)]
    parts += [table.narrowed(HEADER, lines, NUMERIC, width, LEAST), ""]
    for row in found.rows:
        first, *more = why(row, FIRM)
        said = "\n".join([first, *(f"    {line}" for line in more)])
        parts.append(table.fitted(said, width).replace(FIRM, " "))
    if found.absent:
        parts += ["", table.fitted(_absent(found), width)]
    return "\n".join(parts)


def markdown(found: Crosscheck) -> str:
    lines = [[*_cells(row), "; ".join(why(row))] for row in found.rows]
    listed = markdown_report.table([*HEADER, "why"], lines, NUMERIC)
    absent = f"\n{_absent(found)}\n" if found.absent else ""
    return f"## {title(found.analysis)}\n\n{_subject(found)}\n\n{listed}{absent}"


def why(row: Row, space: str = " ") -> list[str]:
    """What a figure is made of; then, a line each, what accounts for a difference, and what else is to be known.

    space: between a term's words, which no line break should part.
    """
    said = [f"{row.count.convention}: {_sum(row, space)}"]
    if row.counted is None:
        said += [f"no rule: {reason}" for reason in row.reasons]
    if row.count.failure:
        said.append(f"no figure: {row.count.failure}")
    elif row.verdict != "equal":
        said.append(_printed(row))
        said += map(_cause, row.causes)
        if row.causes and row.unexplained:
            said.append(f"{units.signed(row.unexplained)} is not explained")
        if row.unexplained or row.counted is None:
            said += [f"perhaps: {remark}" for remark in row.remarks]
    if row.count.note:
        said.append(row.count.note)
    if row.other_version and row.verdict not in ("equal", "failed"):
        said.append(f"this is version {row.count.version}; the rules were checked on {row.convention.of}")
    return said


def _printed(row: Row) -> str:
    figure = int(row.count.figure or 0)
    beyond = " than this part" if row.counted is None else ""
    more = figure - row.known
    return f"it gives {units.count(figure)}, {units.count(abs(more))} {'more' if more > 0 else 'less'}{beyond}"


def _sum(row: Row, space: str) -> str:
    """The terms as an equation, with all digits, so that a reader can add them up."""
    first, *others = (f"{term.name} {units.count(abs(term.count))}".replace(" ", space) for term in row.terms)
    signs = ("+" if term.count > 0 else "−" for term in row.terms[1:])
    more = "".join(f" {sign}{space}{term}" for sign, term in zip(signs, others, strict=True))
    return f"{units.count(row.known)} {row.convention.unit} = {first}{more}"


def _cause(cause: Cause) -> str:
    parts = ", ".join(f"{units.signed(part.count)} {part.name}" for part in cause.parts)
    return f"{parts}: {cause.remark}"


def _row(row: Row) -> dict[str, Any]:
    return {
        "counter": row.count.convention,
        "version": row.count.version,
        "unit": row.convention.unit,
        "verdict": row.verdict,
        "figure": row.count.figure,
        "archcost": row.counted,
        "difference": row.difference,
        "terms": _terms(row.terms),
        "causes": [{"remark": cause.remark, "parts": _terms(cause.parts)} for cause in row.causes],
        "unexplained": row.unexplained if row.difference is not None else None,
        "failure": row.count.failure or None,
        "note": row.count.note or None,
        "reasons": list(row.reasons),
        "remarks": list(row.remarks),
    }


def _terms(terms: Iterable[Term]) -> list[dict[str, Any]]:
    return [{"name": term.name, "count": term.count} for term in terms]


def _joined(terms: Iterable[Term]) -> str:
    return "; ".join(f"{term.name} {term.count}" for term in terms)


def _cells(row: Row) -> list[str]:
    def shown(count: int | None) -> str:
        return "–" if count is None else units.count(count)

    difference = "" if row.difference is None else units.signed(row.difference)
    figures = [shown(row.count.figure), shown(row.counted), difference]
    return [row.count.convention, row.count.version, row.convention.unit, *figures, row.verdict]


def _subject(found: Crosscheck) -> str:
    macs = f"macs {units.count(found.analysis.macs)}, flops {units.count(found.analysis.flops)}"
    ran = found.source or "the module that archcost builds of the spec"
    return f"{macs}. The counters ran {ran}, batch 1, in eval mode."


def _absent(found: Crosscheck) -> str:
    return f"Not installed: {', '.join(found.absent)}. All: {found.install}"
