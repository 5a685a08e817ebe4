"""A search by the user's own accuracies: what the costs allow is trained, as long as there is patience."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from archcost.accuracy.pruning import RIVALS
from archcost.graph import Network, build
from archcost.latency.evaluations import OK, PRUNED, Evaluation
from archcost.latency.subject import digest
from archcost.search.answer import Answer, Work
from archcost.search.candidates import MAXIMISED, Candidates, named
from archcost.search.crew import Crew, Curve, Inquiry, Job
from archcost.search.enumeration import Found, enumerate_all, note
from archcost.search.question import Question
from archcost.search.space import LARGEST

EVALUATIONS = 50
AHEAD = 16
"""Questions under way at once, however many can be answered at once: what is asked shall not depend on that."""
INTERRUPTED = "interrupted"
Told = Callable[[str, Network], Evaluation | None]
"""What came of asking for a spec's network, in the order of the questions; None where nothing did."""


class Evaluated:
    """Accuracies asked for, and told so far."""

    def __init__(self, question: Question, crew: Crew, told: Told, ahead: int, watched: Callable[[int], None]) -> None:
        self.question, self.told, self.watched = question, told, watched
        self.inquiry = Inquiry(crew, ahead)
        self.accuracies: dict[str, float] = {}
        """By digest; NaN where there is none."""
        self.pruned = 0
        self._asked: set[str] = set()
        self._digests: dict[tuple[int, int], str] = {}
        self._built: dict[tuple[int, int], Network] = {}
        """Networks that may be asked for next."""
        self._rivals: list[tuple[tuple[float, ...], Curve]] = []
        timed = [named("seconds", device) for device in question.predictors]
        self._costs = [name for name in (*question.objectives, *timed) if name not in MAXIMISED]

    def __len__(self) -> int:
        return len(self._asked)

    @property
    def open(self) -> int:
        return len(self.inquiry.open)

    @property
    def full(self) -> bool:
        return self.inquiry.full

    def known(self, row: Candidates) -> float | None:
        """What was told of a variant's network, NaN where it has no accuracy; None where nothing was."""
        found = self.accuracies.get(self._digest(row))
        if found is not None:
            self._built.pop(_key(row), None)
        return found

    def put(self, what: Any, row: Candidates) -> None:
        """Asks for a variant's accuracy. Each network is asked for once, to keep up with those that cost no more in
        anything that counts, and were told of."""
        own = self._digest(row)
        network = self._built.pop(_key(row), None)
        if own in self._asked:  # and waited for
            self.inquiry.put((what, own, None), {})
            return
        self._asked.add(own)
        space = self.question.spaces[int(row.space[0])]
        network = network or build(space.document, space.settings(int(row.number[0])))
        costs = tuple(float(row.minimised(name)[0]) for name in self._costs)
        cheaper = [curve for theirs, curve in self._rivals if all(t <= c for t, c in zip(theirs, costs, strict=True))]
        job = Job(space.name, network, curves=tuple(cheaper[-RIVALS:]))
        self.inquiry.put((what, own, (job, costs)), {"accuracy": job})

    def next(self) -> tuple[Any, float]:
        """Waits for the oldest question: what it was about, and the accuracy; NaN where there is none."""
        (what, own, asked), found = self.inquiry.next()
        if asked is not None:
            job, costs = asked
            accuracy = found["accuracy"]
            self.accuracies[own] = float("nan") if accuracy is None else accuracy
            told = self.told(job.spec, job.network)
            if told is not None:
                self.pruned += told.status == PRUNED
                if told.status == OK and told.curve:
                    self._rivals.append((costs, told.curve))
            self.watched(len(self.accuracies))
        return what, self.accuracies[own]

    def get(self, place: int, number: int) -> float:
        """What is known of a variant; NaN where it was not asked for."""
        return self.accuracies.get(self._digests.get((place, number), ""), float("nan"))

    def answer(self, found: Found, exact: bool, seed: int, ended: str) -> Answer:
        without = sum(value != value for value in self.accuracies.values())
        done = len(self.accuracies) - without
        work = Work(done, 0, without - self.pruned, ended, self.pruned)
        return Answer(self.question, found, exact, seed, evaluating=work)

    def _digest(self, row: Candidates) -> str:
        key = _key(row)
        if key not in self._digests:
            space = self.question.spaces[key[0]]
            self._built[key] = build(space.document, space.settings(key[1]))
            self._digests[key] = digest(self._built[key])
        return self._digests[key]


