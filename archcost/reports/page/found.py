"""What a search wrote, as a page reads it: rows, limits, objectives, and whose times they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archcost.search.candidates import parted

LATENCY = "latency_ms"


@dataclass(frozen=True, slots=True)
class Device:
    """name: of its profile, or of the machine; label: of its figures in the result, "" where it is the only one;
    mode: how networks ran there; measured: whether the search measured, and did not predict by a profile."""

    name: str
    label: str = ""
    mode: str = ""
    measured: bool = False

    @property
    def predicted_column(self) -> str:
        return f"seconds:{self.label or self.name}" if self.measured else f"seconds:{self.name}"

    @property
    def measured_column(self) -> str:
        return f"measured:{self.label}" if self.label else "measured"

    def key(self, name: str) -> str:
        """A figure of it in a row of the result: predicted_ms, or predicted_ms_cpu."""
        return f"{name}_{self.label}" if self.label else name


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a search wrote: its winner, all rows that it names, its limits by name; what it is called; what accuracies
    rest on; its objectives; and the devices that it predicted or measured times of."""

    winner: Mapping[str, Any] | None = None
    rows: Sequence[Mapping[str, Any]] = ()
    limits: Mapping[str, float] = field(default_factory=dict)
    origin: str = ""
    statements: Sequence[str] = ()
    objectives: Sequence[str] = ()
    devices: Sequence[Device] = ()

    def bounds(self) -> list[tuple[str, float]]:
        """The limits by the columns of a page that they are on, in SI units."""
        found = []
        for name, value in self.limits.items():
            if name.startswith(LATENCY):
                device = self._labelled(name.removeprefix(LATENCY).removeprefix("_"))
                column = device.measured_column if device.measured else device.predicted_column
                found.append((column, value * 1e-3))
            else:
                found.append(("accuracy" if name == "min_accuracy" else name, value))
        return found

    def aims(self) -> list[str]:
        """The objectives by the columns of a page, with a + before those of which more is better."""
        found = []
        for name in self.objectives:
            quantity, label = parted(name.removeprefix("+"))
            if quantity in ("seconds", "measured"):
                device = self._labelled(label)
                column = device.measured_column if device.measured else device.predicted_column
                found.append("+" * name.startswith("+") + column)
            else:
                found.append(name)
        return found

    def _labelled(self, label: str) -> Device:
        return next((each for each in self.devices if each.label == label), Device(label, label, measured=True))
