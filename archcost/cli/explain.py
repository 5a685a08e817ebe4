"""archcost explain"""

from __future__ import annotations

from typing import Any

import click

from archcost.api import load
from archcost.cli import options
from archcost.cli.output import deliver


@click.command(name="explain", short_help="The formula behind a number.")
@options.spec_argument
@click.argument("layer", required=False)
@options.settings_options
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@options.output_option
def command(
    spec: str,
    layer: str | None,
    form: str,
    output: str | None,
    **given: Any,
) -> None:
    """The formula behind a number, with this layer's sizes in it.

    LAYER is a layer's name as `archcost analyze` prints it, or a block's for all layers in it. Without LAYER
    it explains the model's total. For a depthwise-separable pair it shows the saving against the standard
    convolution, 1/N + 1/D_K², and the saving in fact.

    \b
    archcost explain mobilenetv1 separable1.depthwise
    archcost explain mobilenetv1 separable1
    archcost explain specs/mobilenetv1.yaml --alpha 0.5
    """
    from archcost.reports import explanation, json, table

    analysis = load(spec).analyze(**options.chosen(**given))
    if layer is None:
        data = explanation.total(analysis)
        text = explanation.total_text(analysis, data)
    else:
        layers = explanation.named(analysis, layer)
        data = layers[0] if len(layers) == 1 else {"spec": analysis.document.name, "block": layer, "layers": layers}
        text = "\n\n".join(map(explanation.layer_text, layers))
    if form == "json":
        deliver(json.dumps(data), output)
    else:
        deliver(table.fitted(text, None if output else table.terminal_width()), output)
