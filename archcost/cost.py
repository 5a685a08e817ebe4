"""What a layer costs: additive terms, each a sum of products of sizes.

Keeping the products apart, rather than multiplied out, lets one formula serve three readers: its value for
one model, its text with the numbers in it (3² · 32 · 112²), and a fast sum over a grid of models, where
factors that depend on α alone never meet those that depend on the resolution alone until the very end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import reduce
from operator import mul

from archcost.dims import Dim

Product = tuple[Dim, ...]


class Amount(tuple[Product, ...]):
    """A sum of products of sizes, such as k · k · c · n · h · w.

    >>> Amount.product(3, 3, 32, 112, 112).value
    3612672
    >>> print(Amount.product(3, 3, 32, 112, 112))
    3² · 32 · 112²
    """

    __slots__ = ()

    @classmethod
    def product(cls, *factors: Dim) -> Amount:
        return cls((factors,))

    def __add__(self, other: Amount) -> Amount:  # type: ignore[override]
        return Amount((*self, *other))

    @property
    def value(self) -> Dim:
        return sum((reduce(mul, factors, 1) for factors in self), 0)

    def __str__(self) -> str:
        return " + ".join(" · ".join(_powers(factors)) or "1" for factors in self) or "0"


def _powers(factors: Product) -> Iterator[str]:
    """Factors as text: ones left out; the first two and the last two, if equal, as a square (a kernel, a map)."""
    i, last = 0, len(factors) - 2
    while i < len(factors):
        square = (i in (0, last)) and i <= last and bool(factors[i] == factors[i + 1])
        if not (isinstance(factors[i], int) and factors[i] == 1):
            yield f"{factors[i]}²" if square else str(factors[i])
        i += 2 if square else 1


NOTHING = Amount()


@dataclass(frozen=True, slots=True)
class Cost:
    """The additive terms of one layer, for one sample. A counting convention is a row of coefficients over them.

    macs: multiply-adds of convolutions, linear layers and matrix products.
    params, buffers: trainable parameters; running means and variances.
    The others count elements: outputs that get a bias, inputs of norms and pools, outputs of activations and
    of element-wise arithmetic.
    """

    macs: Amount = NOTHING
    params: Amount = NOTHING
    buffers: Amount = NOTHING
    bias_adds: Amount = NOTHING
    norm_elements: Amount = NOTHING
    activation_elements: Amount = NOTHING
    pool_elements: Amount = NOTHING
    arithmetic_elements: Amount = NOTHING

    def __add__(self, other: Cost) -> Cost:
        return Cost(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))
