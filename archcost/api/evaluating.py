"""Accuracies of a search's candidates by the user's own command, run here or elsewhere, or read from the store."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from archcost.accuracy.evaluation import LIMIT_SECONDS, run
from archcost.accuracy.evaluator import Evaluator
from archcost.api.effort import Effort
from archcost.errors import ArchcostError
from archcost.graph import Network
from archcost.latency.evaluations import FAILED, Evaluation
from archcost.latency.store import Store
from archcost.search.answer import Answer
from archcost.search.crew import Crew, Job, Threads
from archcost.search.evaluating import AHEAD, EVALUATIONS, INTERRUPTED
from archcost.search.evaluating import evaluated as searched
from archcost.search.question import Question

Trainers = Callable[[Evaluator], AbstractContextManager[Crew]]
"""Makes the crew that runs an evaluator's command; what comes of it is the evaluator's to accept."""


def evaluated(
    question: Question, command: str, store: Store, effort: Effort, trainers: Trainers | None = None
) -> Answer:
    """The answer by the user's own command; what the store knows is not asked again. trainers: of another crew than
    this machine."""
    budget = effort.evaluations or EVALUATIONS
    evaluator = Evaluator(
        command,
        store,
        effort.time_limit or LIMIT_SECONDS,
        memory_bytes=effort.memory_limit,
        pruner=effort.pruner,
        outputs=effort.outputs,
        known_before=effort.known_before,
        warn=effort.warn,
    )
    for space in question.spaces:
        evaluator.check(space.document, here=trainers is None)

    def told(spec: str, network: Network) -> Evaluation | None:
        found = evaluator.known(network)
        if found is not None and found.status == FAILED:
            where, path = f"{found.spec} at α {found.alpha:g}, {found.resolution}", evaluator.output(found)
            kept = f" ({path})" if path is not None and path.is_file() else ""
            effort.warn(f"no accuracy of {where}: {found.reason}{kept}")
        return found

    crew = trainers or (lambda evaluator: here(evaluator, effort.train_slots))
    with effort.watch("evaluating", budget) as moved, crew(evaluator) as doing:
        answer = searched(
            question,
            doing,
            told,
            budget=budget,
            ahead=effort.ahead or AHEAD,
            seed=effort.seed,
            sampler=effort.sampler,
            journal=effort.journal,
            watched=lambda count: moved(count, None),
        )
    answer.ahead = effort.ahead or AHEAD
    work = answer.evaluating
    if work is not None and work.ended == INTERRUPTED and not work.asked:
        raise ArchcostError("interrupted before anything was known; the same search goes on with what the store has")
    if work is not None and work.asked and not work.done:
        raise ArchcostError(f"no accuracy could be had: all {work.asked} evaluations failed, as said above")
    return answer


def here(evaluator: Evaluator, slots: int) -> Threads:
    """The crew that runs the command on this machine, so many at once."""

    def known(job: Job) -> tuple[float | None] | None:
        found = evaluator.known(job.network)
        return None if found is None else (found.accuracy,)

    return Threads(
        slots,
        known,
        lambda job, over: run(evaluator.order(job.network, job.spec, job.curves), over),
        lambda job, result: evaluator.accept(job.network, job.spec, result).accuracy,
    )
