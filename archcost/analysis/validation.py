"""What a validation found: every figure compared, archcost's beside a witness's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure of one layer, or of the total: archcost's, and what `by` says."""

    layer: str
    what: str
    archcost: Any
    witness: Any
    by: str

    @property
    def ok(self) -> bool:
        return bool(self.archcost == self.witness)

    def __str__(self) -> str:
        return f"{self.layer}: {self.what}: archcost {_shown(self.archcost)}, {self.by} {_shown(self.witness)}"


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


@dataclass(eq=False)
class Validation:
    """The comparisons for one spec.

    operators: the witness fvcore's own total of each operator that it counts. unseen: layers whose products
    fvcore cannot see; another witness counted them.
    """

    spec: str
    macs: int
    params: int
    comparisons: list[Comparison] = field(default_factory=list)
    operators: dict[str, int] = field(default_factory=dict)
    unseen: list[str] = field(default_factory=list)

    def compare(self, layer: str, what: str, archcost: object, witness: object, by: str) -> None:
        self.comparisons.append(Comparison(layer, what, archcost, witness, by))

    @property
    def compared(self) -> int:
        return len(self.comparisons)

    @property
    def differences(self) -> list[Comparison]:
        return [comparison for comparison in self.comparisons if not comparison.ok]

    @property
    def ok(self) -> bool:
        return not self.differences
