"""Who finds out what a search wants to know of networks: their times on devices, their accuracies.

A search gives jobs to a crew and tells itself the answers in the order of its questions, whichever was ready first. So
what it asks next depends on how many jobs may be under way, and on nothing that a clock or a machine decides.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from archcost.graph import Network

Curve = Mapping[int, float]
"""What a training reported on its way: accuracy in percent by step."""


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One thing to find out about a network. spec: what its spec was asked for as; device: the name of what it is to be
    timed on, "" for an accuracy; curves: of networks that cost no more, which a training must keep up with."""

    spec: str
    network: Network
    device: str = ""
    curves: tuple[Curve, ...] = ()


class Crew(Protocol):
    """Does jobs, many at once or one after the other. Whatever it finds is in the store before it is handed out."""

    def give(self, ticket: int, job: Job) -> None:
        """Takes a job on, under a number of the asker's."""
        ...

    def take(self) -> tuple[int, float | None]:
        """Waits for a job to end: its number, and seconds or percent; None where there is no answer to be had."""
        ...


@dataclass(eq=False)
class InTurn:
    """The crew that is this process: it does a job when its answer is wanted."""

    work: Callable[[Job], float | None]
    _waiting: deque[tuple[int, Job]] = field(default_factory=deque)

    def give(self, ticket: int, job: Job) -> None:
        self._waiting.append((ticket, job))

    def take(self) -> tuple[int, float | None]:
        ticket, job = self._waiting.popleft()
        return ticket, self.work(job)


END_SECONDS = 30.0
"""How long to wait for threads that were told to end."""


class Threads:
    """The crew that is threads of this process, for jobs that are other programs' work. Use it in a `with`: what still
    runs when it is left is ended.

    slots: how many jobs run at once; known: an answer that there is already, in a tuple of one; work: does a job, in a
    thread, and ends it when it is told to; accept: takes in what came of it. Only work runs in threads.
    """

    def __init__(
        self,
        slots: int,
        known: Callable[[Job], tuple[float | None] | None],
        work: Callable[[Job, threading.Event], Any],
        accept: Callable[[Job, Any], float | None],
    ) -> None:
        self.slots, self.known, self.work, self.accept = slots, known, work, accept
        self._ready: deque[tuple[int, float | None]] = deque()
        self._waiting: queue.Queue[tuple[int, Job] | None] = queue.Queue()
        self._done: queue.Queue[tuple[int, Job, Any, Exception | None]] = queue.Queue()
        self._threads: list[threading.Thread] = []
        self._over = threading.Event()

    def __enter__(self) -> Threads:
        return self

    def __exit__(self, *raised: object) -> None:
        self._over.set()
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join(END_SECONDS)

    def give(self, ticket: int, job: Job) -> None:
        known = self.known(job)
        if known is not None:
            self._ready.append((ticket, known[0]))
            return
        self._waiting.put((ticket, job))
        if len(self._threads) < self.slots:
            thread = threading.Thread(target=self._run, daemon=True)
            self._threads.append(thread)
            thread.start()

        while not self._done.empty():  # what is done is kept at once: the next question may take a while
            self._accept()

    def take(self) -> tuple[int, float | None]:
        while not self._ready:
            self._accept()
        return self._ready.popleft()

    def _accept(self) -> None:
        ticket, job, found, error = self._done.get()
        if error is not None:
            raise error
        self._ready.append((ticket, self.accept(job, found)))

    def _run(self) -> None:
        while (taken := self._waiting.get()) is not None and not self._over.is_set():
            ticket, job = taken
            found, error = None, None
            try:
                found = self.work(job, self._over)
            except Exception as raised:  # it is the asker's to hear of
                error = raised
            self._done.put((ticket, job, found, error))


@dataclass(eq=False)
class Inquiry:
    """Questions under way, each of one or several jobs, and answered in their order.

    ahead: how many questions may be open when another is put.
    """

    crew: Crew
    ahead: int = 1
    open: deque[tuple[Any, dict[str, int]]] = field(default_factory=deque)
    _found: dict[int, float | None] = field(default_factory=dict)
    _tickets: int = 0

    @property
    def full(self) -> bool:
        return len(self.open) >= self.ahead

    def put(self, what: Any, jobs: Mapping[str, Job]) -> None:
        """A question about something, by jobs with names."""
        tickets = {}
        for name, job in jobs.items():
            tickets[name] = self._tickets
            self._tickets += 1
            self.crew.give(tickets[name], job)
        self.open.append((what, tickets))

    def next(self) -> tuple[Any, dict[str, float | None]]:
        """Waits for the oldest question: what it was about, and the answers by the names of its jobs."""
        what, tickets = self.open[0]
        while not all(ticket in self._found for ticket in tickets.values()):
            ticket, found = self.crew.take()
            self._found[ticket] = found
        self.open.popleft()
        return what, {name: self._found.pop(ticket) for name, ticket in tickets.items()}
