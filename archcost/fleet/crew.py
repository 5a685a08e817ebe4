"""A fleet as a search's crew: what the store knows is answered at once, what comes back is stored, all else is sent."""

from __future__ import annotations

import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from archcost import __version__
from archcost.errors import ArchcostError
from archcost.fleet import state
from archcost.fleet.fleet import Fleet
from archcost.fleet.members import Members
from archcost.fleet.wire import MEASURE, SLOT, Request, spec_of
from archcost.latency import measurement
from archcost.latency.bench import Bench
from archcost.latency.measurement import FAILED, OK, Measurement
from archcost.latency.store import Store
from archcost.latency.subject import Task
from archcost.search.crew import Job

LIMIT_SECONDS = 300.0
"""How long one measurement may take."""


def bench_of(members: Members, name: str) -> Bench | None:
    """The device that searches call by a name; None where there is none yet.

    Raises ArchcostError where workers call different devices so: their times must not be mixed.
    """
    found: dict[str, tuple[Bench, list[str]]] = {}
    for member in members.all.values():
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


def _difference(bench: Bench, found: dict[str, tuple[Bench, list[str]]]) -> str:
    """What tells devices of one name apart, where their model does not."""
    facts = [{**other.fingerprint, **other.software} for other, _ in found.values()]
    own = {**bench.fingerprint, **bench.software}
    differ = [key for key in own if any(fact.get(key) != own[key] for fact in facts) and key != "name"]
    return "".join(f"{key} {own[key]}, " for key in differ[:3])


def offered(members: Members) -> str:
    """What workers offer, in words."""
    names = dict.fromkeys(
        f"{device.names[0]} ({member.name})" for member in members.all.values() for device in member.offer.devices
    )
    return f"workers offer {', '.join(names)}" if names else "no worker offers a device"


class FleetCrew:
    """Gives jobs to a fleet, and keeps what comes back in the store, which nobody else writes.

    task: what a job measures, and on which bench; known: what the store has of a key, where that stands for an answer;
    warn: is told what failed.
    """

    def __init__(
        self,
        fleet: Fleet,
        store: Store,
        task: Callable[[Job], tuple[Bench, Task]],
        known: Callable[[str], Measurement | None],
        *,
        limit_seconds: float = LIMIT_SECONDS,
        warn: Callable[[str], None] = lambda said: None,
    ) -> None:
        self.fleet, self.store, self.warn = fleet, store, warn
        self.totals: dict[str, int | None] = {}
        self.limit_seconds = limit_seconds
        self._task, self._known = task, known
        self._names: dict[str, str] = {}
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)
        self._asked: dict[str, tuple[Bench, Task, list[int]]] = {}
        self._ready: deque[tuple[int, float | None]] = deque()

    def give(self, ticket: int, job: Job) -> None:
        bench, task = self._task(job)
        key = bench.key(task)
        if key in self._asked:  # two names of one network
            self._asked[key][2].append(ticket)
            return
        found = self._known(key)
        if found is not None:
            self._ready.append((ticket, self._value(found)))
            return
        self._asked[key] = (bench, task, [ticket])
        self._names.setdefault(SLOT + bench.id, job.device)
        self._counts[SLOT + bench.id]["sent"] += 1
        settled = bench.settled(task)
        request = Request(
            __version__,
            MEASURE,
            key,
            limit_seconds=self.limit_seconds,
            slot=bench.id,
            batch=settled.batch,
            dtype=settled.dtype,
            mode=settled.mode,
            tf32=settled.tf32,
            **spec_of(job.network, job.spec),
        )
        self.fleet.send(request, SLOT + bench.id, ticket)

    def take(self) -> tuple[int, float | None]:
        while not self._ready:
            request, answer = self.fleet.take()
            bench, task, tickets = self._asked.pop(request.key)
            found = _accepted(bench, task, request, answer)
            self.store.put(found)
            self._counts[SLOT + bench.id]["done" if found.status == OK else "failed"] += 1
            if found.status != OK:
                label = task.label
                where = f"{label.spec} at α {label.alpha:g}, {label.resolution} on {self._names[SLOT + bench.id]}"
                self.warn(f"no time of {where}: {found.reason or found.status}")
            self._ready.extend((ticket, self._value(found)) for ticket in tickets)
        return self._ready.popleft()

    def state(self) -> state.State:
        """How far it is."""
        members, seconds = self.fleet.members, time.monotonic() - self.fleet.began
        counts = {}
        for resource, own in self._counts.items():
            open_ = own["sent"] - own["done"] - own["failed"]
            waiting = min(open_, self.fleet.waiting(resource))
            counts[resource] = {**own, "waiting": waiting, "running": open_ - waiting}
        found = state.progress(
            self._names, members, {r: Counter(own) for r, own in counts.items()}, self.totals, seconds
        )
        return state.State(self.fleet.address, self.fleet.dashboard, seconds, found, state.workers(members, seconds))

    @staticmethod
    def _value(found: Measurement) -> float | None:
        return found.median if found.status == OK else None


def _accepted(bench: Bench, task: Task, request: Request, answer: dict[str, Any]) -> Measurement:
    """What a worker measured, if it is what was asked for; else a failed measurement, which says why.

    The time of its making is the coordinator's: the clocks of workers may be wrong.
    """
    reason = answer.get("failed")
    if "measurement" in answer:
        try:
            found = measurement.from_cells(answer["measurement"])
            if found.key != request.key:
                raise ValueError("it is another's")
            return replace(found, created=_now())
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
        created=_now(),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
