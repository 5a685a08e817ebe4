"""Norms, and the learned scale of a residual branch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from archcost.cost import Amount, Cost
from archcost.dims import Dim
from archcost.ops.base import KEEPS_INPUT, Check, Keeps, Recipe, Storage, Unary
from archcost.ops.fields import axes, flag, one_of, size
from archcost.shape import TensorShape


@dataclass(frozen=True, slots=True, eq=False)
class BatchNorm(Unary):
    """[c, …] -> same;  params = c · (gamma + beta), buffers = 2 · c (running mean and variance)"""

    kind: ClassVar[str] = "batch_norm"
    ranks: ClassVar[tuple[int, int]] = (1, 3)
    storage: ClassVar[Storage] = "in_place"
    gamma: bool = flag("a learned scale for each channel", True)
    beta: bool = flag("a learned shift for each channel", True)

    def cost(self, x: TensorShape, y: TensorShape) -> Cost:
        return Cost(
            params=Amount.product(self.gamma + self.beta, x.channels),
            buffers=Amount.product(2, x.channels),
            norm_elements=Amount.product(*x),
        )

    def keeps(self, x: TensorShape, y: TensorShape, needed: bool) -> Keeps:
        """Its input, and the batch's own mean and deviation of each channel."""
        return Keeps((0,), shared=Amount.product(2, x.channels))

    def recipe(self, x: TensorShape) -> Recipe:
        arguments = {"channels": x.channels, "rank": x.rank, "gamma": self.gamma, "beta": self.beta}
        return Recipe("batch_norm", arguments)


@dataclass(frozen=True, slots=True, eq=False)
class LayerNorm(Unary):
    """[…] -> same: one mean and variance over a sample's features, channels, or all;  params = 2 · sizes it is over"""

    kind: ClassVar[str] = "layer_norm"
    over: str = one_of(
        "what it normalises: the last size, the first, or all", ("features", "channels", "all"), "features"
    )
    affine: bool = flag("a learned scale and shift", True)
    beta: bool = flag("with a scale, a shift too", True)

    def cost(self, x: TensorShape, y: TensorShape) -> Cost:
        over = {"features": x[-1:], "channels": x[:1], "all": x}[self.over]
        learned = self.affine + (self.affine and self.beta)
        return Cost(params=Amount.product(learned, *over), norm_elements=Amount.product(*x))

    def keeps(self, x: TensorShape, y: TensorShape, needed: bool) -> Keeps:
        """Its input, and a mean and deviation for each position."""
        positions = {"features": x[:-1], "channels": x[1:], "all": ()}[self.over]
        return Keeps((0,), statistics=Amount.product(2, *positions))

    def recipe(self, x: TensorShape) -> Recipe:
        arguments = {"shape": tuple(x), "over": self.over, "affine": self.affine, "beta": self.beta}
        return Recipe("layer_norm", arguments)


@dataclass(frozen=True, slots=True, eq=False)
class GroupNorm(Unary):
    """[c, …] -> same: one mean and variance for each group of channels;  params = 2 · c"""

    kind: ClassVar[str] = "group_norm"
    groups: Dim = size("groups that the channels are divided into")
    affine: bool = flag("a learned scale and shift for each channel", True)

    def problems(self, x: TensorShape) -> Iterator[Check]:
        yield x.channels % self.groups != 0, "{} channels do not divide into {} groups", x.channels, self.groups

    def cost(self, x: TensorShape, y: TensorShape) -> Cost:
        return Cost(params=Amount.product(2 * self.affine, x.channels), norm_elements=Amount.product(*x))

    def keeps(self, x: TensorShape, y: TensorShape, needed: bool) -> Keeps:
        """Its input, and a mean and deviation for each group."""
        return Keeps((0,), statistics=Amount.product(2, self.groups))

    def recipe(self, x: TensorShape) -> Recipe:
        return Recipe("group_norm", {"groups": self.groups, "channels": x.channels, "affine": self.affine})


@dataclass(frozen=True, slots=True, eq=False)
class LocalResponseNorm(Unary):
    """[c, h, w] -> same: each element divided by the energy of its neighbours across channels; no parameters"""

    kind: ClassVar[str] = "local_response_norm"
    ranks: ClassVar[tuple[int, int]] = (2, 3)
    size: Dim = size("neighbouring channels taken together", 5)

    def cost(self, x: TensorShape, y: TensorShape) -> Cost:
        return Cost(norm_elements=Amount.product(*x))

    def keeps(self, x: TensorShape, y: TensorShape, needed: bool) -> Keeps:
        """Its input, the squares with their margin of channels, the energy, and its power."""
        squares = Amount.product(x.channels + (self.size - 1), *x[1:])
        return Keeps((0,), more=squares + Amount.product(2, *x))

    def recipe(self, x: TensorShape) -> Recipe:
        return Recipe("local_response_norm", {"size": self.size})


@dataclass(frozen=True, slots=True, eq=False)
class LayerScale(Unary):
    """[c, …] -> same: each channel times a learned number;  params = c, or the sizes of the axes `over`"""

    kind: ClassVar[str] = "layer_scale"
    over: tuple[int, ...] = axes("the axes along which the numbers differ", (0,))

    def problems(self, x: TensorShape) -> Iterator[Check]:
        yield max(self.over) >= x.rank, "{} has no axis {}", x, max(self.over)

    def cost(self, x: TensorShape, y: TensorShape) -> Cost:
        learned = Amount.product(*(dim for axis, dim in enumerate(x) if axis in self.over))
        return Cost(params=learned, arithmetic_elements=Amount.product(*y))

    def keeps(self, x: TensorShape, y: TensorShape, needed: bool) -> Keeps:
        return KEEPS_INPUT

    def recipe(self, x: TensorShape) -> Recipe:
        return Recipe("layer_scale", {"sizes": tuple(dim if i in self.over else 1 for i, dim in enumerate(x))})
