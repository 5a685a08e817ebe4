"""Pools: windows, adaptive windows, and the whole map."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from archcost.cost import NOTHING, Amount, Cost
from archcost.dims import Dim, gcd, larger
from archcost.ops import window
from archcost.ops.base import KEEPS_INPUT, KEEPS_NOTHING, Check, Keeps, Reach, Recipe, Unary
from archcost.ops.fields import Margins, flag, margins, pair
from archcost.ops.window import Pair
from archcost.shape import TensorShape


class Pool(Unary):
    """[c, h, w] -> [c, h', w']; no multiply-adds, no parameters"""

    __slots__ = ()
    ranks: ClassVar[tuple[int, int]] = (3, 3)
    steady: ClassVar[bool] = True
    kernel: Any
    stride: Any
    padding: Any
    dilation: Any
    ceil_mode: Any

    @property
    def step(self) -> Pair:
        step: Pair = self.stride or self.kernel
        return step

    def problems(self, x: TensorShape) -> Iterator[Check]:
        if not self.ceil_mode:
            yield from window.misfit(x, self.padding, self.kernel, self.step, self.dilation)
        if isinstance(self.padding, tuple):
            for k, edges in zip(window.extent(self.kernel, self.dilation), self.padding, strict=True):
                for edge in edges:
                    yield (
                        edge >= k,
                        "padding {} reaches past the window of {}: some windows would see no input",
                        edge,
                        k,
                    )

    def shape(self, x: TensorShape) -> TensorShape:
        grid = window.positions(x, self.padding, self.kernel, self.step, self.dilation, self.ceil_mode)
        return TensorShape((x.channels, *grid))

    def cost(self, x: TensorShape, y: TensorShape) -> Cost:
        return Cost(pool_elements=Amount.product(*x))

    def reach(self, x: TensorShape) -> Reach:
        return window.reach(x, self.padding, self.kernel, self.step, self.dilation)

    def keeps(self, x: TensorShape, y: TensorShape, needed: bool) -> Keeps:
        """Its input, or its own padded copy where PyTorch's pools do not have such margins."""
        edges = window.margins(x, self.padding, self.kernel, self.step, self.dilation)
        (top, _), (left, _) = edges
        if window.even(edges) and 2 * top <= self.kernel[0] and 2 * left <= self.kernel[1]:
            return self.kept(KEEPS_INPUT, y, aside=False)
        bottom_right = TensorShape((x.channels, *(n + sum(e) for n, e in zip(x[1:], edges, strict=True))))
        grid = window.positions(bottom_right, "valid", self.kernel, self.step, self.dilation, self.ceil_mode)
        return self.kept(Keeps(more=window.padded(x, edges)), TensorShape((x.channels, *grid)), aside=True)

    def kept(self, plain: Keeps, y: TensorShape, aside: bool) -> Keeps:
        """What it keeps beside the input or its padded copy (aside), with an output of y."""
        return plain

    def recipe(self, x: TensorShape) -> Recipe:
        edges = window.margins(x, self.padding, self.kernel, self.step, self.dilation)
        arguments = {"kernel_size": self.kernel, "stride": self.step, "margins": edges}
        return Recipe(self.kind, {**self.extras(), **arguments, "output_size": tuple(self.shape(x)[1:])})

    def extras(self) -> dict[str, Any]:
        return {"ceil_mode": self.ceil_mode}


@dataclass(frozen=True, slots=True, eq=False)
class MaxPool2d(Pool):
    """[c, h, w] -> [c, h', w']: the largest element of each window"""

    kind: ClassVar[str] = "max_pool"
    kernel: Pair = pair("window: k, or [k_h, k_w]")
    stride: Pair | None = pair("step of the window; without it, the kernel", None)
    padding: str | Margins = margins("how far the window may hang over the edge", "valid")
    dilation: Pair = pair("distance between the window's elements", (1, 1))
    ceil_mode: bool = flag("round the output size up", False)

    def kept(self, plain: Keeps, y: TensorShape, aside: bool) -> Keeps:
        """And where each maximum was."""
        return replace(plain, indices=Amount.product(*y))

    def extras(self) -> dict[str, Any]:
        return {"ceil_mode": self.ceil_mode, "dilation": self.dilation}


