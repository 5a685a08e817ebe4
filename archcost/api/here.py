"""What a search does on this machine: it times candidates on the device at hand, and runs the user's own command."""

from __future__ import annotations

import math
from dataclasses import replace

from archcost.api.effort import Effort, unwatched
from archcost.api.evaluating import evaluated
from archcost.api.timing import Device
from archcost.errors import ArchcostError
from archcost.latency import folders
from archcost.latency.store import Store
from archcost.reports.search_errors import require
from archcost.search.answer import Answer, answer
from archcost.search.question import Question
from archcost.search.space import LARGEST

LONG = 10**6
"""Variants that take long enough to be watched."""


def answered(question: Question, effort: Effort, *, evaluate: str | None, device: str | None, mode: str) -> Answer:
    """The answer, evaluated by a command and measured on a device (cpu, cuda, cuda:1) where they are given.

    With both, the device is measured first where a limit on latency needs it, so that only what is predicted to keep
    to it is evaluated; then what was evaluated is measured. Raises ArchcostError where nothing fits.
    """
    if evaluate is None and (effort.evaluations or effort.time_limit or effort.memory_limit):
        raise ArchcostError("a number of evaluations, or a limit on each, is for a command; name one (--evaluate)")
    if device is None and (effort.measurements or effort.minutes):
        raise ArchcostError("a number of measurements or minutes is for a device at hand (--device cpu or cuda)")
    if evaluate is None and device is None:
        return _checked(_plain(question, effort))
    with Store(folders.store(None if effort.store is None else str(effort.store))) as store:
        here = None if device is None else Device(device, mode, question, store, effort)
        if here is None:
            assert evaluate is not None
            return _checked(evaluated(question, evaluate, store, effort))
        if evaluate is None:
            found = _checked(_plain(_untimed(question), effort))
        else:
            asked = _untimed(question)
            if question.constraints.seconds is not None:
                asked = _within(question, asked, here.measured(_learning(question, effort), effort.halved))
            found = _checked(evaluated(asked, evaluate, store, effort))
        found.question = replace(question, accuracies=found.question.accuracies)
        return _checked(here.measured(found, effort))


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
    """The question without time, which nobody knows yet: limits on it hold for what is measured."""
    kept = tuple(name for name in question.objectives if name != "seconds")
    objectives = kept if len(kept) > 1 else (*kept, "macs")
    return replace(question, constraints=replace(question.constraints, seconds=None), objectives=objectives)


def _learning(question: Question, effort: Effort) -> Answer:
    """Candidates to learn the device's speed from, whatever their accuracy: the largest that keep to the limits."""
    costs = replace(question.constraints, seconds=None, accuracy=None)
    asked = replace(question, constraints=costs, objectives=("+macs", "params"))
    found = _checked(_plain(asked, replace(effort, journal=None)))
    limits = replace(costs, seconds=question.constraints.seconds)
    found.question = replace(asked, constraints=limits, objectives=("+macs", "seconds"))
    return found


def _within(question: Question, untimed: Question, learnt: Answer) -> Question:
    """The question without measured times, but with the limit on what is predicted of them, at the better end."""
    predictor, limit = learnt.question.predictor, question.constraints.seconds
    assert predictor is not None and limit is not None
    slack = math.exp(predictor.fit.inside or 0.0)
    return replace(untimed, predictor=predictor, constraints=replace(question.constraints, seconds=slack * limit))
