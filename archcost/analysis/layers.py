"""The rows of an analysis: what each layer costs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from archcost.cost import Amount
from archcost.dims import Dim
from archcost.graph import Layer
from archcost.shape import TensorShape


@dataclass(slots=True, eq=False)
class LayerCost:
    """One layer's row: counts for one sample, elements and bytes for the batch.

    counted: by the convention that was asked for; None without one, or where it has no rule.
    """

    name: str
    kind: str
    block: str | None
    kernel: tuple[Dim, Dim] | None
    stride: tuple[Dim, Dim] | None
    groups: Dim | None
    input_shapes: tuple[TensorShape, ...]
    output_shape: TensorShape
    macs: Dim
    params: Dim
    buffers: Dim
    activation_elements: Dim
    activation_bytes: Dim
    bytes_moved: Dim
    formula: str
    counted: Dim | None = None

    @property
    def flops(self) -> Any:
        return 2 * self.macs


def layer_cost(layer: Layer, allocated: Amount | None, batch: int, size: int) -> LayerCost:
    """The row of a layer whose output takes `allocated` elements a sample (None: another's memory); size: bytes of
    one element."""
    cost, op = layer.cost, layer.op
    params, buffers = cost.params.value, cost.buffers.value
    moved = sum(shape.elements for shape in (*layer.input_shapes, layer.output_shape)) * batch
    elements = allocated.value * batch if allocated else 0
    source = layer.input_shapes[0]
    return LayerCost(
        name=layer.name,
        kind=layer.kind,
        block=layer.block,
        kernel=getattr(op, "kernel", None),
        stride=getattr(op, "step", getattr(op, "stride", None)),
        groups=source.channels if layer.kind == "depthwise" else getattr(op, "groups", None),
        input_shapes=layer.input_shapes,
        output_shape=layer.output_shape,
        macs=cost.macs.value,
        params=params,
        buffers=buffers,
        activation_elements=elements,
        activation_bytes=elements * size,
        bytes_moved=(moved + params + buffers) * size if op.moves_data else 0,
        formula=str(cost.macs),
    )


def group(layers: Iterable[LayerCost], by: str) -> dict[str, list[LayerCost]]:
    """Layers by kind, or by the block of the outermost list that they stand in."""
    groups: dict[str, list[LayerCost]] = {}
    for layer in layers:
        key = layer.kind if by == "kind" else (layer.block or layer.name).split(".")[0]
        groups.setdefault(key, []).append(layer)
    return groups
