"""A user's own command that tells the accuracy of a network: run without a shell, under a time limit, and kept."""

from __future__ import annotations

import json
import math
import os
import shlex
import shutil
import signal
import string
import subprocess
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from archcost.errors import ArchcostError, printable
from archcost.graph import Network
from archcost.latency.store import Evaluation, Store
from archcost.latency.subject import Label, digest, hash_of
from archcost.spec.names import unknown
from archcost.spec.parts import Document

PLACES = ("spec", "alpha", "resolution", "parameters")
"""What every command may be told, besides the spec's parameters by name."""
LIMIT_SECONDS = 3600.0
PATIENCE_SECONDS = 2.0
"""How long to wait for the last output of a command that has ended."""
KEPT_BYTES = 2**20
SHOWN_LINES = 5
SHOWN_CHARACTERS = 1000
LONGEST_ANSWER = 100_000
OK, FAILED = "ok", "failed"


class Evaluator:
    """Runs a command such as `python train.py {spec} {alpha} {resolution}`, whose last line of JSON on standard output
    is `{"accuracy": 71.2}`, in percent; more may stand in it.

    `{spec}` is the path of the spec's own file, to be loaded with `{alpha}`, `{resolution}` (`224`, or `160x192` as
    height × width) and the parameters: `{parameters}` as JSON, or each by its name, `{depth}`. `{{` is a brace. The
    text is split as a shell would, but no shell runs, and what is filled in is never split. Only the digest of the
    network and the command's text say whether it was asked before: variants that are one network are asked once.
    """

    def __init__(self, command: str, store: Store, seconds: float = LIMIT_SECONDS, *, fresh: bool = False) -> None:
        """seconds: the time limit; fresh: ask again what the store knows. A failure of an earlier run is always asked
        again (the user may have mended the command), one of this run never. Raises ArchcostError."""
        if not (math.isfinite(seconds) and seconds > 0):
            raise ArchcostError(f"the time limit of an evaluation must be a positive number of seconds, not {seconds}")
        self.command = command
        self.store = store
        self.seconds = seconds
        self.fresh = fresh
        self._words = _split(command)
        self._known: dict[str, Evaluation] = {}

    def check(self, document: Document) -> None:
        """Raises ArchcostError where the command cannot be run for networks of this spec."""
        known = [*PLACES, *document.parameters]
        for word in self._words:
            for _, name, _, _ in string.Formatter().parse(word):
                if name is not None and name not in known:
                    raise ArchcostError(f"`{self.command}`: {unknown('name in braces', name, known)}")
                if name == "spec" and not Path(document.file).is_file():
                    raise ArchcostError(f"`{self.command}`: {document.file} is no file that {{spec}} could name")
        program = self._words[0]
        if "{" not in program and shutil.which(program) is None:
            raise ArchcostError(f"`{self.command}`: there is no program {program}; give its path")

    def evaluate(self, network: Network, spec: str | None = None) -> Evaluation:
        """The accuracy of one model, or its failure; from the store where that has an accuracy. spec: what it is
        called, settings aside. Raises ArchcostError where the command cannot be meant, or the store lets it down."""
        key = self.key(network)
        known = self._known.get(key)
        if known is None and not self.fresh:
            known = self.store.evaluation(key)
            if known is not None and known.status != OK:
                known = None
        if known is None:
            self.check(network.document)
            known = self._asked(network, key, Label.of(network, spec))
            self._known[key] = known
            self.store.put_evaluation(known)
        return known

    def key(self, network: Network) -> str:
        """What the store knows an evaluation by."""
        return hash_of({"digest": digest(network), "command": self.command})

    def _asked(self, network: Network, key: str, label: Label) -> Evaluation:
        started = time.monotonic()
        accuracy, reason, answer = None, "", ""
        try:
            answer = _printed(_filled(self._words, network.document, label), self.seconds)
            accuracy = _accuracy(answer)
        except _Failed as failure:
            reason = str(failure)
        return Evaluation(
            key=key,
            digest=digest(network),
            command=self.command,
            spec=label.spec,
            alpha=float(label.alpha or 0),
            resolution=label.resolution,
            parameters=json.dumps(dict(label.parameters), sort_keys=True),
            status=FAILED if accuracy is None else OK,
            accuracy=accuracy,
            reason=reason,
            answer=answer,
            seconds=time.monotonic() - started,
            created=datetime.now(UTC).isoformat(timespec="microseconds"),
        )


