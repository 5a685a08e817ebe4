"""The shape of one tensor, without the batch."""

from __future__ import annotations

from functools import reduce
from operator import mul

from archcost.dims import Dim


class TensorShape(tuple[Dim, ...]):
    """Sizes of any rank; convolutions read them as channels, height, width."""

    __slots__ = ()

    @property
    def rank(self) -> int:
        return len(self)

    @property
    def channels(self) -> Dim:
        return self[0]

    @property
    def height(self) -> Dim:
        return self[1]

    @property
    def width(self) -> Dim:
        return self[2]

    @property
    def features(self) -> Dim:
        """The last size: what a linear layer works on."""
        return self[-1]

    @property
    def elements(self) -> Dim:
        return reduce(mul, self, 1)

    def __str__(self) -> str:
        return "[" + ", ".join(str(dim) for dim in self) + "]"