@dataclass(frozen=True, slots=True, eq=False)
class AvgPool2d(Pool):
    """[c, h, w] -> [c, h', w']: the mean of each window"""

    kind: ClassVar[str] = "avg_pool"
    kernel: Pair = pair("window: k, or [k_h, k_w]")
    stride: Pair | None = pair("step of the window; without it, the kernel", None)
    padding: str | Margins = margins("zeros around the input", "valid")
    ceil_mode: bool = flag("round the output size up", False)
    count_include_pad: bool = flag("divide by the whole window, padding included", True)
    dilation = (1, 1)

    def kept(self, plain: Keeps, y: TensorShape, aside: bool) -> Keeps:
        """And how much of each window counts, where that is found by a pool of its own."""
        counts = Amount.product(*y) if aside and not self.count_include_pad else NOTHING
        return replace(plain, more=plain.more + counts)

    def extras(self) -> dict[str, Any]:
        return {"ceil_mode": self.ceil_mode, "count_include_pad": self.count_include_pad}


class AdaptivePool(Unary):
    """[c, h, w] -> [c, h', w']: as many windows as the output has positions"""

    __slots__ = ()
    ranks: ClassVar[tuple[int, int]] = (3, 3)
    size: Pair

    def shape(self, x: TensorShape) -> TensorShape:
        return TensorShape((x.channels, *self.size))

    def cost(self, x: TensorShape, y: TensorShape) -> Cost:
        return Cost(pool_elements=Amount.product(*x))

    def reach(self, x: TensorShape) -> Reach | None:
        if self.size == (1, 1):
            return None
        return Reach(
            (_widest(x.height, self.size[0]), _widest(x.width, self.size[1])),
            (larger(1, x.height // self.size[0]), larger(1, x.width // self.size[1])),
        )

    def recipe(self, x: TensorShape) -> Recipe:
        return Recipe(self.kind, {"output_size": self.size})


def _widest(n: Dim, windows: Dim) -> Dim:
    """The widest window from floor(i · n / windows) to ceil((i + 1) · n / windows)."""
    return (n + 2 * windows - gcd(n, windows) - 1) // windows


@dataclass(frozen=True, slots=True, eq=False)
class AdaptiveAvgPool2d(AdaptivePool):
    """[c, h, w] -> [c, h', w']: means, with as many windows as the output has positions"""

    kind: ClassVar[str] = "adaptive_avg_pool"
    size: Pair = pair("output height and width", structural=True)

    def keeps(self, x: TensorShape, y: TensorShape, needed: bool) -> Keeps:
        """Its input; nothing where it is the mean of all."""
        return KEEPS_NOTHING if self.size == (1, 1) else KEEPS_INPUT


@dataclass(frozen=True, slots=True, eq=False)
class AdaptiveMaxPool2d(AdaptivePool):
    """[c, h, w] -> [c, h', w']: maxima, with as many windows as the output has positions"""

    kind: ClassVar[str] = "adaptive_max_pool"
    size: Pair = pair("output height and width", structural=True)

    def keeps(self, x: TensorShape, y: TensorShape, needed: bool) -> Keeps:
        return replace(KEEPS_INPUT, indices=Amount.product(*y))


class GlobalPool(Unary):
    """[c, h, w] -> [c], or [c, 1, 1] with keep_dims"""

    __slots__ = ()
    ranks: ClassVar[tuple[int, int]] = (3, 3)
    keep_dims: bool

    def shape(self, x: TensorShape) -> TensorShape:
        return TensorShape((x.channels, 1, 1) if self.keep_dims else (x.channels,))

    def cost(self, x: TensorShape, y: TensorShape) -> Cost:
        return Cost(pool_elements=Amount.product(*x))

    def reach(self, x: TensorShape) -> Reach | None:
        return None

    def recipe(self, x: TensorShape) -> Recipe:
        return Recipe(self.kind, {"keep_dims": self.keep_dims})


@dataclass(frozen=True, slots=True, eq=False)
class GlobalAvgPool(GlobalPool):
    """[c, h, w] -> [c]: the mean of each channel"""

    kind: ClassVar[str] = "global_avg_pool"
    keep_dims: bool = flag("keep height and width, as 1", False)


@dataclass(frozen=True, slots=True, eq=False)
class GlobalMaxPool(GlobalPool):
    """[c, h, w] -> [c]: the largest element of each channel"""

    kind: ClassVar[str] = "global_max_pool"
    keep_dims: bool = flag("keep height and width, as 1", False)

    def keeps(self, x: TensorShape, y: TensorShape, needed: bool) -> Keeps:
        return replace(KEEPS_INPUT, indices=Amount.product(*y))