def _key(row: Candidates) -> tuple[int, int]:
    return int(row.space[0]), int(row.number[0])


def evaluated(
    question: Question,
    crew: Crew,
    told: Told,
    *,
    budget: int = EVALUATIONS,
    ahead: int = AHEAD,
    seed: int = 0,
    sampler: str = "nsga2",
    journal: Path | None = None,
    watched: Callable[[int], None] = lambda count: None,
) -> Answer:
    """Where no more variants keep to the limits than the budget, all are evaluated, and the answer is exact; else
    Optuna proposes, among those that keep to them. Ctrl-C ends it with what was told.

    ahead: questions under way at once; the same number gives the same answer, whoever the crew is.
    """
    asked = Evaluated(question, crew, told, ahead, watched)
    if sum(map(len, question.spaces)) <= LARGEST:
        known = _all(question, asked, budget, seed)
        if known is not None:
            return known
    from archcost.search.evolution import evolve

    found = evolve(
        question.spaces,
        question.constraints,
        question.objectives,
        question.scale,
        question.estimate,
        trials=None,
        seed=seed,
        sampler=sampler,
        journal=journal,
        evaluate=asked,
        evaluations=budget,
    )
    stopped = "all evaluations are spent" if len(asked.accuracies) >= budget else "it was interrupted or ran dry"
    stopped = INTERRUPTED if asked.open else stopped
    return asked.answer(found, False, seed, stopped)


def _all(question: Question, asked: Evaluated, budget: int, seed: int) -> Answer | None:
    """The answer from all that keep to the limits on costs; None where they are more than the budget."""
    import numpy as np

    costs = replace(question, constraints=replace(question.constraints, accuracy=None))
    objectives = tuple(name for name in question.objectives if name != "accuracy") or ("macs",)
    found = enumerate_all(costs.spaces, costs.constraints, objectives, costs.scale, costs.estimate)
    table, stopped = found.candidates, "all that keep to the limits were evaluated"
    if table is None:
        return asked.answer(found, True, seed, stopped)
    if found.feasible > budget or len(table) < found.feasible:
        return None
    try:
        for place in spread(np.argsort(-table.macs, kind="stable").tolist()):
            while asked.full:
                asked.next()
            asked.put(place, table.chosen([place]))
        while asked.open:
            asked.next()
    except KeyboardInterrupt:
        stopped = INTERRUPTED
    found.candidates = _filled(table, asked, question)
    note(found.extremes, _filled(table, asked, costs) or table, question.constraints)
    return asked.answer(found, stopped != INTERRUPTED, seed, stopped)


def spread(places: Sequence[int]) -> list[int]:
    """Places in an order that is spread over all of them from the beginning, from the first on: wherever it ends there
    are some of each size, and each has smaller ones before it to be compared with.

    >>> spread([10, 11, 12, 13, 14, 15, 16, 17])
    [10, 14, 12, 16, 11, 15, 13, 17]
    """
    bits = (len(places) - 1).bit_length() if places else 0
    return [places[rank] for rank in sorted(range(len(places)), key=lambda rank: f"{rank:0{bits}b}"[::-1])]


def _filled(table: Candidates, asked: Evaluated, question: Question) -> Candidates | None:
    """The candidates with their accuracies, those without left out, and those that are not accurate enough."""
    import numpy as np

    keys: Any = zip(table.space.tolist(), table.number.tolist(), strict=True)
    values = np.array([asked.get(*key) for key in keys])
    table = replace(table, accuracy=values, accuracy_low=values, accuracy_high=values)
    kept = ~np.isnan(values)
    if question.constraints.accuracy is not None:
        kept &= question.constraints.met("accuracy", values)
    return table.chosen(kept) if kept.any() else None
