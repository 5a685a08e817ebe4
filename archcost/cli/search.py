"""archcost search"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archcost.cli import options
from archcost.cli.output import deliver, format_of
from archcost.errors import ArchcostError

if TYPE_CHECKING:
    from archcost.api.search import Search
    from archcost.fleet.cluster import Cluster
    from archcost.search.answer import Answer

FORMATS = ("table", "markdown", "csv", "json")
JOURNAL = "study.journal"
SPENT = (
    *("trials", "sampler", "seed", "evaluations", "time_limit", "memory_limit", "pruner", "train_slots"),
    *("measurements", "minutes", "ahead", "store"),
)
"""Options that say what a search may spend."""
ENDINGS = {".json": "json", ".csv": "csv", ".md": "markdown"}


@click.command(name="search", short_help="The best network under a budget, and the front.")
@click.argument("specs", nargs=-1, metavar="[SPEC]...")
@click.option("--budget", metavar="COUNT", help="Mult-adds at most: 300M, 1.5G, 0.3e9.")
@click.option("--max-params", metavar="COUNT", help="Parameters at most: 4M.")
@click.option("--max-weights", metavar="SIZE", help="Bytes of weights at most: 4MiB.")
@click.option("--max-peak-memory", metavar="SIZE", help="Bytes of activations alive at once at most: 2MiB.")
@click.option(
    "--max-latency",
    multiple=True,
    metavar="[NAME=]TIME",
    help="With --device, for the batch: 2ms; of several devices cpu=30ms, repeatable.",
)
@click.option("--min-accuracy", metavar="PERCENT", help="Top-1 at least; the answer is then the cheapest.")
@click.option("--alpha", metavar="RANGE", help="Width multipliers.  [default: 0.25:1:0.01]")
@click.option("--resolution", metavar="RANGE", help="Input sizes.  [default: 128:224:16]")
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="NAME=RANGE",
    help="A parameter's values; repeatable.  [default: its choices]",
)
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
    help="Seconds for one evaluation.  [default: 3600]",
)
@click.option("--memory-limit", metavar="SIZE", help="Of one evaluation, with all that it starts: 4GiB.")
@click.option(
    "--pruner",
    type=click.Choice(["median", "percentile", "none"]),
    default="median",
    show_default=True,
    help='Optuna\'s, which stops a command early that prints {"step": 3, "accuracy": 41.2} on its way, if it is less '
    "accurate there than half (percentile: three quarters) of the networks that cost no more.",
)
@click.option(
    "--train-slots", type=click.IntRange(1), default=1, show_default=True, help="With --evaluate, so many at once here."
)
@click.option(
    "--device",
    multiple=True,
    metavar="NAME",
    help="cuda, cpu or your own (module:callable) measures here; a profile's name or file predicts. Repeatable: "
    "the front is then over the times of all.",
)
@options.mode_option
@click.option("--measurements", type=click.IntRange(1), help="Networks measured at most.  [default: 30]")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Measuring at most so long.")
@click.option(
    "--ahead",
    type=click.IntRange(1),
    metavar="N",
    help="Questions under way at once; the same N gives the same answer, however many workers there are.  [default: 1 "
    "to this machine's devices, else 16]",
)
@options.cluster_options
@options.store_option
@options.memory_options
@click.option("--seed", type=int, help="Of an evolution, in spaces beyond 10^8 variants.  [default: 0]")
@click.option("--trials", type=click.IntRange(1), help="Variants that an evolution tries.  [default: 2000]")
@click.option("--sampler", type=click.Choice(["nsga2", "tpe"]), default="nsga2", show_default=True, help="Optuna's.")
@click.option("--resume", is_flag=True, help="Go on exactly where the search in --out DIR was killed.")
@click.option("--top", type=click.IntRange(1), default=10, show_default=True, help="Networks of the front to show.")
@click.option(
    "--out",
    "folder",
    metavar="DIR",
    help="Write result.json, front.csv, pictures and winner.yaml there; with "
    "--evaluate also evaluations/*.log, what each command printed, which is kept nowhere else.",
)
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
    archcost search --max-latency cuda=2ms --max-latency cpu=30ms --out both
    archcost search --min-accuracy 70 --out best
    archcost search --cluster tcp://10.0.0.1:8786 --max-latency nvidia-t4=5ms --max-latency cpu=30ms --out fleet
    """
    form = format_of(form, output, ENDINGS, "table")
    found = _found(specs, asked, folder).answer
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


