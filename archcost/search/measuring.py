"""Measure few, predict the rest: which candidate to time next, until nothing unmeasured could still beat the front.

The loop that uses this proposes, has the candidate measured by whoever can, and tells the time; it knows nothing of
devices, and a device nothing of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from archcost.latency.calibration import fitted
from archcost.latency.evidence import FEWEST, Evidence
from archcost.latency.fit import GENERIC, Form, fit
from archcost.latency.formula import Rates
from archcost.latency.profile import Fit
from archcost.latency.samples import Samples
from archcost.search import pareto

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

EARLY = 0.25
"""Half the interval of log(time) while there are too few times to tell."""
MARGIN = 0.1
"""How far beyond the worst candidate, as a share of the range, the front's reference point lies."""
STEPS = (-1.6, -0.8, -0.3, 0.3, 0.8, 1.6)
"""Points of a standard normal that stand for it, each for a sixth."""
MOST = 2000
"""Candidates that are weighed against each other; more are thinned out by layers of their predicted front."""


@dataclass(eq=False)
class Measuring:
    """Candidates of which each has a value (more is better) and a time that is predicted until it is measured.

    value: known beforehand, an entry a candidate; samples: the candidates' kernels, by fusion; limit: seconds that
    the answer may take at most; budget: measurements that there are, None for no end; forms: that may describe the
    device. fit: of what was measured so far; predicted: seconds; seconds: measured ones, else those.
    """

    value: Floats
    samples: dict[str, Samples]
    limit: float | None = None
    budget: int | None = None
    forms: tuple[Form, ...] = (GENERIC,)
    measured: dict[int, float] = field(default_factory=dict)
    failed: set[int] = field(default_factory=set)
    fit: Fit = field(init=False)
    predicted: Floats = field(init=False)
    seconds: Floats = field(init=False)
    width: float = field(init=False, default=EARLY)

    def __post_init__(self) -> None:
        self._refit()

    def tell(self, place: int, seconds: float | None) -> None:
        """A candidate's measured time; None where it could not be measured."""
        if seconds is None:
            self.failed.add(place)
            return
        self.measured[place] = seconds
        self._refit()

    def propose(self) -> int | None:
        """The candidate to measure next; None once no unmeasured one could beat what was measured, or the budget is
        spent."""
        import numpy as np

        left = None if self.budget is None else self.budget - len(self.measured) - len(self.failed)
        rivals = self.rivals()
        if not len(rivals) or (left is not None and left <= 0):
            return None
        if not self.measured:  # the most valuable one stands on the front, whatever its time turns out to be
            return int(rivals[np.lexsort((self.seconds[rivals], -self.value[rivals]))[0]])
        if self.limit is not None and len(self.measured) % 2:
            hinges = self._chances(rivals)
            if hinges.max() > 0:
                return int(rivals[hinges.argmax()])
        wanted = rivals
        reference = self._reference()
        if left is not None and left < len(rivals):
            places = np.concatenate([self._done, rivals])
            best = chain(self.seconds[places], self.value[places], len(self._done), left, reference)
            wanted = places[best] if len(best) else rivals
        gains = self._gains(wanted, reference)
        return int(wanted[gains.argmax()])

    def rivals(self) -> Any:
        """Unmeasured candidates whose time, at the better end of its interval, would put them on the front."""
        import numpy as np

        low = self.seconds * math.exp(-self.width)
        open_ = np.ones(len(self.value), bool)
        open_[self._done] = False
        open_[list(self.failed)] = False
        if self.limit is not None and self.measured:  # before, nobody knows how fast the device is
            open_ &= low <= self.limit
        for place, seconds in self.measured.items():
            beaten = (self.value <= self.value[place]) & (low >= seconds)
            open_ &= ~beaten
        found = np.flatnonzero(open_)
        return found if len(found) <= MOST else found[layers(self.seconds[found], -self.value[found], MOST)]

    @property
    def _done(self) -> Any:
        import numpy as np

        return np.array(list(self.measured), int)

    def _refit(self) -> None:
        """Predictions from what was measured; a measured candidate's time is its own."""
        import numpy as np

        fusion = next(iter(self.samples))
        times = np.array(list(self.measured.values()))
        done = {name: each.chosen(self._done) for name, each in self.samples.items()}
        if not len(times):
            self.fit = Fit(guessed(self.samples[fusion].element_bytes), fusion)
        elif len(times) < FEWEST:
            self.fit = Fit(fit(self.forms[0], done[fusion], times), fusion)
        else:
            self.fit = fitted(Evidence(done, times, {}, self.forms))
        self.width = self.fit.inside or EARLY
        self.predicted = self.samples[self.fit.fusion].seconds(self.fit.rates, self.fit.correction)
        self.seconds = self.predicted.copy()
        self.seconds[self._done] = times

    def _reference(self) -> tuple[float, float]:
        """Seconds and value that are worse than any candidate's; no more seconds than may be."""
        slow, fast = float(self.seconds.max()), float(self.seconds.min())
        low, high = float(self.value.min()), float(self.value.max())
        slowest = slow + MARGIN * (slow - fast) if self.limit is None else self.limit
        return slowest, low - MARGIN * ((high - low) or 1.0)

    def _chances(self, places: Any) -> Floats:
        """What each is expected to add to the best value that keeps to the limit: its lead, times the probability that
        it keeps to it."""
        import numpy as np

        assert self.limit is not None
        kept = [self.value[place] for place, seconds in self.measured.items() if seconds <= self.limit]
        lead = np.maximum(self.value[places] - max(kept, default=float(self.value.min())), 0)
        steps = np.log(self.limit / self.seconds[places]) / (self.width / 1.2816)
        chances: Floats = lead / (1 + np.exp(-1.702 * steps))  # the logistic curve that is closest to the normal one
        return chances

    def _gains(self, places: Any, reference: tuple[float, float]) -> Floats:
        """By how much each is expected to enlarge the area that the measured front covers."""
        import numpy as np

        done = self._done
        before = area(self.seconds[done], self.value[done], reference)
        sigma = self.width / 1.2816
        gains = np.zeros(len(places))
        for i, place in enumerate(places):
            value = np.append(self.value[done], self.value[place])
            for step in STEPS:
                seconds = np.append(self.seconds[done], self.seconds[place] * math.exp(sigma * step))
                gains[i] += area(seconds, value, reference) - before
        return gains


