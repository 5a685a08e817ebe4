"""Multi-head attention, and the learned tokens that transformers put around it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from archcost.cost import NOTHING, Amount, Cost
from archcost.dims import Dim
from archcost.ops.base import Check, Gradients, Keeps, Nary, Reach, Recipe, Unary
from archcost.ops.fields import axes, flag, size
from archcost.shape import TensorShape


@dataclass(frozen=True, slots=True, eq=False)
class Attention(Nary):
    """[t, d] (and [s, d] to attend to) -> [t, d];  macs = 2 · t · d² + 2 · s · d² + 2 · t · s · d

    Projections of queries and output (t), of keys and values (s), then scores and their weighted sum.
    With one input, s = t. The number of heads divides d and changes no cost.
    """

    kind: ClassVar[str] = "attention"
    ranks: ClassVar[tuple[int, int]] = (2, 2)
    arity: ClassVar[tuple[int, int]] = (1, 2)
    heads: Dim = size("attention heads; they divide the features")
    bias: bool = flag("the projections add a bias", True)

    def problems(self, xs: tuple[TensorShape, ...]) -> Iterator[Check]:
        d = xs[0].features
        yield d % self.heads != 0, "{} features do not divide into {} heads", d, self.heads
        yield xs[-1].features != d, "attention from {} to {}: the features differ", xs[0], xs[-1]

    def shape(self, xs: tuple[TensorShape, ...]) -> TensorShape:
        return xs[0]

    def cost(self, xs: tuple[TensorShape, ...], y: TensorShape) -> Cost:
        (t, d), s = xs[0], xs[-1][0]
        projections = Amount.product(2, t, d, d) + Amount.product(2, s, d, d)
        return Cost(
            macs=projections + Amount.product(2, t, s, d),
            params=Amount.product(4, d, d) + (Amount.product(4, d) if self.bias else NOTHING),
            bias_adds=Amount.product(2, t, d) + Amount.product(2, s, d) if self.bias else NOTHING,
        )

    def scores(self, xs: tuple[TensorShape, ...]) -> Amount:
        """The part of the macs that no linear layer holds: q · kᵀ, and the weighted sum of v."""
        t, d = xs[0]
        return Amount.product(2, t, xs[-1][0], d)

    def keeps(self, xs: tuple[TensorShape, ...], y: TensorShape, needed: tuple[bool, ...]) -> Keeps:
        """Queries, keys, values and their mixture; of the scores only the logarithm of each row's sum."""
        (t, d), s = xs[0], xs[-1][0]
        more = Amount.product(2, t, d) + Amount.product(2, s, d)
        return Keeps(tuple(range(len(xs))), more=more, statistics=Amount.product(self.heads, t))

    def gradients(self, xs: tuple[TensorShape, ...], y: TensorShape) -> Gradients:
        """Of queries (t · d²), keys and values (2 · s · d²) back to what they were made from; all else always."""
        (t, d), s = xs[0], xs[-1][0]
        queries, others = Amount.product(t, d, d), Amount.product(2, s, d, d)
        weights = Amount.product(2, t, d, d) + others
        inside = Amount.product(t, d, d) + Amount.product(4, t, s, d)
        return Gradients((queries, others) if len(xs) > 1 else (queries + others,), weights, inside)

    def reach(self, xs: tuple[TensorShape, ...]) -> Reach | None:
        return None

    def recipe(self, xs: tuple[TensorShape, ...]) -> Recipe:
        return Recipe("attention", {"features": xs[0].features, "heads": self.heads, "bias": self.bias})


@dataclass(frozen=True, slots=True, eq=False)
class ClassToken(Unary):
    """[t, d] -> [t + count, d]: learned tokens in front of the others;  params = count · d"""

    kind: ClassVar[str] = "class_token"
    ranks: ClassVar[tuple[int, int]] = (2, 2)
    count: Dim = size("how many tokens", 1)

    def shape(self, x: TensorShape) -> TensorShape:
        return TensorShape((x[0] + self.count, x[1]))

    def cost(self, x: TensorShape, y: TensorShape) -> Cost:
        return Cost(params=Amount.product(self.count, x[1]))

    def reach(self, x: TensorShape) -> Reach | None:
        return None

    def passes_gradient(self) -> bool:
        return True

    def recipe(self, x: TensorShape) -> Recipe:
        return Recipe("class_token", {"count": self.count, "features": x[1]})


