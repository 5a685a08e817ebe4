"""A program that is run with all that it starts: how much memory they take, and how they are ended.

Processes that leave the program's group are found by psutil, where that is installed: as its descendants, or by a mark
in their environment, which a daemon still has.
"""

from __future__ import annotations

import os
import signal
import subprocess
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from importlib.util import find_spec
from typing import Any

MARK = "ARCHCOST_EVALUATION"
"""The variable that tells a run's processes from all others."""
ROUNDS = 20
"""Times to look for processes that were started while others were ended."""


def has_psutil() -> bool:
    return find_spec("psutil") is not None


class Program:
    """A running program without input, and its pipes. Raises OSError or ValueError where it cannot be started."""

    def __init__(self, words: Sequence[str]) -> None:
        self._mark = uuid.uuid4().hex
        self._seen: dict[int, Any] = {}
        self.process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, MARK: self._mark},
        )

    def wait(self, seconds: float) -> int | None:
        """Its exit code, negative where a signal ended it; None where it still runs after so long."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def resident_bytes(self) -> int:
        """Of it and all that it started, summed: what they share counts for each. Needs psutil."""
        import psutil

        total = 0
        for each in self._family():
            with suppress(psutil.Error):
                total += each.memory_info().rss
        return total

    def end(self) -> None:
        """Ends it and all that it started, whether or not it has ended itself."""
        with_psutil = has_psutil()
        family = list(self._family()) if with_psutil else []
        if os.name == "posix":
            with suppress(ProcessLookupError, PermissionError):  # nobody is left
                os.killpg(self.process.pid, signal.SIGKILL)
        elif self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if with_psutil:
            _killed(family)
            for _ in range(ROUNDS):
                if not _killed(self._marked()):
                    break

    def _family(self) -> Iterator[Any]:
        """The program, its descendants, and those that were so when it was last asked; it may have ended."""
        import psutil

        if self.process.returncode is None:  # or its number may be another's
            with suppress(psutil.Error):
                program = psutil.Process(self.process.pid)
                for each in (program, *program.children(recursive=True)):
                    self._seen[each.pid] = each
        self._seen = {pid: each for pid, each in self._seen.items() if each.is_running()}
        yield from self._seen.values()

    def _marked(self) -> Iterator[Any]:
        import psutil

        for pid in psutil.pids():
            with suppress(psutil.Error, OSError):
                each = psutil.Process(pid)
                if each.environ().get(MARK) == self._mark:
                    yield each


def _killed(processes: Iterable[Any]) -> bool:
    """Kills them; whether there were any that lived."""
    import psutil

    found = False
    for each in processes:
        with suppress(psutil.Error):
            if each.is_running() and each.status() != psutil.STATUS_ZOMBIE:
                each.kill()
                found = True
    return found
