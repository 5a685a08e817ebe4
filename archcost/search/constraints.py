"""What a network must keep to, and how much of each limit a candidate uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

LABELS = {
    "macs": "mult-adds",
    "params": "parameters",
    "weight_bytes": "weights",
    "peak_activation_bytes": "peak memory",
    "seconds": "latency",
    "accuracy": "accuracy",
}


@dataclass(frozen=True, slots=True)
class Constraints:
    """Upper limits, and for accuracy (percent) a lower one; None: none. Named as the columns they limit."""

    macs: float | None = None
    params: float | None = None
    weight_bytes: float | None = None
    peak_activation_bytes: float | None = None
    seconds: float | None = None
    accuracy: float | None = None

    def given(self) -> Iterator[tuple[str, float]]:
        for field in fields(self):
            limit = getattr(self, field.name)
            if limit is not None:
                yield field.name, limit

    def met(self, name: str, values: Any) -> Any:
        """Whether values (a column) keep to one limit; unknown ones (NaN) do not."""
        limit = getattr(self, name)
        return values >= limit if name == "accuracy" else values <= limit

    def used(self, row: Mapping[str, Any]) -> dict[str, float]:
        """By limit, the share of it that a candidate uses; for accuracy, its share of what is asked for."""
        return {name: row[name] / limit for name, limit in self.given()}
