"""Numbers as people read them: separators, prefixes, shares. Units are written here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def count(number: Any) -> str:
    """All digits, in groups of three."""
    return f"{number:,}"


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
