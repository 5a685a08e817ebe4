"""Tables for a terminal. Where it is narrow, the least important columns go first, and the table says so."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from archcost.analysis import Analysis, Sweep
from archcost.reports.columns import Column, Row
from archcost.reports.content import CONVENTION, content
from archcost.reports.units import swept

if TYPE_CHECKING:
    from archcost.analysis.training import Training
    from archcost.reports.latency import Latency

NARROWEST = 40
MOST_ROWS = 1000
GAP = "  "


def analysis(
    analysis: Analysis,
    by: str | None = None,
    width: int | None = None,
    latency: Latency | None = None,
    training: Training | None = None,
) -> str:
    """The layers (or groups), their sum, the totals and the share by kind. width: in characters, None for no limit."""
    report = content(analysis, by, latency, training)
    table, hidden = _fitted(report.columns, report.lines, width, by)
    kinds = _fitted(report.kind_columns, report.kind_lines, width, "kind")[0] if report.kinds else ""
    notes = CONVENTION + "."
    if analysis.batch > 1:
        notes += f" macs, flops and params are of one sample; activations and bytes of the batch of {analysis.batch}."
    parts = [
        _wrapped(report.title, width),
        table,
        *_not_shown(hidden, width),
        "",
        layout(["total", ""], report.facts, [False, False]),
        "",
        kinds,
        _wrapped(notes, width),
        *(_wrapped(note, width) for note in report.notes),
    ]
    return "\n".join(parts)


def sweep(sweep: Sweep, width: int | None = None) -> str:
    """A row for each variant; of a long sweep the first thousand."""
    rows: list[list[str]] = []
    for row in sweep.rows():
        rows.append(["–" if cell is None else swept(cell, name) for name, cell in row.items()])
        if len(rows) == MOST_ROWS:
            break
    header = list(sweep.columns)
    shown = len(header)
    # The settings and the first totals matter most: columns go from the right.
    while width and shown > 2 and _needed([header[:shown], *(row[:shown] for row in rows)]) > width:
        shown -= 1
    parts = [layout(header[:shown], [row[:shown] for row in rows], [True] * shown), *_not_shown(header[shown:], width)]
    if len(sweep) > len(rows):
        parts.append(f"The first {len(rows):,} of {len(sweep):,} variants; -o FILE.csv or FILE.npz holds all.")
    return "\n".join(parts)


def listing(header: Sequence[str], rows: Iterable[Sequence[str]], numeric: Sequence[bool], width: int | None) -> str:
    """A table whose last column wraps where the terminal ends."""
    import textwrap

    rows = [list(row) for row in rows]
    left = _needed([list(header[:-1]), *(row[:-1] for row in rows)]) + len(GAP)
    wrapped: list[list[str]] = []
    for row in rows:
        lines = textwrap.wrap(row[-1], max(20, width - left)) if width else [row[-1]]
        wrapped.append([*row[:-1], lines[0] if lines else ""])
        wrapped += [[*[""] * (len(row) - 1), line] for line in lines[1:]]
    return layout(header, wrapped, numeric)


def terminal_width() -> int | None:
    """Characters in a line of the terminal; None where the output goes elsewhere."""
    if sys.stdout is None or not sys.stdout.isatty():
        return None
    return max(NARROWEST, shutil.get_terminal_size().columns)


def layout(header: Sequence[str], rows: Iterable[Sequence[str]], numeric: Sequence[bool], total: bool = False) -> str:
    """Cells in aligned columns, under a rule; with `total`, a rule above the last row."""
    lines = [list(header), *map(list, rows)]
    widths = _widths(lines)
    text = [
        GAP.join(_pad(cell, width, right) for cell, width, right in zip(line, widths, numeric, strict=True)).rstrip()
        for line in lines
    ]
    rule = "─" * (sum(widths) + len(GAP) * (len(widths) - 1))
    if total:
        text.insert(len(text) - 1, rule)
    return "\n".join([text[0], rule, *text[1:]])


def narrowed(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    numeric: Sequence[bool],
    width: int | None,
    least: Sequence[str],
) -> str:
    """As `layout`; where it is too wide, columns are left out in the order of `least`, and a line below says so."""
    shown, hidden = list(range(len(header))), []
    for name in least:
        if not width or _needed([[header[i] for i in shown], *([row[i] for i in shown] for row in rows)]) <= width:
            break
        if name in header:
            shown.remove(header.index(name))
            hidden.append(name)
    text = layout([header[i] for i in shown], [[row[i] for i in shown] for row in rows], [numeric[i] for i in shown])
    return "\n".join([text, *_not_shown(hidden, width)])


def _fitted(columns: Sequence[Column], rows: Sequence[Row], width: int | None, by: str | None) -> tuple[str, list[str]]:
    """Rows and their sum in the columns that there is room for, and the titles of those without."""
    shown, hidden = list(columns), []
    cells = {column.key: [column.text(row) for row in rows] for column in columns}

    def lines() -> list[list[str]]:
        titles = [by if by and column.key == "name" else column.title for column in shown]
        return [titles, *map(list, zip(*(cells[column.key] for column in shown), strict=True))]

    while width and len(shown) > 2 and _needed(lines()) > width:
        least = max(shown, key=lambda column: column.importance)
        shown.remove(least)
        hidden.append(least.title)
    header, *body = lines()
    return layout(header, body, [column.numeric for column in shown], total=True), hidden


def _not_shown(hidden: Sequence[str], width: int | None) -> list[str]:
    if not hidden:
        return []
    said = f"Not shown in {width} characters: {', '.join(hidden)}. A wider terminal, --format csv or -o FILE shows all."
    return [_wrapped(said, width)]


def fitted(text: str, width: int | None) -> str:
    """Text whose lines wrap at the terminal's width, further ones under the first one's beginning."""
    import textwrap

    if width is None:
        return text
    lines: list[str] = []
    for line in text.split("\n"):
        indent = " " * (len(line) - len(line.lstrip()) + 2)
        lines += textwrap.wrap(line, width, subsequent_indent=indent, drop_whitespace=True) or [""]
    return "\n".join(lines)


def _wrapped(text: str, width: int | None) -> str:
    import textwrap

    return textwrap.fill(text, width) if width else text


def _needed(lines: Sequence[Sequence[str]]) -> int:
    widths = _widths(lines)
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _widths(lines: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(_cells, column)) for column in zip(*lines, strict=True)]


def _pad(cell: str, width: int, right: bool) -> str:
    space = " " * (width - _cells(cell))
    return space + cell if right else cell + space


def _cells(text: str) -> int:
    """How many characters of the terminal a text takes; wide ones take two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
