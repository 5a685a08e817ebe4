"""Amounts as a user writes them: 300M multiply-adds, 2ms, 4MiB, 70%."""

from __future__ import annotations

import math
import re

from archcost.errors import ArchcostError

COUNTS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9, "t": 1e12}
BYTES = {
    "": 1.0,
    "b": 1.0,
    **{f"{p}b": 10.0 ** (3 * i) for i, p in enumerate("kmgt", 1)},
    **{f"{p}ib": 2.0 ** (10 * i) for i, p in enumerate("kmgt", 1)},
}
SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
PERCENT = {"": 1.0, "%": 1.0}

_AMOUNT = re.compile(
    r"\s*([+-]?(?:(?:\d{1,3}(?:[_,]\d{3})+|\d+)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-zµμ%]*)\s*", re.ASCII
)


def count(text: str, what: str) -> float:
    """A number of something, with k, M, G or T.

    >>> count("300M", "--budget"), count("0.3e9", "--budget"), count("1.5 G", "--budget")
    (300000000.0, 300000000.0, 1500000000.0)
    """
    return _amount(text, what, COUNTS, "300M, 1.5G or 0.3e9")


def size(text: str, what: str) -> float:
    """Bytes.

    >>> size("4MiB", "--max-weights"), size("1.5MB", "--max-weights")
    (4194304.0, 1500000.0)
    """
    return _amount(text, what, BYTES, "4MiB, 1.5MB or 4194304")


def duration(text: str, what: str) -> float:
    """Seconds; the unit must be there, for 2 could be seconds or milliseconds.

    >>> duration("2ms", "--max-latency")
    0.002
    """
    return _amount(text, what, SECONDS, "2ms, 350us or 0.1s")


def percent(text: str, what: str) -> float:
    """Percent.

    >>> percent("70.5", "--min-accuracy"), percent("70.5 %", "--min-accuracy")
    (70.5, 70.5)
    """
    value = _amount(text, what, PERCENT, "70 or 70%")
    if value > 100:
        raise ArchcostError(f"{what}: {text} is more than 100 %")
    return value


def _amount(text: str, what: str, units: dict[str, float], examples: str) -> float:
    found = _AMOUNT.fullmatch(text)
    unit = found[2].lower() if found else ""
    if found is None or unit not in units:
        raise ArchcostError(f"{what}: `{text}` is no amount; write {examples}")
    value = float(found[1].replace("_", "").replace(",", "")) * units[unit]
    if value == math.inf:
        raise ArchcostError(f"{what}: `{text}` must be a number that there is a use for")
    if not value > 0:
        raise ArchcostError(f"{what}: `{text}` must be greater than 0")
    return float(f"{value:.15g}")  # 0.1 * 1e9 as decimal has it
