"""Convolutions: standard, depthwise, pointwise, transposed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from archcost.cost import NOTHING, Amount, Cost
from archcost.dims import Dim, Ratio, ceil_div, divided, indivisible, multiplied
from archcost.ops import window
from archcost.ops.base import KEEPS_INPUT, Check, Keeps, Reach, Recipe, Unary
from archcost.ops.fields import Margins, flag, margins, pair, size
from archcost.ops.window import Pair
from archcost.shape import TensorShape


class Convolution(Unary):
    """[c, h, w] -> [n, h', w'];  macs = k_h · k_w · (c / groups) · n · h' · w'

    Standard: D_K² · M · N · D_G²; depthwise (groups = c): D_K² · M · D_G²; pointwise (k = 1): M · N · D_G².
    """

    __slots__ = ()
    ranks: ClassVar[tuple[int, int]] = (3, 3)
    steady: ClassVar[bool] = True
    kernel: Any
    stride: Any
    padding: Any
    dilation: Any
    bias: Any

    @abstractmethod
    def channels(self, x: TensorShape) -> tuple[Dim, Dim]:
        """Output channels, groups."""

    def problems(self, x: TensorShape) -> Iterator[Check]:
        n, groups = self.channels(x)
        yield indivisible(x.channels, groups), "{} input channels do not divide into {} groups", x.channels, groups
        yield indivisible(n, groups), "{} output channels do not divide into {} groups", n, groups
        yield from window.misfit(x, self.padding, self.kernel, self.stride, self.dilation)

    def shape(self, x: TensorShape) -> TensorShape:
        grid = window.positions(x, self.padding, self.kernel, self.stride, self.dilation)
        return TensorShape((self.channels(x)[0], *grid))

    def cost(self, x: TensorShape, y: TensorShape) -> Cost:
        groups = self.channels(x)[1]
        weights = (*self.kernel, divided(x.channels, groups), y.channels)
        return Cost(
            macs=Amount.product(*weights, y.height, y.width),
            params=Amount.product(*weights) + (Amount.product(y.channels) if self.bias else NOTHING),
            bias_adds=Amount.product(*y) if self.bias else NOTHING,
        )

    def keeps(self, x: TensorShape, y: TensorShape, needed: bool) -> Keeps:
        """Its input, or its own padded copy where the margins of two sides differ."""
        edges = window.margins(x, self.padding, self.kernel, self.stride, self.dilation)
        return KEEPS_INPUT if window.even(edges) else Keeps(more=window.padded(x, edges))

    def reach(self, x: TensorShape) -> Reach:
        return window.reach(x, self.padding, self.kernel, self.stride, self.dilation)

    def recipe(self, x: TensorShape) -> Recipe:
        n, groups = self.channels(x)
        edges = window.margins(x, self.padding, self.kernel, self.stride, self.dilation)
        return Recipe(
            "conv",
            {
                "in_channels": x.channels,
                "out_channels": n,
                "kernel_size": self.kernel,
                "stride": self.stride,
                "margins": edges,
                "dilation": self.dilation,
                "groups": groups,
                "bias": self.bias,
            },
        )


@dataclass(frozen=True, slots=True, eq=False)
class Conv2d(Convolution):
    """[c, h, w] -> [n, h', w'];  macs = k_h · k_w · (c / groups) · n · h' · w'   (D_K² · M · N · D_G²)"""

    kind: ClassVar[str] = "conv"
    out: Dim = size("output channels n", width=True)
    kernel: Pair = pair("kernel size: k, or [k_h, k_w]")
    stride: Pair = pair("step of the window", (1, 1))
    padding: str | Margins = margins("zeros around the input", "same")
    dilation: Pair = pair("distance between the kernel's elements", (1, 1))
    groups: Dim = size("groups that the channels are divided into", 1)
    bias: bool = flag("add a learned bias to each output channel", False)

    def channels(self, x: TensorShape) -> tuple[Dim, Dim]:
        return self.out, self.groups


@dataclass(frozen=True, slots=True, eq=False)
class Depthwise(Convolution):
    """[c, h, w] -> [m · c, h', w'];  macs = k_h · k_w · m · c · h' · w'   (D_K² · M · D_G²)"""

    kind: ClassVar[str] = "depthwise"
    kernel: Pair = pair("kernel size: k, or [k_h, k_w]")
    stride: Pair = pair("step of the window", (1, 1))
    padding: str | Margins = margins("zeros around the input", "same")
    dilation: Pair = pair("distance between the kernel's elements", (1, 1))
    multiplier: Dim = size("output channels for each input channel", 1)
    bias: bool = flag("add a learned bias to each output channel", False)

    def channels(self, x: TensorShape) -> tuple[Dim, Dim]:
        return multiplied(x.channels, self.multiplier), x.channels


@dataclass(frozen=True, slots=True, eq=False)
class Pointwise(Convolution):
    """[c, h, w] -> [n, h', w'];  macs = (c / groups) · n · h' · w'   (M · N · D_G²)"""

    kind: ClassVar[str] = "pointwise"
    out: Dim = size("output channels n", width=True)
    stride: Pair = pair("step of the window", (1, 1))
    groups: Dim = size("groups that the channels are divided into", 1)
    bias: bool = flag("add a learned bias to each output channel", False)
    kernel = (1, 1)
    padding = "valid"
    dilation = (1, 1)

    def channels(self, x: TensorShape) -> tuple[Dim, Dim]:
        return self.out, self.groups


@dataclass(frozen=True, slots=True, eq=False)
class ConvTranspose2d(Unary):
    """[c, h, w] -> [n, h', w'];  macs = k_h · k_w · c · (n / groups) · h · w   (each input element is spread once)

    h' = (h - 1) · stride - padding + dilation · (kernel - 1) + output_padding + 1
    """

    kind: ClassVar[str] = "conv_transpose"
    ranks: ClassVar[tuple[int, int]] = (3, 3)
    steady: ClassVar[bool] = True
    out: Dim = size("output channels n", width=True)
    kernel: Pair = pair("kernel size: k, or [k_h, k_w]")
    stride: Pair = pair("how far apart the inputs land", (1, 1))
    padding: Pair = pair("rows and columns cut from each edge of the output", (0, 0), minimum=0)
    output_padding: Pair = pair("rows and columns added at one edge of the output", (0, 0), minimum=0)
    dilation: Pair = pair("distance between the kernel's elements", (1, 1))
    groups: Dim = size("groups that the channels are divided into", 1)
    bias: bool = flag("add a learned bias to each output channel", False)

    def problems(self, x: TensorShape) -> Iterator[Check]:
        yield (
            indivisible(x.channels, self.groups),
            "{} input channels do not divide into {} groups",
            x.channels,
            self.groups,
        )
        yield (
            indivisible(self.out, self.groups),
            "{} output channels do not divide into {} groups",
            self.out,
            self.groups,
        )
        for extra, s, d in zip(self.output_padding, self.stride, self.dilation, strict=True):
            too_much = (extra >= s) & (extra >= d)
            yield too_much, "output_padding {} must be smaller than the stride {} or the dilation {}", extra, s, d

    def shape(self, x: TensorShape) -> TensorShape:
        rows, columns = (
            (n - 1) * s - 2 * p + d * (k - 1) + extra + 1
            for n, k, s, p, d, extra in zip(
                x[1:], self.kernel, self.stride, self.padding, self.dilation, self.output_padding, strict=True
            )
        )
        return TensorShape((self.out, rows, columns))

    def cost(self, x: TensorShape, y: TensorShape) -> Cost:
        weights = (*self.kernel, x.channels, divided(y.channels, self.groups))
        return Cost(
            macs=Amount.product(*weights, x.height, x.width),
            params=Amount.product(*weights) + (Amount.product(y.channels) if self.bias else NOTHING),
            bias_adds=Amount.product(*y) if self.bias else NOTHING,
        )

    def keeps(self, x: TensorShape, y: TensorShape, needed: bool) -> Keeps:
        return KEEPS_INPUT

    def reach(self, x: TensorShape) -> Reach:
        seen = window.extent(self.kernel, self.dilation)
        rows, columns = (ceil_div(k, s) for k, s in zip(seen, self.stride, strict=True))
        vertical, horizontal = (Ratio.reduced(1, step) for step in self.stride)
        return Reach((rows, columns), (vertical, horizontal))

    def recipe(self, x: TensorShape) -> Recipe:
        return Recipe(
            "conv_transpose",
            {
                "in_channels": x.channels,
                "out_channels": self.out,
                "kernel_size": self.kernel,
                "stride": self.stride,
                "padding": self.padding,
                "output_padding": self.output_padding,
                "dilation": self.dilation,
                "groups": self.groups,
                "bias": self.bias,
            },
        )
