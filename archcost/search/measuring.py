"""Measure few, predict the rest: which candidate to time next, until nothing unmeasured could still beat the front.

The loop that uses this proposes, has the candidate measured by whoever can, and tells the time; it knows nothing of
devices, and a device nothing of it. Several candidates may be out at once: until they are told, they count as if they
had been measured at their predicted times.
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
from archcost.search.hypervolume import added, area, beaten, chain, layers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Measuring", "area", "chain", "guessed", "layers"]

EARLY = 0.25
"""Half the interval of log(time) while there are too few times to tell."""
MARGIN = 0.1
"""How far beyond the worst candidate, as a share of the range, the front's reference point lies."""
STEPS = (-1.6, -0.8, -0.3, 0.3, 0.8, 1.6)
"""Points of a standard normal that stand for it, each for a sixth."""
MOST = 2000
"""Candidates that are weighed against each other; more are thinned out by layers of their predicted front."""
PLANNED = 64
"""Of a large budget, so many measurements are planned at once."""
ALL, SHARE = 40, 1 / 3
"""Up to so many times each one makes a new fit, where one is asked for at a time; then, by how much they must have
grown since the last."""
FITTED = 128
"""Times that a fit is made from; of more, so many from the fastest to the slowest."""


@dataclass(eq=False)
class Measuring:
    """Candidates of which each has a value (more is better) and a time that is predicted until it is measured.

    value: known beforehand, an entry a candidate; samples: the candidates' kernels, by fusion; limit: seconds that
    the answer may take at most; budget: measurements that there are, None for no end; forms: that may describe the
    device; every: new times that a new fit needs at least. open: candidates that were asked for and are not told yet.
    fit: of what was measured so far; predicted: seconds; seconds: measured ones, else those.
    """

    value: Floats
    samples: dict[str, Samples]
    limit: float | None = None
    budget: int | None = None
    forms: tuple[Form, ...] = (GENERIC,)
    measured: dict[int, float] = field(default_factory=dict)
    failed: set[int] = field(default_factory=set)
    open: dict[int, None] = field(default_factory=dict)
    every: int = 1
    fit: Fit = field(init=False)
    predicted: Floats = field(init=False)
    seconds: Floats = field(init=False)
    width: float = field(init=False, default=EARLY)
    _fitted: int = field(init=False, default=0)
    _plan: Any = field(init=False, default=())
    """Candidates that were chosen together, of which the next ones come."""

    def __post_init__(self) -> None:
        self._fitted = len(self.measured)
        self._refit()

    def ask(self, place: int) -> None:
        """A candidate goes out to be measured."""
        self.open[place] = None

    def tell(self, place: int, seconds: float | None) -> None:
        """A candidate's measured time; None where it could not be measured."""
        self.open.pop(place, None)
        if seconds is None:
            self.failed.add(place)
            return
        self.measured[place] = seconds
        count = len(self.measured)
        share = SHARE * self._fitted if count > ALL or self.every > 1 else 0
        if count - self._fitted >= max(self.every, share):
            self._fitted = count
            self._refit()
        else:
            self.seconds[place] = seconds

    def propose(self) -> int | None:
        """The candidate to measure next; None once no unmeasured one could beat what was measured, or the budget is
        spent."""
        left = None if self.budget is None else self.budget - len(self.measured) - len(self.failed) - len(self.open)
        rivals = self.rivals()
        if not len(rivals) or (left is not None and left <= 0):
            return None
        if not self.measured and not self.open:
            return self.first(rivals)
        if self.limit is not None and self.measured and (len(self.measured) + len(self.open)) % 2:
            hinges = self.lead(rivals, self._done[self.seconds[self._done] <= self.limit]) * self.keeping(rivals)
            if hinges.max() > 0:
                return int(rivals[hinges.argmax()])
        return self.gainful(rivals, left)

    def first(self, rivals: Any) -> int:
        """The most valuable one: it stands on the front, whatever its time turns out to be."""
        import numpy as np

        return int(rivals[np.lexsort((self.seconds[rivals], -self.value[rivals]))[0]])

    def gainful(self, rivals: Any, left: int | None) -> int:
        """Of rivals, the one that is expected to enlarge the area under the front most, if no more than `left` are
        measured."""
        import numpy as np

        wanted = rivals
        reference = self._reference()
        planned = rivals[np.isin(rivals, self._plan)]
        if len(planned):
            wanted = planned
        elif left is not None and left < len(rivals):
            places = np.concatenate([self._done, rivals])
            free, most = len(self._done), min(left, PLANNED)
            best = chain(self.seconds[places], self.value[places], free, most, reference)
            wanted = places[best] if len(best) else rivals
            if len(self.measured) > ALL or self.every > 1:  # until the next fit it would hardly be another
                self._plan = wanted
        gains = self._gains(wanted, reference)
        return int(wanted[gains.argmax()])

    def rivals(self) -> Any:
        """Unmeasured candidates whose time, at the better end of its interval, would put them on the front."""
        import numpy as np

        low, done = self.low, self._done
        open_ = np.ones(len(self.value), bool)
        open_[done] = False
        open_[list(self.failed)] = False
        if self.limit is not None and self.measured:  # before, nobody knows how fast the device is
            open_ &= low <= self.limit
        open_ &= ~beaten(self.seconds[done], self.value[done], low, self.value)
        found = np.flatnonzero(open_)
        return found if len(found) <= MOST else found[layers(self.seconds[found], -self.value[found], MOST)]

    @property
    def low(self) -> Floats:
        """Seconds, those that are predicted at the better end of their interval."""
        found = self.seconds * math.exp(-self.width)
        found[list(self.measured)] = list(self.measured.values())
        return found

    @property
    def _done(self) -> Any:
        """Measured, and as good as."""
        import numpy as np

        return np.array([*self.measured, *self.open], int)

    def _refit(self) -> None:
        """Predictions from what was measured; a measured candidate's time is its own."""
        import numpy as np

        self._plan = ()
        fusion = next(iter(self.samples))
        places, times = np.array(list(self.measured), int), np.array(list(self.measured.values()))
        chosen, known = places, times
        if len(times) > FITTED:
            some = np.argsort(times, kind="stable")[np.linspace(0, len(times) - 1, FITTED).round().astype(int)]
            chosen, known = places[np.sort(some)], times[np.sort(some)]
        done = {name: each.chosen(chosen) for name, each in self.samples.items()}
        if not len(times):
            self.fit = Fit(guessed(self.samples[fusion].element_bytes), fusion)
        elif len(times) < FEWEST:
            self.fit = Fit(fit(self.forms[0], done[fusion], known), fusion)
        else:
            self.fit = fitted(Evidence(done, known, {}, self.forms), quick=True)
        self.width = self.fit.inside or EARLY
        self.predicted = self.samples[self.fit.fusion].seconds(self.fit.rates, self.fit.correction)
        self.seconds = self.predicted.copy()
        self.seconds[places] = times

    def _reference(self) -> tuple[float, float]:
        """Seconds and value that are worse than any candidate's; no more seconds than may be."""
        slow, fast = float(self.seconds.max()), float(self.seconds.min())
        low, high = float(self.value.min()), float(self.value.max())
        slowest = slow + MARGIN * (slow - fast) if self.limit is None or not self.measured else self.limit
        return slowest, low - MARGIN * ((high - low) or 1.0)

    def lead(self, places: Any, kept: Any) -> Floats:
        """By how much each is more valuable than all that were kept."""
        import numpy as np

        best = self.value[kept].max() if len(kept) else self.value.min()
        found: Floats = np.maximum(self.value[places] - best, 0)
        return found

    def keeping(self, places: Any) -> Floats:
        """The probability of each that it keeps to the limit."""
        import numpy as np

        assert self.limit is not None
        steps = np.log(self.limit / self.seconds[places]) / (self.width / 1.2816)
        chances: Floats = 1 / (1 + np.exp(-1.702 * steps))  # the logistic curve that is closest to the normal one
        return chances

    def _gains(self, places: Any, reference: tuple[float, float]) -> Floats:
        """By how much each is expected to enlarge the area that the measured front covers."""
        import numpy as np

        done = self._done
        sigma = self.width / 1.2816
        seconds = self.seconds[places][:, None] * np.exp(sigma * np.array(STEPS))
        value = np.broadcast_to(self.value[places][:, None], seconds.shape)
        found: Floats = added(self.seconds[done], self.value[done], reference, seconds, value).sum(axis=1)
        return found


def guessed(element_bytes: int) -> Rates:
    """Rates before any measurement: their ratios are known, the speed is anybody's guess and alike for all."""
    import numpy as np

    return GENERIC.rates(np.array([math.log(1e10), *(mean for mean, _ in GENERIC.priors.values())]), element_bytes)
