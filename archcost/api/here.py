"""What a search does: it has candidates timed on devices, and the user's own command run, and puts both together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import replace

from archcost.api import run as runs
from archcost.api import timing
from archcost.api.effort import Effort, unwatched
from archcost.api.evaluating import evaluated
from archcost.api.memory import Memory
from archcost.api.run import Run
from archcost.api.targets import Target
from archcost.api.timing import Clocks, How
from archcost.errors import ArchcostError
from archcost.fleet.cluster import Joined
from archcost.fleet.connection import Stopped
from archcost.latency import folders
from archcost.latency.measurement import OK, Measurement
from archcost.latency.store import Store
from archcost.reports.search_errors import require
from archcost.search.answer import Answer, answer
from archcost.search.candidates import parted
from archcost.search.evaluating import EVALUATIONS
from archcost.search.question import Question
from archcost.search.space import LARGEST

LONG = 10**6
"""Variants that take long enough to be watched."""


def answered(
    question: Question, effort: Effort, *, evaluate: str | None, devices: Sequence[Target] = (), mode: str = ""
) -> Answer:
    """The answer, evaluated by a command and measured on devices where they are given.

    With both, the devices are measured first where a limit on latency needs it, so that only what is predicted to keep
    to it is evaluated; then what was evaluated is measured. Raises ArchcostError where nothing fits.
    """
    timed = [device for device in devices if device.measured]
    if evaluate is None and (effort.evaluations or effort.time_limit or effort.memory_limit):
        raise ArchcostError("a number of evaluations, or a limit on each, is for a command; name one (--evaluate)")
    if not timed and (effort.measurements or effort.minutes):
        raise ArchcostError("a number of measurements or minutes is for a device at hand (--device cpu or cuda)")
    if evaluate is None and not timed:
        if effort.ahead:
            raise ArchcostError("--ahead is for questions to devices at hand, or to a command (--device, --evaluate)")
        return _checked(_plain(question, effort))
    path = folders.store(None if effort.store is None else str(effort.store))
    with ExitStack() as stack:
        store = stack.enter_context(Store(path))
        cluster = None if effort.cluster is None else stack.enter_context(effort.cluster.joined(effort.warn))
        clocks, run = _clocks(question, timed, store, effort, mode, evaluate, cluster)
        effort = replace(effort, known_before=run.evaluations if run.resumed else None)
        try:
            found = _asked(question, timed, clocks, store, effort, evaluate, cluster)
        except Stopped as error:
            how = "--resume goes on from there" if effort.folder else "asking again goes on from there"
            raise Stopped(f"{error}; what was found is in {path}, and {how}") from None
        found.fleet = None if cluster is None else cluster.state().data()
        return found


def _asked(
    question: Question,
    timed: Sequence[Target],
    clocks: Clocks,
    store: Store,
    effort: Effort,
    command: str | None,
    cluster: Joined | None,
) -> Answer:
    """The answer of those who know: devices, and a command."""
    if command is None:
        found = _checked(_plain(_untimed(question), effort))
    else:
        asked = _untimed(question) if timed else question
        if any(device.limit for device in timed):
            asked = _within(question, asked, clocks.measured(_learning(question, effort), effort.halved))
        budget = effort.evaluations or EVALUATIONS
        trainers = None if cluster is None else lambda evaluator: nullcontext(cluster.training(evaluator, budget))
        found = _checked(evaluated(asked, command, store, effort, trainers))
    if not timed:
        return found
    found.question = replace(question, accuracies=found.question.accuracies)
    return _checked(clocks.measured(found, effort))


def _clocks(
    question: Question,
    timed: Sequence[Target],
    store: Store,
    effort: Effort,
    mode: str,
    command: str | None,
    cluster: Joined | None,
) -> tuple[Clocks, Run]:
    """The devices, with what is known of candidates on them already, and the run that begins or goes on."""
    how = How(question.scale, mode)
    asked: set[str] = set()
    run = Run({}, {})

    def known(key: str) -> Measurement | None:
        found = store.get(key)
        # What is not OK is measured again, but not twice in one run.
        answers = found is not None and (found.status == OK or key in asked or (run.resumed and run.made(found)))
        asked.add(key)
        return found if answers else None

    labels = {device.name: device.label for device in timed}
    if cluster is None:
        crew, benches = timing.here(list(labels), how, store, known, effort.warn)
    else:
        crew, benches = cluster.measuring(list(labels), how.task, store, known, effort.budget)
    stored = list(store.rows()) if labels else []
    rows = {labels[name]: [row for row in stored if how.measured(row, bench)] for name, bench in benches.items()}
    ids = {name: bench.id for name, bench in benches.items()}
    run = runs.begun(
        effort.folder,
        runs.question_data(question, ids, effort, mode, command),
        [row for each in rows.values() for row in each],
        {} if command is None else {e.key: e.created for e in store.evaluations() if e.command == command},
        resume=effort.resume,
    )
    before = {label: [row for row in each if not run.made(row)] for label, each in rows.items()}
    since = {label: [row for row in each if run.made(row)] for label, each in rows.items()}
    return Clocks(crew, benches, labels, how, Memory(before, since)), run


def _checked(found: Answer) -> Answer:
    require(found.question, found.found)
    return found


def _plain(question: Question, effort: Effort) -> Answer:
    size = sum(map(len, question.spaces))
    evolving = size > LARGEST
    total = effort.trials if evolving else size
    watch = effort.watch if evolving or size > LONG else unwatched
    with watch("evolving" if evolving else "going through all", total) as moved:
        return answer(
            question,
            seed=effort.seed,
            trials=effort.trials,
            sampler=effort.sampler,
            journal=effort.journal,
            watched=lambda done: moved(done, None),
        )


def _untimed(question: Question) -> Question:
    """The question without times that nobody knows yet: limits on them hold for what is measured."""
    kept = tuple(name for name in question.objectives if name not in question.unknown)
    objectives = kept if len(kept) > 1 else (*kept, "macs")
    constraints = question.constraints.but(dict.fromkeys(question.unknown))
    return replace(question, constraints=constraints, objectives=objectives)


def _learning(question: Question, effort: Effort) -> Answer:
    """Candidates to learn the devices' speed from, whatever their accuracy: the largest that keep to the limits."""
    times = {name: question.constraints.limit(name) for name in question.unknown}
    costs = replace(question.constraints.but(dict.fromkeys(times)), accuracy=None)
    asked = replace(question, constraints=costs, objectives=("+macs", "params"))
    found = _checked(_plain(asked, replace(effort, journal=None)))
    found.question = replace(asked, constraints=costs.but(times), objectives=("+macs", *times))
    return found


def _within(question: Question, untimed: Question, learnt: Answer) -> Question:
    """The question without measured times, but with the limits on what is predicted of them, at the better end."""
    predictors = learnt.question.predictors
    limits = {}
    for name in question.unknown:
        limit, predictor = question.constraints.limit(name), predictors[parted(name)[1]]
        limits[name] = limit and math.exp(predictor.fit.inside or 0.0) * limit
    return replace(untimed, predictors=predictors, constraints=question.constraints.but(limits))
