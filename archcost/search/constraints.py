"""What a network must keep to, and how much of each limit a candidate uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from archcost.search.candidates import parted

LABELS = {
    "macs": "mult-adds",
    "params": "parameters",
    "weight_bytes": "weights",
    "peak_activation_bytes": "peak memory",
    "seconds": "latency",
    "accuracy": "accuracy",
}


def label(column: str) -> str:
    """What a reader calls a column.

    >>> label("macs"), label("seconds cuda:1"), label("measured")
    ('mult-adds', 'latency on cuda:1', 'latency')
    """
    quantity, device = parted(column)
    said = LABELS.get("seconds" if quantity == "measured" else quantity, quantity)
    return f"{said} on {device}" if device else said


@dataclass(frozen=True, slots=True)
class Constraints:
    """Upper limits, and for accuracy (percent) a lower one; None: none. Named as the columns they limit.

    more: of the columns of several devices.
    """

    macs: float | None = None
    params: float | None = None
    weight_bytes: float | None = None
    peak_activation_bytes: float | None = None
    seconds: float | None = None
    accuracy: float | None = None
    more: Mapping[str, float] = field(default_factory=dict)

    def given(self) -> Iterator[tuple[str, float]]:
        for each in fields(self):
            limit = None if each.name == "more" else getattr(self, each.name)
            if limit is not None:
                yield each.name, limit
        yield from self.more.items()

    def limit(self, name: str) -> float | None:
        """That of a column; None where it has none."""
        return dict(self.given()).get(name)

    def but(self, limits: Mapping[str, float | None]) -> Constraints:
        """With other limits on some columns; None: without."""
        own = {name: limit for name, limit in limits.items() if not parted(name)[1]}
        more = {**self.more, **{name: limit for name, limit in limits.items() if name not in own}}
        return replace(self, **own, more={name: limit for name, limit in more.items() if limit is not None})

    def met(self, name: str, values: Any) -> Any:
        """Whether values (a column) keep to one limit; unknown ones (NaN) do not."""
        limit = self.limit(name)
        return values >= limit if name == "accuracy" else values <= limit

    def used(self, row: Mapping[str, Any]) -> dict[str, float]:
        """By limit, the share of it that a candidate uses; for accuracy, its share of what is asked for."""
        return {name: row[name] / limit for name, limit in self.given()}
