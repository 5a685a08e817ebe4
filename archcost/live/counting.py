"""One counter on one model, in a process of its own: `main` is what that process runs."""

from __future__ import annotations

import json
import logging
import operator
import os
import pickle
import signal
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from archcost import graph
from archcost.errors import ArchcostError
from archcost.live.counters import Figure
from archcost.spec import document
from archcost.spec.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

Make: TypeAlias = "Callable[[], tuple[nn.Module, tuple[Tensor, ...]]]"
"""Called in the counter's process, where it comes pickled: a function of a module, with arguments."""
LONGEST = 300
"""Characters of what went wrong."""


@dataclass(frozen=True, slots=True)
class Job:
    """module: where the counter's `count` is; make: gives the model and its inputs; threads: of torch; seconds: after
    which the process ends itself."""

    module: str
    make: Make
    threads: int
    seconds: float


def main(job: str, answer: str) -> None:
    """Reads a pickled `Job`; writes, as JSON, `figures` by convention as the counter gave them, or a `failure`."""
    given: Job = pickle.loads(Path(job).read_bytes())
    if hasattr(signal, "setitimer"):  # should the process that waits for this one be gone
        signal.setitimer(signal.ITIMER_REAL, given.seconds)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # it may say more than a disk holds
    dumps, replace, leave = json.dumps, os.replace, os._exit  # as they are now: counters patch what they like
    try:
        found: dict[str, Any] = {"figures": _figures(given)}
    except BaseException as error:  # whatever a counter raises, SystemExit too
        found = {"failure": _said(error)}
    written = f"{answer}.part"
    Path(written).write_text(dumps(found), encoding="utf-8")
    replace(written, answer)
    leave(0)  # threads and exit hooks that a counter left must not hold this up


def _figures(job: Job) -> dict[str, Any]:
    import importlib

    import torch

    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    torch.set_num_threads(job.threads)
    torch.manual_seed(0)
    model, inputs = job.make()
    found = importlib.import_module(job.module).count(model, inputs)  # with gradients on or off as its README has it
    return {name: _parts(value) for name, value in found.items()}


def described(file: str, text: str, settings: Settings) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """The module that a spec at its settings describes, on the CPU in eval mode, and a random input for it."""
    import torch

    from archcost.live.build import build_network

    network = graph.build(document.parse(text, file), settings)
    return build_network(network), (torch.rand(1, *network.input_shape),)


def _parts(value: Any) -> dict[str, Any]:
    """A counter's answer: its figure, and what is to be known of it; `rubbish` where it is no number."""
    given = value if isinstance(value, Figure) else Figure(value)
    value = given.value
    try:
        whole = operator.index(value) if not isinstance(value, float) else int(value)
    except (TypeError, ValueError, OverflowError):
        whole = None
    if isinstance(value, bool) or whole is None or whole != value or whole < 0:
        return {"rubbish": repr(value)[:LONGEST]}
    return {"figure": whole, "note": given.note[:LONGEST], "asides": dict(given.asides)}


def _said(error: BaseException) -> str:
    """An exception in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = lines[0][:LONGEST] if lines else ""
    return said if isinstance(error, ArchcostError) and said else f"{type(error).__name__}{': ' if said else ''}{said}"
