"""Runs other people's counters, each in a process of its own: they change models, patch torch, hang and crash."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archcost.analysis.crosscheck import Count
from archcost.errors import ArchcostError
from archcost.live.counters import Counter
from archcost.live.counting import Job, Make

POLL_SECONDS = 0.02
GRACE_SECONDS = 30.0
"""After its time limit, and this, a process ends itself, should nobody be there to end it."""
_RUN = """
import sys
sys.path.insert(0, sys.argv[1])
import archcost
del sys.path[0]
from archcost.live.counting import main
main(*sys.argv[2:])
"""
"""This very package, and then whatever else the interpreter finds by itself."""
_ROOT = str(Path(__file__).resolve().parents[2])
_QUIET = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


def counted(
    make: Make,
    counters: Sequence[Counter],
    time_limit: float,
    at_once: int = 1,
    progress: Callable[[str], None] = lambda name: None,
) -> list[Count]:
    """What each counter says, in the order of `counters`; those that fail say why.

    make: gives the model and its inputs, in each counter's process. time_limit: seconds for each, its start and the
    making of the model included. progress: called with the name of each that is done.
    """
    found: dict[str, list[Count]] = {}
    waiting = list(counters)
    running: list[_Process] = []
    threads = max(1, (os.cpu_count() or 1) // at_once)
    with tempfile.TemporaryDirectory(prefix="archcost-", ignore_cleanup_errors=True) as folder:
        try:
            while waiting or running:
                while waiting and len(running) < at_once:
                    running.append(_Process.started(waiting.pop(0), make, Path(folder), time_limit, threads))
                for process in [process for process in running if process.over]:
                    running.remove(process)
                    found[process.counter.name] = list(process.counts())
                    progress(process.counter.name)
                time.sleep(POLL_SECONDS)
        finally:
            for process in running:
                process.end()
    return [count for counter in counters for count in found[counter.name]]


@dataclass(eq=False)
class _Process:
    """A counter at work."""

    counter: Counter
    child: subprocess.Popen[bytes]
    answer: Path
    time_limit: float
    began: float
    late: bool = False

    @classmethod
    def started(cls, counter: Counter, make: Make, folder: Path, time_limit: float, threads: int) -> _Process:
        own = folder / counter.name
        own.mkdir()
        job, answer = own / "job", own / "answer"
        job.write_bytes(pickle.dumps(Job(counter.module, make, threads, time_limit + GRACE_SECONDS)))
        with (own / "said").open("wb") as said:
            child = subprocess.Popen(
                [sys.executable, "-P", "-c", _RUN, _ROOT, str(job), str(answer)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                env={**os.environ, **_QUIET, "TMPDIR": str(own)},
                start_new_session=True,  # so that what it starts ends with it
            )
        return cls(counter, child, answer, time_limit, time.monotonic())

    @property
    def over(self) -> bool:
        """Whether it has ended, by itself or because its time is up."""
        if self.child.poll() is None and time.monotonic() - self.began < self.time_limit:
            return False
        self.late = self.child.poll() is None
        self.end()
        return True

    def end(self) -> None:
        """Ends the process and all that it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()

    def counts(self) -> Iterator[Count]:
        answer = self._answer()
        figures = answer.get("figures", {})
        version = self.counter.version or ""
        for name in self.counter.conventions:
            given = figures.get(name, {})
            failure = answer.get("failure", "")
            if not failure and "figure" not in given:
                failure = f"no number: {given['rubbish']}" if "rubbish" in given else "no figure came back"
            yield Count(name, version, given.get("figure"), failure, given.get("note", ""), given.get("asides", {}))

    def _answer(self) -> Mapping[str, Any]:
        if self.late:
            return {"failure": f"no figure after {self.time_limit:g} s"}
        try:
            found: Mapping[str, Any] = json.loads(self.answer.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            said = (self.answer.parent / "said").read_text(encoding="utf-8", errors="replace").split("\n")
            last = next((f": {line.strip()}" for line in reversed(said) if line.strip()), "")
            return {"failure": f"its process {_ending(self.child.returncode)} without a figure{last}"}
        return found


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended (exit code {code})"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def check_torch() -> None:
    """Raises ArchcostError where torch is not installed."""
    from importlib.util import find_spec

    if find_spec("torch") is None:
        raise ArchcostError("torch is not installed; crosschecking needs it: pip install 'archcost[torch]'")
