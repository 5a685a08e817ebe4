"""What the width multiplier α does to a layer's output channels."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from archcost import dims
from archcost.dims import Dim, Number, Ratio, ceil_div, choose, larger

ROUNDINGS = ("floor", "nearest", "ceil")
FOLLOW, FIXED, GROW = "alpha", "fixed", "grow"
SCALES = {
    FOLLOW: "α times the size",
    FIXED: "the size itself, whatever α",
    GROW: "α times the size above 1, the size itself below",
}
"""What a layer may say under `scale`."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Rounding of scaled channels: to a multiple, at least a minimum, and never below a share of the exact size.

    V1 truncates with a minimum of 8; V2 and V3 round to the nearest multiple of 8 and add 8 where that
    would take away more than a tenth (`at_least: 0.9`).
    """

    round: str = "floor"
    multiple: Dim = 1
    minimum: Dim = 1
    at_least: Number = 0

    def with_multiple(self, multiple: Dim) -> Scaling:
        return dataclasses.replace(self, multiple=multiple, minimum=multiple)

    def scaled(self, size: Number, alpha: Number, scale: str = FOLLOW) -> Dim:
        """A layer's channels at width α, decimal-exact.

        >>> Scaling().scaled(80, Ratio(35, 100))
        28
        """
        if scale == FIXED:
            return dims.floor(size)
        n, d = dims.parts(alpha)
        if scale == GROW:
            n = larger(n, d)
        return self.rounded(size * Ratio.reduced(n, d))

    def rounded(self, exact: Number) -> Dim:
        """An exact size as whole channels."""
        n, d = dims.parts(exact)
        step = d * self.multiple
        if self.round == "floor":
            count = n // step
        elif self.round == "ceil":
            count = ceil_div(n, step)
        elif isinstance(step, int) and step % 2 == 0:
            count = (n + step // 2) // step
        else:
            count = (2 * n + step) // (2 * step)
        result = larger(count * self.multiple, self.minimum)
        p, q = dims.parts(self.at_least)
        if isinstance(p, int) and p == 0:
            return result
        # result < p / q · exact, in whole numbers that stay small enough for an array
        return choose(result * q < ceil_div(dims.product(p, n), d), result + self.multiple, result)


DIVISIBLE = Scaling("nearest", 8, 8, Ratio(9, 10))
"""The rule of MobileNetV2 and its heirs."""
