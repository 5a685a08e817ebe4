"""Activations: a function of each element, in place where nobody else reads the input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from archcost.cost import Amount, Cost
from archcost.ops.base import Reach, Recipe, Storage, Unary
from archcost.shape import TensorShape


class Activation(Unary):
    """x -> same; no multiply-adds, no parameters"""

    __slots__ = ()
    storage: ClassVar[Storage] = "in_place"

    def cost(self, x: TensorShape, y: TensorShape) -> Cost:
        return Cost(activation_elements=Amount.product(*y))

    def recipe(self, x: TensorShape) -> Recipe:
        return Recipe(self.kind)


@dataclass(frozen=True, slots=True, eq=False)
class ReLU(Activation):
    """max(x, 0)"""

    kind: ClassVar[str] = "relu"


@dataclass(frozen=True, slots=True, eq=False)
class ReLU6(Activation):
    """min(max(x, 0), 6)"""

    kind: ClassVar[str] = "relu6"


@dataclass(frozen=True, slots=True, eq=False)
class LeakyReLU(Activation):
    """x where positive, else x / 100"""

    kind: ClassVar[str] = "leaky_relu"


@dataclass(frozen=True, slots=True, eq=False)
class ELU(Activation):
    """x where positive, else e^x - 1"""

    kind: ClassVar[str] = "elu"


@dataclass(frozen=True, slots=True, eq=False)
class HardSwish(Activation):
    """x · min(max(x + 3, 0), 6) / 6"""

    kind: ClassVar[str] = "hard_swish"


@dataclass(frozen=True, slots=True, eq=False)
class HardSigmoid(Activation):
    """min(max(x + 3, 0), 6) / 6"""

    kind: ClassVar[str] = "hard_sigmoid"


@dataclass(frozen=True, slots=True, eq=False)
class SiLU(Activation):
    """x / (1 + e^-x), also called swish"""

    kind: ClassVar[str] = "silu"


@dataclass(frozen=True, slots=True, eq=False)
class GELU(Activation):
    """x · Φ(x)"""

    kind: ClassVar[str] = "gelu"


@dataclass(frozen=True, slots=True, eq=False)
class Sigmoid(Activation):
    """1 / (1 + e^-x)"""

    kind: ClassVar[str] = "sigmoid"


@dataclass(frozen=True, slots=True, eq=False)
class Tanh(Activation):
    """tanh x"""

    kind: ClassVar[str] = "tanh"


@dataclass(frozen=True, slots=True, eq=False)
class Softmax(Activation):
    """e^x over the sum of e^x along the channels of a map, or the last size; its output is new memory"""

    kind: ClassVar[str] = "softmax"
    storage: ClassVar[Storage] = "own"

    def reach(self, x: TensorShape) -> Reach | None:
        return Reach() if x.rank == 3 else None

    def recipe(self, x: TensorShape) -> Recipe:
        return Recipe("softmax", {"axis": 1 if x.rank == 3 else -1})
