"""What is asked of a search, and how a candidate's accuracy and time are estimated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Protocol

from archcost.accuracy.model import Estimate
from archcost.errors import SpecError
from archcost.latency.prediction import Predictor, Total
from archcost.search.candidates import named
from archcost.search.constraints import Constraints
from archcost.search.enumeration import Scale
from archcost.search.space import Space
from archcost.spec.settings import Settings


class Accuracies(Protocol):
    """What knows the accuracy of a spec's variants."""

    @property
    def recipe(self) -> str:
        """How the figures were trained for."""
        ...

    def settings(self, settings: Settings) -> Estimate:
        """Estimates in the shape that the settings broadcast to."""
        ...

    @property
    def points(self) -> Sequence[Any]:
        """The figures that they rest on."""
        ...

    @property
    def statement(self) -> str:
        """What they rest on."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """objectives: names of columns, the first of which the winner is best in; less is better, but for accuracy, and for
    a name with a + before it. accuracies: one for each space; own: whether they are the user's, on data that nobody
    published about. devices: whose times are asked for, "" where there is only one; predictors: of those of them that
    have one."""

    spaces: Sequence[Space]
    accuracies: Sequence[Accuracies]
    constraints: Constraints
    objectives: tuple[str, ...]
    scale: Scale
    predictors: Mapping[str, Predictor] = field(default_factory=dict)
    own: bool = False
    devices: tuple[str, ...] = ("",)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Columns of the times that nobody predicts, and that are measured where they matter."""
        return tuple(named("seconds", device) for device in self.devices if device not in self.predictors)

    def estimate(self, place: int, settings: Settings, shape: tuple[int, int]) -> Mapping[str, Any]:
        """Columns of accuracy and time for a grid of settings of one space."""
        import numpy as np

        def flat(values: Any) -> Any:
            return np.broadcast_to(values, shape).ravel()

        known = self.accuracies[place].settings(settings)
        found = {
            "accuracy": flat(known.value),
            "accuracy_low": flat(known.low),
            "accuracy_high": flat(known.high),
            "published": flat(known.published),
            "outside": flat(known.outside),
        }
        return {**found, **self.times(place, settings, shape)}

    def times(self, place: int, settings: Settings, shape: tuple[int, int]) -> dict[str, Any]:
        """The columns of time alone, device by device."""
        found: dict[str, Any] = {}
        for device, predictor in self.predictors.items():
            found |= self._times(predictor, device, place, settings, shape)
        return found

    def _times(
        self, predictor: Predictor, device: str, place: int, settings: Settings, shape: tuple[int, int]
    ) -> dict[str, Any]:
        import numpy as np

        def flat(values: Any) -> Any:
            return np.broadcast_to(values, shape).ravel()

        document = self.spaces[place].document
        try:
            with np.errstate(divide="ignore", invalid="ignore"):  # rows that cannot exist; nobody asks for them
                total = predictor.variants(document, settings, self.scale.batch)
        except SpecError:  # none can exist; the costs say so
            return {named("seconds", device): flat(np.nan)}
        masked: Any = np.ma
        known = Total(*(masked.filled(masked.asarray(getattr(total, f.name), float), np.nan) for f in fields(Total)))
        found = predictor.judged(known, [document.name], self.scale.batch)
        times = {"seconds": found.seconds, "seconds_low": found.low, "seconds_high": found.high}
        return {named(quantity, device): flat(values) for quantity, values in times.items()}
