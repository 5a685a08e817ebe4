"""archcost export"""

from __future__ import annotations

from typing import Any

import click

from archcost.api import load
from archcost.cli import options
from archcost.cli.output import deliver, format_of
from archcost.errors import ArchcostError

TARGETS = ("torch", "onnx", "yaml")
ENDINGS = {".py": "torch", ".onnx": "onnx", ".yaml": "yaml", ".yml": "yaml"}


@click.command(name="export", short_help="A network as PyTorch code, as ONNX, or as a concrete spec.")
@options.spec_argument
@click.option("--to", "target", type=click.Choice(TARGETS), help="[default: by FILE's ending, else torch]")
@options.settings_options
@click.option("--weights", metavar="FILE", help="For onnx: an .npz of arrays under a state_dict's names.")
@click.option("--seed", type=int, metavar="NUMBER", help="For onnx without weights: of random ones.  [default: 0]")
@options.output_option
def command(
    spec: str, target: str | None, weights: str | None, seed: int | None, output: str | None, **given: Any
) -> None:
    """Write a network at given settings as something that runs, or that can be edited.

    torch: one Python file that needs PyTorch alone; its modules are named as the layers, each block is a class.
    onnx: a file for onnxruntime and others, its nodes named as the layers, for any batch; needs the extra `onnx`.
    yaml: a spec of every layer with its own numbers, without blocks or parameters.

    \b
    archcost export mobilenetv2 --to torch
    archcost export mobilenetv1 --alpha 0.5 --resolution 160 -o mobilenet.py
    archcost export best/winner.yaml -o winner.onnx
    archcost export efficientnet_b0 --set depth=1.1 --resolution 240 -o b1.yaml
    """
    target = format_of(target, output, ENDINGS, "torch")
    for name, value in (("--weights", weights), ("--seed", seed)):
        if value is not None and target != "onnx":
            raise ArchcostError(f"{name} is for --to onnx; {target} has no weights")
    if target == "onnx" and output is None:
        raise ArchcostError("onnx is a binary format; name a file with -o FILE.onnx")
    analysis = load(spec).analyze(**options.chosen(**given))
    if target == "onnx":
        deliver(analysis.to_onnx(weights, seed=seed or 0), output)
    else:
        deliver(analysis.to_torch() if target == "torch" else analysis.to_yaml(), output)