def guessed(element_bytes: int) -> Rates:
    """Rates before any measurement: their ratios are known, the speed is anybody's guess and alike for all."""
    import numpy as np

    return GENERIC.rates(np.array([math.log(1e10), *(mean for mean, _ in GENERIC.priors.values())]), element_bytes)


def area(seconds: Any, value: Any, reference: tuple[float, float]) -> float:
    """The area that points dominate up to a reference of more seconds and less value: the hypervolume in two
    dimensions.

    >>> area([1.0, 2.0], [1.0, 3.0], (3.0, 0.0))
    4.0
    """
    import numpy as np

    seconds, value = np.asarray(seconds, float), np.asarray(value, float)
    order = np.lexsort((-value, seconds))
    seconds, value = seconds[order], value[order]
    highest = np.maximum.accumulate(np.maximum(value, reference[1]))
    steps = np.diff(highest, prepend=reference[1])
    return float((np.maximum(reference[0] - seconds, 0) * steps).sum())


def chain(seconds: Any, value: Any, free: int, most: int, reference: tuple[float, float]) -> Any:
    """The best `most` points to add to the first `free` ones, by the area that all dominate: their places.

    A front is a chain of rising seconds and value; the best chain of so many points is found exactly, by dynamic
    programming over its last point.
    """
    import numpy as np

    inside = np.flatnonzero((seconds < reference[0]) & (value > reference[1]))
    order = inside[np.lexsort((seconds[inside], value[inside]))]
    seconds, value = seconds[order], value[order]
    if not len(order) or not most:
        return order[:0]
    cost = (order >= free).astype(int)
    best = np.full((most + 1, len(order)), -np.inf)
    before = np.full(best.shape, -1)
    depth = reference[0] - seconds
    for i in range(len(order)):
        first = depth[i] * (value[i] - reference[1])
        follows = (seconds[:i] <= seconds[i]) & (value[:i] < value[i])
        steps = np.where(follows, depth[i] * (value[i] - value[:i]), -np.inf)
        for used in range(cost[i], most + 1):
            best[used, i] = first
            if i:
                through = best[used - cost[i], :i] + steps
                last = int(through.argmax())
                if through[last] > first:
                    best[used, i], before[used, i] = through[last], last
    used, i = map(int, np.unravel_index(int(best.argmax()), best.shape))
    found = []
    while i >= 0:
        if cost[i]:
            found.append(order[i])
        used, i = used - int(cost[i]), int(before[used, i])
    return np.array(found[::-1], int)


def layers(first: Any, second: Any, most: int) -> Any:
    """Places of at least `most` rows: the front, then the front of the rest, and so on; both are minimised."""
    import numpy as np

    left = np.arange(len(first))
    found: list[Any] = []
    while len(left) and sum(len(each) for each in found) < most:
        on = pareto.front([first[left], second[left]])
        found.append(left[on])
        left = left[~on]
    return np.sort(np.concatenate(found))
