"""A fleet as a search's crew: what is known is answered at once, all else is sent, and what comes back is kept here."""

from __future__ import annotations

import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from archcost.accuracy.evaluation import Result
from archcost.accuracy.evaluator import Evaluator
from archcost.errors import ArchcostError
from archcost.fleet import state
from archcost.fleet.fleet import Fleet
from archcost.fleet.members import Members
from archcost.fleet.wire import EVALUATE, LIMIT_SECONDS, MEASURE, SLOT, TRAINING, VERSION, Request, spec_of
from archcost.latency import evaluations, measurement
from archcost.latency.bench import Bench
from archcost.latency.measurement import FAILED, OK, Measurement
from archcost.latency.store import Store
from archcost.latency.subject import Task
from archcost.search.crew import Job

Value = tuple[float | None]
"""An answer, None where there is none to be had; not to be taken for no answer yet."""


@dataclass(eq=False)
class Ledger:
    """How many jobs of each kind were sent, and ended. names: of what they are asked of, by resource; totals: how many
    there will be at most, None where nobody knows."""

    names: dict[str, str] = field(default_factory=dict)
    totals: dict[str, int | None] = field(default_factory=dict)
    counts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    ends: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """When the first was sent, and each ended, by `time.monotonic`."""

    def state(self, fleet: Fleet) -> state.State:
        """How far a fleet is."""
        seconds = time.monotonic() - fleet.began
        counts = {}
        for resource in list(self.names):
            own = self.counts[resource]
            under_way = own["sent"] - own["done"] - own["failed"]
            running = min(under_way, fleet.running(resource))
            counts[resource] = Counter({**own, "waiting": under_way - running, "running": running})
        progress = state.progress(dict(self.names), fleet.members, counts, self.totals, self.ends)
        return state.State(fleet.address, fleet.dashboard, seconds, progress, state.workers(fleet.members, seconds))


@dataclass(eq=False)
class FleetCrew:
    """known: what need not be asked; request: a job for a worker, and the resource that it takes; accept: takes in
    what a worker said, and is the only one to store it, once for each job."""

    fleet: Fleet
    ledger: Ledger
    known: Callable[[Job], Value | None]
    request: Callable[[Job], tuple[Request, str]]
    accept: Callable[[Job, Request, dict[str, Any]], Value]
    _asked: dict[str, tuple[Job, str, list[int]]] = field(default_factory=dict)
    _ready: deque[tuple[int, float | None]] = field(default_factory=deque)

    def give(self, ticket: int, job: Job) -> None:
        found = self.known(job)
        if found is not None:
            self._ready.append((ticket, found[0]))
            return
        request, resource = self.request(job)
        if request.key in self._asked:  # two names of one network
            self._asked[request.key][2].append(ticket)
            return
        self._asked[request.key] = (job, resource, [ticket])
        self.ledger.names.setdefault(resource, job.device)
        self.ledger.counts[resource]["sent"] += 1
        if not self.ledger.ends[resource]:
            self.ledger.ends[resource].append(time.monotonic())
        self.fleet.send(request, resource, ticket)

    def take(self) -> tuple[int, float | None]:
        while not self._ready:
            request, answer = self.fleet.take()
            if request.key not in self._asked:  # of a question that was given up
                continue
            job, resource, tickets = self._asked.pop(request.key)
            (value,) = self.accept(job, request, answer)
            self.ledger.counts[resource]["failed" if value is None else "done"] += 1
            self.ledger.ends[resource].append(time.monotonic())
            self._ready.extend((ticket, value) for ticket in tickets)
        return self._ready.popleft()


def measuring(
    fleet: Fleet,
    ledger: Ledger,
    store: Store,
    task: Callable[[Job], tuple[Bench, Task]],
    known: Callable[[str], Measurement | None],
    *,
    limit_seconds: float = LIMIT_SECONDS,
    warn: Callable[[str], None] = lambda said: None,
) -> FleetCrew:
    """The crew that measures. task: what a job measures, and on which bench; known: what the store has of a key, where
    that stands for an answer; warn: is told what failed."""

    def stored(job: Job) -> Value | None:
        bench, asked = task(job)
        found = known(bench.key(asked))
        return None if found is None else told(job, asked, found)

    def told(job: Job, asked: Task, found: Measurement) -> Value:
        if found.status == OK:
            return (found.median,)
        where = f"{asked.label.spec} at α {asked.label.alpha:g}, {asked.label.resolution} on {job.device}"
        warn(f"no time of {where}: {found.reason or found.status}")
        return (None,)

    def request(job: Job) -> tuple[Request, str]:
        bench, asked = task(job)
        made = Request(
            VERSION,
            MEASURE,
            bench.key(asked),
            limit_seconds=limit_seconds,
            slot=bench.id,
            batch=asked.batch,
            dtype=asked.dtype,
            mode=asked.mode,
            tf32=asked.tf32,
            **spec_of(job.network, job.spec),
        )
        return made, SLOT + bench.id

    def accept(job: Job, request: Request, answer: dict[str, Any]) -> Value:
        bench, asked = task(job)
        found = _measurement(bench, asked, request, answer)
        store.put(found)
        return told(job, asked, found)

    return FleetCrew(fleet, ledger, stored, request, accept)


