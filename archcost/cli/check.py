"""archcost check"""

from __future__ import annotations

import sys
from typing import Any

import click

from archcost.cli import options
from archcost.cli.output import deliver, format_of, in_form

FORMATS = ("table", "markdown", "csv", "json")
ENDINGS = {".json": "json", ".csv": "csv", ".md": "markdown"}


@click.command(name="check", short_help="A gate: exit code 1 where a limit is exceeded.")
@options.spec_argument
@click.option("--max-macs", "--budget", metavar="COUNT", help="Mult-adds at most: 300M, 1.5G, 0.3e9.")
@click.option("--max-params", metavar="COUNT", help="Parameters at most: 4M.")
@click.option("--max-weights", metavar="SIZE", help="Bytes of weights at most: 1MiB.")
@click.option("--max-peak-memory", metavar="SIZE", help="Bytes of activations alive at once at most: 320KiB.")
@options.settings_options
@options.memory_options
@click.option("--format", "form", type=click.Choice(FORMATS), help="[default: by FILE's ending, else table]")
@options.output_option
def command(
    spec: str,
    max_macs: str | None,
    max_params: str | None,
    max_weights: str | None,
    max_peak_memory: str | None,
    alpha: str | None,
    rho: str | None,
    resolution: str | None,
    assignments: tuple[str, ...],
    form: str | None,
    output: str | None,
    **memory: Any,
) -> None:
    """Hold a model against limits: what holds, what does not, and by how much.

    Exit code 0 where all limits hold, 1 where one does not, 2 for bad input: a gate for continuous integration,
    or for a microcontroller's flash (--max-weights) and SRAM (--max-peak-memory). A limit on the macs of a model
    whose macs are partial is not known to hold: exit code 1.

    \b
    archcost check mobilenetv1 --max-macs 600M --max-params 4.5M
    archcost check mobilenetv1@alpha=0.25,resolution=96 --dtype int8 --max-weights 1MiB --max-peak-memory 320KiB
    archcost check my.yaml --max-macs 300M --format json -o check.json
    """
    from archcost.api import load
    from archcost.api.limits import limits_of
    from archcost.reports import check as report

    form = format_of(form, output, ENDINGS, "table")
    limits = limits_of(
        {
            "max_macs": max_macs,
            "max_params": max_params,
            "max_weights": max_weights,
            "max_peak_memory": max_peak_memory,
        }
    )
    found = load(spec).analyze(**options.chosen(alpha, rho, resolution, assignments), **memory).check(**limits)
    deliver(in_form(report, form, output, found), output)
    if not found.ok:
        sys.exit(1)
