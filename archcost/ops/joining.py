"""Where branches meet and part: add, multiply, concat, split, select."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from archcost.cost import NOTHING, Amount, Cost
from archcost.dims import Dim, larger
from archcost.ops.base import Check, Keeps, Nary, Reach, Recipe, Storage, Unary
from archcost.ops.fields import position, size
from archcost.shape import TensorShape


class Elementwise(Nary):
    """Several tensors -> one, element by element; a size of 1 stretches to the others' size"""

    __slots__ = ()
    steady: ClassVar[bool] = True

    def problems(self, xs: tuple[TensorShape, ...]) -> Iterator[Check]:
        first = xs[0]
        for other in xs[1:]:
            yield other.rank != first.rank, "{} and {} do not fit: {} of different rank", first, other, self.kind
            if other.rank == first.rank:
                for a, b in zip(first, other, strict=True):
                    unequal = (a != b) & (a != 1) & (b != 1)
                    yield unequal, "{} and {} do not fit: {} needs equal sizes (or 1)", first, other, self.kind

    def shape(self, xs: tuple[TensorShape, ...]) -> TensorShape:
        result = xs[0]
        for other in xs[1:]:
            result = TensorShape(larger(a, b) for a, b in zip(result, other, strict=False))
        return result

    def cost(self, xs: tuple[TensorShape, ...], y: TensorShape) -> Cost:
        return Cost(arithmetic_elements=Amount.product(len(xs) - 1, *y))

    def factors(self, left: bool, right: bool) -> tuple[bool, bool]:
        """Which of two it keeps while training, from which of them need a gradient."""
        return False, False

    def keeps(self, xs: tuple[TensorShape, ...], y: TensorShape, needed: tuple[bool, ...]) -> Keeps:
        """What each pair does; of more than two, the results on the way are kept as inputs are."""
        kept: list[int] = []
        more = NOTHING
        result, wanted = xs[0], needed[0]
        for place, (x, needs) in enumerate(zip(xs[1:], needed[1:], strict=True), 1):
            left, right = self.factors(wanted, needs) if wanted or needs else (False, False)
            if left and place == 1:
                kept.append(0)
            elif left:
                more += Amount.product(*result)
            if right:
                kept.append(place)
            result, wanted = self.shape((result, x)), wanted or needs
        return Keeps(tuple(kept), more=more)

    def recipe(self, xs: tuple[TensorShape, ...]) -> Recipe:
        return Recipe(self.kind)


@dataclass(frozen=True, slots=True, eq=False)
class Add(Elementwise):
    """x₁ + x₂ + …, element by element; a size of 1 stretches"""

    kind: ClassVar[str] = "add"

    def passes_gradient(self) -> bool:
        return True


@dataclass(frozen=True, slots=True, eq=False)
class Multiply(Elementwise):
    """x₁ · x₂ · …, element by element; a size of 1 stretches (a gate for each channel)"""

    kind: ClassVar[str] = "multiply"

    def factors(self, left: bool, right: bool) -> tuple[bool, bool]:
        """Each whose partner needs a gradient."""
        return right, left


@dataclass(frozen=True, slots=True, eq=False)
class Concat(Nary):
    """Several tensors -> one, end to end along an axis (0: channels)"""

    kind: ClassVar[str] = "concat"
    arity: ClassVar[tuple[int, int]] = (1, 100_000)
    axis: int = position("along which axis; 0 is the channels", 0)

    def problems(self, xs: tuple[TensorShape, ...]) -> Iterator[Check]:
        first = xs[0]
        yield self.axis >= first.rank, "{} has no axis {}", first, self.axis
        for other in xs[1:]:
            yield other.rank != first.rank, "{} and {} do not fit: concat of different rank", first, other
            for axis, (a, b) in enumerate(zip(first, other, strict=False)):
                if axis != self.axis:
                    yield (
                        a != b,
                        "{} and {} do not fit: concat along axis {} needs the others equal",
                        first,
                        other,
                        self.axis,
                    )

    def shape(self, xs: tuple[TensorShape, ...]) -> TensorShape:
        joined = sum(x[self.axis] for x in xs if self.axis < x.rank)
        return TensorShape(joined if axis == self.axis else dim for axis, dim in enumerate(xs[0]))

    def passes_gradient(self) -> bool:
        return True

    def recipe(self, xs: tuple[TensorShape, ...]) -> Recipe:
        return Recipe("concat", {"axis": self.axis})


@dataclass(frozen=True, slots=True, eq=False)
class Split(Unary):
    """[c, …] -> [c / parts, …]: one of several equal parts along an axis (0: channels); a view"""

    kind: ClassVar[str] = "split"
    storage: ClassVar[Storage] = "view"
    moves_data: ClassVar[bool] = False
    parts: int = position("how many equal parts", minimum=1)
    part: int = position("which of them, from 0", 0)
    axis: int = position("along which axis; 0 is the channels", 0)

    def problems(self, x: TensorShape) -> Iterator[Check]:
        yield self.part >= self.parts, "part {} of {}: parts are numbered from 0", self.part, self.parts
        yield self.axis >= x.rank, "{} has no axis {}", x, self.axis
        if self.axis < x.rank:
            yield x[self.axis] % self.parts != 0, "{} do not divide into {} equal parts", x[self.axis], self.parts

    def shape(self, x: TensorShape) -> TensorShape:
        return TensorShape(dim // self.parts if axis == self.axis else dim for axis, dim in enumerate(x))

    def recipe(self, x: TensorShape) -> Recipe:
        return Recipe("split", {"parts": self.parts, "part": self.part, "axis": self.axis})


@dataclass(frozen=True, slots=True, eq=False)
class Select(Unary):
    """[t, …] -> […]: one entry of the first axis, such as the class token; a view"""

    kind: ClassVar[str] = "select"
    ranks: ClassVar[tuple[int, int]] = (2, 8)
    storage: ClassVar[Storage] = "view"
    moves_data: ClassVar[bool] = False
    index: int = position("which entry, from 0", 0)

    def problems(self, x: TensorShape) -> Iterator[Check]:
        yield self.index >= x[0], "{} has no entry {}", x, self.index

    def shape(self, x: TensorShape) -> TensorShape:
        return TensorShape(x[1:])

    def reach(self, x: TensorShape) -> Reach | None:
        return None

    def recipe(self, x: TensorShape) -> Recipe:
        return Recipe("select", {"index": self.index})


@dataclass(frozen=True, slots=True, eq=False)
class Slice(Unary):
    """[…] -> […]: `length` entries of an axis (0: channels) from `start` on; a view"""

    kind: ClassVar[str] = "slice"
    storage: ClassVar[Storage] = "view"
    moves_data: ClassVar[bool] = False
    length: Dim = size("how many entries")
    start: Dim = size("the first of them, from 0", 0, minimum=0)
    axis: int = position("along which axis; 0 is the channels", 0)

    def problems(self, x: TensorShape) -> Iterator[Check]:
        yield self.axis >= x.rank, "{} has no axis {}", x, self.axis
        if self.axis < x.rank:
            end = self.start + self.length
            yield end > x[self.axis], "entries {} to {} of {}", self.start, end, x[self.axis]

    def shape(self, x: TensorShape) -> TensorShape:
        return TensorShape(self.length if axis == self.axis else dim for axis, dim in enumerate(x))

    def reach(self, x: TensorShape) -> Reach | None:
        return None if x.rank != 3 else Reach()

    def recipe(self, x: TensorShape) -> Recipe:
        return Recipe("slice", {"axis": self.axis, "start": self.start, "length": self.length})
