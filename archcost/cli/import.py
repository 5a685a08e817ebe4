"""archcost import"""

from __future__ import annotations

import click

from archcost.cli import options
from archcost.cli.output import deliver
from archcost.errors import ArchcostError


@click.command(name="import", short_help="A model of PyTorch, ONNX or Keras as a spec.")
@options.spec_argument
@click.option("--resolution", metavar="SIZE", help="Input size: 160, or height × width as 160x192.")
@options.output_option
def command(spec: str, resolution: str | None, output: str | None) -> None:
    """A model as a spec in archcost's own language, flat, each layer under its module's path.

    SPEC is torchvision:NAME, timm:NAME, keras:NAME, package.module:attribute (an nn.Module, or what makes one), or a
    file that ends in .onnx or .keras. The model is read without weights. Every other command takes such a name in
    place of a spec, too.

    \b
    archcost import torchvision:resnet50 -o resnet50.yaml
    archcost import timm:efficientnet_b0 --resolution 256 -o efficientnet.yaml
    archcost import detector.onnx --input 3x320x320 -o detector.yaml
    archcost import keras:MobileNetV2 --kwargs alpha=0.5 -o mine.yaml
    archcost import mypackage.models:build --input 3x224x224 --kwargs num_classes=10 -o mine.yaml
    """
    from archcost.importers import opened, resized
    from archcost.spec import ranges

    found = opened(spec)
    if found is None:
        raise ArchcostError(
            f"{spec} is no model; write torchvision:NAME, timm:NAME, keras:NAME, package.module:attribute, or "
            "a file that ends in .onnx or .keras"
        )
    if resolution is not None:
        given = ranges.resolution(resolution)
        height, width = given if isinstance(given, tuple) else (given, given)
        try:
            found = resized(spec, int(height), int(width))
        except ValueError:
            raise ArchcostError(f"--resolution {resolution}: write 160, or height × width as 160x192") from None
    deliver(found.text, output)
