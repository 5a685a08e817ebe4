"""What `search` does with the device at hand."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from archcost.accuracy.evaluator import Evaluator
from archcost.cli.measuring import live_measure
from archcost.errors import ArchcostError
from archcost.graph import Network, build
from archcost.latency import folders, measurement
from archcost.latency.measurement import Protocol
from archcost.latency.store import Store
from archcost.latency.subject import Label, Task, digest
from archcost.search.answer import Answer
from archcost.search.evaluating import EVALUATIONS, evaluated
from archcost.search.question import Question
from archcost.search.timing import MEASUREMENTS, measured


def measured_here(found: Answer, device: str, asked: dict[str, Any]) -> Answer:
    """The answer with times measured on this machine; what the store has is not measured again."""
    live = live_measure()
    machine = live.find(device)
    mode = asked["mode"] or ("graph" if machine.is_gpu else "eager")
    scale = found.question.scale
    dtype = "float32" if scale.dtype == "tf32" else scale.dtype
    measurement.require("dtype", dtype, measurement.DTYPES)
    budget = asked["measurements"] or (None if asked["minutes"] else MEASUREMENTS)
    with Store(folders.store(asked["store"])) as store, _Bar(budget) as bar:

        def measure(spec: str, network: Network) -> float | None:
            label = Label.of(network, spec)
            task = Task(network, label, scale.batch, dtype, mode=mode, tf32=scale.dtype == "tf32")
            answer = next(iter(live.measure([task], store, machine, retry=True)))[0]
            if answer.status == measurement.OK:
                return float(answer.median)
            where = f"{label.spec} at α {label.alpha:g}, {label.resolution}"
            click.echo(f"warning: no time of {where}: {answer.reason or answer.status}", err=True)
            return None

        how = {"batch": scale.batch, "dtype": dtype, "layout": "contiguous", "mode": mode, "folded": False}
        how |= {"tf32": scale.dtype == "tf32" and machine.is_gpu, "fingerprint": machine.fingerprint}
        how |= {"software": machine.software, "protocol": asdict(Protocol.on(machine.device.type))}
        told = measured(
            found,
            measure,
            "cuda" if machine.is_gpu else "cpu",
            known=_stored(found, store, how),
            budget=budget,
            seconds=None if asked["minutes"] is None else 60 * asked["minutes"],
            watched=bar.moved,
        )
    told.device = {"name": machine.name, "device": device, "mode": mode, "dtype": scale.dtype, "measured": True}
    return told


def _stored(found: Answer, store: Store, how: dict[str, Any]) -> dict[int, float]:
    """Candidates that were measured before in just this way, by their place, with their seconds."""
    known = {
        (m.spec, m.alpha, m.resolution): m
        for m in store.rows()
        if m.layer is None
        and m.status == measurement.OK
        and all(getattr(m, name) == value for name, value in how.items())
    }
    places: dict[int, float] = {}
    for place in range(len(found.candidates)) if known else ():
        space = found.question.spaces[int(found.candidates.space[place])]
        settings = found.settings(place)
        label = Label.named(space.document, settings, space.name)
        stored = known.get((label.spec, label.alpha, label.resolution))
        if (
            stored is not None
            and stored.median is not None
            and stored.digest == digest(build(space.document, settings))
        ):
            places[place] = stored.median
    return places


def evaluated_here(question: Question, asked: dict[str, Any], journal: Path | None) -> Answer:
    """The answer by the user's own command; what the store knows is not asked again."""
    budget = asked["evaluations"] or EVALUATIONS
    with Store(folders.store(asked["store"])) as store, _Bar(budget, "evaluating") as bar:
        evaluator = Evaluator(asked["evaluate"], store, asked["time_limit"])
        for space in question.spaces:
            evaluator.check(space.document)

        def evaluate(spec: str, network: Network) -> float | None:
            found = evaluator.evaluate(network, spec)
            if found.accuracy is None:
                where = f"{found.spec} at α {found.alpha:g}, {found.resolution}"
                click.echo(f"warning: no accuracy of {where}: {found.reason}", err=True)
            return found.accuracy

        told = evaluated(
            question,
            evaluate,
            budget=budget,
            seed=asked["seed"],
            sampler=asked["sampler"],
            journal=journal,
            watched=lambda count: bar.moved(count, None),
        )
    if told.evaluated and told.failed == told.evaluated:
        raise ArchcostError(f"no accuracy could be had: all {told.evaluated} evaluations failed, as said above")
    return told


class _Bar:
    """A bar on the terminal: how many were measured, and how many could still beat them."""

    def __init__(self, total: int | None, title: str = "measuring") -> None:
        self.total, self.title = total, title
        self.progress: Any = None

    def __enter__(self) -> _Bar:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
            self.progress = Progress(*columns, console=Console(stderr=True), transient=True)
            self.progress.start()
            self.bar = self.progress.add_task(self.title, total=self.total)
        return self

    def moved(self, done: int, rivals: int | None) -> None:
        if self.progress is not None:
            said = self.title if rivals is None else f"{done} measured, {rivals} could still win"
            self.progress.update(self.bar, completed=done, description=said)

    def __exit__(self, *error: object) -> None:
        if self.progress is not None:
            self.progress.stop()
