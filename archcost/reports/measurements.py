"""Measurements as people and other programs read them: in milliseconds, with what they were made on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from archcost.latency.measurement import FIELDS, OK, OUT_OF_MEMORY, UNSTABLE, Measurement
from archcost.latency.points import GROUPS, LATENCY, LAYER_COLUMNS, LAYER_LATENCY
from archcost.latency.table import to_csv
from archcost.reports import units
from archcost.reports.table import fitted, narrowed

_SPREAD = ("lower_quartile", "upper_quartile", "tenth_percentile", "ninetieth_percentile")
_HOW = ("dtype", "layout", "mode", "folded", "tf32")
_STATUS = {OK: "", OUT_OF_MEMORY: "out of memory"}

Answer = tuple[Measurement, bool]
"""A measurement, and whether it came from the store."""


def network_row(measurement: Measurement, stored: bool) -> dict[str, Any]:
    """The columns that `calibrate --from` reads, then all else; None where there is no figure."""
    m = measurement
    own = {"spec": m.spec, "alpha": m.alpha, "resolution": m.resolution, "batch": m.batch, LATENCY: _ms(m.median)}
    return {**own, **_details(m, stored)}


def layer_row(measurement: Measurement, stored: bool, count: int, names: Sequence[str]) -> dict[str, Any]:
    """The columns that `calibrate --from-layers` reads, empty where it is no convolution, then all else.

    count: how often the layer occurs; names: where.
    """
    m = measurement
    own = {name: getattr(m, name) for name in (*LAYER_COLUMNS, GROUPS)} | {LAYER_LATENCY: _ms(m.median)}
    return {**own, "kind": m.kind, "layer": m.layer, "count": count, "names": " ".join(names), **_details(m, stored)}


def _details(m: Measurement, stored: bool) -> dict[str, Any]:
    return {
        **{name: getattr(m, name) for name in _HOW},
        "status": m.status,
        "reason": m.reason,
        **{f"{name}_ms": _ms(getattr(m, name)) for name in _SPREAD},
        "blocks": m.count,
        "peak_bytes": m.peak_bytes,
        "device": m.device,
        "stored": stored,
        "created": m.created,
        "key": m.key,
    }


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    return to_csv(list(rows[0]), ([cell(value) for value in row.values()] for row in rows))


def table(rows: Sequence[Mapping[str, Any]], answers: Sequence[Answer], width: int | None, note: str = "") -> str:
    """What was asked for, under a heading that says on what and how it was measured; times in milliseconds."""
    differing = [name for name in _HOW if len({row[name] for row in rows}) > 1]
    first = ["layer", "batch", "count"] if "layer" in rows[0] else ["spec", "alpha", "resolution", "batch"]
    header = [*first, *differing, "ms", "quartiles", "10–90 %", "blocks", "peak memory", ""]
    numeric = [name in ("alpha", "batch", "count", "ms", "blocks", "peak memory") for name in header]
    body = [[_shown(row[name]) for name in (*first, *differing)] + _figures(row) for row in rows]
    if all(row["peak_bytes"] is None for row in rows):
        place = header.index("peak memory")
        for line in (header, numeric, *body):
            del line[place]  # type: ignore[attr-defined]
    header = ["α" if name == "alpha" else name for name in header]
    text = narrowed(header, body, numeric, width, ("blocks", "10–90 %", "peak memory", "quartiles"))
    return "\n".join([fitted(heading(rows, answers, note), width), "", text, *_reasons(rows, width)])


def heading(rows: Sequence[Mapping[str, Any]], answers: Sequence[Answer], note: str) -> str:
    """On what, how, by which protocol, and what the store knew already."""
    m = answers[-1][0]
    how = [_named(name, rows[0][name]) for name in _HOW if len({row[name] for row in rows}) == 1]
    known = sum(stored for _, stored in answers)
    lines = [
        *([note] if note else []),
        f"{m.device}{_machine(m)}; PyTorch {m.software.get('torch')}",
        f"{', '.join(part for part in how if part)}; milliseconds of one forward, median of blocks",
        protocol(m.protocol) + (f"; {known} of {len(answers)} from the store" if known else ""),
    ]
    return "\n".join(lines)


def protocol(numbers: Mapping[str, Any]) -> str:
    """In one line: `protocol blocks 1: blocks of 10 ms or more, …`."""
    n = numbers
    try:
        return (
            f"protocol {n['name']} {n['version']}: blocks of {1000 * n['block_seconds']:g} ms or more, at least "
            f"{n['blocks']} and {n['seconds']:g} s of them, drift up to {n['drift']:.0%}"
        )
    except KeyError:  # another version's
        return f"protocol {n.get('name')} {n.get('version')}"


def listing(found: Iterable[Measurement], width: int | None = None) -> str:
    """The store's content: a line for each measurement."""
    header = ["made", "spec", "α", "resolution", "layer", "batch", "dtype", "layout", "mode", "ms", "", "device"]
    numeric = [name in ("α", "batch", "ms") for name in header]
    rows = [
        [
            m.created[:16].replace("T", " "),
            m.spec,
            _shown(m.alpha),
            m.resolution,
            m.layer or "",
            str(m.batch),
            m.dtype,
            m.layout,
            m.mode + (", folded" if m.folded else "") + (", TF32" if m.tf32 else ""),
            _shown(_ms(m.median)),
            _STATUS.get(m.status, m.status),
            m.device,
        ]
        for m in found
    ]
    table = narrowed(header, rows, numeric, width, ("layout", "made", "device", "layer", "mode"))
    return table + f"\n{units.count(len(rows))} measurements; ms: the median of one forward."


