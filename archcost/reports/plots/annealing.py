"""The choice of one candidate for each of many things that get in each other's way, by simulated annealing.

The problem of placing labels on points (Christensen, Marks and Shieber 1995, An Empirical Study of Algorithms for
Point-Feature Label Placement), where annealing does best; here each thing in turn takes any of its candidates by
Boltzmann's weights (a heat bath). The same input gives the same choice.
"""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HOT, COLD = 8.0, 0.15
"""Temperatures, where good candidates cost 0 to 10."""
LENIENT, STRICT = 5.0, 50.0
"""What two candidates that get in each other's way cost, at first and at last."""
SWEEPS = 200


def choose(
    costs: NDArray[np.float64], ends: NDArray[np.int64], conflicts: NDArray[np.bool_], without: NDArray[np.float64]
) -> list[int | None]:
    """For each thing a candidate's number, or None where it goes without; chosen candidates never conflict.

    costs: of all candidates, those of the first thing first; ends: [things + 1], where the candidates of each begin and
    end; conflicts: [candidates, candidates], symmetric, False between candidates of one thing; without: what it costs a
    thing to have none, more than a conflict for all that matter.
    """
    import numpy as np

    bath = _Bath(costs, ends, conflicts, without)
    best = bath.price, [*bath.chosen]
    steps = zip(np.geomspace(HOT, COLD, SWEEPS).tolist(), np.geomspace(LENIENT, STRICT, SWEEPS).tolist(), strict=True)
    for temperature, conflict in [(0.0, STRICT), *steps, (0.0, STRICT), (0.0, STRICT)]:
        bath.sweep(temperature, conflict)
        best = min(best, (bath.price, [*bath.chosen]), key=lambda pair: pair[0])
    for thing, candidate in enumerate(best[1]):
        bath.take(thing, candidate)
    bath.settle()
    return bath.chosen


class _Bath:
    """chosen: a candidate for each thing; hits: with how many of those chosen each candidate is in conflict."""

    def __init__(self, costs: Any, ends: Any, conflicts: Any, without: Any) -> None:
        import numpy as np

        self.costs, self.conflicts, self.without = costs, conflicts.astype(np.int16), without
        self.spans = [slice(start, end) for start, end in itertools.pairwise(ends.tolist())]
        self.chosen: list[int | None] = [None] * len(self.spans)
        self.hits = np.zeros(len(costs), np.int16)
        self.random = random.Random(0)  # whose numbers are the same in every version of Python

    def take(self, thing: int, candidate: int | None) -> None:
        before = self.chosen[thing]
        if before == candidate:
            return
        if before is not None:
            self.hits -= self.conflicts[before]
        if candidate is not None:
            self.hits += self.conflicts[candidate]
        self.chosen[thing] = candidate

    @property
    def price(self) -> float:
        """Of what is chosen, where things in conflict count as going without."""
        return sum(
            float(self.without[thing] if candidate is None or self.hits[candidate] else self.costs[candidate])
            for thing, candidate in enumerate(self.chosen)
        )

    def sweep(self, temperature: float, conflict: float) -> None:
        """Each thing takes a candidate, or none: at 0 the cheapest, else the likelier the cheaper."""
        import numpy as np

        for thing, span in enumerate(self.spans):
            energies = np.append(self.costs[span] + conflict * self.hits[span], self.without[thing])
            place = int(energies.argmin())
            if temperature:
                weights = np.exp((energies[place] - energies) / temperature).cumsum()
                place = int(weights.searchsorted(self.random.random() * weights[-1], side="right"))
            self.take(thing, span.start + place if place < len(energies) - 1 else None)

    def settle(self) -> None:
        """Ends all conflicts: the things that matter least go without, unless they have a free candidate."""
        import numpy as np

        dropped = []
        while wrong := [i for i, c in enumerate(self.chosen) if c is not None and self.hits[c]]:
            worst = min(wrong, key=lambda thing: (self.without[thing], -self.hits[self.chosen[thing]], -thing))
            self.take(worst, None)
            dropped.append(worst)
        everything = range(len(self.spans))
        for thing in (*sorted(dropped, key=lambda thing: -self.without[thing]), *everything, *everything):
            span = self.spans[thing]
            self.take(thing, None)
            energies = np.append(np.where(self.hits[span], np.inf, self.costs[span]), self.without[thing])
            place = int(energies.argmin())
            self.take(thing, span.start + place if place < len(energies) - 1 else None)
