"""Activations: a function of each element, in place where nobody else reads the input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from archcost.cost import Amount, Cost
from archcost.ops.base import KEEPS_INPUT, KEEPS_OUTPUT, Check, Keeps, Reach, Recipe, Storage, Unary
from archcost.ops.fields import position
from archcost.shape import TensorShape


@dataclass(frozen=True, slots=True, eq=False)
class Activation(Unary):
    """x -> same; no multiply-adds, no parameters"""

    storage: ClassVar[Storage] = "in_place"
    derived_from_output: ClassVar[bool] = False
    """Whether the derivative is computed from the output: 1 where max(x, 0) is positive."""

    def cost(self, x: TensorShape, y: TensorShape) -> Cost:
        return Cost(activation_elements=Amount.product(*y))

    def keeps(self, x: TensorShape, y: TensorShape, needed: bool) -> Keeps:
        return KEEPS_OUTPUT if self.derived_from_output else KEEPS_INPUT

    def recipe(self, x: TensorShape) -> Recipe:
        return Recipe(self.kind)


class ReLU(Activation):
    """max(x, 0)"""

    __slots__ = ()
    kind: ClassVar[str] = "relu"
    derived_from_output: ClassVar[bool] = True
    trains_in_place: ClassVar[bool] = True


class ReLU6(Activation):
    """min(max(x, 0), 6)"""

    __slots__ = ()
    kind: ClassVar[str] = "relu6"


class LeakyReLU(Activation):
    """x where positive, else x / 100"""

    __slots__ = ()
    kind: ClassVar[str] = "leaky_relu"
    trains_in_place: ClassVar[bool] = True


class ELU(Activation):
    """x where positive, else e^x - 1"""

    __slots__ = ()
    kind: ClassVar[str] = "elu"
    trains_in_place: ClassVar[bool] = True


class HardSwish(Activation):
    """x · min(max(x + 3, 0), 6) / 6"""

    __slots__ = ()
    kind: ClassVar[str] = "hard_swish"


class HardSigmoid(Activation):
    """min(max(x + 3, 0), 6) / 6"""

    __slots__ = ()
    kind: ClassVar[str] = "hard_sigmoid"


class SiLU(Activation):
    """x / (1 + e^-x), also called swish"""

    __slots__ = ()
    kind: ClassVar[str] = "silu"


class GELU(Activation):
    """x · Φ(x)"""

    __slots__ = ()
    kind: ClassVar[str] = "gelu"


class Sigmoid(Activation):
    """1 / (1 + e^-x)"""

    __slots__ = ()
    kind: ClassVar[str] = "sigmoid"
    derived_from_output: ClassVar[bool] = True


class Tanh(Activation):
    """tanh x"""

    __slots__ = ()
    kind: ClassVar[str] = "tanh"
    derived_from_output: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, eq=False)
class Softmax(Activation):
    """e^x over the sum of e^x along the channels of a map, or the last size, or `axis`; its output is new memory"""

    kind: ClassVar[str] = "softmax"
    derived_from_output: ClassVar[bool] = True
    storage: ClassVar[Storage] = "own"
    axis: int | None = position("another axis to sum along, from 0", None)

    def problems(self, x: TensorShape) -> Iterator[Check]:
        if self.axis is not None:
            yield self.axis >= x.rank, "{} has no axis {}", x, self.axis

    def reach(self, x: TensorShape) -> Reach | None:
        return Reach() if x.rank == 3 and not self.axis else None

    def recipe(self, x: TensorShape) -> Recipe:
        usual = 1 if x.rank == 3 else -1
        return Recipe("softmax", {"axis": usual if self.axis is None else self.axis + 1})
