"""A model held against limits: what holds, what does not, and by how much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archcost.analysis.analysis import Analysis
from archcost.errors import ArchcostError

FIGURES = {
    "max_macs": "macs",
    "max_params": "params",
    "max_weights": "weight_bytes",
    "max_peak_memory": "peak_activation_bytes",
}
"""What can be limited, and the total that it limits."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One total against the most that it may be. partial: the value is this or more, nobody knows how much more."""

    name: str
    figure: str
    value: int
    limit: float
    partial: bool = False

    @property
    def ok(self) -> bool:
        """Whether it is known to hold."""
        return self.value <= self.limit and not self.partial

    @property
    def unknown(self) -> bool:
        """Whether it holds for the part that is known, and that is all that can be said."""
        return self.partial and self.value <= self.limit

    @property
    def excess(self) -> float:
        """How far the value lies above the limit; below it, negative."""
        return self.value - self.limit

    @property
    def percent(self) -> float:
        """The excess in percent of the limit."""
        return 100 * self.excess / self.limit


@dataclass(frozen=True, slots=True)
class Check:
    """A model and its limits; `ok` where all are known to hold."""

    analysis: Analysis
    limits: tuple[Limit, ...]

    @property
    def ok(self) -> bool:
        return all(limit.ok for limit in self.limits)

    @property
    def exceeded(self) -> list[Limit]:
        return [limit for limit in self.limits if not limit.ok and not limit.unknown]

    @property
    def unknown(self) -> list[Limit]:
        return [limit for limit in self.limits if limit.unknown]


def check(analysis: Analysis, limits: Mapping[str, float]) -> Check:
    """One model against limits by the names of `FIGURES`. Raises ArchcostError where there is none, or a batch."""
    if not limits:
        raise ArchcostError(f"nothing to check; give {', '.join('--' + name.replace('_', '-') for name in FIGURES)}")
    if analysis.settings.arrays:
        raise ArchcostError("limits are checked for one model; this is a batch")
    totals = analysis.totals
    imported = analysis.document.imported
    partial = {"macs"} if imported is not None and imported.partial else set()
    found = [
        Limit(name, FIGURES[name], totals[FIGURES[name]], limit, FIGURES[name] in partial)
        for name, limit in limits.items()
    ]
    return Check(analysis, tuple(sorted(found, key=lambda limit: list(FIGURES).index(limit.name))))
