"""Two models side by side, in every form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archcost.analysis import LayerCost
from archcost.analysis.difference import FIGURES, Change, Difference, Pair
from archcost.reports import csv as csv_report
from archcost.reports import markdown as markdown_report
from archcost.reports import table, units
from archcost.reports.content import title
from archcost.reports.json import plain, settings

SIGNS = {"equal": " ", "changed": "~", "renamed": "→", "added": "+", "removed": "-"}
TOTAL_HEADER = ["total", "A", "B", "difference", "percent"]
TOTAL_NUMERIC = [False, True, True, True, True]
LAYER_HEADER = ["", "layer", "kind", "output", "macs A", "macs B", "Δ macs", "Δ params"]
LAYER_NUMERIC = [False, False, False, False, True, True, True, True]
LEAST = ["kind", "output", "Δ params", "macs A", "macs B"]
"""In the order in which a narrow terminal leaves them out."""
CSV_HEADER = ["scope", "change", "layer_a", "layer_b", "kind", "figure", "a", "b", "difference", "percent"]


def data(found: Difference, everything: bool = False) -> dict[str, Any]:
    """Both sides' settings, all totals, and the layers that differ (or all)."""
    return {
        "a": _side(found.a),
        "b": _side(found.b),
        "totals": {name: _change(change) for name, change in found.totals.items()},
        "counts": found.counts,
        "layers": [_layer(pair) for pair in _listed(found, everything)],
    }


def csv(found: Difference, everything: bool = False) -> str:
    """A row for each figure: of the totals, then of each layer."""
    rows: list[list[Any]] = []
    for name, change in found.totals.items():
        rows.append(["total", "", "", "", "", name, *_values(change)])
    for pair in _listed(found, everything):
        names = [side.name if side else "" for side in (pair.a, pair.b)]
        shapes = Change(*(side and units.sizes(side.output_shape) for side in (pair.a, pair.b)))
        figures = {"output_shape": shapes, **{name: pair.figure(name) for name in FIGURES}}
        for name, change in figures.items():
            rows.append(["layer", pair.change, *names, pair.layer.kind, name, *_values(change)])
    return csv_report.listing(CSV_HEADER, rows)


def text(found: Difference, everything: bool = False, width: int | None = None) -> str:
    """Tables for a terminal of so many characters; None for no limit."""
    totals = table.narrowed(
        TOTAL_HEADER, _total_cells(found, width), TOTAL_NUMERIC, width, ["percent", "difference", "A"]
    )
    parts = [_titles(found, width), totals, "", table.fitted(_counts(found), width)]
    pairs = _listed(found, everything)
    if pairs:
        names = _name_room(pairs, width)
        lines = [line for pair in pairs for line in _layer_cells(pair, names)]
        parts.append(table.narrowed(LAYER_HEADER, lines, LAYER_NUMERIC, width, LEAST))
        parts.append(table.fitted(_legend(pairs), width))
    return "\n".join(parts)


def markdown(found: Difference, everything: bool = False) -> str:
    totals = markdown_report.table(TOTAL_HEADER, _total_cells(found, None), TOTAL_NUMERIC)
    parts = [f"{_titles(found, None).replace(chr(10), chr(10) * 2)}\n", totals, f"{_counts(found)}\n"]
    pairs = _listed(found, everything)
    if pairs:
        lines = []
        for pair in pairs:
            first, *more = _layer_cells(pair, None)
            lines.append([pair.change, " ".join([first[1], *(line[1] for line in more)]), *first[2:]])
        parts.append(markdown_report.table(["change", *LAYER_HEADER[1:]], lines, LAYER_NUMERIC))
    return "\n".join(parts)


def _listed(found: Difference, everything: bool) -> list[Pair]:
    return [pair for pair in found.layers if everything or pair.change != "equal"]


def _side(analysis: Any) -> dict[str, Any]:
    return {"spec": analysis.document.name, "settings": settings(analysis)}


def _change(change: Change) -> dict[str, Any]:
    names = ("a", "b", "difference", "percent")
    return {name: plain(getattr(change, name)) for name in names}


