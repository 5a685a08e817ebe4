"""archcost search"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archcost.cli import options
from archcost.cli.output import deliver, format_of
from archcost.errors import ArchcostError

if TYPE_CHECKING:
    from archcost.search.answer import Answer

FORMATS = ("table", "markdown", "csv", "json")
JOURNAL = "study.journal"
ENDINGS = {".json": "json", ".csv": "csv", ".md": "markdown"}


@click.command(name="search", short_help="The best network under a budget, and the front.")
@click.argument("specs", nargs=-1, metavar="[SPEC]...")
@click.option("--budget", metavar="COUNT", help="Mult-adds at most: 300M, 1.5G, 0.3e9.")
@click.option("--max-params", metavar="COUNT", help="Parameters at most: 4M.")
@click.option("--max-weights", metavar="SIZE", help="Bytes of weights at most: 4MiB.")
@click.option("--max-peak-memory", metavar="SIZE", help="Bytes of activations alive at once at most: 2MiB.")
@click.option("--max-latency", metavar="TIME", help="With --device, for the batch: 2ms.")
@click.option("--min-accuracy", metavar="PERCENT", help="Top-1 at least; the answer is then the cheapest.")
@click.option("--alpha", metavar="RANGE", help="Width multipliers.  [default: 0.25:1:0.01]")
@click.option("--resolution", metavar="RANGE", help="Input sizes.  [default: 128:224:16]")
@click.option("--set", "assignments", multiple=True, metavar="NAME=RANGE", help="A parameter's values; repeatable.")
@click.option("--space", metavar="FILE", help="The same from YAML: alpha, resolution and parameters.")
@click.option("--maximize", metavar="NAME", default="accuracy", show_default=True, help="What the winner is best in.")
@click.option(
    "--against",
    metavar="LIST",
    help="What the front weighs it against: macs, params, memory, weights, latency.  [default: macs; latency with "
    "--device]",
)
@click.option("--accuracy", metavar="FILE", help="Your own accuracies, a CSV: spec, alpha, resolution, accuracy.")
@click.option(
    "--evaluate",
    metavar="COMMAND",
    help='Your own, which prints {"accuracy": 71.2}; {spec}, {alpha} and {resolution} in it are filled in.',
)
@click.option("--evaluations", type=click.IntRange(1), help="With --evaluate, at most so many.  [default: 50]")
@click.option(
    "--time-limit",
    type=click.FloatRange(0, min_open=True),
    default=3600.0,
    show_default=True,
    help="Seconds for one evaluation.",
)
@click.option("--device", metavar="NAME", help="cuda or cpu measures here; a profile's name or file predicts.")
@options.mode_option
@click.option("--measurements", type=click.IntRange(1), help="With cuda or cpu, at most so many.  [default: 30]")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="With cuda or cpu, at most so long.")
@options.store_option
@options.memory_options
@click.option("--seed", type=int, default=0, show_default=True, help="Of an evolution, in spaces beyond 10^8 variants.")
@click.option("--trials", type=click.IntRange(1), help="Of an evolution.  [default: 2000]")
@click.option("--sampler", type=click.Choice(["nsga2", "tpe"]), default="nsga2", show_default=True, help="Optuna's.")
@click.option("--resume", is_flag=True, help="Go on with the evolution in --out DIR; measurements are kept anyway.")
@click.option("--top", type=click.IntRange(1), default=10, show_default=True, help="Networks of the front to show.")
@click.option("--out", "folder", metavar="DIR", help="Write result.json, front.csv, pictures and winner.yaml there.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="[default: by FILE's ending, else table]")
@options.output_option
@options.importing_options
def command(
    specs: tuple[str, ...], top: int, folder: str | None, form: str | None, output: str | None, **asked: Any
) -> None:
    """The most accurate network under a budget, what it costs, and the alternatives on the Pareto front.

    Without SPEC it searches the zoo's mobilenetv1. Accuracy comes from published figures and the surface fitted
    to them, or from a table of your own.

    \b
    archcost search --budget 300M
    archcost search mobilenetv1 mobilenetv2 mobilenetv3_large --budget 300M
    archcost search --budget 300M --max-latency 20ms --device rk3399-tflite
    archcost search --budget 300M --max-latency 5ms --device cpu
    archcost search --min-accuracy 70 --out best
    """
    form = format_of(form, output, ENDINGS, "table")
    found = _answer(specs or ("mobilenetv1",), asked, _journal(folder, asked["resume"]))
    from archcost.reports import json
    from archcost.reports import search as report
    from archcost.reports import search_text as reader
    from archcost.reports.table import terminal_width

    if folder is not None:
        _written(found, Path(folder))
    if form == "json":
        text = json.dumps(report.data(found))
    elif form == "csv":
        text = report.csv(found)
    else:
        text = reader.text(found, top, None if output else terminal_width(), form)
    deliver(text, output)


def _answer(specs: tuple[str, ...], asked: dict[str, Any], journal: Path | None) -> Answer:
    from dataclasses import replace

    from archcost.api.search import READERS, question_of
    from archcost.reports.search_errors import require
    from archcost.search.answer import TRIALS, answer
    from archcost.spec import ranges

    device = asked["device"]
    here = device is not None and (device == "cpu" or device.split(":")[0] == "cuda")
    question = question_of(
        specs,
        {name: asked[name] for name in READERS},
        axes=_axes(asked),
        maximize=asked["maximize"],
        against=[] if asked["against"] is None else ranges.values(asked["against"], "--against"),
        batch=asked["batch"],
        dtype=asked["dtype"],
        inplace=asked["inplace"],
        accuracy=asked["accuracy"],
        profile=None if here else device,
        mode="" if here else asked["mode"] or "",
        measured=here,
    )
    before = question
    if here:  # limits on time hold for what is measured, after costs have been kept to
        limits = replace(question.constraints, seconds=None)
        before = replace(question, constraints=limits, objectives=_untimed(question))
    if asked["evaluate"] is not None:
        if here:
            raise ArchcostError(
                "--evaluate and --device cpu or cuda at once are not offered; use a profile of the device"
            )
        from archcost.cli.searching import evaluated_here

        found = evaluated_here(question, asked, journal)
        require(found.question, found.found)
        return found
    found = answer(
        before, seed=asked["seed"], trials=asked["trials"] or TRIALS, sampler=asked["sampler"], journal=journal
    )
    require(before, found.found)
    if here:
        from archcost.cli.searching import measured_here

        found.question = question
        found = measured_here(found, device, asked)
        require(found.question, found.found)
    return found


def _journal(folder: str | None, resume: bool) -> Path | None:
    """Where an evolution keeps its study: in the folder of the results, where it is asked for."""
    if folder is None:
        return None
    path = Path(folder, JOURNAL)
    if path.exists() and not resume:
        raise ArchcostError(f"{path}: holds an evolution already; --resume goes on with it, or name another --out")
    return path


def _untimed(question: Any) -> tuple[str, ...]:
    """Objectives without time, which nobody knows yet."""
    kept = tuple(name for name in question.objectives if name != "seconds")
    return kept if len(kept) > 1 else (*kept, "macs")


def _axes(asked: dict[str, Any]) -> dict[str, Any]:
    from archcost.search.spaces import read
    from archcost.spec import ranges

    axes = read(Path(asked["space"])) if asked["space"] else {}
    axes |= ranges.assignments(asked["assignments"])
    return axes | {name: asked[name] for name in ("alpha", "resolution") if asked[name] is not None}


def _written(found: Answer, folder: Path) -> None:
    """The folder with everything; raises ArchcostError where it cannot be written."""
    from archcost.api.search import winner_spec
    from archcost.reports import json
    from archcost.reports import search as report

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArchcostError(f"{folder}: cannot be made: {error.strerror}") from None
    deliver(json.dumps(report.data(found)), str(folder / "result.json"))
    deliver(report.csv(found), str(folder / "front.csv"))
    _drawn(report.data(found), folder)
    deliver(winner_spec(found), str(folder / "winner.yaml"))


def _drawn(data: dict[str, Any], folder: Path) -> None:
    """The front as pictures, where accuracies are known."""
    from archcost.reports import pareto
    from archcost.reports.plots.sources import result

    if data["winner"]["accuracy"] is None:
        return
    figure = pareto.draw(result(data), ("latency",) if data["winner"]["measured_ms"] is not None else ("macs",))
    for form in ("png", "svg"):
        deliver(pareto.render(figure, form), str(folder / f"pareto.{form}"))
