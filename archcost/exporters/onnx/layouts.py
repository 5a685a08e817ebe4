"""Operators that move elements as ONNX nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from archcost.exporters.onnx.at import At, whole

if TYPE_CHECKING:
    from archcost.exporters.onnx.pools import Margins


def slice(at: At, axis: Any, start: Any, length: Any) -> str:
    whole = at.graph.integers
    return at.node("Slice", at.x, whole(int(start)), whole(int(start) + int(length)), whole(int(axis) + 1))


def split(at: At, parts: Any, part: Any, axis: Any) -> str:
    size = at.shape[axis] // int(parts)
    start, stop = size * int(part), size * (int(part) + 1)
    whole = at.graph.integers
    return at.node("Slice", at.x, whole(start), whole(stop), whole(int(axis) + 1))


def select(at: At, index: Any) -> str:
    chosen = at.graph.store("index", int(index), np.int64)
    return at.node("Gather", at.x, chosen, axis=1)


def reshape(at: At, **_: Any) -> str:
    """To the output's sizes, whatever the batch."""
    return at.node("Reshape", at.x, at.graph.integers(-1, *map(int, at.layer.output_shape)))


def transpose(at: At, axes: Any) -> str:
    return at.node("Transpose", at.x, perm=[0, *(int(axis) + 1 for axis in axes)])


def rearrange(at: At, axes: Any, sizes: Any) -> str:
    y = at.node("Transpose", at.x, perm=[0, *(int(axis) + 1 for axis in axes)])
    same = tuple(at.shape[axis] for axis in axes) == tuple(sizes)
    return y if same else at.node("Reshape", y, at.graph.integers(-1, *sizes))


def entry(at: At, axis: Any, index: Any, sizes: Any) -> str:
    taken = at.node("Gather", at.x, at.graph.integers(int(index)), axis=int(axis) + 1, part="entry")
    return at.node("Reshape", taken, at.graph.integers(-1, *sizes))


def channel_shuffle(at: At, groups: Any) -> str:
    c, *rest = at.shape
    dealt = at.node("Reshape", at.x, at.graph.integers(-1, int(groups), c // int(groups), *rest), part="groups")
    turned = at.node("Transpose", dealt, perm=[0, 2, 1, *range(3, 3 + len(rest))])
    return at.node("Reshape", turned, at.graph.integers(-1, *at.shape), part="channels")


def pad(at: At, margins: Margins, mode: str) -> str:
    (top, bottom), (left, right) = margins
    pads = at.graph.integers(*whole(0, 0, top, left, 0, 0, bottom, right))
    return at.node("Pad", at.x, pads, mode={"zeros": "constant", "reflect": "reflect", "replicate": "edge"}[mode])


def resize(at: At, size: Any, mode: str) -> str:
    sizes = at.graph.integers(*whole(*size))
    if mode == "nearest":
        how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    else:
        how = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    return at.node("Resize", at.x, "", "", sizes, axes=[2, 3], **how)
