"""One evaluation, from a command to an accuracy: a function of its order alone, which knows no store and no search.

It runs in this process or on another machine, which has none of the coordinator's files.
"""

from __future__ import annotations

import shlex
import signal
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath
from typing import Any

from archcost.accuracy import command
from archcost.accuracy.processes import Program, has_psutil
from archcost.accuracy.pruning import NONE, Race
from archcost.accuracy.reading import Answers, Tail, Unanswered, accuracy_of
from archcost.errors import ArchcostError, printable
from archcost.latency.evaluations import FAILED, OK, PRUNED
from archcost.latency.subject import Label

LIMIT_SECONDS = 3600.0
PATIENCE_SECONDS = 2.0
"""How long to wait for the last output of a command that has ended."""
POLL_SECONDS = 0.2
SHOWN_LINES = 5
SHOWN_CHARACTERS = 1000
NO_OPTUNA = "nothing is stopped early where Optuna is not installed: pip install 'archcost[search]'"
NO_PSUTIL = "a limit on memory needs psutil: pip install 'archcost[search]'"


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """What to run. spec: the path of the spec's file; or its name, where text is what is in it: then a copy in a folder
    of its own stands for it. seconds, memory_bytes: limits on the command and all that it starts; curves: of networks
    that cost no more, accuracies in percent by step, which the pruner compares it with."""

    command: str
    label: Label
    spec: str
    text: str | None = None
    seconds: float = LIMIT_SECONDS
    memory_bytes: float | None = None
    pruner: str = NONE
    curves: tuple[Mapping[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it. status: ok, failed or pruned; accuracy: percent; reason: why there is none; answer: the line of
    JSON; curve: accuracies by step; line: the command as it ran; ended: how; output, errors: the ends of its streams;
    seconds: how long it took; remark: what the user should know of the machine."""

    status: str
    accuracy: float | None = None
    reason: str = ""
    answer: str = ""
    curve: Mapping[int, float] = field(default_factory=dict)
    line: str = ""
    ended: str = ""
    output: str = ""
    errors: str = ""
    seconds: float = 0.0
    remark: str = ""

    def data(self) -> dict[str, Any]:
        """It as plain data, which JSON can hold."""
        return {**asdict(self), "curve": list(self.curve.items())}

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Result:
        """Raises ArchcostError for what is no result."""
        try:
            curve = {int(step): float(accuracy) for step, accuracy in data["curve"]}
            found = cls(**{**data, "curve": curve})
            if found.status not in (OK, FAILED, PRUNED) or (found.status == OK) != isinstance(found.accuracy, float):
                raise ValueError(f"status {found.status!r}, accuracy {found.accuracy!r}")
        except (ValueError, TypeError, KeyError) as error:
            raise ArchcostError(f"this is no result of an evaluation: {error}") from None
        return found


def run(order: Order, cancelled: threading.Event | None = None) -> Result:
    """Runs a command, and every process it started no longer than that; whatever goes wrong is a result too.

    cancelled: set by another thread, it ends the command, which then has failed.
    """
    started = time.monotonic()
    if order.memory_bytes is not None and not has_psutil():
        return Result(FAILED, reason=NO_PSUTIL)
    with ExitStack() as stack:
        try:
            spec = _there(order, stack)
            words = command.filled(order.command, spec, order.label)
            program = Program(words)
        except (OSError, ValueError) as error:
            said = f"cannot be started: {getattr(error, 'strerror', None) or error}"
            return Result(FAILED, reason=said, ended=said, seconds=time.monotonic() - started)
        return _Run(order, program, shlex.join(words), started).result(cancelled)


def _there(order: Order, stack: ExitStack) -> str:
    """The path of the spec's file, made where there is none."""
    if order.text is None:
        return order.spec
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="archcost-", ignore_cleanup_errors=True))
    path = Path(folder, PurePath(order.spec).name or "spec.yaml")
    path.write_text(order.text, encoding="utf-8")
    return str(path)


class _Run:
    """A command on its way."""

    def __init__(self, order: Order, program: Program, line: str, started: float) -> None:
        assert program.process.stdout is not None and program.process.stderr is not None
        self.order, self.program, self.line, self.started = order, program, line, started
        self.race = Race(order.pruner, order.curves)
        self.output = Answers(program.process.stdout, self.race.pruned)
        self.errors = Tail(program.process.stderr)

    def result(self, cancelled: threading.Event | None) -> Result:
        try:
            ended, broken = self._ended(cancelled)
        finally:
            self.program.end()
        seconds = time.monotonic() - self.started
        self.output.wait(PATIENCE_SECONDS)
        self.errors.wait(PATIENCE_SECONDS)
        status, accuracy, reason, answer = FAILED, None, "", ""
        # Where a report says so it was pruned, however quick it was to go on: its speed shall decide nothing.
        if self.output.stopped is not None:
            status, reason, ended = PRUNED, self.output.stopped, f"pruned {self.output.stopped}"
        else:
            try:
                if broken:
                    raise Unanswered(ended)
                answer = self.output.answer
                accuracy = accuracy_of(answer)
                status = OK
            except Unanswered as failure:
                reason = str(failure)
                if not answer:  # else what it printed says it all
                    reason += _last_lines(self.errors.text)
        return Result(
            status,
            accuracy,
            reason,
            answer,
            dict(self.output.curve),
            line=self.line,
            ended=ended,
            output=self.output.text,
            errors=self.errors.text,
            seconds=seconds,
            remark=NO_OPTUNA if self.race.blind else "",
        )

    def _ended(self, cancelled: threading.Event | None) -> tuple[str, bool]:
        """How it ended, and whether that is a failure."""
        until = self.started + self.order.seconds
        while (code := self.program.wait(min(POLL_SECONDS, max(0.0, until - time.monotonic())))) is None:
            if self.output.stopped is not None:
                return "", False
            if cancelled is not None and cancelled.is_set():
                return "interrupted", True
            if time.monotonic() >= until:
                return f"not done after {self.order.seconds:g} s", True
            limit = self.order.memory_bytes
            if limit is not None and (used := self.program.resident_bytes()) > limit:
                return f"its processes took {_size(used)} of memory, the limit is {_size(limit)}", True
        if code < 0:
            return _signal(-code), True
        return f"exit code {code}", code > 0


def _size(count: float) -> str:
    return f"{count / 2**30:.2f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"


def _last_lines(errors: str) -> str:
    lines = [printable(line).rstrip() for line in errors.splitlines() if line.strip()][-SHOWN_LINES:]
    return "; it said: " + "\n".join(lines)[-SHOWN_CHARACTERS:] if lines else ""


def _signal(number: int) -> str:
    try:
        return f"ended by {signal.Signals(number).name}"
    except ValueError:
        return f"ended by signal {number}"
