"""archcost sweep"""

from __future__ import annotations

from typing import Any

import click

from archcost.api import Sweep, load
from archcost.cli import options
from archcost.cli.output import deliver, format_of
from archcost.errors import ArchcostError
from archcost.spec import ranges

FORMATS = ("table", "csv", "json", "npz")
ENDINGS = {".csv": "csv", ".json": "json", ".npz": "npz"}


@click.command(name="sweep", short_help="A row for each variant: settings, totals.")
@options.spec_argument
@click.option("--alpha", metavar="RANGE", help="Width multipliers: 0.25:1:0.05 (the end included), or 0.25,0.5.")
@click.option("--resolution", metavar="RANGE", help="Input sizes: 128:224:32, 128,160, or 160x192,224x224.")
@click.option(
    "--set", "assignments", multiple=True, metavar="NAME=RANGE", help="A parameter's values: depth=0,5; repeatable."
)
@options.memory_options
@click.option(
    "--device",
    "devices",
    multiple=True,
    metavar="NAME",
    help="Predict times on it: a name of `archcost devices`, or a profile's file; repeatable.",
)
@options.mode_option
@options.convention_option
@click.option("--format", "form", type=click.Choice(FORMATS), help="[default: by FILE's ending, else table]")
@options.output_option
def command(
    spec: str,
    alpha: str | None,
    resolution: str | None,
    assignments: tuple[str, ...],
    devices: tuple[str, ...],
    mode: str | None,
    convention: str | None,
    form: str | None,
    output: str | None,
    **memory: Any,
) -> None:
    """A row for each variant: its settings, then all totals.

    SPEC is the path of a YAML file or a name from the zoo (see `archcost specs`). Ranges are decimal and
    include their end.

    \b
    archcost sweep mobilenetv1 --alpha 0.25:1:0.05 --resolution 128:224:32
    archcost sweep mobilenetv1 --alpha 0.25:1:0.25 --set depth=0,5 -o variants.csv
    archcost sweep mobilenetv2 --alpha 0.35:1.4:0.01 --resolution 96:224 -o v.npz
    archcost sweep mobilenetv1 --alpha 0.25:1:0.25 --device pixel3-cpu
    archcost sweep mobilenetv1 --alpha 0.25:1:0.25 --convention thop
    """
    sizes = (
        None if resolution is None else [ranges.resolution(size) for size in ranges.values(resolution, "resolution")]
    )
    sweep = load(spec).sweep(
        None if alpha is None else ranges.values(alpha, "alpha"),
        sizes,
        parameters={name: ranges.values(text, name) for name, text in ranges.assignments(assignments).items()},
        device=devices,
        mode=mode or "",
        convention=convention,
        **memory,
    )
    if sweep.infeasible == len(sweep):
        raise ArchcostError("none of these variants can exist; `archcost analyze` with one of them says why")
    form = format_of(form, output, ENDINGS, "table")
    if form == "npz" and output is None:
        raise ArchcostError("npz is a binary format; name a file with -o FILE.npz")
    deliver(_rendered(sweep, form, output), output)
    if sweep.infeasible:
        click.echo(
            f"{sweep.infeasible:,} of {len(sweep):,} variants cannot exist; their totals are left empty.", err=True
        )
    _remark(sweep)


def _remark(sweep: Sweep) -> None:
    """What the predicted times cannot be trusted for."""
    for predictor in sweep.predictors:
        name = predictor.profile.name
        outside = sweep.extrapolated[name]
        if not predictor.profile.calibrated:
            from archcost.reports.latency import uncalibrated

            click.echo(uncalibrated(name), err=True)
        elif outside:
            click.echo(f"{outside:,} of {len(sweep):,} variants lie outside what {name} was fitted on.", err=True)


def _rendered(sweep: Any, form: str, output: str | None) -> str | bytes:
    if form == "json":
        from archcost.reports import json

        return json.dumps(sweep.to_dict())
    if form == "csv":
        return str(sweep.to_csv())
    if form == "npz":
        from archcost.reports import npz

        return npz.sweep(sweep)
    from archcost.reports import table

    return table.sweep(sweep, None if output else table.terminal_width())