def _found(specs: tuple[str, ...], asked: dict[str, Any], folder: str | None) -> Search:
    from archcost.api.effort import Effort, unwatched
    from archcost.api.search import find
    from archcost.cli.measuring import moving, warn
    from archcost.search import quantities
    from archcost.spec import ranges

    axes = _axes(asked)
    spent = {name: asked.pop(name) for name in SPENT}
    if spent["memory_limit"] is not None:
        spent["memory_limit"] = quantities.size(spent["memory_limit"], "--memory-limit")
    resume = asked.pop("resume")
    cluster = _cluster(asked)
    effort = Effort(
        **{name: value for name, value in spent.items() if value is not None},
        journal=_journal(folder, resume),
        folder=None if folder is None else Path(folder),
        resume=resume,
        cluster=cluster,
        watch=moving if cluster is None else unwatched,  # it shows itself
        warn=warn,
    )
    against = asked.pop("against")
    return find(
        specs or ("mobilenetv1",),
        alpha=axes.pop("alpha", None),
        resolution=axes.pop("resolution", None),
        parameters=axes,
        against=[] if against is None else ranges.values(against, "--against"),
        mode=asked.pop("mode") or "",
        effort=effort,
        **asked,
    )


def _cluster(asked: dict[str, Any]) -> Cluster | None:
    """The cluster that is asked, taken out of what is asked."""
    from archcost.fleet.cluster import Cluster
    from archcost.fleet.connection import Tls
    from archcost.fleet.display import shown

    address, tls = asked.pop("cluster"), Tls(*(asked.pop(f"tls_{name}") for name in ("ca_file", "cert", "key")))
    names = {"tries": "tries", "measurement_limit": "limit_seconds", "wait": "wait"}
    limits = {field: asked.pop(name) for name, field in names.items()}
    given = {field: value for field, value in limits.items() if value is not None}
    return None if address is None else Cluster(address, tls, watch=shown, **given)


def _journal(folder: str | None, resume: bool) -> Path | None:
    """Where an evolution keeps its study: in the folder of the results, where it is asked for."""
    if folder is None:
        if resume:
            raise ArchcostError("--resume goes on with what is in a folder; name it (--out DIR)")
        return None
    path = Path(folder, JOURNAL)
    if path.exists() and not resume:
        raise ArchcostError(f"{path}: holds an evolution already; --resume goes on with it, or name another --out")
    return path


def _axes(asked: dict[str, Any]) -> dict[str, Any]:
    """The axes that a file and the flags name, taken out of what is asked; flags go before."""
    from archcost.search.spaces import read
    from archcost.spec import ranges

    file, own = asked.pop("space"), {name: asked.pop(name) for name in ("alpha", "resolution")}
    axes = read(Path(file)) if file else {}
    axes |= ranges.assignments(asked.pop("assignments"))
    return axes | {name: values for name, values in own.items() if values is not None}


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
    from archcost.reports.plots.found import result
    from archcost.reports.plots.series import latencies

    if data["winner"]["accuracy"] is None:
        return
    series = result(data)
    timed = "devices" in data or data["winner"]["measured_ms"] is not None
    width = 88 if len(latencies(series)) == 1 else 180
    figure = pareto.draw(series, latencies(series) if timed else ["macs"], width=width)
    for form in ("png", "svg"):
        deliver(pareto.render(figure, form), str(folder / f"pareto.{form}"))
