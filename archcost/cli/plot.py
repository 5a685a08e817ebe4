"""archcost plot"""

from __future__ import annotations

from pathlib import Path

import click

from archcost.cli import options
from archcost.cli.output import deliver
from archcost.errors import ArchcostError, printable
from archcost.spec import ranges

FORMS = ("png", "svg", "pdf")
COSTS = ("macs", "params", "latency", "memory", "weights")


@click.command(name="plot", short_help="Accuracy against cost, with the Pareto front.")
@click.argument("sources", nargs=-1, metavar="SOURCES...", required=True)
@click.option("-o", "--output", required=True, metavar="FILE", help="The picture; ends in .png, .svg or .pdf.")
@click.option(
    "--x",
    "costs",
    multiple=True,
    type=click.Choice(COSTS),
    help="The cost, on a log axis; several make panels side by side, where a ring marks what is on another "
    "panel's front only.  [default: macs]",
)
@click.option(
    "--y",
    type=click.Choice(("accuracy", *COSTS)),
    default="accuracy",
    show_default=True,
    help="What stands against it. The front is what has the most accuracy for its cost; of two costs, what has the "
    "least of both.",
)
@click.option(
    "--surface",
    is_flag=True,
    help="Draw the surface fitted to published points: a curve for each α, and the front of all α in steps of 0.01 "
    "and resolutions in steps of 16.",
)
@click.option(
    "--recipe",
    "recipes",
    multiple=True,
    metavar="NAME",
    help="Take published figures trained so, where a spec has them; repeatable.  [default: that with the most]",
)
@click.option("--dtype", default="float32", type=options.Dtype(), show_default=True, help="Of figures and bytes.")
@click.option("--spec", metavar="NAME", help="What a sweep's CSV or NPZ is of, as these do not say.")
@options.where_option
@click.option("--title", default="", metavar="TEXT", help="Stands above; papers have a caption instead.")
@click.option(
    "--width",
    type=click.FloatRange(30, 500),
    metavar="MM",
    help="Printed width; text is at least 6 pt then.  [default: 88, a paper's column; several panels: 180, its page]",
)
@click.option(
    "--height",
    type=click.FloatRange(30, 500),
    metavar="MM",
    help="Printed height.  [default: what suits the width, more where labels need it]",
)
@click.option("--dpi", type=click.IntRange(50, 1200), default=300, show_default=True, help="Of PNG: pixels an inch.")
def command(
    sources: tuple[str, ...],
    output: str,
    costs: tuple[str, ...],
    y: str,
    surface: bool,
    recipes: tuple[str, ...],
    dtype: str,
    spec: str | None,
    conditions: tuple[str, ...],
    title: str,
    width: float | None,
    height: float | None,
    dpi: int,
) -> None:
    """Accuracy against what networks cost: points, their Pareto front, the winner.

    A source is a spec of the zoo (what is published about it), the folder or result.json of a search,
    a sweep's CSV, JSON or NPZ, or a CSV of measured latencies (`spec,alpha,resolution,batch,latency_ms`).
    What is on a front or published has a label; the legend counts those that found no room.

    \b
    archcost plot mobilenetv1 --surface -o mobilenetv1.png
    archcost plot mobilenetv1 mobilenetv2 mobilenetv3_large -o families.pdf
    archcost plot results/ mobilenetv1 --x latency -o found.svg
    archcost plot variants.npz --spec mobilenetv1 --x memory -o sweep.png
    archcost plot reports/latency/pixel3.csv --where processor=GPU \\
        --x macs --x latency -o fronts.svg
    archcost plot reports/latency/pixel3.csv --where processor=GPU \\
        --x macs --y latency -o times.png
    """
    form = form_of(output)
    from archcost.reports import pareto
    from archcost.reports.plots.series import LATENCY, latencies
    from archcost.reports.plots.sources import Reader

    if surface and y != "accuracy":
        raise ArchcostError("--surface is a surface of accuracy; it has no place with --y " + y)
    reader = Reader(dtype, recipes, surface, spec, ranges.assignments(conditions), y)
    found = [each for source in sources for each in reader.read(source)]
    times = latencies(found)
    x = tuple(dict.fromkeys(each for cost in costs for each in (times if cost == LATENCY else [cost]))) or ("macs",)
    if y == LATENCY and len(times) > 1:
        raise ArchcostError(f"--y latency: of which of {len(times)} devices? Take --x latency for a panel each")
    figure = pareto.draw(found, x, y, title=title, width=width or (88 if len(x) == 1 else 180), height=height, dpi=dpi)
    deliver(pareto.render(figure, form), output)
    for note in dict.fromkeys(note for each in found for note in each.notes):
        click.echo(printable(note), err=True)


def form_of(output: str) -> str:
    """Raises ArchcostError for an ending that no picture has."""
    form = Path(output).suffix.lower().removeprefix(".")
    if form not in FORMS:
        raise ArchcostError(f"{output}: no picture ends so; end in {', '.join(f'.{each}' for each in FORMS)}")
    return form
