"""Who does which job, and what becomes of it when a worker dies, hangs, or answers when nobody waits any more.

One job goes to each free slot. A slot is free again when its worker has answered, and not before, whoever still wants
the answer.
"""

from __future__ import annotations

import asyncio
import bisect
import itertools
import json
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from archcost.fleet import jobs
from archcost.fleet.members import Members, Seat
from archcost.fleet.wire import MEASURE, Request

GRACE_SECONDS = 120.0
"""Beyond its own limit, how long a job that has begun may stay away."""
SILENT_SECONDS = 60.0
"""How long a worker that has a job may be silent before that has begun."""
LOOK_SECONDS = 0.5
ELSEWHERE = ("timeout", "died", "lost", "busy")
"""Ways of failing that another worker may not share."""
Answer = dict[str, Any]


@dataclass(eq=False)
class Errand:
    """A job on its way. order: of asking, and so of doing; resource: what a worker must have a slot of; tried: the
    workers that failed at it, and how."""

    order: int
    request: Request
    resource: str
    tried: list[tuple[str, str]] = field(default_factory=list)
    task: asyncio.Task[None] | None = None
    settled: bool = False


@dataclass(eq=False)
class _Ride:
    """A job at one worker. begun: set when that says so; before, it waits there, behind other searches' jobs too."""

    errand: Errand
    seat: Seat
    answered: asyncio.Task[Answer]
    sent: float = field(default_factory=time.monotonic)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    given_up: bool = False


class Dispatcher:
    """Lives in the loop of a client of Dask's. settle: is handed each job's answer, once; warn: is told of workers that
    refuse; failed: is told of what should not happen."""

    def __init__(
        self,
        client: Any,
        members: Members,
        tries: int,
        settle: Callable[[Errand, Answer], None],
        warn: Callable[[str], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self.client, self.members, self.tries, self.settle, self.warn = client, members, tries, settle, warn
        self.failed = failed
        self.tasks: set[asyncio.Task[Any]] = set()
        self.waiting: dict[str, list[tuple[int, int, Errand, asyncio.Future[Seat]]]] = defaultdict(list)
        self._rides: dict[str, _Ride] = {}
        self._count = itertools.count()

    def begun(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Work under way, whose failure is heard of."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self.tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.failed(error)

    def running(self, resource: str) -> int:
        """Jobs that workers have begun."""
        rides = list(self._rides.values())
        return sum(ride.seat.resource == resource and ride.begun.is_set() for ride in rides)

    def hear(self, key: str) -> None:
        """A worker has begun a job."""
        if key in self._rides:
            self._rides[key].begun.set()

    def match(self, resource: str) -> None:
        """Gives free slots to those who wait, in their order; one who waits for another worker keeps nobody."""
        left = []
        for place in self.waiting[resource]:
            *_, errand, seated = place
            if seated.done():
                continue
            seat = self.members.seat(resource, {worker for worker, _ in errand.tried})
            if seat is None:
                left.append(place)
            else:
                seated.set_result(seat)
        self.waiting[resource] = left

    async def attempts(self, errand: Errand) -> None:
        """Has a job done by one worker after the other, until there is an answer or too many failed."""
        while True:
            seat = await self._seat(errand)
            answer = await self._asked(seat, errand)
            if "refused" in answer:
                self.warn(f"{seat.member.name} {answer['refused']}; it gets no work")
                self.members.refuse(seat.member, answer["refused"])
                continue
            how, said = answer.get("how"), str(answer.get("failed"))
            if how not in ELSEWHERE:
                self._settle(errand, {**answer, "worker": seat.member.name})
                return
            errand.tried.append((seat.member.name, said))
            seat.member.count(str(how))
            if len(errand.tried) >= self.tries:
                told = "; ".join(f"{worker}: {why}" for worker, why in errand.tried)
                self._settle(errand, {"failed": f"given up after {len(errand.tried)} tries ({told})", "tried": True})
                return

    async def _seat(self, errand: Errand) -> Seat:
        seated: asyncio.Future[Seat] = asyncio.get_running_loop().create_future()
        bisect.insort(self.waiting[errand.resource], (errand.order, next(self._count), errand, seated))
        self.match(errand.resource)
        try:
            return await seated
        except asyncio.CancelledError:
            if seated.done() and not seated.cancelled():  # it came too late
                self._free(seated.result())
            raise

    def _free(self, seat: Seat) -> None:
        self.members.free(seat)
        self.match(seat.resource)

    def _settle(self, errand: Errand, answer: Answer) -> None:
        """The first answer is the answer."""
        if not errand.settled:
            errand.settled = True
            self.settle(errand, answer)

    async def _asked(self, seat: Seat, errand: Errand) -> Answer:
        """One worker's answer, or why there is none."""
        ride, member, request = self._sent(seat, errand), seat.member, errand.request
        gone, begun = (asyncio.ensure_future(event.wait()) for event in (member.gone, ride.begun))
        first = partial(asyncio.wait, return_when=asyncio.FIRST_COMPLETED)
        said = ""
        try:
            while not said and not (begun.done() or gone.done() or ride.answered.done()):
                await first({ride.answered, gone, begun}, timeout=LOOK_SECONDS)
                if member.silent_seconds > SILENT_SECONDS:
                    said = f"was silent for {SILENT_SECONDS:g} s"
            if not said:
                # A measurement may have to wait until others leave the device to it.
                limit = (2 if request.what == MEASURE else 1) * request.limit_seconds + GRACE_SECONDS
                await first({ride.answered, gone}, timeout=limit)
                said = f"did not answer for {limit:g} s"
            if ride.answered.done():
                answer: Answer = ride.answered.result()
                return answer
            if gone.done():
                ride.answered.cancel()
                return {"failed": "was lost", "how": "lost"}
            return {"failed": said, "how": "timeout"}
        finally:
            ride.given_up = not ride.answered.done()
            gone.cancel()
            begun.cancel()

    def _sent(self, seat: Seat, errand: Errand) -> _Ride:
        request, member = errand.request, seat.member
        key = f"archcost-{request.what}-{request.key[:12]}-{self.client.id[-12:]}-{next(self._count)}"
        member.take(seat.resource, errand)
        future = self.client.submit(
            jobs.perform,
            request.text_of(),
            key=key,
            workers=[member.address],
            resources={seat.resource: 1},
            allow_other_workers=False,
            pure=False,
            retries=0,
        )
        ride = self._rides[key] = _Ride(errand, seat, self.begun(_answer(future)))
        ride.answered.add_done_callback(lambda done: self._over(key, ride))
        return ride

    def _over(self, key: str, ride: _Ride) -> None:
        """A worker has answered, or never will."""
        del self._rides[key]
        member, errand = ride.seat.member, ride.errand
        answer = {"how": "lost"} if ride.answered.cancelled() else ride.answered.result()
        member.worked(ride.seat.resource, errand, time.monotonic() - ride.sent, answer)
        if ride.given_up and answer.get("how") not in ELSEWHERE and "refused" not in answer and not errand.settled:
            self._settle(errand, {**answer, "worker": member.name})
            if errand.task is not None:
                errand.task.cancel()
        self._free(ride.seat)


async def _answer(future: Any) -> Answer:
    """What a worker said, or why it did not."""
    try:
        return dict(json.loads(await future.result()))
    except Exception as error:  # Dask's own, its cancellation among them: the worker died, or the connection broke
        said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        unknown = isinstance(error, (ImportError, AttributeError))  # archcost is not where the scheduler runs
        return {"failed": said if unknown else f"was lost ({said})", "how": "error" if unknown else "lost"}
    finally:
        future.release()
