"""Pools as ONNX nodes. What ONNX has no word for is said by margins, counts and slices: sizes are known, so these are.

No table of floats is stored for it: in a file nobody can tell one from learned weights.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto

from archcost.exporters.onnx.graph import Graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

Margins = tuple[tuple[int, int], tuple[int, int]]
Shape = tuple[int, ...]
FLOAT = TensorProto.FLOAT


def max_pool(
    graph: Graph,
    x: str,
    shape: Shape,
    *,
    kernel_size: Any,
    stride: Any,
    margins: Margins,
    dilation: Any,
    output_size: Any,
    ceil_mode: bool,
) -> str:
    kernel, steps, spread = (tuple(map(int, each)) for each in (kernel_size, stride, dilation))
    covered = _covered(shape, margins, kernel, steps, spread, output_size)
    how: dict[str, Any] = {"kernel_shape": list(kernel), "strides": list(steps), "dilations": list(spread)}
    if all(2 * edge <= k for k, edges in zip(kernel, covered, strict=True) for edge in edges):
        (top, bottom), (left, right) = covered
        return graph.node(
            "MaxPool", _cut(graph, x, shape, covered), pads=[top, left, max(bottom, 0), max(right, 0)], **how
        )
    return graph.node("MaxPool", _padded(graph, x, shape, covered, float("-inf")), **how)


def avg_pool(
    graph: Graph,
    x: str,
    shape: Shape,
    *,
    kernel_size: Any,
    stride: Any,
    margins: Margins,
    output_size: Any,
    ceil_mode: bool,
    count_include_pad: bool,
) -> str:
    kernel, steps = (tuple(map(int, each)) for each in (kernel_size, stride))
    covered = _covered(shape, margins, kernel, steps, (1, 1), output_size)
    how: dict[str, Any] = {"kernel_shape": list(kernel), "strides": list(steps)}
    if not count_include_pad and all(edge < k for k, edges in zip(kernel, covered, strict=True) for edge in edges):
        (top, bottom), (left, right) = covered
        return graph.node(
            "AveragePool", _cut(graph, x, shape, covered), pads=[top, left, max(bottom, 0), max(right, 0)], **how
        )
    counts = [
        _counts(n, before, edges if count_include_pad else (0, 0), k, s, int(o))
        for n, (before, _), edges, k, s, o in zip(shape[1:], covered, margins, kernel, steps, output_size, strict=True)
    ]
    y = graph.node("AveragePool", _padded(graph, x, shape, covered, 0.0), **how)
    if all((each == k).all() for each, k in zip(counts, kernel, strict=True)):
        return y
    # The mean over the whole window, put right where some of it is not counted.
    counted = graph.store("counts", counts[0][:, None] * counts[1][None, :], np.int64)
    total = graph.node("Mul", y, graph.number(float(math.prod(kernel))), part="sum")
    return graph.node("Div", total, graph.node("Cast", counted, to=FLOAT))


def _covered(shape: Shape, margins: Margins, kernel: Shape, steps: Shape, spread: Shape, size: Any) -> Margins:
    """The margins that the windows of an output of this size reach over; negative where they leave something."""
    rows, columns = (
        (int(before), (int(o) - 1) * s + d * (k - 1) + 1 - n - int(before))
        for n, (before, _), k, s, d, o in zip(shape[1:], margins, kernel, steps, spread, size, strict=True)
    )
    return rows, columns


def _counts(n: int, before: int, counted: tuple[int, int], kernel: int, step: int, size: int) -> NDArray[Any]:
    """How many elements of each window count: those in the input, and `counted` ones on either side of it."""
    starts = np.arange(size) * step - before
    first, last = -int(counted[0]), n + int(counted[1])
    return np.clip(starts + kernel, None, last) - np.clip(starts, first, None)


def _cut(graph: Graph, x: str, shape: Shape, covered: Margins) -> str:
    """Without the rows and columns at the end that no window reaches: some runtimes would begin windows there."""
    left = [min(after, 0) for _, after in covered]
    if not any(left):
        return x
    stops = [n + each for n, each in zip(shape[1:], left, strict=True)]
    return graph.node("Slice", x, graph.integers(0, 0), graph.integers(*stops), graph.integers(2, 3), part="cut")


def _padded(graph: Graph, x: str, shape: Shape, covered: Margins, value: float) -> str:
    x = _cut(graph, x, shape, covered)
    (top, bottom), (left, right) = ((before, max(after, 0)) for before, after in covered)
    if not any((top, bottom, left, right)):
        return x
    return graph.node("Pad", x, graph.integers(0, 0, top, left, 0, 0, bottom, right), graph.number(value))


def _windows(n: int, count: int) -> list[tuple[int, int]]:
    """Adaptive windows: from floor(i · n / count) to ceil((i + 1) · n / count)."""
    return [(i * n // count, -(-(i + 1) * n // count)) for i in range(count)]


def adaptive_pool(graph: Graph, x: str, shape: Shape, size: Any, pool: str, reduce: str) -> str:
    """pool: the node where windows tile the input; reduce: where they overlap that of each, rows and then columns."""
    (_, height, width), (rows, columns) = shape, map(int, size)
    if height % rows == 0 and width % columns == 0:
        kernel = [height // rows, width // columns]
        return graph.node(pool, x, kernel_shape=kernel, strides=kernel)
    for axis, n, count in ((2, height, rows), (3, width, columns)):
        parts = []
        for start, stop in _windows(n, count):
            part = graph.node("Slice", x, graph.integers(start), graph.integers(stop), graph.integers(axis))
            parts.append(graph.node(reduce, part, graph.integers(axis), keepdims=1))
        x = graph.node("Concat", *parts, axis=axis)
    return x
