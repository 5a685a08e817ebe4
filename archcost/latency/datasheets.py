"""Profiles from datasheets alone: the roofline of peak arithmetic and peak bandwidth, which no network reaches."""

from __future__ import annotations

from archcost.errors import ArchcostError
from archcost.latency import table as tables
from archcost.latency.formula import Rates
from archcost.latency.profile import Fit, Profile
from archcost.spec.names import unknown

PEAKS = {
    "float32": "float32_flops",
    "float16": "float16_flops",
    "bfloat16": "bfloat16_flops",
    "int8": "int8_ops",
}
"""dtype -> column of the peak, in operations a second (two for each multiply-add); empty where there is none."""
BANDWIDTH = "bytes_per_second"
SHARP = 64.0
"""p of a roofline whose ridge is not rounded."""


def roofline(file: str, name: str, description: str = "") -> Profile:
    """The profile of the row with this name. It has no overheads and no interval, and is marked uncalibrated.

    Raises ArchcostError where there is no such row, or a number is not one.
    """
    table = tables.read(file, ("name", "device", *PEAKS.values(), BANDWIDTH, "source"))
    names = table.column("name")
    if name not in names:
        raise ArchcostError(f"{file}: " + unknown("name", name, names))
    row = {
        column: table.column(column)[names.index(name)] for column in ("device", *PEAKS.values(), BANDWIDTH, "source")
    }
    fits = {}
    for dtype, column in PEAKS.items():
        if row[column]:
            macs, moved = _number(file, column, row[column]) / 2, _number(file, BANDWIDTH, row[BANDWIDTH])
            fits[dtype] = Fit(Rates(0.0, 0.0, macs, macs, macs, moved, moved, moved, SHARP))
    said = description or f"{row['device']}, by its datasheet"
    command = f"archcost calibrate --name {name} --datasheet {file}"
    return Profile(name, said, row["source"], False, fits, command)


def _number(file: str, column: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise ArchcostError(f"{file}: {column} must be a positive number, not {tables.quoted(text)}")
    return value
