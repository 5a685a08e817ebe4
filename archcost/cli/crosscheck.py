"""archcost crosscheck"""

from __future__ import annotations

import sys

import click

from archcost.cli import options
from archcost.cli.output import deliver, format_of, in_form

FORMATS = ("table", "markdown", "csv", "json")
ENDINGS = {".json": "json", ".csv": "csv", ".md": "markdown"}


@click.command(name="crosscheck", short_help="What other counters print for a model, and why.")
@options.spec_argument
@options.settings_options
@click.option("--only", multiple=True, metavar="NAME", help="Only this counter: thop, ptflops, …; repeatable.")
@click.option("--time-limit", type=float, default=120.0, show_default=True, metavar="SECONDS", help="For each counter.")
@click.option(
    "--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Counters at once; each holds the model."
)
@click.option("--format", "form", type=click.Choice(FORMATS), help="[default: by FILE's ending, else table]")
@options.output_option
def command(
    spec: str,
    alpha: str | None,
    rho: str | None,
    resolution: str | None,
    assignments: tuple[str, ...],
    only: tuple[str, ...],
    time_limit: float,
    jobs: int,
    form: str | None,
    output: str | None,
) -> None:
    """Run the counters that are installed on a model, and say term by term what each counts.

    SPEC is a spec, torchvision:NAME, timm:NAME or package.module:attribute. The counters are fvcore, torch's
    FlopCounterMode, thop, ptflops (two back ends), torchinfo, torchprofile, calflops, deepspeed, torchscan and
    onnx_tool: pip install 'archcost[counters]'. Each runs in a process of its own on the model itself; on the module
    that archcost builds where SPEC is no model, or α is not 1.

    The verdict is `equal` where its figure is archcost's under its convention, `explained` where what it overlooks
    accounts for the difference to the unit, else `differs`; `no rule` where archcost cannot say what it counts.

    Exit code 0, whatever they print; with --strict 1 where a counter differs or fails, or counts are partial.

    \b
    archcost crosscheck mobilenetv1
    archcost crosscheck torchvision:resnet50 --only thop --only ptflops
    archcost crosscheck mobilenetv1 --alpha 0.5 --resolution 160 -o counters.json
    archcost crosscheck mypackage.models:build --input 3x224x224 --strict
    """
    from archcost.api import load
    from archcost.reports import crosscheck as report

    form = format_of(form, output, ENDINGS, "table")
    analysis = load(spec).analyze(**options.chosen(alpha, rho, resolution, assignments))
    names = [name for given in only for name in given.split(",")]
    with click.progressbar(length=1, file=sys.stderr, label="counting", item_show_func=str) as bar:

        def progress(name: str, of: int) -> None:
            bar.length = of
            bar.update(1, name)

        found = analysis.crosscheck(names, time_limit=time_limit, at_once=jobs, progress=progress)
    deliver(in_form(report, form, output, found), output)
    if click.get_current_context().params.get("strict") and not found.ok:
        sys.exit(1)
