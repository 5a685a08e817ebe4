"""What a counting convention may count in a layer, each a sum of products of sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

from archcost.cost import NOTHING, Amount, Cost
from archcost.dims import divided
from archcost.graph import Layer
from archcost.ops.attention import Attention, ScaledDotProduct
from archcost.ops.convolution import ConvTranspose2d
from archcost.ops.normalization import LocalResponseNorm


def _window(layer: Layer) -> Amount:
    return Amount.product(*getattr(layer.op, "kernel"), *layer.output_shape)  # noqa: B009


def _rows(layer: Layer) -> Amount:
    return Amount.product(getattr(layer.op, "kernel")[0], *layer.output_shape)  # noqa: B009


def _positions(layer: Layer) -> Amount:
    """Softmax runs along the channels of a map, else along the last size, or as it says: everything but that."""
    x, said = layer.input_shapes[0], getattr(layer.op, "axis", None)
    along = (0 if x.rank == 3 else x.rank - 1) if said is None else said
    return Amount.product(*x[:along], *x[along + 1 :])


def _spread(layer: Layer) -> Amount:
    op, y = layer.op, layer.output_shape
    if not isinstance(op, ConvTranspose2d):
        return NOTHING
    return Amount((*weights[:-2], y.height, y.width) for weights in layer.cost.macs)


def _neighbours(layer: Layer) -> Amount:
    op, x = layer.op, layer.input_shapes[0]
    return Amount.product(x.channels + op.size - 1, *x[1:]) if isinstance(op, LocalResponseNorm) else NOTHING


def _transposed(layer: Layer) -> Amount:
    op, y = layer.op, layer.output_shape
    if not isinstance(op, ConvTranspose2d):
        return NOTHING
    return Amount.product(*op.kernel, divided(y.channels, op.groups), *y)


def _normalised(layer: Layer) -> Amount:
    op, x = layer.op, layer.input_shapes[0]
    return Amount.product(*(x[:-1] if getattr(op, "over", "") == "features" else x[1:]))


def _scores(layer: Layer) -> Amount:
    return layer.op.scores(layer.input_shapes) if isinstance(layer.op, Attention) else NOTHING


def _score_elements(layer: Layer) -> Amount:
    if isinstance(layer.op, ScaledDotProduct):
        return Amount.product(*layer.input_shapes[0][:-1], layer.input_shapes[1][-2])
    if not isinstance(layer.op, Attention):
        return NOTHING
    return Amount.product(layer.op.heads, layer.input_shapes[0][0], layer.input_shapes[-1][0])


def _mask_adds(layer: Layer) -> Amount:
    return _score_elements(layer) if len(layer.inputs) == 4 else NOTHING


def _keys(layer: Layer) -> Amount:
    return Amount.product(*layer.input_shapes[1 if isinstance(layer.op, ScaledDotProduct) else -1])


TERMS: dict[str, Callable[[Layer], Amount]] = {
    **{field.name: lambda layer, name=field.name: getattr(layer.cost, name) for field in fields(Cost)},  # type: ignore[misc]
    "layers": lambda layer: Amount.product(1),
    "inputs": lambda layer: Amount.product(*layer.input_shapes[0]),
    "outputs": lambda layer: Amount.product(*layer.output_shape),
    "channels": lambda layer: Amount.product(layer.input_shapes[0].channels),
    "window_elements": _window,
    "window_rows": _rows,
    "softmax_positions": _positions,
    "output_grid_macs": _spread,
    "response_elements": _neighbours,
    "output_channel_macs": _transposed,
    "norm_positions": _normalised,
    "score_macs": _scores,
    "score_elements": _score_elements,
    "query_elements": lambda layer: Amount.product(*layer.input_shapes[0]),
    "key_elements": _keys,
    "mask_adds": _mask_adds,
}
"""What a rule may count: the terms of `Cost`, and

layers: 1 a layer. inputs, outputs: elements of the (first) input and of the output; channels: of the input.
window_elements, window_rows: those in all windows of a pool. softmax_positions, norm_positions: the vectors that a
softmax, a layer norm normalises. response_elements: the squares that a local response norm averages, padding included.
output_grid_macs: a transposed convolution's macs if each weight worked at each output position; output_channel_macs:
the same with its output channels in the place of the input's. score_macs: the part of attention that no linear layer
holds; score_elements: what its softmax takes, mask_adds: those to which a mask is added; query_elements,
key_elements: its queries, its keys.
"""
