"""The workers of a fleet: what each offers, which of its slots are free, and what it has done."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from archcost.fleet.wire import METRIC, TRAINING, VERSION, Offer
from archcost.latency.measurement import FAILED

QUICK_SECONDS = 2.0


@dataclass(eq=False)
class Member:
    """A worker. slots: how many of each resource; since, until: when it came, and went, in seconds of the search's
    (until 0: it is here); busy_seconds: of all its slots together; counts: of its answers, by what they were: done,
    failed, and the ways of failing; open: jobs that it was sent, by resource, in their order.

    Where jobs are over quickly it is sent one more for each slot than it can work on, so that it need not wait for the
    next to come. When it dies, nobody knows which of them it was at; so what has seen a worker die goes alone.
    """

    address: str
    offer: Offer
    slots: Mapping[str, int]
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    since: float = 0.0
    until: float = 0.0
    refused: str = ""
    busy_seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    open: dict[str, list[object]] = field(default_factory=dict)
    spare: Counter[str] = field(default_factory=Counter)
    quick: bool = False
    heard: float = field(default_factory=time.monotonic)
    _seen: float = 0.0
    _last: dict[str, float] = field(default_factory=dict)

    @property
    def silent_seconds(self) -> float:
        """Since its last heartbeat, as far as the scheduler has told."""
        return time.monotonic() - self.heard

    def see(self, last_seen: float) -> None:
        """Takes in when the scheduler heard of it last, by whatever clock that has."""
        if last_seen != self._seen:
            self._seen, self.heard = last_seen, time.monotonic()

    def take(self, resource: str, job: object) -> None:
        self.open.setdefault(resource, []).append(job)

    @property
    def name(self) -> str:
        return f"{self.offer.name}-{self.offer.pid}"

    def count(self, what: str) -> None:
        self.counts[what] += 1

    def worked(self, resource: str, job: object, seconds: float, answer: Mapping[str, Any]) -> None:
        """A job is over, so many seconds after it was sent."""
        began = job in self.open[resource][: self.slots[resource]]
        self.open[resource].remove(job)
        self.quick = seconds < QUICK_SECONDS and resource != TRAINING
        if began:
            self.busy_seconds += min(seconds, time.monotonic() - self._last.get(resource, 0.0))
        self._last[resource] = time.monotonic()
        if answer.get("how") == "error" or _failed(answer):
            self.count("failed")
        elif "failed" not in answer and "refused" not in answer and "how" not in answer:
            self.count("done")


@dataclass(frozen=True, slots=True, eq=False)
class Seat:
    """One slot of a worker's. spare: a place to wait for one."""

    member: Member
    resource: str
    spare: bool = False


class Members:
    """Who is there. former: those who are not any more, or get no work."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.all: dict[str, Member] = {}
        self.former: list[Member] = []
        self._idle: dict[str, list[Seat]] = defaultdict(list)
        self._spare: dict[str, list[Seat]] = defaultdict(list)
        self.unfit: list[str] = []
        """Why some get no work."""
        self._unfit: set[str] = set()

    def update(self, known: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """Takes in what the scheduler knows of its workers; what the user should know of those who get no work."""
        for address in [each for each in self.all if each not in known]:
            self.all[address].gone.set()
            self._remove(self.all.pop(address))
        said: list[str] = []
        for address, worker in known.items():
            if address in self.all:
                self.all[address].see(worker.get("last_seen", 0.0))
            elif address not in self._unfit:
                self._welcome(address, worker.get(METRIC), said)
        return said

    def _welcome(self, address: str, offered: Any, said: list[str]) -> None:
        """A worker that came, if it is one of archcost's and fit."""
        if not isinstance(offered, dict) or "version" not in offered:
            return  # somebody else's; Dask's clusters are shared
        name, problem = f"{offered.get('name')}-{offered.get('pid')}", ""
        if offered["version"] != VERSION:  # whatever else it says may mean something else there
            problem = f"{name} has archcost {offered['version']}, this is {VERSION}; it gets no work"
        else:
            try:
                offer = Offer.of(offered)
            except (KeyError, TypeError, ValueError, AttributeError):
                problem = f"{name} says what no worker of archcost's says; it gets no work"
        if problem:
            self._unfit.add(address)
            self.unfit.append(problem)
            said.append(problem)
            return
        member = Member(address, offer, _slots(offer), since=time.monotonic() - self.began)
        self.all[address] = member
        for resource, count in member.slots.items():
            self._idle[resource] += [Seat(member, resource) for _ in range(count)]

    def seat(self, resource: str, avoid: Set[str]) -> Seat | None:
        """A free slot, of a worker not to be avoided if there is one; None where all are taken, and where such a
        worker will have one. A place to wait in is only for those who avoid nobody."""
        for seats in (self._idle[resource], *([] if avoid else [self._spare[resource]])):
            place = next((i for i, seat in enumerate(seats) if seat.member.name not in avoid), None)
            if place is not None:
                return seats.pop(place)
        here = [each for each in self.all.values() if resource in each.slots and not each.refused]
        others = any(each.name not in avoid for each in here)
        return self._idle[resource].pop(0) if self._idle[resource] and not others else None

    def free(self, seat: Seat) -> None:
        member, resource = seat.member, seat.resource
        if member.gone.is_set() or member.refused:
            return
        if not seat.spare:
            self._idle[resource].append(seat)
        elif member.quick:
            self._spare[resource].append(seat)
        else:
            member.spare[resource] -= 1
        while member.quick and resource != TRAINING and member.spare[resource] < member.slots[resource]:
            member.spare[resource] += 1
            self._spare[resource].append(Seat(member, resource, spare=True))

    def refuse(self, member: Member, why: str) -> None:
        """It gets no work any more."""
        member.refused = why
        self._remove(member)

    def count(self, resource: str) -> int:
        """Slots, free or not."""
        return sum(each.slots.get(resource, 0) for each in self.all.values() if not each.refused)

    def _remove(self, member: Member) -> None:
        if member not in self.former:
            member.until = time.monotonic() - self.began
            self.former.append(member)
        for resource in member.slots:
            for seats in (self._idle, self._spare):
                seats[resource] = [seat for seat in seats[resource] if seat.member is not member]


def _slots(offer: Offer) -> dict[str, int]:
    slots: Counter[str] = Counter(device.resource for device in offer.devices)
    if offer.train_slots:
        slots[TRAINING] = offer.train_slots
    return dict(slots)


def _failed(answer: Mapping[str, Any]) -> bool:
    """Whether what came back is a failure."""
    for what in ("evaluation", "measurement"):
        if isinstance(answer.get(what), dict):
            return bool(answer[what].get("status") == FAILED)
    return False
