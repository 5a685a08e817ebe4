"""Receptive field and stride, through branches: how much of the input one position of a tensor sees.

The first position of a tensor sees the input's pixels from `first` to `last`, counted with the padding, and
its neighbour the same `stride` pixels on. Where branches meet, it sees what either did. What sees the whole
image (global pooling, linear layers, attention) has no field of its own; where it joins a map again, as the
gate of squeeze-and-excite does, the map's field stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archcost import dims
from archcost.dims import Number, Ratio, is_array, lower, upper
from archcost.graph import INPUT, Network
from archcost.ops.base import Reach

LARGEST = 10**15
"""A field or stride beyond is no longer told."""


@dataclass(frozen=True, slots=True)
class _View:
    """What the first position sees along one axis."""

    first: Number = 0
    last: Number = 0
    stride: Number = 1

    def through(self, extent: Any, before: Any, step: Number) -> _View:
        """After an operator whose position 0 reads `extent` positions from -before on."""
        first = self.first + self.stride * -before
        last = self.last + self.stride * (extent - 1 - before)
        return _View(first, last, self.stride * step)

    def joined(self, other: _View) -> _View:
        return _View(lower(self.first, other.first), upper(self.last, other.last), upper(self.stride, other.stride))

    @property
    def field(self) -> Number:
        return self.last + self.first * -1 + 1


def receptive_field(network: Network) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """((rows, columns), (vertical, horizontal stride)) of the last tensor that still has positions of its own.

    None for a network without a map at its input, and for what is larger than any image.
    """
    if network.input_shape.rank != 3:
        return (None, None), (None, None)
    views: dict[str, tuple[_View, _View] | None] = {INPUT: (_View(), _View())}
    latest = (_View(), _View())
    for layer in network.layers:
        reach = layer.op.reach(layer.source)
        joined = _joined([view for source in layer.inputs if (view := views[source]) is not None])
        if reach is None or joined is None:
            views[layer.name] = None
        else:
            views[layer.name] = latest = _through(joined, reach)
    fields, strides = [_pixels(view.field) for view in latest], [_told(view.stride) for view in latest]
    return (fields[0], fields[1]), (strides[0], strides[1])


def _through(views: tuple[_View, _View], reach: Reach) -> tuple[_View, _View]:
    rows, columns = (
        view.through(extent, before, step)
        for view, extent, before, step in zip(views, reach.extent, reach.before, reach.step, strict=True)
    )
    return rows, columns


def _joined(views: list[tuple[_View, _View]]) -> tuple[_View, _View] | None:
    if not views:
        return None
    rows, columns = views[0]
    for other_rows, other_columns in views[1:]:
        rows, columns = rows.joined(other_rows), columns.joined(other_columns)
    return rows, columns


def _pixels(field: Number) -> Any:
    """Whole pixels; half of one, as upsampling can leave it, is none."""
    return _told(dims.floor(field))


def _told(value: Number) -> Any:
    if isinstance(value, Ratio):
        return dims.as_float(value)
    return None if not is_array(value) and value > LARGEST else value
