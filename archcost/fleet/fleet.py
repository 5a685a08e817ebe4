"""The coordinator's side of a fleet: who is there, who does what, and what to do when somebody dies.

Dask carries jobs to workers and answers back. Which worker gets which job is decided here, one job for each free slot:
so a worker's death concerns what it was doing, and nothing that merely waited there.
"""

from __future__ import annotations

import asyncio
import bisect
import itertools
import json
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from archcost.fleet import jobs
from archcost.fleet.connection import Stopped, Tls, address_of, need_dask, reach
from archcost.fleet.members import Members, Seat
from archcost.fleet.wire import MEASURE, Request

CONNECT_SECONDS = 10.0
WATCH_SECONDS = 0.5
GRACE_SECONDS = 120.0
"""Beyond its own limit, how long a job may stay away before its worker is taken for lost."""
TRIES = 3
ELSEWHERE = ("timeout", "died", "lost", "busy")
"""Ways of failing that another worker may not share."""


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


@dataclass(frozen=True, slots=True)
class Patience:
    """tries: workers that may die of a job, or hang over it, before it is given up; wait: seconds without any worker
    for what is asked before the search stops."""

    tries: int = TRIES
    wait: float = 60.0


class Fleet:
    """A connection to a scheduler; use it in a `with`. What `take` raises as Stopped ends the search, not the work:
    what was found is with whoever took it."""

    def __init__(self, cluster: str, tls: Tls | None = None, patience: Patience | None = None) -> None:
        """Raises ArchcostError, and Stopped where no scheduler answers."""
        need_dask()
        self.address = address_of(cluster)
        self.patience = patience or Patience()
        self.members = Members()
        self.dashboard = ""
        self.warn: Callable[[str], None] = lambda said: None
        self._security = (tls or Tls()).security()
        self._answers: queue.Queue[tuple[Errand, dict[str, Any]] | Stopped] = queue.Queue()
        self._waiting: dict[str, list[tuple[int, int, Errand, asyncio.Future[Seat]]]] = defaultdict(list)
        self._count = itertools.count()
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda loop, context: None)  # tasks of Dask's that nobody awaits
        self._thread = threading.Thread(target=self._loop.run_forever, name="archcost fleet", daemon=True)
        self._thread.start()
        self._client: Any = None
        self._tasks: set[asyncio.Task[Any]] = set()
        try:
            self._run(self._connect()).result()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Takes back what nobody waits for any more. Workers stay."""
        if self._loop.is_running():
            with suppress(TimeoutError, OSError):  # the scheduler may be gone, and with it all that it had
                self._run(self._disconnect()).result(CONNECT_SECONDS)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(CONNECT_SECONDS)
            if not self._thread.is_alive():
                self._loop.close()

    def send(self, request: Request, resource: str, order: int) -> None:
        """Has a job done; of those that wait for the same resource the lowest order goes first."""
        errand = Errand(order, request, resource)

        async def begin() -> None:
            errand.task = self._begun(self._attempts(errand))

        self._run(begin())

    def take(self) -> tuple[Request, dict[str, Any]]:
        """Waits for a job to end: the job, and its answer, which has `worker` or, where it was given up, `tried`.

        Raises Stopped where the scheduler is gone, or there has long been no worker for what is asked.
        """
        while True:
            try:
                found = self._answers.get(timeout=1.0)  # Ctrl-C is heard in between
            except queue.Empty:
                continue
            if isinstance(found, Stopped):
                raise found
            return found[0].request, found[1]

    @property
    def began(self) -> float:
        """When, by `time.monotonic`."""
        return self.members.began

    def waiting(self, resource: str) -> int:
        """Jobs that no slot was free for yet."""
        return len(self._waiting.get(resource, ()))

    def until(self, said: Callable[[Members], str]) -> None:
        """Waits for workers to be there. said: what is missing; "" once nothing is. Raises Stopped."""
        start = time.monotonic()
        while missing := said(self.members):
            if not self._answers.empty() and isinstance(self._answers.queue[0], Stopped):
                raise self._answers.queue[0]
            if time.monotonic() - start > self.patience.wait:
                raise Stopped(missing)
            time.sleep(0.1)

    def _run(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _connect(self) -> None:
        from distributed import Client

        await reach(self.address, self._security, CONNECT_SECONDS)
        self._client = Client(
            self.address,
            asynchronous=True,
            security=self._security,
            timeout=CONNECT_SECONDS,
            set_as_default=False,
            name="archcost",
        )
        try:
            await self._client
        except (OSError, TimeoutError) as error:
            raise Stopped(f"no scheduler answers at {self.address}: {error}") from None
        self.dashboard = str(self._client.dashboard_link or "")
        await self._look()
        self._begun(self._watch())

    def _begun(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _disconnect(self) -> None:
        for task in [*self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.close(timeout=2)

    async def _watch(self) -> None:
        """Keeps up with who is there, until the scheduler is not."""
        missed: dict[str, float] = {}
        while True:
            start = time.monotonic()
            try:
                if self._client.status != "running":
                    raise OSError
                await asyncio.wait_for(self._look(), CONNECT_SECONDS)
            except (OSError, TimeoutError):
                self._answers.put(Stopped(f"the scheduler at {self.address} is gone"))
                return
            missed = {r: missed.get(r, start) for r, waiting in self._waiting.items() if waiting and self._lacks(r)}
            for resource, since in missed.items():
                if start - since > self.patience.wait:
                    said = f"no worker has been there for {self.patience.wait:g} s that could do {resource}"
                    self._answers.put(Stopped(said))
                    return
            await asyncio.sleep(max(WATCH_SECONDS, 20 * (time.monotonic() - start)))

    def _lacks(self, resource: str) -> bool:
        return not self.members.count(resource)

    async def _look(self) -> None:
        known = await self._client.scheduler.identity(n_workers=-1)
        for said in self.members.update(known["workers"]):
            self.warn(said)
        for resource in list(self._waiting):
            self._match(resource)

    def _match(self, resource: str) -> None:
        """Gives free slots to those who wait, in their order; one who waits for another worker keeps nobody."""
        left = []
        for place in self._waiting[resource]:
            *_, errand, seated = place
            seat = None
            if not seated.done():
                seat = self.members.seat(resource, {worker for worker, _ in errand.tried})
                if seat is None:
                    left.append(place)
                else:
                    seated.set_result(seat)
        self._waiting[resource] = left

    async def _seat(self, errand: Errand) -> Seat:
        seated: asyncio.Future[Seat] = self._loop.create_future()
        bisect.insort(self._waiting[errand.resource], (errand.order, next(self._count), errand, seated))
        self._match(errand.resource)
        return await seated

    def _free(self, seat: Seat) -> None:
        self.members.free(seat)
        self._match(seat.resource)

    async def _attempts(self, errand: Errand) -> None:
        """Has a job done by one worker after the other, until there is an answer or too many failed."""
        while True:
            seat = await self._seat(errand)
            answer = await self._asked(seat, errand)
            if "refused" in answer:
                self.warn(f"{seat.member.name} {answer['refused']}; it gets no work")
                self.members.refuse(seat.member, answer["refused"])
                continue
            if answer.get("how") not in ELSEWHERE:
                self._settle(errand, {**answer, "worker": seat.member.name})
                return
            errand.tried.append((seat.member.name, answer["failed"]))
            seat.member.count(answer["how"])
            if len(errand.tried) >= self.patience.tries:
                said = "; ".join(f"{worker}: {why}" for worker, why in errand.tried)
                self._settle(errand, {"failed": f"given up after {len(errand.tried)} tries ({said})", "tried": True})
                return

    def _settle(self, errand: Errand, answer: dict[str, Any]) -> None:
        """The first answer is the answer."""
        if not errand.settled:
            errand.settled = True
            self._answers.put((errand, answer))

    async def _asked(self, seat: Seat, errand: Errand) -> dict[str, Any]:
        """One worker's answer; its slot is free again afterwards, unless it is lost."""
        request, member = errand.request, seat.member
        start = time.monotonic()
        member.take(seat.resource, errand)
        future = self._client.submit(
            jobs.perform,
            request.text_of(),
            key=f"archcost-{request.what}-{request.key[:12]}-{next(self._count)}",
            workers=[member.address],
            resources={seat.resource: 1},
            allow_other_workers=False,
            pure=False,
            retries=0,
        )
        answered = self._begun(_answer(future))
        gone = asyncio.ensure_future(member.gone.wait())
        # It may have waited for a device, and behind another job, as long as each may take.
        turns = 3 if request.what == MEASURE else 1
        limit = turns * request.limit_seconds + GRACE_SECONDS
        try:
            await asyncio.wait({answered, gone}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            if answered.done():
                answer: dict[str, Any] = answered.result()
                member.worked(seat.resource, errand, time.monotonic() - start, answer)
                self._free(seat)
                return answer
            if gone.done():
                answered.cancel()
                return {"failed": "was lost", "how": "lost"}
            self._later(answered, seat, errand)
            return {"failed": f"did not answer for {limit:g} s", "how": "timeout"}
        except asyncio.CancelledError:
            answered.cancel()
            raise
        finally:
            gone.cancel()

    def _later(self, answered: asyncio.Task[dict[str, Any]], seat: Seat, errand: Errand) -> None:
        """A worker that was given up for a job may still answer: the slot is free then, and not before."""

        def arrived(done: asyncio.Task[dict[str, Any]]) -> None:
            if done.cancelled() or seat.member.gone.is_set():
                return
            self._free(seat)
            if done.result().get("how") not in ELSEWHERE and not errand.settled:
                self._settle(errand, {**done.result(), "worker": seat.member.name})
                if errand.task is not None:
                    errand.task.cancel()

        answered.add_done_callback(arrived)


async def _answer(future: Any) -> dict[str, Any]:
    """What a worker said, or why it did not."""
    try:
        found: dict[str, Any] = json.loads(await future.result())
        return found
    except Exception as error:  # Dask's own, its cancellation among them: the worker died, or the connection broke
        said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        unknown = isinstance(error, (ImportError, AttributeError))  # archcost is not where the scheduler runs
        return {"failed": said if unknown else f"was lost ({said})", "how": "error" if unknown else "lost"}
    finally:
        future.release()
