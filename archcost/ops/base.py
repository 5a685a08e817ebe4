"""What every operator says of itself: its output's shape, its cost, what can be wrong, how to build it."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias

from archcost.cost import NOTHING, Amount, Cost
from archcost.dims import Dim, Number
from archcost.shape import TensorShape

Check: TypeAlias = tuple[Any, ...]
"""(condition, template, *values): a problem where the condition holds, said by filling the template."""

Storage: TypeAlias = Literal["own", "in_place", "view"]
"""Where the output lives: memory of its own, its input's (if nobody else reads that), or always its input's."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What one output position sees of the input: `extent` positions, of which `before` lie in the leading padding
    for the first; neighbours see the same `step` further on."""

    extent: tuple[Dim, Dim] = (1, 1)
    step: tuple[Number, Number] = (1, 1)
    before: tuple[Dim, Dim] = (0, 0)


POINT = Reach()


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to build the operator as a module: a name that `live/build.py` knows, and keyword arguments."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Keeps:
    """What an operator holds on to from its forward to its backward pass, as PyTorch's autograd does on a CPU.

    inputs: those of its inputs; output: its own. The rest is memory beside them: for each sample `more` elements of
    the activations' dtype, `statistics` of float32, `indices` of int64, `flags` of a byte; for each batch `shared`,
    of float32.
    """

    inputs: tuple[int, ...] = ()
    output: bool = False
    more: Amount = NOTHING
    statistics: Amount = NOTHING
    indices: Amount = NOTHING
    flags: Amount = NOTHING
    shared: Amount = NOTHING


KEEPS_NOTHING = Keeps()
KEEPS_INPUT = Keeps(inputs=(0,))
KEEPS_OUTPUT = Keeps(output=True)


@dataclass(frozen=True, slots=True)
class Gradients:
    """Multiply-adds of a backward pass: of each input that needs a gradient, of the weights, of what lies between."""

    inputs: tuple[Amount, ...]
    weights: Amount = NOTHING
    inside: Amount = NOTHING


class Op(ABC):
    """The part that one-input and many-input operators share. Every operator is a dataclass of its fields."""

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]
    kind: ClassVar[str]
    ranks: ClassVar[tuple[int, int]] = (1, 8)
    arity: ClassVar[tuple[int, int]] = (1, 1)
    storage: ClassVar[Storage] = "own"
    steady: ClassVar[bool] = False
    """Whether its output's shape is right even where it has a problem."""
    trains_in_place: ClassVar[bool] = False
    """Whether overwriting its input saves memory while training too: then it keeps its output, or neither."""
    by_name: ClassVar[bool] = False
    """Whether its problems name the layer, not the operator."""
    moves_data: ClassVar[bool] = True
    """Whether running it reads its input and writes its output (views and identities do not)."""

    def trainable(self) -> bool:
        """Whether it is known how it trains."""
        return True

    def trains_as_view(self) -> bool:
        """Whether its output lives in its input's memory while training."""
        return self.storage == "view"

    def passes_gradient(self) -> bool:
        """Whether the gradient of its input is that of its output, or a part of it, without memory of its own."""
        return False


class Unary(Op):
    """An operator with one input."""

    __slots__ = ()

    def problems(self, x: TensorShape) -> Iterator[Check]:
        """What would stop it from running on x."""
        yield from ()

    def shape(self, x: TensorShape) -> TensorShape:
        """The output's shape; total even where `problems` complains."""
        return x

    def cost(self, x: TensorShape, y: TensorShape) -> Cost:
        """The additive terms, from the input's and the output's shape."""
        return Cost()

    def reach(self, x: TensorShape) -> Reach | None:
        """Its receptive field; None where each output sees the whole input."""
        return POINT

    def keeps(self, x: TensorShape, y: TensorShape, needed: bool) -> Keeps:
        """What it holds on to while training, where its input (needed) or a parameter of its own needs a gradient."""
        return KEEPS_NOTHING

    def gradients(self, x: TensorShape, y: TensorShape) -> Gradients:
        """A multiply-add becomes one for the gradient of each factor: the input, and the weight if there is one."""
        cost = self.cost(x, y)
        return Gradients((cost.macs,), cost.macs if cost.params else NOTHING)

    @abstractmethod
    def recipe(self, x: TensorShape) -> Recipe:
        """How to build it for this input."""


class Nary(Op):
    """An operator with several inputs."""

    __slots__ = ()
    arity: ClassVar[tuple[int, int]] = (2, 100_000)

    def problems(self, xs: tuple[TensorShape, ...]) -> Iterator[Check]:
        yield from ()

    @abstractmethod
    def shape(self, xs: tuple[TensorShape, ...]) -> TensorShape: ...

    def cost(self, xs: tuple[TensorShape, ...], y: TensorShape) -> Cost:
        return Cost()

    def reach(self, xs: tuple[TensorShape, ...]) -> Reach | None:
        return POINT

    def keeps(self, xs: tuple[TensorShape, ...], y: TensorShape, needed: tuple[bool, ...]) -> Keeps:
        """What it holds on to while training. needed: which inputs need a gradient, at least one."""
        return KEEPS_NOTHING

    def gradients(self, xs: tuple[TensorShape, ...], y: TensorShape) -> Gradients:
        """A multiply-add of two inputs becomes one for the gradient of either."""
        macs = self.cost(xs, y).macs
        return Gradients(tuple(macs for _ in xs))

    @abstractmethod
    def recipe(self, xs: tuple[TensorShape, ...]) -> Recipe: ...
