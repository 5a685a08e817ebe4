"""A connection to a cluster: jobs go out, answers come back, and somebody looks who is there."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from archcost.fleet.connection import Stopped, Tls, address_of, need_dask, reach
from archcost.fleet.dispatch import Answer, Dispatcher, Errand
from archcost.fleet.jobs import TOPIC
from archcost.fleet.members import Members
from archcost.fleet.wire import TRIES, WAIT_SECONDS, Request

CONNECT_SECONDS = 10.0
WATCH_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Patience:
    """tries: workers that may die of a job, or hang over it, before it is given up; wait: seconds without any worker
    for what is asked before the search stops."""

    tries: int = TRIES
    wait: float = WAIT_SECONDS


class Fleet:
    """Use it in a `with`. What `take` raises as Stopped ends the search, not the work: what was found is with whoever
    took it. names: what resources are called in messages."""

    def __init__(self, cluster: str, tls: Tls | None = None, patience: Patience | None = None) -> None:
        """Raises ArchcostError, and Stopped where no scheduler answers."""
        need_dask()
        tls = tls or Tls()
        self.address = address_of(cluster)
        self.patience = patience or Patience()
        self.members = Members()
        self.names: dict[str, str] = {}
        self.dashboard = ""
        self.warn: Callable[[str], None] = lambda said: None
        self._security = tls.security(self.address)
        self._answers: queue.Queue[tuple[Errand, Answer] | Stopped] = queue.Queue()
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda loop, context: None)  # tasks of Dask's that nobody awaits
        self._thread = threading.Thread(target=self._loop.run_forever, name="archcost fleet", daemon=True)
        self._thread.start()
        self._client: Any = None
        self._dispatcher: Dispatcher
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
            errand.task = self._dispatcher.begun(self._dispatcher.attempts(errand))

        self._run(begin())

    def take(self) -> tuple[Request, Answer]:
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

    def running(self, resource: str) -> int:
        """Jobs that workers have begun."""
        return self._dispatcher.running(resource)

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
        self._dispatcher = Dispatcher(
            self._client,
            self.members,
            self.patience.tries,
            lambda errand, answer: self._answers.put((errand, answer)),
            lambda said: self.warn(said),
            lambda error: self._answers.put(Stopped(f"something that should not happen: {error!r}")),
        )
        self._client.subscribe_topic(TOPIC, lambda event: self._dispatcher.hear(event[1].get("begun", "")))
        self.dashboard = str(self._client.dashboard_link or "")
        await self._look()
        self._dispatcher.begun(self._watch())

    async def _disconnect(self) -> None:
        tasks = [*self._dispatcher.tasks] if hasattr(self, "_dispatcher") else []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
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
            waiting = [resource for resource, those in self._dispatcher.waiting.items() if those]
            missed = {each: missed.get(each, start) for each in waiting if not self.members.count(each)}
            for resource, since in missed.items():
                if start - since > self.patience.wait:
                    what = self.names.get(resource) or "evaluate"
                    said = f"no worker has been there for {self.patience.wait:g} s that could do this: {what}"
                    self._answers.put(Stopped(said))
                    return
            await asyncio.sleep(max(WATCH_SECONDS, 20 * (time.monotonic() - start)))

    async def _look(self) -> None:
        known = await self._client.scheduler.identity(n_workers=-1)
        for said in self.members.update(known["workers"]):
            self.warn(said)
        for resource in list(self._dispatcher.waiting):
            self._dispatcher.match(resource)
