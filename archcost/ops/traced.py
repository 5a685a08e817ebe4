"""What came from a traced model and has no meaning at another size: its shapes and costs as they were traced."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from archcost.cost import NOTHING, Amount, Cost
from archcost.dims import Condition
from archcost.ops.base import Check, Nary, Reach, Recipe, Storage, Unary
from archcost.ops.fields import axes, count, entry, flag, shape, shapes, text
from archcost.shape import TensorShape

_SAME_ORDER = frozenset(
    {
        *("view", "_unsafe_view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "view_as", "reshape_as"),
        *("ravel", "clone", "contiguous", "alias"),
    }
)
"""Operators that leave a sample's elements in their order, wherever the batch stands."""
_KEEP_NOTHING = frozenset(
    {
        *_SAME_ORDER,
        *("transpose", "permute", "t", "movedim", "moveaxis", "swapaxes", "flip", "roll", "rot90"),
        *("expand", "expand_as", "repeat", "repeat_interleave", "tile", "broadcast_to"),
        *("cat", "concat", "stack", "hstack", "vstack", "split", "chunk", "unbind", "slice", "select", "narrow"),
        *("constant_pad_nd", "unfold", "im2col", "col2im", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle"),
        *("upsample_nearest2d", "upsample_bilinear2d", "upsample_bicubic2d", "add", "sub"),
    }
)
"""Operators of which autograd keeps sizes alone."""


def _amount(number: int) -> Amount:
    return Amount.product(number) if number else NOTHING


@dataclass(frozen=True, slots=True, eq=False)
class Traced(Nary):
    """`reads` -> `sizes`: an operator known only as it was traced, at one size;  macs = `macs`, params = `params`"""

    kind: ClassVar[str] = "traced"
    arity: ClassVar[tuple[int, int]] = (1, 100_000)
    ranks: ClassVar[tuple[int, int]] = (1, 64)
    by_name: ClassVar[bool] = True
    operator: str = text("the operator's name where it came from")
    reads: tuple[tuple[int, ...], ...] = shapes("the shape of each input")
    sizes: tuple[int, ...] = shape("the output's shape")
    macs: int = count("multiply-adds for one sample")
    params: int = count("learned parameters that it holds, or that only it uses")
    arithmetic: int = count("elements of element-wise arithmetic")
    biases: int = count("elements that a learned number is added to")
    view: bool = flag("its output lives in the first input's memory", False)
    axes: tuple[int, ...] = axes("of a transposition: the input's axes in the order of the output", ())
    select: tuple[int, ...] = entry("of one entry of an axis: that axis, and which")

    @property
    def storage(self) -> Storage:  # type: ignore[override]
        return "view" if self.view else "own"

    @property
    def moves_data(self) -> bool:  # type: ignore[override]
        return not self.view

    def problems(self, xs: tuple[TensorShape, ...]) -> Iterator[Check]:
        wrong = bool(self.select) and not self._has(*self.select)
        yield wrong, "select {} is no axis of {} and an entry of it", list(self.select), TensorShape(self.reads[0])
        said = "`{}` cannot be rescaled: it is known as it was traced, at {}; here it reads {}"
        yield len(xs) != len(self.reads), "`{}` reads {} tensors; here {}", self.operator, len(self.reads), len(xs)
        wrong = bool(self.axes) and sorted(self.axes) != list(range(len(self.reads[0])))
        yield wrong, "axes {} are no order of the axes of {}", list(self.axes), TensorShape(self.reads[0])
        for x, known in zip(xs, self.reads, strict=False):
            there = TensorShape(known)
            changed: Condition = x.rank != there.rank
            if x.rank == there.rank:
                for size, traced in zip(x, there, strict=True):
                    changed = changed | (size != traced)
            yield changed, said, self.operator, there, x

    def shape(self, xs: tuple[TensorShape, ...]) -> TensorShape:
        return TensorShape(self.sizes)

    def cost(self, xs: tuple[TensorShape, ...], y: TensorShape) -> Cost:
        macs, params, arithmetic, biases = map(_amount, (self.macs, self.params, self.arithmetic, self.biases))
        return Cost(macs=macs, params=params, arithmetic_elements=arithmetic, bias_adds=biases)

    def trainable(self) -> bool:
        """As long as it only moves elements, or adds."""
        return not self.macs and (self.view or self.operator in _KEEP_NOTHING)

    def _has(self, axis: int, index: int) -> bool:
        return axis < len(self.reads[0]) and index < self.reads[0][axis]

    def _keeps_order(self) -> bool:
        """Whether only axes of one element change their place."""
        long = [axis for axis in self.axes if self.reads[0][axis] > 1]
        return bool(self.axes) and long == sorted(long)

    def reach(self, xs: tuple[TensorShape, ...]) -> Reach | None:
        return None

    def recipe(self, xs: tuple[TensorShape, ...]) -> Recipe:
        if len(self.reads) == 1 and not (self.macs or self.params or self.arithmetic):
            same = math.prod(self.reads[0]) == math.prod(self.sizes)
            if same and (self.operator in _SAME_ORDER or self._keeps_order()):
                return Recipe("reshape", {"sizes": self.sizes})
            if self.axes:
                return Recipe("rearrange", {"axes": self.axes, "sizes": self.sizes})
            if self.select:
                axis, index = self.select
                return Recipe("entry", {"axis": axis, "index": index, "sizes": self.sizes})
        arguments = {"operator": self.operator, "sizes": self.sizes, "macs": self.macs, "params": self.params}
        return Recipe("traced", arguments)


@dataclass(frozen=True, slots=True, eq=False)
class Constant(Unary):
    """[…] -> `sizes`: a tensor that no input changes (a token, a table), or a further input;  params = `params`"""

    kind: ClassVar[str] = "constant"
    ranks: ClassVar[tuple[int, int]] = (1, 64)
    sizes: tuple[int, ...] = shape("its shape")
    params: int = count("learned parameters that it is made of")
    macs: int = count("multiply-adds that making it takes")

    def shape(self, x: TensorShape) -> TensorShape:
        return TensorShape(self.sizes)

    def cost(self, x: TensorShape, y: TensorShape) -> Cost:
        return Cost(macs=_amount(self.macs), params=_amount(self.params))

    def trainable(self) -> bool:
        return not self.macs

    def reach(self, x: TensorShape) -> Reach | None:
        return None

    def recipe(self, x: TensorShape) -> Recipe:
        return Recipe("constant", {"sizes": self.sizes, "params": self.params, "macs": self.macs})
