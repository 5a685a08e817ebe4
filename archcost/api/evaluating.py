"""Accuracies of a search's candidates by the user's own command, run here or read from the store."""

from __future__ import annotations

from archcost.accuracy.evaluator import LIMIT_SECONDS, Evaluator
from archcost.api.effort import Effort
from archcost.errors import ArchcostError
from archcost.graph import Network
from archcost.latency.store import Store
from archcost.search.answer import Answer
from archcost.search.evaluating import EVALUATIONS
from archcost.search.evaluating import evaluated as searched
from archcost.search.question import Question


def evaluated(question: Question, command: str, store: Store, effort: Effort) -> Answer:
    """The answer by the user's own command; what the store knows is not asked again."""
    budget = effort.evaluations or EVALUATIONS
    evaluator = Evaluator(command, store, effort.time_limit or LIMIT_SECONDS)
    for space in question.spaces:
        evaluator.check(space.document)

    def evaluate(spec: str, network: Network) -> float | None:
        found = evaluator.evaluate(network, spec)
        if found.accuracy is None:
            where = f"{found.spec} at α {found.alpha:g}, {found.resolution}"
            effort.warn(f"no accuracy of {where}: {found.reason}")
        return found.accuracy

    with effort.watch("evaluating", budget) as moved:
        told = searched(
            question,
            evaluate,
            budget=budget,
            seed=effort.seed,
            sampler=effort.sampler,
            journal=effort.journal,
            watched=lambda count: moved(count, None),
        )
    work = told.evaluating
    if work is not None and work.asked and not work.done:
        raise ArchcostError(f"no accuracy could be had: all {work.asked} evaluations failed, as said above")
    return told
