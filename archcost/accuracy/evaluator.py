"""A user's own command that tells the accuracy of a network, and what the store knows of it already."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from archcost.accuracy import command as commands
from archcost.accuracy.evaluation import LIMIT_SECONDS, NO_PSUTIL, Order, Result, run
from archcost.accuracy.processes import has_psutil
from archcost.accuracy.pruning import NONE, PRUNERS
from archcost.errors import ArchcostError
from archcost.graph import Network
from archcost.latency.evaluations import OK, Evaluation
from archcost.latency.store import Store
from archcost.latency.subject import Label, digest, hash_of
from archcost.spec.names import unknown
from archcost.spec.parts import Document

LONGEST_NAME = 100


@dataclass(eq=False)
class Evaluator:
    """Asks a command such as `python train.py {spec} {alpha} {resolution}`, which prints `{"accuracy": 71.2}`, in
    percent, as its last line of JSON on standard output; more may stand in it. Accuracies on the way there,
    `{"step": 3, "accuracy": 41.2}`, are what it is stopped early by (`reading.Answers` has the rules).

    `{spec}` is the path of the spec's own file, to be loaded with `{alpha}`, `{resolution}` (`224`, or `160x192` as
    height × width) and the parameters: `{parameters}` as JSON, or each by its name, `{depth}`. Only the digest of the
    network and the command's text say whether it was asked before: variants that are one network are asked once.

    seconds, memory_bytes: limits on the command and all that it starts; pruner: which rule of Optuna's stops it early;
    outputs: the folder to keep what it prints in; fresh: asks again what the store knows; warn: is told, once, of what
    the machines lack. known_before: of the run that this goes on with, what the store had at its beginning: when each
    evaluation was made (`created`), by key; None: this is a new run. A failure, or what was stopped early, counts in
    the run that it happened in, and is asked again by the next: the user may have mended the command.

    Raises ArchcostError for what is no command or no limit.
    """

    command: str
    store: Store
    seconds: float = LIMIT_SECONDS
    memory_bytes: float | None = field(default=None, kw_only=True)
    pruner: str = field(default=NONE, kw_only=True)
    outputs: Path | None = field(default=None, kw_only=True)
    fresh: bool = field(default=False, kw_only=True)
    known_before: Mapping[str, str] | None = field(default=None, kw_only=True)
    warn: Callable[[str], None] = field(default=lambda said: None, kw_only=True)
    _known: dict[str, Evaluation] = field(default_factory=dict)
    _warned: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        limit = self.seconds
        if not (math.isfinite(limit) and limit > 0):
            raise ArchcostError(f"the time limit of an evaluation must be a positive number of seconds, not {limit}")
        if self.pruner not in PRUNERS:
            raise ArchcostError(unknown("pruner", self.pruner, PRUNERS))
        if self.memory_bytes is not None and not has_psutil():
            raise ArchcostError(NO_PSUTIL)
        commands.split(self.command)

    def check(self, document: Document, *, here: bool = True) -> None:
        """Raises ArchcostError where the command cannot be run for networks of this spec. here: on this machine."""
        commands.check(self.command, document, here=here)

    def key(self, network: Network) -> str:
        """What the store knows an evaluation by."""
        return hash_of({"digest": digest(network), "command": self.command})

    def known(self, network: Network) -> Evaluation | None:
        """What need not be asked: an accuracy that the store has, and anything that came of this run."""
        key = self.key(network)
        if key not in self._known and not self.fresh:
            found = self.store.evaluation(key)
            if found is not None and (found.status == OK or self._of_this_run(found)):
                self._known[key] = found
        return self._known.get(key)

    def order(self, network: Network, spec: str | None = None, curves: Sequence[Mapping[int, float]] = ()) -> Order:
        """What to run for a network, on this machine. spec: what it is called, settings aside."""
        path, label = str(Path(network.document.file).absolute()), Label.of(network, spec)
        return Order(self.command, label, path, None, self.seconds, self.memory_bytes, self.pruner, tuple(curves))

    def accept(self, network: Network, spec: str | None, result: Result) -> Evaluation:
        """Takes in what came of an order, wherever it ran: it is on the disk when this returns."""
        if result.remark and result.remark not in self._warned:
            self._warned.add(result.remark)
            self.warn(result.remark)
        key, label = self.key(network), Label.of(network, spec)
        found = Evaluation(
            key=key,
            digest=digest(network),
            command=self.command,
            spec=label.spec,
            alpha=float(label.alpha or 0),
            resolution=label.resolution,
            parameters=json.dumps(dict(label.parameters), sort_keys=True),
            status=result.status,
            accuracy=result.accuracy,
            reason=result.reason,
            answer=result.answer,
            seconds=result.seconds,
            created=datetime.now(UTC).isoformat(timespec="microseconds"),
            curve=result.curve,
        )
        # The output first: what the store has is not asked again. But an answer outlives a disk that is full.
        try:
            self._keep(found, result)
        finally:
            self.store.put_evaluation(found)
            self._known[key] = found
        return found

    def evaluate(self, network: Network, spec: str | None = None) -> Evaluation:
        """The accuracy of one model, or its failure. Raises ArchcostError where the command cannot be meant, or the
        store lets it down."""
        known = self.known(network)
        if known is None:
            self.check(network.document)
            known = self.accept(network, spec, run(self.order(network, spec)))
        return known

    def output(self, found: Evaluation) -> Path | None:
        """The file with what the command printed, where outputs are kept."""
        if self.outputs is None:
            return None
        name = re.sub(r"[^\w.=,-]+", "_", f"{found.spec}-{found.alpha:g}-{found.resolution}", flags=re.ASCII)
        return self.outputs / f"{name.lstrip('.')[-LONGEST_NAME:]}-{found.key[:12]}.log"

    def _of_this_run(self, found: Evaluation) -> bool:
        return self.known_before is not None and self.known_before.get(found.key) != found.created

    def _keep(self, found: Evaluation, result: Result) -> None:
        path = self.output(found)
        if path is None:
            return
        text = (
            f"command: {result.line}\nended: {result.ended}\nseconds: {result.seconds:.3f}\nstatus: {result.status}\n"
            f"reason: {result.reason}\n--- standard output\n{result.output}\n--- standard error\n{result.errors}\n"
        )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", errors="surrogateescape", newline="")
        except OSError as error:
            raise ArchcostError(f"{path}: cannot be written: {error.strerror}; the answer itself is stored") from None
