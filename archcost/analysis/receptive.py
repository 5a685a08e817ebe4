"""Receptive field and stride, through branches: how much of the input one position of a tensor sees.

The first position of a tensor sees the input's pixels from `first` to `last`, counted with the padding, and
its neighbour the same `stride` pixels on. Where branches meet, it sees what either did. What sees the whole
image (global pooling, linear layers over it, attention) has no field of its own; where it joins a map again, as the
gate of squeeze-and-excite does, the map's field stays. Rows and columns are followed where a transposition puts them.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from archcost import dims
from archcost.dims import is_array, larger, smaller
from archcost.graph import INPUT, Layer, Network
from archcost.ops.base import POINT, Reach
from archcost.ops.layout import Transpose
from archcost.ops.linear import Linear

LARGEST = 10**15
"""A field or stride beyond is no longer told."""
_HAIR = 1e-9
"""What rounding may take from a sum of fractions of a pixel."""


@dataclass(frozen=True, slots=True)
class _View:
    """What the first position sees along one axis, in pixels; fractions are floats, and so are a batch's figures."""

    first: Any = 0
    last: Any = 0
    stride: Any = 1

    def through(self, extent: Any, before: Any, step: Any) -> _View:
        """After an operator whose position 0 reads `extent` positions from -before on."""
        extent, before, step = _pixels(extent), _pixels(before), _pixels(step)
        first = self.first - self.stride * before
        last = self.last + self.stride * (extent - 1 - before)
        return _View(first, last, self.stride * step)

    def joined(self, other: _View) -> _View:
        return _View(smaller(self.first, other.first), larger(self.last, other.last), larger(self.stride, other.stride))

    @property
    def told(self) -> bool:
        """Whether one model's stride is still one to tell."""
        return is_array(self.stride) or bool(self.stride <= LARGEST)


@dataclass(frozen=True, slots=True)
class _Map:
    """What a tensor's positions see, by rows and by columns; axes: which of its axes those are."""

    rows: _View = _View()
    columns: _View = _View()
    axes: tuple[int, int] = (1, 2)

    def through(self, layer: Layer) -> _Map | None:
        """After a layer; None where each position then sees everything."""
        op = layer.op
        if isinstance(op, Transpose):
            return _Map(self.rows, self.columns, (op.axes.index(self.axes[0]), op.axes.index(self.axes[1])))
        within = isinstance(op, Linear) and layer.output_shape.rank - 1 not in self.axes
        reach: Reach | None = POINT if within else op.reach(layer.source)
        if reach is None or (reach is not POINT and self.axes != (1, 2)):
            return None
        rows, columns = (
            view.through(extent, before, step)
            for view, extent, before, step in zip(
                (self.rows, self.columns), reach.extent, reach.before, reach.step, strict=True
            )
        )
        return _Map(rows, columns, self.axes)

    def joined(self, other: _Map) -> _Map:
        return _Map(self.rows.joined(other.rows), self.columns.joined(other.columns), self.axes)


def _pixels(size: Any) -> Any:
    """A whole number as it is; a fraction, and what differs between the rows of a batch, as floats."""
    value = dims.as_float(size)
    return value.astype(float) if is_array(value) else value


def receptive_field(network: Network) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """((rows, columns), (vertical, horizontal stride)) of the last tensor that still has positions of its own.

    None for a network without a map at its input, and for what is larger than any image.
    """
    if network.input_shape.rank != 3:
        return (None, None), (None, None)
    maps: dict[str, _Map | None] = {INPUT: _Map()}
    latest = _Map()
    for layer in network.layers:
        known = [found for source in layer.inputs if (found := maps[source]) is not None]
        alike = known and all(each.axes == known[0].axes for each in known)
        seen = functools.reduce(_Map.joined, known).through(layer) if alike else None
        maps[layer.name] = seen
        if seen is not None:
            latest = seen
            if not (seen.rows.told and seen.columns.told):
                return (None, None), (None, None)
    views = latest.rows, latest.columns
    fields = [_told(view.last - view.first + 1, whole=True) for view in views]
    strides = [_told(view.stride) for view in views]
    return (fields[0], fields[1]), (strides[0], strides[1])


def _told(value: Any, whole: bool = False) -> Any:
    """A figure as reports have it: an integer where it is one, None where it is larger than any image."""
    if not is_array(value):
        rounded = int(value + _HAIR) if whole else value
        rounded = int(rounded) if rounded == int(rounded) else rounded
        return rounded if rounded <= LARGEST else None
    import numpy as np

    rounded = np.floor(value + _HAIR) if whole else value
    small = rounded <= LARGEST  # False for what has overflowed, too
    found = np.where(small, rounded, 0)
    found = found.astype(np.int64) if (found == np.floor(found)).all() else found
    if small.all():
        return found
    found = found.astype(object)
    found[~small] = None
    return found
