"""The answer to a search: the winner, the front, the winner's equals, and how it was found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from archcost.search import pareto
from archcost.search.candidates import Candidates
from archcost.search.enumeration import Found, enumerate_all
from archcost.search.question import Question
from archcost.search.space import LARGEST
from archcost.spec.settings import Settings

TRIALS = 2000


@dataclass(frozen=True, slots=True)
class Work:
    """What was asked of a device, or of a user's command. done: how many networks have an answer; known: those of them
    that an earlier run had asked for; failed: those that have none; ended: why there were no more; pruned: those that
    were stopped early, and have none either."""

    done: int
    known: int
    failed: int
    ended: str
    pruned: int = 0

    @property
    def asked(self) -> int:
        return self.done + self.failed + self.pruned


@dataclass(eq=False)
class Answer:
    """candidates: those that keep to every limit, the best first; of large spaces only the best and the front.

    exact: whether every variant was gone through; measuring, evaluating: where that was done; devices: what was
    measured on, by the label of its columns; ahead: how many questions were under way at once; fleet: who did the work,
    where that were other machines.
    """

    question: Question
    found: Found
    exact: bool
    seed: int
    measuring: Work | None = None
    evaluating: Work | None = None
    devices: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    ahead: int | None = None
    fleet: Mapping[str, Any] | None = None

    @property
    def candidates(self) -> Candidates:
        assert self.found.candidates is not None
        return self.found.candidates

    @cached_property
    def winner(self) -> int:
        """The place of the best candidate."""
        order = self.candidates.ranked(self.question.objectives[0])
        return int(order[self._eligible[order]][0])

    @cached_property
    def _eligible(self) -> Any:
        """Which candidates may win: those whose objectives are known, if any are."""
        import numpy as np

        columns = np.stack([self.candidates.minimised(name) for name in self.question.objectives])
        known = ~np.isnan(columns).any(axis=0)
        return known if known.any() else np.ones(columns.shape[1], bool)

    @cached_property
    def front(self) -> list[int]:
        """Places of the candidates that no other beats in all objectives, the best first."""
        import numpy as np

        columns = [self.candidates.minimised(name) for name in self.question.objectives]
        known = np.flatnonzero(~np.isnan(columns).any(axis=0))
        on = known[pareto.front([column[known] for column in columns])]
        chosen = self.candidates.chosen(on)
        # Of several that are alike in every objective one is enough.
        alike = np.unique(np.stack([chosen.minimised(name) for name in self.question.objectives]), axis=1).shape[1]
        order = on[chosen.ranked(self.question.objectives[0])]
        if alike < len(order):
            values: dict[Any, Any] = {}
            for place in order:
                values.setdefault(tuple(column[place] for column in columns), place)
            order = np.array(list(values.values()))
        return [int(place) for place in order]

    @cached_property
    def equals(self) -> list[int]:
        """Places of the other candidates whose accuracy interval reaches the winner's, the most accurate first."""
        import numpy as np

        table = self.candidates
        low, high = table.accuracy_low[self.winner], table.accuracy_high[self.winner]
        if np.isnan(low):
            return []
        reaching = (table.accuracy_high >= low) & (table.accuracy_low <= high)
        reaching[self.winner] = False
        order = table.ranked("accuracy")
        return [int(place) for place in order[reaching[order]]]

    def settings(self, place: int) -> Settings:
        """A candidate's settings."""
        space = self.question.spaces[int(self.candidates.space[place])]
        return space.settings(int(self.candidates.number[place]))

    @property
    def binding(self) -> str | None:
        """The limit that alone keeps the winner from being better: without it, that of which most would be gained."""
        objective = self.question.objectives[0]
        own = self.candidates.minimised(objective)[self.winner]
        gains = {name: own - best.minimised(objective)[0] for name, best in self.found.beyond.items()}
        better = {name: gain for name, gain in gains.items() if gain > 0}
        return max(better, key=lambda name: better[name]) if better else None


def answer(
    question: Question,
    *,
    seed: int = 0,
    trials: int = TRIALS,
    sampler: str = "nsga2",
    journal: Path | None = None,
    watched: Callable[[int], None] = lambda variants: None,
) -> Answer:
    """The best variants of a question's spaces.

    watched: is told how many were gone through. Raises SpecError where a spec has no network in its whole space.
    """
    size = sum(map(len, question.spaces))
    exact = size <= LARGEST
    asked = (question.spaces, question.constraints, question.objectives, question.scale, question.estimate)
    if exact:
        found = enumerate_all(*asked, watched)
    else:
        from archcost.search.evolution import evolve

        found = evolve(*asked, trials=trials, seed=seed, sampler=sampler, journal=journal, watched=watched)
    return Answer(question, found, exact, seed)
