"""What every operator says of itself: its output's shape, its cost, what can be wrong, how to build it."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias

from archcost.cost import Cost
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
    by_name: ClassVar[bool] = False
    """Whether its problems name the layer, not the operator."""
    moves_data: ClassVar[bool] = True
    """Whether running it reads its input and writes its output (views and identities do not)."""


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

    @abstractmethod
    def recipe(self, xs: tuple[TensorShape, ...]) -> Recipe: ...
