"""Receptive field and stride, through branches: how much of the input one position of a tensor sees.

Along a path, field += (extent - 1) · stride and stride *= step. Where branches meet, the largest field
counts. What sees the whole image (global pooling, linear layers, attention) has no field of its own; where it
joins a map again, as the gate of squeeze-and-excite does, the map's field stays.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from archcost.dims import Dim, is_array, larger
from archcost.graph import INPUT, Network

Axes = tuple[Any, Any]


def receptive_field(network: Network) -> tuple[Axes, Axes]:
    """((rows, columns), (vertical, horizontal stride)) of the last tensor that still has positions of its own.

    ((None, None), (None, None)) for a network without a map at its input.
    """
    nothing: tuple[Axes, Axes] = ((None, None), (None, None))
    if network.input_shape.rank != 3:
        return nothing
    fields: dict[str, tuple[Axes, Axes] | None] = {INPUT: ((1, 1), (1, 1))}
    latest = fields[INPUT]
    for layer in network.layers:
        reach = layer.op.reach(layer.source)
        joined = _joined([found for source in layer.inputs if (found := fields[source]) is not None])
        if reach is None or joined is None:
            fields[layer.name] = None
            continue
        (rows, columns), (vertical, horizontal) = joined
        extent, step = reach.extent, reach.step
        fields[layer.name] = latest = (
            (rows + (extent[0] - 1) * vertical, columns + (extent[1] - 1) * horizontal),
            (vertical * step[0], horizontal * step[1]),
        )
    if latest is None:
        return nothing
    (rows, columns), (vertical, horizontal) = latest
    return (_whole(rows), _whole(columns)), (_whole(vertical), _whole(horizontal))


def _joined(fields: list[tuple[Axes, Axes]]) -> tuple[Axes, Axes] | None:
    if not fields:
        return None
    result = fields[0]
    for field in fields[1:]:
        result = tuple(
            tuple(_larger(a, b) for a, b in zip(x, y, strict=True)) for x, y in zip(result, field, strict=True)
        )  # type: ignore[assignment]
    return result


def _larger(a: Any, b: Any) -> Any:
    return larger(a, b) if is_array(a) or is_array(b) else max(a, b)


def _whole(value: Any) -> Dim | float:
    """A whole number where it is one; upsampling can leave a fraction."""
    if isinstance(value, Fraction):
        return int(value) if value.denominator == 1 else float(value)
    return value  # type: ignore[no-any-return]