class _Failed(Exception):
    """Why there is no accuracy."""


def _split(command: str) -> list[str]:
    """The words, still with their braces. Raises ArchcostError."""
    try:
        words = shlex.split(command)
        for word in words:
            for _, name, form, conversion in string.Formatter().parse(word):
                if name is not None and (not name.isidentifier() or form or conversion):
                    raise ValueError(f"{{{name}}} is no name; double the braces that are meant as such")
    except ValueError as error:
        raise ArchcostError(f"`{command}` is no command: {error}") from None
    if not words:
        raise ArchcostError("the command that evaluates is empty; write one such as `python train.py {spec} {alpha}`")
    return words


def _filled(words: list[str], document: Document, label: Label) -> list[str]:
    values = {name: _text(value) for name, value in label.parameters.items()} | {
        "spec": str(Path(document.file).absolute()),
        "alpha": str(label.alpha),
        "resolution": label.resolution,
        "parameters": json.dumps(dict(label.parameters), sort_keys=True),
    }
    return [word.format_map(values) for word in words]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _printed(words: list[str], seconds: float) -> str:
    """Runs a command, and every process it started no longer than that; its last line of JSON. Raises _Failed."""
    try:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
    except (OSError, ValueError) as error:
        raise _Failed(f"cannot be started: {getattr(error, 'strerror', None) or error}") from None
    assert process.stdout is not None and process.stderr is not None
    output, errors = _Tail(process.stdout), _Tail(process.stderr)
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        code = None
    finally:
        _kill(process)
    printed, said = output.text(), _last_lines(errors.text())
    if code is None:
        raise _Failed(f"not done after {seconds:g} s{said}")
    if code:
        raise _Failed(f"{f'exit code {code}' if code > 0 else _signal(-code)}{said}")
    for line in reversed(printed.splitlines()):
        if isinstance(_json(line), dict):
            return line.strip()
    raise _Failed(f'printed no line of JSON such as {{"accuracy": 71.2}}{said}')


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Ends the command and all processes of its group, whether or not it has ended itself."""
    if os.name == "posix":
        with suppress(ProcessLookupError, PermissionError):  # nobody is left
            os.killpg(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        process.kill()
    process.wait()


class _Tail:
    """The end of what a pipe carries, read beside the program so that it never has to wait."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._kept = b""
        self._reader = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._reader.start()

    def _read(self, pipe: IO[bytes]) -> None:
        with pipe:
            while part := os.read(pipe.fileno(), 2**16):
                self._kept = (self._kept + part)[-KEPT_BYTES:]

    def text(self) -> str:
        self._reader.join(PATIENCE_SECONDS)  # a process that left the group may hold the pipe open
        return self._kept.decode("utf-8", errors="replace")


def _last_lines(errors: str) -> str:
    lines = [printable(line).rstrip() for line in errors.splitlines() if line.strip()][-SHOWN_LINES:]
    return "; it said: " + "\n".join(lines)[-SHOWN_CHARACTERS:] if lines else ""


def _signal(number: int) -> str:
    try:
        return f"ended by {signal.Signals(number).name}"
    except ValueError:
        return f"ended by signal {number}"


def _json(line: str) -> Any:
    """A line's content; None where it is no JSON."""
    try:
        return json.loads(line) if line.lstrip()[:1] == "{" and len(line) <= LONGEST_ANSWER else None
    except (ValueError, RecursionError):
        return None


def _accuracy(line: str) -> float:
    """Raises _Failed."""
    content = _json(line)
    if "accuracy" not in content:
        raise _Failed(f"its last line of JSON has no accuracy: {printable(line)[:200]}")
    value = content["accuracy"]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 100:
        raise _Failed(f"accuracy must be a percentage from 0 to 100: {printable(line)[:200]}")
    return float(value)
