"""Numbers as people read them: separators, prefixes, shares. Units are written here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def count(number: Any) -> str:
    """All digits, in groups of three."""
    return f"{number:,}"


def signed(number: float) -> str:
    """All digits, with the sign.

    >>> signed(1234), signed(-5), signed(0)
    ('+1,234', '-5', '0')
    """
    return f"{number:+,}" if number else "0"


def short(number: float) -> str:
    """Three digits and a prefix.

    >>> short(568740352), short(4231976), short(950)
    ('569 M', '4.23 M', '950')
    """
    for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= factor * 0.9995:
            return f"{_three(number / factor)} {prefix}"
    return f"{number:g}"


def bytes_(number: float) -> str:
    """Three digits and a binary prefix.

    >>> bytes_(4816896)
    '4.59 MiB'
    """
    for factor, prefix in ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if number >= factor:
            return f"{_three(number / factor)} {prefix}"
    return f"{number:g} B"


def seconds(number: float) -> str:
    """Three digits and a unit.

    >>> seconds(0.00123), seconds(4.5e-05), seconds(2)
    ('1.23 ms', '45.0 µs', '2.00 s')
    """
    for factor, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")):
        if number >= factor * 0.9995:
            return f"{_three(number / factor)} {unit}"
    return f"{number:g} s"


def swept(cell: Any, column: str) -> str:
    """A figure of a sweep's table.

    >>> swept(568740352, "macs"), swept(0.25, "alpha"), swept(14.638211, "predicted_ms")
    ('568,740,352', '0.25', '14.64')
    """
    if column.startswith("predicted_ms"):
        return f"{cell:.4g}"
    return count(cell) if isinstance(cell, int) and not isinstance(cell, bool) else str(cell)


def _three(number: float) -> str:
    return f"{number:.2f}" if number < 9.995 else f"{number:.1f}" if number < 99.95 else f"{number:.0f}"


def share(part: float, whole: float) -> str:
    """A part of a whole in percent.

    >>> share(1, 8)
    '12.50 %'
    """
    return f"{100 * part / whole:.2f} %" if whole else "–"


def sizes(several: Iterable[Any]) -> str:
    """A shape or a kernel.

    >>> sizes((32, 112, 112))
    '32×112×112'
    """
    return "×".join(map(str, several))
