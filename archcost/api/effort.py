"""What a search may spend, and who watches it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from archcost.fleet.cluster import Cluster
from archcost.search.answer import TRIALS
from archcost.search.timing import MEASUREMENTS

OUTPUTS = "evaluations"
AHEAD = 16
"""Questions under way at once on a cluster."""
Moved = Callable[[int, int | None], None]
"""Is told how many are done, and how many could still beat them."""


def unwatched(title: str, total: int | None) -> AbstractContextManager[Moved]:
    return nullcontext(lambda done, rivals: None)


@dataclass(frozen=True, slots=True)
class Effort:
    """What a search may spend, and who watches it.

    trials, sampler, seed, journal: of an evolution; evaluations, and of each time_limit (seconds), memory_limit (bytes)
    and pruner (what stops it early): of the user's command, which runs train_slots times at once here; measurements,
    minutes: on a device; None takes what is usual; ahead: questions under way at once, on which the answer depends;
    cluster: whose devices and slots are asked, None: this machine's; store: where answers are kept. folder: of the
    results, where a search that begins says so, and what commands print is kept; resume: goes on with the one that
    began there; known_before: of that one, the evaluations that the store had at its beginning, key -> created. watch:
    makes, for a title and a total, what is told how far it is; warn: is told what failed.
    """

    trials: int = TRIALS
    sampler: str = "nsga2"
    seed: int = 0
    journal: Path | None = None
    evaluations: int | None = None
    time_limit: float | None = None
    memory_limit: float | None = None
    pruner: str = "median"
    train_slots: int = 1
    measurements: int | None = None
    minutes: float | None = None
    ahead: int | None = None
    cluster: Cluster | None = None
    folder: Path | None = None
    resume: bool = False
    known_before: Mapping[str, str] | None = None
    store: str | Path | None = None
    watch: Callable[[str, int | None], AbstractContextManager[Moved]] = unwatched
    warn: Callable[[str], None] = field(default=lambda said: None)

    @property
    def outputs(self) -> Path | None:
        """The folder that what commands print is kept in; None: nowhere."""
        return None if self.folder is None else self.folder / OUTPUTS

    @property
    def budget(self) -> int | None:
        """Measurements; None where only time ends them."""
        return self.measurements or (None if self.minutes else MEASUREMENTS)

    @property
    def measuring_ahead(self) -> int:
        """Candidates that may be under way at once on devices: one machine's take turns anyway."""
        return self.ahead or (1 if self.cluster is None else AHEAD)

    @property
    def halved(self) -> Effort:
        """With half of what there is for measuring."""
        budget, minutes = self.budget, self.minutes
        return replace(self, measurements=budget and max(1, budget // 2), minutes=minutes and minutes / 2)
