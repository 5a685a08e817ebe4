"""archcost plot"""

from __future__ import annotations

from pathlib import Path

import click

from archcost.cli import options
from archcost.cli.output import deliver
from archcost.errors import ArchcostError, printable
from archcost.spec import ranges

FORMS = ("png", "svg", "pdf")
AXES = ("macs", "params", "latency", "memory", "weights")


@click.command(name="plot", short_help="Accuracy against cost, with the Pareto front.")
@click.argument("sources", nargs=-1, metavar="SOURCES...", required=True)
@click.option("-o", "--output", required=True, metavar="FILE", help="The picture; ends in .png, .svg or .pdf.")
@click.option(
    "--x",
    "costs",
    multiple=True,
    type=click.Choice(AXES),
    help="The cost, on a log axis; several make panels side by side, where a ring marks what is on another "
    "panel's front only.  [default: macs]",
)
@click.option("--surface", is_flag=True, help="Draw the surface fitted to published points, a curve for each α.")
@click.option(
    "--recipe",
    "recipes",
    multiple=True,
    metavar="NAME",
    help="Take published figures trained so, where a spec has them; repeatable.  [default: that with the most]",
)
@click.option("--dtype", default="float32", type=options.Dtype(), show_default=True, help="Of figures and bytes.")
@click.option("--spec", metavar="NAME", help="What a sweep's CSV is of, as that does not say.")
@options.where_option
@click.option("--title", default="", metavar="TEXT", help="Stands above; papers have a caption instead.")
@click.option(
    "--width",
    type=click.FloatRange(50, 500),
    metavar="MM",
    help="Printed width; text is at least 6 pt then.  [default: 88, a paper's column; several panels: 180, its page]",
)
@click.option(
    "--height", type=click.FloatRange(40, 500), metavar="MM", help="Printed height.  [default: what suits the width]"
)
@click.option("--dpi", type=click.IntRange(50, 1200), default=300, show_default=True, help="Of PNG: pixels an inch.")
def command(
    sources: tuple[str, ...],
    output: str,
    costs: tuple[str, ...],
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
    a sweep's CSV or JSON, or a CSV of measured latencies (`spec,alpha,resolution,batch,latency_ms`).

    \b
    archcost plot mobilenetv1 --surface -o mobilenetv1.png
    archcost plot mobilenetv1 mobilenetv2 mobilenetv3_large -o families.pdf
    archcost plot results/ mobilenetv1 --x latency -o found.svg
    archcost plot variants.csv --spec mobilenetv1 --x memory -o sweep.png
    archcost plot reports/latency/pixel3.csv --where processor=GPU \\
        --x macs --x latency -o fronts.svg
    """
    form = form_of(output)
    from archcost.reports import pareto
    from archcost.reports.plots.sources import Reader

    reader = Reader(dtype, recipes, surface, spec, ranges.assignments(conditions))
    found = [each for source in sources for each in reader.read(source)]
    x = tuple(dict.fromkeys(costs)) or ("macs",)
    figure = pareto.draw(found, x, title=title, width=width or (88 if len(x) == 1 else 180), height=height, dpi=dpi)
    deliver(pareto.render(figure, form), output)
    for note in dict.fromkeys(note for each in found for note in each.notes):
        click.echo(printable(note), err=True)


def form_of(output: str) -> str:
    """Raises ArchcostError for an ending that no picture has."""
    form = Path(output).suffix.lower().removeprefix(".")
    if form not in FORMS:
        raise ArchcostError(f"{output}: no picture ends so; end in {', '.join(f'.{each}' for each in FORMS)}")
    return form
