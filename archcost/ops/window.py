"""A window that slides over height and width: what convolutions and pools share."""

from __future__ import annotations

from collections.abc import Iterator

from archcost.cost import Amount
from archcost.dims import Dim, ceil_div, choose, larger
from archcost.ops.base import Check, Reach
from archcost.ops.fields import Margins
from archcost.shape import TensorShape

Pair = tuple[Dim, Dim]


def margins(x: TensorShape, padding: str | Margins, kernel: Pair, stride: Pair, dilation: Pair = (1, 1)) -> Margins:
    """The padding in elements. `same` pads so that the output is ceil(input / stride), the odd one at the end."""
    if isinstance(padding, tuple):
        return padding
    if padding == "valid":
        return (0, 0), (0, 0)
    vertical, horizontal = (
        larger((ceil_div(n, s) - 1) * s + d * (k - 1) + 1 - n, 0)
        for n, k, s, d in zip(x[1:], kernel, stride, dilation, strict=True)
    )
    return (vertical // 2, vertical - vertical // 2), (horizontal // 2, horizontal - horizontal // 2)


def positions(
    x: TensorShape,
    padding: str | Margins,
    kernel: Pair,
    stride: Pair,
    dilation: Pair = (1, 1),
    ceil_mode: bool = False,
) -> Pair:
    """Output height and width: floor((n + padding - dilation · (kernel - 1) - 1) / stride) + 1."""
    if padding == "same":
        return ceil_div(x.height, stride[0]), ceil_div(x.width, stride[1])
    rows, columns = (
        _along(n, before, after, d * (k - 1) + 1, s, ceil_mode)
        for n, (before, after), k, s, d in zip(
            x[1:], margins(x, padding, kernel, stride, dilation), kernel, stride, dilation, strict=True
        )
    )
    return rows, columns


def _along(n: Dim, before: Dim, after: Dim, extent: Dim, stride: Dim, ceil_mode: bool) -> Dim:
    spare = before + after - extent
    if isinstance(spare, int) and isinstance(stride, int) and (spare, stride) == (-1, 1):
        return n  # the same array, not an equal one
    room = n + spare
    if not ceil_mode:
        return room // stride + 1
    count = ceil_div(room, stride) + 1
    # A last window that would start beyond the input and its leading padding is left out.
    return choose((count - 1) * stride >= n + before, count - 1, count)


def misfit(x: TensorShape, padding: str | Margins, kernel: Pair, stride: Pair, dilation: Pair) -> Iterator[Check]:
    """The window is larger than the padded input; where `same` pads, it never is."""
    if padding == "same":
        return
    edges = margins(x, padding, kernel, stride, dilation)
    rows, columns = (
        n + (before + after - size)
        for n, (before, after), size in zip(x[1:], edges, extent(kernel, dilation), strict=True)
    )
    yield (rows < 0) | (columns < 0), "the {}×{} kernel is larger than its padded input {}", *kernel, x


def even(edges: Margins) -> bool:
    """Whether both sides of each axis get the same margin; of one model."""
    (top, bottom), (left, right) = edges
    return bool(top == bottom and left == right)


def padded(x: TensorShape, edges: Margins) -> Amount:
    """Elements of the input with its margins."""
    (top, bottom), (left, right) = edges
    return Amount.product(x.channels, x.height + (top + bottom), x.width + (left + right))


def extent(kernel: Pair, dilation: Pair) -> Pair:
    return dilation[0] * (kernel[0] - 1) + 1, dilation[1] * (kernel[1] - 1) + 1


def reach(x: TensorShape, padding: str | Margins, kernel: Pair, stride: Pair, dilation: Pair) -> Reach:
    """What one position of the window's output sees."""
    (top, _), (left, _) = margins(x, padding, kernel, stride, dilation)
    return Reach(extent(kernel, dilation), stride, (top, left))
