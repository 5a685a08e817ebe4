"""Measure few on several devices at once: each has its own predictions, and they take turns in what to ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from archcost.search import measuring
from archcost.search.hypervolume import layers
from archcost.search.measuring import Measuring

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]


@dataclass(eq=False)
class Jointly:
    """Candidates that are timed on every one of some devices before they count.

    loops: a device's name -> its times, over the same candidates; known: columns of seconds that need no measuring, of
    devices that the front is weighed against too; budget: candidates that may be measured, None for no end. With one
    device it is that device's loop.
    """

    loops: Mapping[str, Measuring]
    known: Sequence[Any] = ()
    budget: int | None = None
    failed: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._single = next(iter(self.loops.values())) if len(self.loops) == 1 and not len(self.known) else None

    @property
    def measured(self) -> list[int]:
        """The candidates that were timed on all devices, in that order on the last."""
        *others, last = self.loops.values()
        return [place for place in last.measured if all(place in loop.measured for loop in others)]

    @property
    def open(self) -> list[int]:
        return list(next(iter(self.loops.values())).open)

    def ask(self, place: int) -> None:
        """A candidate goes out to be measured."""
        for loop in self.loops.values():
            loop.ask(place)

    def tell(self, place: int, seconds: Mapping[str, float | None]) -> None:
        """A candidate's times by the devices' names; None where it has none there, and so no place in the answer."""
        for name, loop in self.loops.items():
            loop.tell(place, seconds[name])
        if None in seconds.values():
            self.failed.add(place)

    def forget(self) -> None:
        """No answer is waited for any more."""
        for loop in self.loops.values():
            loop.open.clear()

    def propose(self) -> int | None:
        """The candidate to measure next; None once no unmeasured one could beat what was measured on any device, or
        the budget is spent."""
        measured, open_ = self.measured, self.open
        asked = len(measured) + len(self.failed) + len(open_)
        left = None if self.budget is None else self.budget - asked
        if left is not None and left <= 0:
            return None
        if self._single is not None:
            return self._single.propose()
        rivals = self.rivals()
        if not len(rivals):
            return None
        loops = list(self.loops.values())
        if not measured and not open_:
            return loops[0].first(rivals)
        limited = [loop for loop in loops if loop.limit is not None and loop.measured]
        if limited and asked % 2:
            chances = loops[0].lead(rivals, self._kept(limited))
            for loop in limited:
                chances = chances * loop.keeping(rivals)
            if chances.max() > 0:
                return int(rivals[chances.argmax()])
        turn = asked // 2 % len(loops)
        for loop in (*loops[turn:], *loops[:turn]):
            own = rivals[self._within(loop.rivals())[rivals]]
            if len(own):
                return loop.gainful(own, left)
        return int(rivals[self._escapes(rivals).argmax()])

    def rivals(self) -> Any:
        """Unmeasured candidates whose times, at the better ends of their intervals, would put them on the front."""
        import numpy as np

        if self._single is not None:
            return self._single.rivals()
        loops = list(self.loops.values())
        value = loops[0].value
        measured = self.measured
        open_ = np.ones(len(value), bool)
        open_[[*measured, *self.failed, *self.open]] = False
        for loop in loops if measured else ():
            if loop.limit is not None:
                open_ &= loop.low <= loop.limit
        low = np.stack([*(loop.low for loop in loops), *self.known], axis=1)
        seconds = np.stack([*(loop.seconds for loop in loops), *self.known], axis=1)
        for place in self._points():
            beaten = (value <= value[place]) & (low >= seconds[place]).all(axis=1)
            open_ &= ~beaten
        found = np.flatnonzero(open_)
        if len(found) <= measuring.MOST:
            return found
        return found[layers(-value[found], seconds[found, 0], measuring.MOST, *seconds[found, 1:].T)]

    def _points(self) -> Any:
        """The front of what was measured on all devices, or is as good as: nothing else beats what these do not."""
        import numpy as np

        from archcost.search import pareto

        loops = list(self.loops.values())
        places = np.array([*self.measured, *self.open], int)
        columns = [-loops[0].value, *(loop.seconds for loop in loops), *self.known]
        return places[pareto.front([column[places] for column in columns])] if len(places) else places

    def _kept(self, limited: Sequence[Measuring]) -> Any:
        import numpy as np

        places = np.array([*self.measured, *self.open], int)
        return places[np.logical_and.reduce([loop.seconds[places] <= loop.limit for loop in limited])]

    def _within(self, places: Any) -> Mask:
        import numpy as np

        found = np.zeros(len(next(iter(self.loops.values())).value), bool)
        found[places] = True
        return found

    def _escapes(self, rivals: Any) -> Any:
        """By how much each is faster, on the device where it is most so, than the point of the front that comes
        closest to beating it: the logarithm of a ratio of seconds."""
        import numpy as np

        loops = list(self.loops.values())
        value = loops[0].value
        seconds = np.log(np.stack([*(loop.seconds for loop in loops), *self.known], axis=1))
        least = np.full(len(rivals), np.inf)
        for place in self._points():
            ahead = (seconds[place] - seconds[rivals]).max(axis=1)
            least = np.where(value[rivals] <= value[place], np.minimum(least, ahead), least)
        return least
