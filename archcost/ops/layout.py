"""Operators that move elements and compute nothing: flatten, reshape, transpose, shuffle, pad, resize, dropout."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import mul
from typing import ClassVar

from archcost.cost import Amount, Cost
from archcost.dims import Dim, Ratio
from archcost.ops.base import KEEPS_INPUT, KEEPS_NOTHING, Check, Keeps, Reach, Recipe, Storage, Unary
from archcost.ops.fields import Margins, fraction, margins, one_of, pair, position, size, sizes
from archcost.ops.window import Pair
from archcost.shape import TensorShape


@dataclass(frozen=True, slots=True, eq=False)
class Flatten(Unary):
    """[a, b, c, …] -> [a · b · c · …], from axis `start` on; a view"""

    kind: ClassVar[str] = "flatten"
    storage: ClassVar[Storage] = "view"
    moves_data: ClassVar[bool] = False
    start: int = position("the first axis to join; the ones before it stay", 0)

    def problems(self, x: TensorShape) -> Iterator[Check]:
        yield self.start >= x.rank, "{} has no axis {}", x, self.start

    def shape(self, x: TensorShape) -> TensorShape:
        return TensorShape((*x[: self.start], reduce(mul, x[self.start :], 1)))

    def reach(self, x: TensorShape) -> Reach | None:
        return None

    def passes_gradient(self) -> bool:
        return True

    def recipe(self, x: TensorShape) -> Recipe:
        return Recipe("flatten", {"start": self.start})


@dataclass(frozen=True, slots=True, eq=False)
class Reshape(Unary):
    """[…] -> `shape`, the same elements in the same order; a view"""

    kind: ClassVar[str] = "reshape"
    storage: ClassVar[Storage] = "view"
    moves_data: ClassVar[bool] = False
    sizes: tuple[Dim, ...] = sizes("the new sizes; they hold as many elements as the old ones")

    def problems(self, x: TensorShape) -> Iterator[Check]:
        y = self.shape(x)
        yield x.elements != y.elements, "{} has {} elements, {} has {}", x, x.elements, y, y.elements

    def shape(self, x: TensorShape) -> TensorShape:
        return TensorShape(self.sizes)

    def reach(self, x: TensorShape) -> Reach | None:
        return None

    def passes_gradient(self) -> bool:
        return True

    def recipe(self, x: TensorShape) -> Recipe:
        return Recipe("reshape", {"sizes": self.sizes})


@dataclass(frozen=True, slots=True, eq=False)
class Transpose(Unary):
    """[…] -> the same sizes in another order; a copy"""

    kind: ClassVar[str] = "transpose"
    axes: tuple[int, ...] = sizes("the input's axes, in the order of the output", minimum=0, structural=True)

    def problems(self, x: TensorShape) -> Iterator[Check]:
        wrong = sorted(self.axes) != list(range(x.rank))
        yield wrong, "axes {} are no order of the {} axes of {}", list(self.axes), x.rank, x

    def shape(self, x: TensorShape) -> TensorShape:
        return TensorShape(x[axis] for axis in self.axes if axis < x.rank)

    def reach(self, x: TensorShape) -> Reach | None:
        return None

    def passes_gradient(self) -> bool:
        return True

    def recipe(self, x: TensorShape) -> Recipe:
        return Recipe("transpose", {"axes": self.axes})


@dataclass(frozen=True, slots=True, eq=False)
class ChannelShuffle(Unary):
    """[c, …] -> same: channels of g groups dealt out like cards; a copy"""

    kind: ClassVar[str] = "channel_shuffle"
    groups: Dim = size("groups to interleave")

    def problems(self, x: TensorShape) -> Iterator[Check]:
        yield x.channels % self.groups != 0, "{} channels do not divide into {} groups", x.channels, self.groups

    def recipe(self, x: TensorShape) -> Recipe:
        return Recipe("channel_shuffle", {"groups": self.groups})


@dataclass(frozen=True, slots=True, eq=False)
class Pad(Unary):
    """[c, h, w] -> [c, h + top + bottom, w + left + right]"""

    kind: ClassVar[str] = "pad"
    ranks: ClassVar[tuple[int, int]] = (3, 3)
    margins: Margins = margins("how much: a number, [height, width], or [[top, bottom], [left, right]]", names=())
    mode: str = one_of("what to fill with", ("zeros", "reflect", "replicate"), "zeros")

    def problems(self, x: TensorShape) -> Iterator[Check]:
        if self.mode == "reflect":
            for n, edges in zip(x[1:], self.margins, strict=True):
                for edge in edges:
                    yield edge >= n, "reflection by {} needs a larger input than {}", edge, x

    def shape(self, x: TensorShape) -> TensorShape:
        rows, columns = (n + before + after for n, (before, after) in zip(x[1:], self.margins, strict=True))
        return TensorShape((x.channels, rows, columns))

    def keeps(self, x: TensorShape, y: TensorShape, needed: bool) -> Keeps:
        return KEEPS_NOTHING if self.mode == "zeros" else KEEPS_INPUT

    def recipe(self, x: TensorShape) -> Recipe:
        return Recipe("pad", {"margins": self.margins, "mode": self.mode})


@dataclass(frozen=True, slots=True, eq=False)
class Resize(Unary):
    """[c, h, w] -> [c, f_h · h, f_w · w], or to a given size"""

    kind: ClassVar[str] = "resize"
    ranks: ClassVar[tuple[int, int]] = (3, 3)
    factor: Pair | None = pair("how many times larger", None)
    size: Pair | None = pair("the output's height and width", None)
    mode: str = one_of("how to interpolate", ("nearest", "bilinear"), "nearest")

    def problems(self, x: TensorShape) -> Iterator[Check]:
        yield (self.factor is None) == (self.size is None), "resize needs either a factor or a size"

    def shape(self, x: TensorShape) -> TensorShape:
        if self.size is not None:
            return TensorShape((x.channels, *self.size))
        vertical, horizontal = self.factor or (1, 1)
        return TensorShape((x.channels, x.height * vertical, x.width * horizontal))

    def cost(self, x: TensorShape, y: TensorShape) -> Cost:
        return Cost(arithmetic_elements=Amount.product(*y)) if self.mode == "bilinear" else Cost()

    def reach(self, x: TensorShape) -> Reach | None:
        if self.factor is not None:
            steps = Ratio.reduced(1, self.factor[0]), Ratio.reduced(1, self.factor[1])
        else:
            y = self.shape(x)
            steps = Ratio.reduced(x.height, y.height), Ratio.reduced(x.width, y.width)
        seen = 2 if self.mode == "bilinear" else 1
        return Reach((seen, seen), steps)

    def recipe(self, x: TensorShape) -> Recipe:
        return Recipe("resize", {"size": tuple(self.shape(x)[1:]), "mode": self.mode})


@dataclass(frozen=True, slots=True, eq=False)
class Dropout(Unary):
    """x -> x at inference; while training, elements are dropped at random"""

    kind: ClassVar[str] = "dropout"
    storage: ClassVar[Storage] = "in_place"
    moves_data: ClassVar[bool] = False
    trains_in_place: ClassVar[bool] = True
    p: float = fraction("how likely an element is dropped", 0)

    def trains_as_view(self) -> bool:
        return self.p == 0

    def passes_gradient(self) -> bool:
        return self.p == 0

    def keeps(self, x: TensorShape, y: TensorShape, needed: bool) -> Keeps:
        """Which elements it dropped, as factors of 0 and 1 / (1 - p)."""
        return Keeps(more=Amount.product(*x)) if self.p else KEEPS_NOTHING

    def recipe(self, x: TensorShape) -> Recipe:
        return Recipe("dropout", {"p": self.p})


@dataclass(frozen=True, slots=True, eq=False)
class StochasticDepth(Unary):
    """x -> x at inference; while training, whole samples of a residual branch are dropped"""

    kind: ClassVar[str] = "stochastic_depth"
    storage: ClassVar[Storage] = "in_place"
    moves_data: ClassVar[bool] = False
    p: float = fraction("how likely a sample is dropped", 0)

    def trains_as_view(self) -> bool:
        return self.p == 0

    def passes_gradient(self) -> bool:
        return self.p == 0

    def keeps(self, x: TensorShape, y: TensorShape, needed: bool) -> Keeps:
        """Which samples it dropped."""
        return Keeps(flags=Amount.product(1)) if self.p else KEEPS_NOTHING

    def recipe(self, x: TensorShape) -> Recipe:
        return Recipe("stochastic_depth", {"p": self.p})