def _values(change: Change) -> list[Any]:
    sides = [csv_report.cell(side) for side in (change.a, change.b)]
    return [*sides, *(csv_report.cell(each) for each in (change.difference, change.percent))]


def _layer(pair: Pair) -> dict[str, Any]:
    return {
        "change": pair.change,
        "kind": pair.layer.kind,
        "a": _layer_side(pair.a),
        "b": _layer_side(pair.b),
        "difference": {name: pair.figure(name).difference for name in FIGURES},
    }


def _layer_side(layer: LayerCost | None) -> dict[str, Any] | None:
    if layer is None:
        return None
    shapes = {"input_shapes": plain(layer.input_shapes), "output_shape": plain(tuple(layer.output_shape))}
    window = {name: plain(getattr(layer, name)) for name in ("kernel", "stride", "groups")}
    return {"name": layer.name, **shapes, **window, **{name: getattr(layer, name) for name in FIGURES}}


def _titles(found: Difference, width: int | None) -> str:
    sides = (("A", found.a), ("B", found.b))
    return "\n".join(table.fitted(f"{side}  {title(analysis)}", width) for side, analysis in sides)


def _total_cells(found: Difference, width: int | None) -> list[list[str]]:
    """Every total; in a terminal no name takes more room than the numbers do."""
    numbers = [side for change in found.totals.values() for side in (change.a, change.b) if isinstance(side, int)]
    room = None if width is None else max(len(units.count(number)) for number in numbers)
    return [
        [name, *(_elided(_shown(side), room) for side in (change.a, change.b)), _difference(change), _percent(change)]
        for name, change in found.totals.items()
    ]


def _shown(figure: Any) -> str:
    if figure is None:
        return "–"
    return units.count(figure) if isinstance(figure, int) else str(csv_report.cell(figure))


def _difference(change: Change) -> str:
    if change.difference is None:
        return "" if change.a == change.b else "differs"
    return units.signed(change.difference)


def _percent(change: Change) -> str:
    return "" if not change.difference or change.percent is None else f"{change.percent:+.2f} %"


def _counts(found: Difference) -> str:
    said = ", ".join(f"{count:,} {change}" for change, count in found.counts.items() if count)
    return f"layers: {len(found.a.layers):,} in A, {len(found.b.layers):,} in B; {said}"


def _legend(pairs: Iterable[Pair]) -> str:
    present = {pair.change for pair in pairs}
    return ", ".join(f"{sign} {change}" for change, sign in SIGNS.items() if change in present and sign.strip())


def _name_room(pairs: Iterable[Pair], width: int | None) -> int | None:
    """Characters for a layer's name, so that with its sign and the difference of its macs it fits."""
    if width is None:
        return None
    widest = max(len(_difference(pair.figure("macs"))) for pair in pairs)
    return width - max(widest, len("Δ macs")) - 2 * len(table.GAP) - 1


def _layer_cells(pair: Pair, room: int | None) -> list[list[str]]:
    """A line, and under it a renamed layer's new name."""
    macs = pair.figure("macs")
    first = pair.a or pair.layer
    lines = [
        [
            SIGNS[pair.change],
            _elided(first.name, room),
            pair.layer.kind,
            _shapes(pair),
            units.count(macs.a) if pair.a else "",
            units.count(macs.b) if pair.b else "",
            _difference(macs),
            _difference(pair.figure("params")),
        ]
    ]
    if pair.a and pair.b and pair.a.name != pair.b.name:
        new = _elided(f"→ {pair.b.name}", room)
        lines.append(["", new, *[""] * (len(LAYER_HEADER) - 2)])
    return lines


def _shapes(pair: Pair) -> str:
    shapes = [units.sizes(side.output_shape) for side in (pair.a, pair.b) if side]
    return " → ".join(dict.fromkeys(shapes))


def _elided(text: str, room: int | None) -> str:
    """Text in so many characters: its beginning and its end."""
    if room is None or len(text) <= room:
        return text
    tail = (room - 1) * 2 // 3
    return f"{text[: room - 1 - tail]}…{text[len(text) - tail :]}"
