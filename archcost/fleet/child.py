"""A process of a worker's that does jobs: a line of JSON in, lines of JSON out. It ends when the worker does."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any

from archcost.errors import ArchcostError
from archcost.fleet.wire import Request

START_SECONDS = 120.0
"""How long a child may take to begin: importing torch, and starting CUDA."""
END_SECONDS = 5.0
"""How long it may take to end what it runs, once the worker is dead."""
Say = Callable[[dict[str, Any]], None]


class Failure(Exception):
    """Why there is no answer. how: timeout, died, busy, error."""

    def __init__(self, how: str, said: str) -> None:
        super().__init__(said)
        self.how = how


class Child:
    """The worker's side: a process that is started when it is needed, and killed when it hangs."""

    def __init__(self, module: str, *words: str) -> None:
        self.name = " ".join(words)
        self._command = [sys.executable, "-m", f"archcost.fleet.{module}", *words]
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str | None] = queue.Queue()

    def start(self) -> dict[str, Any]:
        """What it says when it is ready. Raises ArchcostError where it cannot be."""
        self.stop()
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is the worker's to hear
        )
        self._lines = queue.Queue()
        threading.Thread(target=_read, args=(self._process, self._lines), daemon=True).start()
        try:
            told = self.next(START_SECONDS)
        except Failure as failure:
            raise ArchcostError(f"{self.name} cannot be used: {failure}") from None
        if "error" in told:
            self.stop()
            raise ArchcostError(told["error"])
        return told

    def tell(self, request: Request) -> None:
        """Gives it a job, whose answers are `next`. Raises Failure."""
        if self._process is None or self._process.poll() is not None:
            self.start()
        assert self._process is not None and self._process.stdin is not None
        try:
            self._process.stdin.write(request.text_of() + "\n")
            self._process.stdin.flush()
        except OSError:
            raise self._died() from None

    def next(self, seconds: float, how: str = "timeout") -> dict[str, Any]:
        """The next thing that it says. how: what it means where that does not come in time. Raises Failure."""
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            self.stop()
            said = f"another program has kept {self.name}" if how == "busy" else "not done"
            raise Failure(how, f"{said} {'for' if how == 'busy' else 'after'} {seconds:g} s") from None
        if line is None:
            raise self._died()
        told: dict[str, Any] = json.loads(line)
        return told

    def stop(self) -> None:
        """Ends it, and what it runs."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None and process.stdout is not None
        with suppress(OSError):  # it has ended already
            process.stdin.close()
        try:
            process.wait(END_SECONDS + 1)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def _died(self) -> Failure:
        process = self._process
        self.stop()
        code = 0 if process is None else process.wait()
        said = f"exit code {code}" if code >= 0 else f"ended by {signal.Signals(-code).name}"
        return Failure("died", f"the process that did it: {said}")


def _read(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    assert process.stdout is not None
    with suppress(ValueError):  # closed meanwhile
        for line in process.stdout:
            lines.put(line)
    lines.put(None)


def serve(
    ready: Callable[[], tuple[dict[str, Any], Callable[[Request, Say], dict[str, Any]]]],
    over: threading.Event | None = None,
) -> int:
    """The child's side: says that it is ready, then answers jobs until standard input ends.

    ready: what to say, and what does a job; raises ArchcostError. over: is set once the worker is dead, for what needs
    a moment to end.
    """
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever others print

    def say(content: dict[str, Any]) -> None:
        told.write(json.dumps(content) + "\n")
        told.flush()

    try:
        first, answer = ready()
    except ArchcostError as error:
        say({"error": str(error)})
        return 2
    say(first)
    jobs: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(sys.stdin, jobs, over), daemon=True).start()
    while True:
        try:
            found = answer(Request.read(jobs.get()), say)
        except ArchcostError as error:
            found = {"failed": str(error), "how": "error"}
        if over is not None and over.is_set():
            return 0
        say(found)


def _listen(source: IO[str], jobs: queue.Queue[str], over: threading.Event | None) -> None:
    """Jobs as they come; where no more can come the worker is dead, and nobody wants an answer."""
    for line in source:
        jobs.put(line)
    if over is not None:
        over.set()
        threading.Event().wait(END_SECONDS)
    os._exit(0)
