"""CSV: a header of stable names, a row for each layer or variant, plain numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from archcost.analysis import Analysis, Sweep, Validation
from archcost.dims import as_float, is_array
from archcost.reports.content import content

if TYPE_CHECKING:
    from archcost.analysis.training import Training
    from archcost.reports.latency import Latency

_LAYER_ONLY = ("kind", "block", "kernel", "stride", "groups", "input_shapes", "output_shape", "formula")
_TRAINING = ("backward_macs", "kept_bytes")
_TIMES = ("predicted_seconds", "bound", "time_share")
_CONVENTION = ("counted", "convention", "unit")


def analysis(
    analysis: Analysis, by: str | None = None, latency: Latency | None = None, training: Training | None = None
) -> str:
    """Layers or groups of one model; the models of a batch."""
    if is_array(analysis.macs):
        return _batch(analysis, latency)
    report = content(analysis, by, latency, training)
    left_out = ("layers",) if by is None else _LAYER_ONLY
    names = [name for name in report.total.__slots__ if name not in (*left_out, *_TIMES, *_TRAINING, "counted")]
    names += _TRAINING if training else ()
    rows = [[getattr(row, name) for name in names] for row in report.rows]
    if analysis.convention is not None:
        names += _CONVENTION
        for cells, row in zip(rows, report.rows, strict=True):
            cells += [row.counted, *(analysis.totals[name] for name in _CONVENTION[1:])]
    if latency:
        from archcost.reports.latency import milliseconds

        names += ["predicted_ms"] if by else ["predicted_ms", "bound"]
        for cells, row in zip(rows, report.rows, strict=True):
            cells += [milliseconds(row.predicted_seconds), *([] if by else [row.bound])]
    return listing(names, (map(cell, cells) for cells in rows))


def sweep(sweep: Sweep) -> str:
    rows = (map(cell, row.values()) for row in sweep.rows())
    return listing(list(sweep.columns), rows)


def validation(validation: Validation) -> str:
    """Every figure compared."""
    names = ["layer", "what", "archcost", "witness", "by", "ok"]
    return listing(names, ([cell(getattr(c, name)) for name in names] for c in validation.comparisons))


def _batch(analysis: Analysis, latency: Latency | None) -> str:
    import numpy as np

    chosen = analysis.settings
    given: dict[str, Any] = {"alpha": as_float(chosen.alpha)}
    if chosen.resolution is not None:
        given |= {"height": chosen.resolution[0], "width": chosen.resolution[1]}
    given |= {name: value if isinstance(value, str) else as_float(value) for name, value in chosen.parameters.items()}
    columns = {
        **given,
        **{name: total for name, total in analysis.totals.items() if not isinstance(total, (tuple, list))},
    }
    if latency:
        columns["predicted_ms"] = latency.seconds * 1e3
    shape = np.shape(analysis.macs)
    flat = [
        np.ma.ravel(value).tolist()
        if is_array(value) and value.shape == shape
        else np.broadcast_to(value, shape).ravel().tolist()
        for value in columns.values()
    ]
    return listing(list(columns), (map(cell, row) for row in zip(*flat, strict=True)))


def cell(value: Any) -> Any:
    """A figure as one cell: nothing for None, sizes joined by x."""
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        nested = value and isinstance(value[0], tuple)
        return " ".join(map(cell, value)) if nested else "x".join(map(str, value))
    return value


def listing(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue()