@dataclass(frozen=True, slots=True, eq=False)
class PositionEmbedding(Unary):
    """x -> x: a learned addend for each element;  params = elements of x, or the sizes of the axes `over`"""

    kind: ClassVar[str] = "position_embedding"
    over: tuple[int, ...] | None = axes("the axes along which the addends differ; without it, all", None)

    def problems(self, x: TensorShape) -> Iterator[Check]:
        if self.over is not None:
            yield max(self.over) >= x.rank, "{} has no axis {}", x, max(self.over)

    def cost(self, x: TensorShape, y: TensorShape) -> Cost:
        learned = (dim for axis, dim in enumerate(x) if self.over is None or axis in self.over)
        return Cost(params=Amount.product(*learned), arithmetic_elements=Amount.product(*y))

    def passes_gradient(self) -> bool:
        return True

    def recipe(self, x: TensorShape) -> Recipe:
        shape = tuple(dim if self.over is None or axis in self.over else 1 for axis, dim in enumerate(x))
        return Recipe("position_embedding", {"shape": shape})


@dataclass(frozen=True, slots=True, eq=False)
class ScaledDotProduct(Nary):
    """[…, t, d], […, s, d], […, s, e] -> […, t, e]: softmax(q · kᵀ) · v;  macs = … · t · s · (d + e)

    A fourth input is a mask or a bias of the scores.
    """

    kind: ClassVar[str] = "scaled_dot_product_attention"
    ranks: ClassVar[tuple[int, int]] = (1, 8)
    arity: ClassVar[tuple[int, int]] = (3, 4)

    def problems(self, xs: tuple[TensorShape, ...]) -> Iterator[Check]:
        q, k, v = xs[:3]
        small = min(q.rank, k.rank, v.rank) < 2
        yield small or not q.rank == k.rank == v.rank, "attention of different rank: {}, {} and {}", q, k, v
        if not small and q.rank == k.rank == v.rank:
            yield (q[-1] != k[-1]) | (k[-2] != v[-2]), "attention of {}, {} and {}: the sizes differ", q, k, v
            for a, b, c in zip(q[:-2], k[:-2], v[:-2], strict=True):
                yield (a != b) | (b != c), "attention of {}, {} and {}: the outer sizes differ", q, k, v

    def shape(self, xs: tuple[TensorShape, ...]) -> TensorShape:
        return TensorShape((*xs[0][:-1], xs[2][-1]))

    def cost(self, xs: tuple[TensorShape, ...], y: TensorShape) -> Cost:
        q, k = xs[:2]
        return Cost(macs=Amount.product(*q, k[-2]) + Amount.product(*y, k[-2]))

    def keeps(self, xs: tuple[TensorShape, ...], y: TensorShape, needed: tuple[bool, ...]) -> Keeps:
        """Fused: inputs, output, and the logarithm of each row's sum. PyTorch fuses matrices or heads of them, of
        values as long as keys, where no mask learns; else scaled queries and keys and the scores are kept."""
        q, k, v = xs[:3]
        if q.rank <= 3 and q[-1] == v[-1] and not any(needed[3:]):
            return Keeps(tuple(range(len(xs))), output=True, statistics=Amount.product(*q[:-1]))
        return Keeps((2,), more=Amount.product(*q) + Amount.product(*k) + Amount.product(*q[:-1], k[-2]))

    def gradients(self, xs: tuple[TensorShape, ...], y: TensorShape) -> Gradients:
        """Of the scores for queries and keys; of the output for values and for the scores."""
        q, k = xs[:2]
        scores, mixture = Amount.product(*q, k[-2]), Amount.product(*y, k[-2])
        return Gradients((scores, scores, mixture, *[NOTHING] * (len(xs) - 3)), inside=mixture)

    def reach(self, xs: tuple[TensorShape, ...]) -> Reach | None:
        return None

    def recipe(self, xs: tuple[TensorShape, ...]) -> Recipe:
        return Recipe("scaled_dot_product_attention", {"masked": len(xs) == 4})
