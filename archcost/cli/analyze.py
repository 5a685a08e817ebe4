"""archcost analyze"""

from __future__ import annotations

from typing import Any

import click

from archcost.analysis.training import Training
from archcost.api import Analysis, load
from archcost.cli import options
from archcost.cli.output import deliver, format_of, in_form
from archcost.errors import ArchcostError

FORMATS = ("table", "markdown", "csv", "json")
OPTIMIZERS = ("sgd", "momentum", "adam")
ENDINGS = {".json": "json", ".csv": "csv", ".md": "markdown"}


@click.command(name="analyze", short_help="Multiply-adds, parameters, memory by layer.")
@options.spec_argument
@options.settings_options
@options.memory_options
@click.option(
    "--device", metavar="NAME", help="Predict times on it: a name of `archcost devices`, or a profile's file."
)
@options.mode_option
@click.option("--training", is_flag=True, help="And what a step of training costs: multiply-adds back, memory.")
@click.option(
    "--optimizer", type=click.Choice(OPTIMIZERS), help="With --training: whose state is held.  [default: sgd]"
)
@click.option("--amp", is_flag=True, help="With --training: automatic mixed precision, activations in 16 bits.")
@options.convention_option
@click.option("--conventions", "side_by_side", is_flag=True, help="All conventions side by side, and how each differs.")
@click.option("--by", type=click.Choice(["block", "kind"]), help="Sum the layers of each block or kind.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="[default: by FILE's ending, else table]")
@options.output_option
def command(
    spec: str,
    alpha: str | None,
    rho: str | None,
    resolution: str | None,
    assignments: tuple[str, ...],
    device: str | None,
    mode: str | None,
    training: bool,
    optimizer: str | None,
    amp: bool,
    convention: str | None,
    side_by_side: bool,
    by: str | None,
    form: str | None,
    output: str | None,
    **memory: Any,
) -> None:
    """Multiply-adds, parameters and memory, layer by layer.

    SPEC is a YAML file, a name from the zoo (see `archcost specs`), or a model: torchvision:NAME, timm:NAME,
    keras:NAME, package.module:attribute, FILE.onnx; with settings after an @ if you like.

    \b
    archcost analyze specs/mobilenetv1.yaml
    archcost analyze mobilenetv1 --alpha 0.5 --resolution 160
    archcost analyze mobilenetv1@alpha=0.5,resolution=160,depth=0 --by block
    archcost analyze resnet50 --batch 32 --dtype float16 -o resnet50.json
    archcost analyze mobilenetv1 --device pixel3-cpu --by block
    archcost analyze timm:efficientnet_b0 --resolution 240
    archcost analyze resnet50 --convention thop
    archcost analyze resnet50 --conventions
    archcost analyze mobilenetv1 --batch 32 --training --optimizer adam --amp --by block
    """
    settings = options.chosen(alpha, rho, resolution, assignments)
    if side_by_side and (convention or by or device or training):
        raise ArchcostError("--conventions lists all by itself; leave --convention, --by, --device and --training away")
    if not training and (optimizer or amp):
        raise ArchcostError("--optimizer and --amp need --training")
    analysis = load(spec).analyze(**settings, **memory, device=device, mode=mode or "", convention=convention)
    step = analysis.training(optimizer or "sgd", amp) if training else None
    form = format_of(form, output, ENDINGS, "table")
    if side_by_side:
        from archcost.reports import conventions

        deliver(in_form(conventions, form, output, analysis), output)
    else:
        deliver(_text(analysis, by, step, form, output), output)


def _text(analysis: Analysis, by: str | None, step: Training | None, form: str, output: str | None) -> str:
    from archcost.reports import csv, json, markdown, table

    if form == "json":
        return json.dumps(analysis.to_dict(by, step))
    if form == "csv":
        return csv.analysis(analysis, by, analysis.latency, step)
    if form == "markdown":
        return markdown.analysis(analysis, by, analysis.latency, step)
    return table.analysis(analysis, by, None if output else table.terminal_width(), analysis.latency, step)
