"""A search by the user's own accuracies: what the costs allow is trained, as long as there is patience."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from archcost.graph import Network, build
from archcost.latency.subject import digest
from archcost.search.answer import Answer, Work
from archcost.search.candidates import Candidates
from archcost.search.enumeration import Found, enumerate_all, note
from archcost.search.question import Question
from archcost.search.space import LARGEST

EVALUATIONS = 50
Evaluate = Callable[[str, Network], float | None]
"""Percent of a spec's network; None where the command failed."""


class Evaluated:
    """Accuracies asked for so far, and how many could not be had."""

    def __init__(self, question: Question, evaluate: Evaluate, watched: Callable[[int], None]) -> None:
        self.question, self.evaluate, self.watched = question, evaluate, watched
        self.known: dict[str, float] = {}
        self._digests: dict[tuple[int, int], str] = {}

    def __len__(self) -> int:
        return len(self.known)

    def __call__(self, place: int, number: int) -> float:
        """The accuracy of a space's variant; NaN where there is none. Each network is asked for once."""
        space = self.question.spaces[place]
        if (place, number) not in self._digests:
            network = build(space.document, space.settings(number))
            own = self._digests[place, number] = digest(network)
            if own not in self.known:
                found = self.evaluate(space.name, network)
                self.known[own] = float("nan") if found is None else found
                self.watched(len(self))
        return self.known[self._digests[place, number]]

    def get(self, place: int, number: int) -> float:
        """What is known of a variant; NaN where it was not asked for."""
        return self.known.get(self._digests.get((place, number), ""), float("nan"))

    def answer(self, found: Found, exact: bool, seed: int, ended: str) -> Answer:
        failed = sum(value != value for value in self.known.values())
        return Answer(self.question, found, exact, seed, evaluating=Work(len(self.known) - failed, 0, failed, ended))


def evaluated(
    question: Question,
    evaluate: Evaluate,
    *,
    budget: int = EVALUATIONS,
    seed: int = 0,
    sampler: str = "nsga2",
    journal: Path | None = None,
    watched: Callable[[int], None] = lambda count: None,
) -> Answer:
    """Where no more variants keep to the limits than the budget, all are evaluated, and the answer is exact; else
    Optuna proposes, among those that keep to them. Ctrl-C ends it with what there is."""
    asked = Evaluated(question, evaluate, watched)
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
    stopped = "all evaluations are spent" if len(asked.known) >= budget else "it was interrupted or ran dry"
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
        for place in np.argsort(-table.macs, kind="stable"):  # the likeliest winners first
            asked(int(table.space[place]), int(table.number[place]))
    except KeyboardInterrupt:
        stopped = "interrupted"
    found.candidates = _filled(table, asked, question)
    note(found.extremes, _filled(table, asked, costs) or table, question.constraints)
    return asked.answer(found, stopped != "interrupted", seed, stopped)


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
