"""How far a fleet is, for whoever watches it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archcost.fleet.members import Member, Members
from archcost.fleet.wire import TRAINING

RECENT = 200
STALLED_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Progress:
    """Of one device, or of evaluations. seconds_left: None while nobody can tell."""

    name: str
    slots: int
    done: int
    running: int
    waiting: int
    failed: int
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class Worker:
    """What one worker has done. busy: the share of the time of its slots that it worked; state: here, gone, refused."""

    name: str
    host: str
    offers: str
    done: int
    failed: int
    lost: int
    busy: float
    state: str

    def data(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class State:
    """All of it, at one moment."""

    address: str
    dashboard: str
    seconds: float
    progress: tuple[Progress, ...]
    workers: tuple[Worker, ...]

    def data(self) -> dict[str, Any]:
        """As `archcost search --format json` has it."""
        return {
            "scheduler": self.address,
            "dashboard": self.dashboard or None,
            "seconds": round(self.seconds, 3),
            "workers": [worker.data() for worker in self.workers],
        }


def workers(members: Members, seconds: float) -> tuple[Worker, ...]:
    """Of all that are there, and that were. seconds: since the beginning."""
    everyone = {id(each): each for each in [*members.all.values(), *members.former]}
    return tuple(sorted((_worker(each, seconds) for each in everyone.values()), key=lambda each: each.name))


def _worker(member: Member, seconds: float) -> Worker:
    counts, slots = member.counts, sum(member.slots.values())
    names = [device.names[0] for device in member.offer.devices]
    offers = [f"{names.count(name)} × {name}" if names.count(name) > 1 else name for name in dict.fromkeys(names)]
    if TRAINING in member.slots:
        offers.append(f"{member.slots[TRAINING]} to train")
    there = max(seconds - member.since, 1e-9) if not member.until else max(member.until - member.since, 1e-9)
    return Worker(
        member.name,
        member.offer.host,
        ", ".join(offers),
        counts["done"],
        counts["failed"],
        sum(counts[how] for how in ("lost", "died", "timeout", "busy")),
        min(1.0, member.busy_seconds / (there * max(slots, 1))),
        "refused" if member.refused else "gone" if member.gone.is_set() else "here",
    )


def progress(
    names: Mapping[str, str],
    members: Members,
    counts: Mapping[str, Mapping[str, int]],
    totals: Mapping[str, int | None],
    ends: Mapping[str, Sequence[float]],
) -> tuple[Progress, ...]:
    """names: of resources; counts: by resource, done, running, waiting and failed; totals: how many are wanted; ends:
    when the first was sent, and each ended."""
    found = []
    for resource, name in names.items():
        own = counts[resource]
        ended, total = own["done"] + own["failed"], totals.get(resource)
        left = None if total is None else _left(total - ended, ends.get(resource, ()))
        slots = members.count(resource)
        found.append(Progress(name, slots, own["done"], own["running"], own["waiting"], own["failed"], left))
    return tuple(found)


def _left(count: int, ends: Sequence[float]) -> float | None:
    """Seconds for so many more at the pace of the last ones; None where that is not known, or has broken off."""
    last = ends[-RECENT:]
    if len(last) < 2 or last[-1] <= last[0]:
        return None
    each = (last[-1] - last[0]) / (len(last) - 1)
    return None if time.monotonic() - last[-1] > max(STALLED_SECONDS, 5 * each) else max(0, count) * each
