"""archcost diff"""

from __future__ import annotations

from typing import Any

import click

from archcost.cli import options
from archcost.cli.output import deliver, format_of, in_form

FORMATS = ("table", "markdown", "csv", "json")
ENDINGS = {".json": "json", ".csv": "csv", ".md": "markdown"}


@click.command(name="diff", short_help="Two models side by side: totals, and layers that differ.")
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@options.importing_options
@click.option("--all", "everything", is_flag=True, help="Equal layers too.")
@options.memory_options
@click.option("--format", "form", type=click.Choice(FORMATS), help="[default: by FILE's ending, else table]")
@options.output_option
def command(a: str, b: str, everything: bool, form: str | None, output: str | None, **memory: Any) -> None:
    """Two models side by side: all totals, and the layers that differ.

    A and B are specs or models, with settings after an @ if you like. Layers are matched by name and shape; where
    names differ, by kind and shape in their order. What only one side has was added or removed.

    \b
    archcost diff mobilenetv1 mobilenetv1@alpha=0.5,resolution=160
    archcost diff resnet50 resnet50_v1_5
    archcost diff mobilenetv1 mobilenetv1@depth=0 --all
    archcost diff old.yaml new.yaml --dtype int8 --format markdown
    archcost diff mobilenetv2 torchvision:mobilenet_v2 --input 3x192x192
    """
    from archcost.api import load
    from archcost.reports import diff as report

    form = format_of(form, output, ENDINGS, "table")
    first, second = (load(spec).analyze(**memory) for spec in (a, b))
    found = first.diff(second)
    deliver(in_form(report, form, output, found, everything), output)
