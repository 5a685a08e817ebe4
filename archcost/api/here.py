"""What a search does on this machine: it times candidates on the device at hand, and runs the user's own command."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from archcost.accuracy.evaluator import LIMIT_SECONDS, Evaluator
from archcost.api.devices import live_measure
from archcost.errors import ArchcostError
from archcost.graph import Network, build
from archcost.latency import folders, measurement
from archcost.latency.measurement import Measurement, Protocol
from archcost.latency.store import Store
from archcost.latency.subject import Label, Task, digest
from archcost.reports.search_errors import require
from archcost.search.answer import TRIALS, Answer, answer
from archcost.search.candidates import Candidates
from archcost.search.evaluating import EVALUATIONS, evaluated
from archcost.search.question import Question
from archcost.search.space import LARGEST
from archcost.search.timing import MEASUREMENTS, measured

Moved = Callable[[int, int | None], None]
"""Is told how many are done, and how many could still beat them."""


LONG = 10**6
"""Variants that take long enough to be watched."""


def _unwatched(title: str, total: int | None) -> AbstractContextManager[Moved]:
    return nullcontext(lambda done, rivals: None)


@dataclass(frozen=True, slots=True)
class Effort:
    """What a search may spend, and who watches it.

    trials, sampler, seed, journal: of an evolution; evaluations, time_limit (seconds for each): of the user's command;
    measurements, minutes: on a device; None takes what is usual; store: where both are kept. watch: makes, for a title
    and a total, what is told how far it is; warn: is told what failed.
    """

    trials: int = TRIALS
    sampler: str = "nsga2"
    seed: int = 0
    journal: Path | None = None
    evaluations: int | None = None
    time_limit: float | None = None
    measurements: int | None = None
    minutes: float | None = None
    store: str | Path | None = None
    watch: Callable[[str, int | None], AbstractContextManager[Moved]] = _unwatched
    warn: Callable[[str], None] = field(default=lambda said: None)

    @property
    def budget(self) -> int | None:
        """Measurements; None where only time ends them."""
        return self.measurements or (None if self.minutes else MEASUREMENTS)

    @property
    def halved(self) -> Effort:
        """With half of what there is for measuring."""
        budget, minutes = self.budget, self.minutes
        return replace(self, measurements=budget and max(1, budget // 2), minutes=minutes and minutes / 2)


def answered(question: Question, effort: Effort, *, evaluate: str | None, device: str | None, mode: str) -> Answer:
    """The answer, evaluated by a command and measured on a device (cpu, cuda, cuda:1) where they are given.

    With both, the device is measured first where a limit on latency needs it, so that only what is predicted to keep
    to it is evaluated; then what was evaluated is measured. Raises ArchcostError where nothing fits.
    """
    if evaluate is None and (effort.evaluations or effort.time_limit):
        raise ArchcostError("a number of evaluations or a time limit is for a command; name one (--evaluate)")
    if device is None and (effort.measurements or effort.minutes):
        raise ArchcostError("a number of measurements or minutes is for a device at hand (--device cpu or cuda)")
    if evaluate is None and device is None:
        return _checked(_plain(question, effort))
    with Store(folders.store(None if effort.store is None else str(effort.store))) as store:
        here = None if device is None else _Device(device, mode, question, store, effort)
        if here is None:
            assert evaluate is not None
            return _checked(_evaluated(question, evaluate, store, effort))
        if evaluate is None:
            found = _checked(_plain(_untimed(question), effort))
        else:
            asked = _untimed(question)
            if question.constraints.seconds is not None:
                asked = _within(question, asked, here.measured(_learning(question, effort), effort.halved))
            found = _checked(_evaluated(asked, evaluate, store, effort))
        found.question = replace(question, accuracies=found.question.accuracies)
        return _checked(here.measured(found, effort))


def _checked(found: Answer) -> Answer:
    require(found.question, found.found)
    return found


def _plain(question: Question, effort: Effort) -> Answer:
    size = sum(map(len, question.spaces))
    evolving = size > LARGEST
    total = effort.trials if evolving else size
    watch = effort.watch if evolving or size > LONG else _unwatched
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


class _Device:
    """The device at hand, and what the store has of it."""

    def __init__(self, device: str, mode: str, question: Question, store: Store, effort: Effort) -> None:
        self.live = live_measure()
        self.device, self.store, self.effort = device, store, effort
        self.machine = self.live.find(device)
        self.scale = question.scale
        self.mode = mode or ("graph" if self.machine.is_gpu else "eager")
        self.tf32 = self.scale.dtype == "tf32"
        self.dtype = "float32" if self.tf32 else self.scale.dtype
        measurement.require("dtype", self.dtype, measurement.DTYPES)

    def measured(self, found: Answer, effort: Effort) -> Answer:
        """The answer with times measured here; what the store has is not measured again."""
        budget, minutes = effort.budget, effort.minutes
        with effort.watch("measuring", budget) as moved:
            told = measured(
                found,
                self._measure,
                "cuda" if self.machine.is_gpu else "cpu",
                recall=lambda table: self._stored(found.question, table),
                budget=budget,
                seconds=None if minutes is None else 60 * minutes,
                watched=moved,
            )
        told.device = {
            "name": self.machine.name,
            "device": self.device,
            "mode": self.mode,
            "dtype": self.scale.dtype,
            "measured": True,
        }
        return told

    def _measure(self, spec: str, network: Network) -> float | None:
        label = Label.of(network, spec)
        task = Task(network, label, self.scale.batch, self.dtype, mode=self.mode, tf32=self.tf32)
        found = next(iter(self.live.measure([task], self.store, self.machine, retry=True)))[0]
        if found.status == measurement.OK:
            return float(found.median)
        where = f"{label.spec} at α {label.alpha:g}, {label.resolution}"
        self.effort.warn(f"no time of {where}: {found.reason or found.status}")
        return None

    def _stored(self, question: Question, table: Candidates) -> dict[int, float | None]:
        """Candidates that were measured before in just this way, by their place: seconds, None where there is too
        little memory for them. Unstable ones are measured again."""
        how = {
            "layer": None,
            "batch": self.scale.batch,
            "dtype": self.dtype,
            "layout": "contiguous",
            "mode": self.mode,
            "folded": False,
            "tf32": self.tf32 and self.machine.is_gpu,
            "fingerprint": self.machine.fingerprint,
            "software": self.machine.software,
            "protocol": asdict(Protocol.on(self.machine.device.type)),
        }
        told = (measurement.OK, measurement.OUT_OF_MEMORY)
        known: dict[tuple[str, float | None, str], list[Measurement]] = {}
        for each in self.store.rows():
            if each.status in told and all(getattr(each, name) == value for name, value in how.items()):
                known.setdefault((each.spec, each.alpha, each.resolution), []).append(each)
        places: dict[int, float | None] = {}
        for place in range(len(table)) if known else ():
            space = question.spaces[int(table.space[place])]
            settings = space.settings(int(table.number[place]))
            label = Label.named(space.document, settings, space.name)
            stored = known.get((label.spec, label.alpha, label.resolution))
            if stored is None:
                continue
            own = digest(build(space.document, settings))
            for each in stored:
                if each.digest == own:
                    places[place] = each.median
        return places


def _evaluated(question: Question, command: str, store: Store, effort: Effort) -> Answer:
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
        told = evaluated(
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
