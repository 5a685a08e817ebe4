"""What a training prints, read while it runs: its answer, the accuracies on its way, and the end of all it said."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable
from typing import IO, Any

from archcost.errors import printable

KEPT_BYTES = 2**20
"""Of each stream, its end."""
LONGEST_ANSWER = 100_000
MOST_STEPS = 1000
"""Reports of one training that are taken in; later ones are let go."""
_LINE = re.compile(rb"(?:\A|[\r\n])[^\S\r\n]*(\{[^\r\n]*)")
Pruned = Callable[[int, float], str | None]
"""Is told each report, and says why the training is to be stopped there; None where it goes on."""


class Unanswered(Exception):
    """Why there is no accuracy."""


class Tail:
    """The end of what a pipe carries, read beside the program so that it never has to wait."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._kept = bytearray()
        self._error: Exception | None = None
        self._reader = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._reader.start()

    def _read(self, pipe: IO[bytes]) -> None:
        with pipe:
            while part := os.read(pipe.fileno(), 2**16):
                self._kept += part
                if len(self._kept) > 4 * KEPT_BYTES:
                    del self._kept[:-KEPT_BYTES]
                self._taken(part)
            self._taken(b"\n")  # the last line may have no end

    def _taken(self, part: bytes) -> None:
        try:
            if self._error is None:
                self.take(part)
        except Exception as error:  # the thread must read on, or the program would wait for ever
            self._error = error

    def take(self, part: bytes) -> None:
        """Whatever is to be known of it besides its end."""

    def wait(self, seconds: float) -> None:
        """Until all is read, but no longer: a process that nobody could end may hold the pipe open. Raises what taking
        it in has raised."""
        self._reader.join(seconds)
        if self._error is not None:
            raise self._error

    @property
    def text(self) -> str:
        return bytes(self._kept[-KEPT_BYTES:]).decode("utf-8", errors="replace")


class Answers(Tail):
    """Standard output, of which lines of JSON count.

    A report is a line with a whole number `step` from 0 on, greater than those before, and an `accuracy` in percent,
    such as `{"step": 3, "accuracy": 41.2}`; of the first `MOST_STEPS` of them curve has the accuracies by step. Other
    lines with a `step` say nothing. The answer is the last line of JSON; but where that has a `step`, the last with an
    accuracy and without a step, if there is one. Where a report is the reason to stop, what follows is not read.
    """

    def __init__(self, pipe: IO[bytes], pruned: Pruned) -> None:
        self.curve: dict[int, float] = {}
        self.stopped: str | None = None
        self._pruned = pruned
        self._last = self._stepless = ""
        self._rest = b""
        super().__init__(pipe)

    @property
    def answer(self) -> str:
        """Raises Unanswered where no line is JSON."""
        found = self._stepless if self._stepless and "step" in _json(self._last) else self._last
        if not found:
            raise Unanswered('printed no line of JSON such as {"accuracy": 71.2}')
        return found

    def take(self, part: bytes) -> None:
        if self.stopped is not None:
            return
        whole = self._rest + part
        end = max(whole.rfind(b"\n"), whole.rfind(b"\r"))
        # Of a line that is too long to be an answer, its beginning is enough to know it by.
        self._rest = whole[end + 1 :][: 4 * LONGEST_ANSWER + 1]
        for found in _LINE.finditer(whole[:end]) if end > 0 else ():
            for line in found[1].decode("utf-8", errors="replace").splitlines():
                content = _json(line)
                if isinstance(content, dict) and self.stopped is None:
                    self._told(line.strip(), content)

    def _told(self, line: str, content: dict[str, Any]) -> None:
        self._last = line
        if "step" not in content:
            self._stepless = line if "accuracy" in content else self._stepless
            return
        step: Any = content["step"]
        accuracy: Any = content.get("accuracy")
        whole = isinstance(step, int) and not isinstance(step, bool) and 0 <= step < 2**53
        if not whole or not _is_percent(accuracy) or len(self.curve) >= MOST_STEPS:
            return
        if not self.curve or step > next(reversed(self.curve)):
            self.curve[step] = float(accuracy)
            self.stopped = self._pruned(step, float(accuracy))


def accuracy_of(line: str) -> float:
    """Percent, of an answer. Raises Unanswered."""
    content = _json(line)
    if "accuracy" not in content:
        raise Unanswered(f"its last line of JSON has no accuracy: {printable(line)[:200]}")
    if not _is_percent(content["accuracy"]):
        raise Unanswered(f"accuracy must be a percentage from 0 to 100: {printable(line)[:200]}")
    return float(content["accuracy"])


def _is_percent(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, (int, float)) and 0 <= value <= 100


def _json(line: str) -> Any:
    """A line's content; None where it is no JSON."""
    try:
        return json.loads(line) if line.lstrip()[:1] == "{" and len(line) <= LONGEST_ANSWER else None
    except (ValueError, RecursionError):
        return None