def export(found: Iterable[Measurement]) -> str:
    """Everything, exactly, as `archcost measurements import` reads it."""
    return to_csv(list(FIELDS), (m.cells().values() for m in found))


def _figures(row: Mapping[str, Any]) -> list[str]:
    time = row[LATENCY] if LATENCY in row else row[LAYER_LATENCY]
    status = row["status"]
    peak = row["peak_bytes"]
    return [
        _shown(time),
        _range(row["lower_quartile_ms"], row["upper_quartile_ms"]),
        _range(row["tenth_percentile_ms"], row["ninetieth_percentile_ms"]),
        str(row["blocks"]),
        "–" if peak is None else units.bytes_(peak),
        ", ".join(filter(None, [_STATUS.get(status, status), "from the store" if row["stored"] else ""])),
    ]


def _reasons(rows: Sequence[Mapping[str, Any]], width: int | None) -> list[str]:
    """Why some rows are not what they should be, each reason once."""
    again = {UNSTABLE: "; --fresh measures it again"}
    found = dict.fromkeys(
        f"{_STATUS.get(row['status'], row['status'])}: {row['reason']}{again.get(row['status'], '')}"
        for row in rows
        if row["reason"]
    )
    return ["", *(fitted(reason, width) for reason in found)] if found else []


def _machine(m: Measurement) -> str:
    if "threads" in m.fingerprint:
        return f", {m.fingerprint['threads']} threads"
    parts = []
    if "clock_hertz" in m.after:
        parts.append(f"{m.after['clock_hertz'] / 1e6:.0f} MHz")
    if "power_watts" in m.after:
        parts.append(f"{m.after['power_watts']:.0f} W")
    if "temperature_celsius" in m.after:
        parts.append(f"{m.after['temperature_celsius']:.0f} °C")
    return f", {', '.join(parts)} after the last run" if parts else ", clock unknown (install nvidia-ml-py)"


def _named(name: str, value: Any) -> str:
    if name in ("folded", "tf32"):
        return {"folded": "BN folded", "tf32": "TF32"}[name] if value else ""
    return str(value)


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else float(f"{1000 * seconds:.7g}")


def _range(low: float | None, high: float | None) -> str:
    return "–" if low is None else f"{_shown(low)} … {_shown(high)}"


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def cell(value: Any) -> Any:
    """A figure as CSV has it."""
    return str(value).lower() if isinstance(value, bool) else "" if value is None else value