def training(fleet: Fleet, ledger: Ledger, evaluator: Evaluator) -> FleetCrew:
    """The crew that runs an evaluator's command; who has no file of the spec's is sent it."""

    def known(job: Job) -> Value | None:
        found = evaluator.known(job.network)
        return None if found is None else (found.accuracy,)

    def request(job: Job) -> tuple[Request, str]:
        made = Request(
            VERSION,
            EVALUATE,
            evaluator.key(job.network),
            limit_seconds=evaluator.seconds,
            command=evaluator.command,
            memory_bytes=evaluator.memory_bytes,
            pruner=evaluator.pruner,
            curves=tuple({str(step): value for step, value in curve.items()} for curve in job.curves),
            **spec_of(job.network, job.spec),
        )
        return made, TRAINING

    def accept(job: Job, request: Request, answer: dict[str, Any]) -> Value:
        try:
            if "evaluation" not in answer:
                raise ArchcostError(str(answer.get("failed")))
            found = Result.of(answer["evaluation"])
        except ArchcostError as error:
            found = Result(evaluations.FAILED, reason=str(error), ended=str(error))
        return (evaluator.accept(job.network, job.spec, found).accuracy,)

    return FleetCrew(fleet, ledger, known, request, accept)


def bench_of(members: Members, name: str) -> Bench | None:
    """The device that searches call by a name; None where there is none yet.

    Raises ArchcostError where workers call different devices so: their times must not be mixed.
    """
    found: dict[str, tuple[Bench, list[str]]] = {}
    for member in list(members.all.values()):
        for device in member.offer.devices:
            if name in device.names:
                found.setdefault(device.bench.id, (device.bench, []))[1].append(member.name)
    if len(found) > 1:
        told = "; ".join(f"{bench.name} ({_difference(bench, found)}{', '.join(who)})" for bench, who in found.values())
        raise ArchcostError(
            f"`{name}` is {len(found)} different devices: {told}; give those that you mean a name of their own "
            "(archcost worker --name) and search with it"
        )
    return next(iter(found.values()))[0] if found else None


def offered(members: Members) -> str:
    """What workers offer, in words."""
    names = dict.fromkeys(
        f"{device.names[0]} ({member.name})" for member in list(members.all.values()) for device in member.offer.devices
    )
    unfit = f"; {'; '.join(members.unfit)}" if members.unfit else ""
    return (f"workers offer {', '.join(names)}" if names else "no worker offers a device") + unfit


def _difference(bench: Bench, found: dict[str, tuple[Bench, list[str]]]) -> str:
    """What tells devices of one name apart, where their model does not."""
    facts = [{**other.fingerprint, **other.software} for other, _ in found.values()]
    own = {**bench.fingerprint, **bench.software}
    differ = [key for key in own if any(fact.get(key) != own[key] for fact in facts) and key != "name"]
    return "".join(f"{key} {own[key]}, " for key in differ[:3])


def _measurement(bench: Bench, task: Task, request: Request, answer: dict[str, Any]) -> Measurement:
    """What a worker measured, if it is what was asked for; else a failed measurement, which says why.

    The time of its making is the coordinator's: the clocks of workers may be wrong.
    """
    created = datetime.now(UTC).isoformat(timespec="seconds")
    reason = answer.get("failed")
    if "measurement" in answer:
        try:
            found = measurement.from_cells(answer["measurement"])
            if found.key != request.key:
                raise ValueError("it is another's")
            return replace(found, created=created)
        except (ValueError, TypeError, KeyError) as error:
            reason = f"{answer.get('worker')} sent what is no measurement of this: {error}"
    return Measurement(
        **bench.labels(task),
        **measurement.statistics([]),
        status=FAILED,
        reason=str(reason),
        peak_bytes=None,
        before={},
        after={},
        created=created,
    )
