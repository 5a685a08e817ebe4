"""Matrix products: the linear layer, and the product of two tensors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from archcost.cost import NOTHING, Amount, Cost
from archcost.dims import Dim
from archcost.ops.base import KEEPS_INPUT, Check, Keeps, Nary, Reach, Recipe, Unary
from archcost.ops.fields import flag, size
from archcost.shape import TensorShape


@dataclass(frozen=True, slots=True, eq=False)
class Linear(Unary):
    """[…, m] -> […, n];  macs = … · m · n"""

    kind: ClassVar[str] = "linear"
    out: Dim = size("output features n", width=True)
    bias: bool = flag("add a learned bias to each output feature", True)
    per_row: bool = flag("on a map [c, h, w], work on each row of w features", False)

    def problems(self, x: TensorShape) -> Iterator[Check]:
        astray = x.rank == 3 and not self.per_row
        yield astray, "it works on the last size of {}; put global_avg_pool or flatten before it", x

    def shape(self, x: TensorShape) -> TensorShape:
        return TensorShape((*x[:-1], self.out))

    def cost(self, x: TensorShape, y: TensorShape) -> Cost:
        weights = (x.features, y.features)
        return Cost(
            macs=Amount.product(*x[:-1], *weights),
            params=Amount.product(*weights) + (Amount.product(y.features) if self.bias else NOTHING),
            bias_adds=Amount.product(*y) if self.bias else NOTHING,
        )

    def keeps(self, x: TensorShape, y: TensorShape, needed: bool) -> Keeps:
        return KEEPS_INPUT

    def reach(self, x: TensorShape) -> Reach | None:
        return None

    def recipe(self, x: TensorShape) -> Recipe:
        return Recipe("linear", {"in_features": x.features, "out_features": self.out, "bias": self.bias})


@dataclass(frozen=True, slots=True, eq=False)
class MatMul(Nary):
    """[…, p, q], […, q, r] -> […, p, r];  macs = … · p · q · r"""

    kind: ClassVar[str] = "matmul"
    ranks: ClassVar[tuple[int, int]] = (2, 8)
    arity: ClassVar[tuple[int, int]] = (2, 2)
    transpose: bool = flag("the second input comes as […, r, q]", False)

    def _second(self, xs: tuple[TensorShape, ...]) -> TensorShape:
        b = xs[1]
        return TensorShape((*b[:-2], b[-1], b[-2])) if self.transpose else b

    def problems(self, xs: tuple[TensorShape, ...]) -> Iterator[Check]:
        a, b = xs[0], self._second(xs)
        yield a.rank != b.rank, "a matrix product of tensors of different rank: {} and {}", a, xs[1]
        if a.rank == b.rank:
            yield a[-1] != b[-2], "a matrix product of {} and {}: the inner sizes differ", a, xs[1]
            for left, right in zip(a[:-2], b[:-2], strict=True):
                yield left != right, "a matrix product of {} and {}: the outer sizes differ", a, xs[1]

    def shape(self, xs: tuple[TensorShape, ...]) -> TensorShape:
        return TensorShape((*xs[0][:-1], self._second(xs)[-1]))

    def cost(self, xs: tuple[TensorShape, ...], y: TensorShape) -> Cost:
        return Cost(macs=Amount.product(*xs[0], y[-1]))

    def keeps(self, xs: tuple[TensorShape, ...], y: TensorShape, needed: tuple[bool, ...]) -> Keeps:
        """Each factor whose partner needs a gradient."""
        return Keeps(tuple(place for place in (0, 1) if needed[1 - place]))

    def reach(self, xs: tuple[TensorShape, ...]) -> Reach | None:
        return None

    def recipe(self, xs: tuple[TensorShape, ...]) -> Recipe:
        return Recipe("matmul", {"transpose": self.transpose})
