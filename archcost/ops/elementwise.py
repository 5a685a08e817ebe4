"""Functions of each element, arithmetic of two tensors, and sums over axes: what lies between the named layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from archcost.cost import NOTHING, Amount, Cost
from archcost.ops.activation import Activation
from archcost.ops.base import KEEPS_INPUT, KEEPS_NOTHING, KEEPS_OUTPUT, Check, Keeps, Reach, Recipe, Unary
from archcost.ops.fields import axes, flag, number, one_of
from archcost.ops.joining import Elementwise
from archcost.shape import TensorShape

FUNCTIONS = (
    *("abs", "ceil", "cos", "erf", "exp", "floor", "log", "neg", "reciprocal", "round", "rsqrt", "sign", "sin"),
    *("sqrt", "square"),
)
DERIVED_FROM_INPUT = ("abs", "cos", "erf", "log", "sin", "square", "power", "at_least", "at_most")
DERIVED_FROM_OUTPUT = ("exp", "reciprocal", "rsqrt", "sqrt")
"""The derivatives of the others are constants."""
WITH_NUMBER = ("plus", "times", "divided_by", "power", "at_least", "at_most", "subtracted_from")


@dataclass(frozen=True, slots=True, eq=False)
class Function(Unary):
    """f(x), element by element; `plus`, `times`, `divided_by`, `power`, `at_least` and the like take a number"""

    kind: ClassVar[str] = "elementwise"
    function: str = one_of("which function", (*FUNCTIONS, *WITH_NUMBER), "abs")
    by: float = number("the number that it takes", 1)

    def cost(self, x: TensorShape, y: TensorShape) -> Cost:
        return Cost(arithmetic_elements=Amount.product(*y))

    def keeps(self, x: TensorShape, y: TensorShape, needed: bool) -> Keeps:
        if self.function in DERIVED_FROM_OUTPUT:
            return KEEPS_OUTPUT
        return KEEPS_INPUT if self.function in DERIVED_FROM_INPUT else KEEPS_NOTHING

    def recipe(self, x: TensorShape) -> Recipe:
        return Recipe("elementwise", {"function": self.function, "by": self.by})


class Mish(Activation):
    """x · tanh(ln(1 + e^x))"""

    __slots__ = ()
    kind: ClassVar[str] = "mish"


class Softplus(Activation):
    """ln(1 + e^x)"""

    __slots__ = ()
    kind: ClassVar[str] = "softplus"


class SELU(Activation):
    """1.05 x where positive, else 1.76 (e^x - 1): a deep network keeps its variance"""

    __slots__ = ()
    kind: ClassVar[str] = "selu"
    trains_in_place: ClassVar[bool] = True


class LogSigmoid(Activation):
    """ln(1 / (1 + e^-x))"""

    __slots__ = ()
    kind: ClassVar[str] = "log_sigmoid"

    def keeps(self, x: TensorShape, y: TensorShape, needed: bool) -> Keeps:
        """Its input, and e^-|x|."""
        return Keeps((0,), more=Amount.product(*x))


class HardTanh(Activation):
    """min(max(x, -1), 1)"""

    __slots__ = ()
    kind: ClassVar[str] = "hard_tanh"


@dataclass(frozen=True, slots=True, eq=False)
class PReLU(Activation):
    """x where positive, else a learned multiple of it;  params = 1, or c"""

    kind: ClassVar[str] = "prelu"
    shared: bool = flag("one slope for all channels", True)

    def cost(self, x: TensorShape, y: TensorShape) -> Cost:
        slopes = Amount.product(1 if self.shared else x.channels)
        return Cost(params=slopes, activation_elements=Amount.product(*y))

    def recipe(self, x: TensorShape) -> Recipe:
        return Recipe("prelu", {"slopes": 1 if self.shared else x.channels})


@dataclass(frozen=True, slots=True, eq=False)
class Subtract(Elementwise):
    """x₁ - x₂ - …, element by element; a size of 1 stretches"""

    kind: ClassVar[str] = "subtract"


@dataclass(frozen=True, slots=True, eq=False)
class Divide(Elementwise):
    """x₁ / x₂ / …, element by element; a size of 1 stretches"""

    kind: ClassVar[str] = "divide"

    def factors(self, left: bool, right: bool) -> tuple[bool, bool]:
        """The divisor, and what it divides where it needs a gradient itself."""
        return right, True


@dataclass(frozen=True, slots=True, eq=False)
class Minimum(Elementwise):
    """The smallest of x₁, x₂, …, element by element; a size of 1 stretches"""

    kind: ClassVar[str] = "minimum"

    def factors(self, left: bool, right: bool) -> tuple[bool, bool]:
        """Both, to compare them again."""
        return True, True


@dataclass(frozen=True, slots=True, eq=False)
class Maximum(Elementwise):
    """The largest of x₁, x₂, …, element by element; a size of 1 stretches"""

    kind: ClassVar[str] = "maximum"

    def factors(self, left: bool, right: bool) -> tuple[bool, bool]:
        """Both, to compare them again."""
        return True, True


@dataclass(frozen=True, slots=True, eq=False)
class Reduce(Unary):
    """[…] -> […] without the axes named: their mean, sum, or another reduction"""

    kind: ClassVar[str] = "reduce"
    axes: tuple[int, ...] = axes("the axes that go")
    function: str = one_of("what is made of them", ("mean", "sum", "max", "min", "norm"), "mean")
    keep_dims: bool = flag("keep them, as 1", False)

    def problems(self, x: TensorShape) -> Iterator[Check]:
        yield max(self.axes) >= x.rank, "{} has no axis {}", x, max(self.axes)
        yield not self.keep_dims and len(self.axes) >= x.rank, "no axis of {} is left; use keep_dims", x

    def shape(self, x: TensorShape) -> TensorShape:
        if self.keep_dims:
            return TensorShape(1 if axis in self.axes else dim for axis, dim in enumerate(x))
        return TensorShape(dim for axis, dim in enumerate(x) if axis not in self.axes)

    def cost(self, x: TensorShape, y: TensorShape) -> Cost:
        return Cost(arithmetic_elements=Amount.product(*x))

    def reach(self, x: TensorShape) -> Reach | None:
        spatial = x.rank == 3 and (1 in self.axes or 2 in self.axes)
        return None if spatial or x.rank != 3 else Reach()

    def keeps(self, x: TensorShape, y: TensorShape, needed: bool) -> Keeps:
        """Nothing for means and sums; else what was reduced, and to what."""
        return KEEPS_NOTHING if self.function in ("mean", "sum") else Keeps((0,), output=True)

    def recipe(self, x: TensorShape) -> Recipe:
        return Recipe("reduce", {"function": self.function, "axes": self.axes, "keep_dims": self.keep_dims})


@dataclass(frozen=True, slots=True, eq=False)
class RMSNorm(Unary):
    """[…] -> same: each sample's features over their root mean square;  params = features"""

    kind: ClassVar[str] = "rms_norm"
    affine: bool = flag("a learned scale", True)

    def cost(self, x: TensorShape, y: TensorShape) -> Cost:
        return Cost(params=Amount.product(int(self.affine), x.features), norm_elements=Amount.product(*x))

    def keeps(self, x: TensorShape, y: TensorShape, needed: bool) -> Keeps:
        """Its input, a deviation for each position, and what the learned scale multiplies."""
        more = Amount.product(*x) if self.affine else NOTHING
        if not needed:
            return Keeps(more=more)
        return Keeps((0,), more=more, statistics=Amount.product(*x[:-1]))

    def recipe(self, x: TensorShape) -> Recipe:
        return Recipe("rms_norm", {"features": x.features, "affine": self.affine})
