"""Sizes: an integer for one model, an array of integers for many. Every formula is written over these.

One model uses Python's integers, which cannot overflow; a batch uses int64 arrays that broadcast, so that
an α × ρ grid is an (A, 1) array against a (1, R) one. NumPy is imported only once an array is at hand.
"""

from __future__ import annotations

import decimal
import math
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard, Union

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Dim: TypeAlias = int | NDArray[Any]
    Condition: TypeAlias = bool | NDArray[Any]
else:
    Dim = Condition = Any

Number: TypeAlias = Union[Dim, "Ratio"]

DECIMALS = 12
"""Multipliers are taken to this many decimals, so that 0.35 means 0.35 and not its nearest binary fraction."""
UNIT = 10**DECIMALS
INT64_MAX = 2**63 - 1


def is_array(value: object) -> TypeGuard[NDArray[Any]]:
    return hasattr(value, "dtype") and hasattr(value, "ndim")


def ceil_div(a: Dim, b: Dim) -> Dim:
    """a / b, rounded up.

    >>> ceil_div(225, 2)
    113
    """
    return -(-a // b)


def larger(a: Dim, b: Dim) -> Dim:
    if isinstance(a, int) and isinstance(b, int):
        return max(a, b)
    import numpy as np

    return np.maximum(a, b)


def smaller(a: Dim, b: Dim) -> Dim:
    return -larger(-a, -b)


def choose(condition: Condition, a: Dim, b: Dim) -> Dim:
    """a where the condition holds, b elsewhere."""
    if isinstance(condition, bool):
        return a if condition else b
    import numpy as np

    return np.where(condition, a, b)


def differs(condition: Condition) -> bool:
    """Whether the condition holds anywhere."""
    return condition if isinstance(condition, bool) else bool(condition.any())


class Ratio:
    """An exact fraction of sizes; numerator and denominator may be arrays. Denominators are positive.

    >>> Ratio(35, 100) * 80
    28
    """

    __slots__ = ("denominator", "numerator")
    __array_ufunc__ = None  # an array times a fraction is a fraction, not an array of objects

    def __init__(self, numerator: Dim, denominator: Dim) -> None:
        self.numerator = numerator
        self.denominator = denominator

    @staticmethod
    def reduced(numerator: Dim, denominator: Dim) -> Number:
        """An integer where the division leaves nothing, else a fraction in lowest terms (arrays as they are)."""
        if not isinstance(numerator, int) or not isinstance(denominator, int):
            return Ratio(numerator, denominator)
        common = math.gcd(numerator, denominator)
        numerator, denominator = numerator // common, denominator // common
        return numerator if denominator == 1 else Ratio(numerator, denominator)

    def __add__(self, other: Number) -> Number:
        n, d = parts(other)
        top = product(self.numerator, d) + product(n, self.denominator)
        return Ratio.reduced(top, product(self.denominator, d))

    def __mul__(self, other: Number) -> Number:
        n, d = parts(other)
        return Ratio.reduced(product(self.numerator, n), product(self.denominator, d))

    def __neg__(self) -> Ratio:
        return Ratio(-self.numerator, self.denominator)

    __radd__ = __add__
    __rmul__ = __mul__

    def __repr__(self) -> str:
        return f"Ratio({self.numerator}, {self.denominator})"


def parts(value: Number) -> tuple[Dim, Dim]:
    return (value.numerator, value.denominator) if isinstance(value, Ratio) else (value, 1)


def product(a: Dim, b: Dim) -> Dim:
    """a · b, refusing to wrap around where arrays cannot hold it.

    Raises OverflowError.
    """
    if (_is_int64(a) or _is_int64(b)) and largest(a) * largest(b) > INT64_MAX:
        raise OverflowError("numbers with too many digits for 64-bit arithmetic")
    return a * b


def largest(a: Dim) -> int:
    """The largest magnitude."""
    return abs(a) if isinstance(a, int) else int(abs(a).max(initial=0))


def _is_int64(a: Dim) -> bool:
    return is_array(a) and a.dtype != object


def floor(value: Number) -> Dim:
    n, d = parts(value)
    return n // d


def ceil(value: Number) -> Dim:
    n, d = parts(value)
    return ceil_div(n, d)


def nearest(value: Number) -> Dim:
    """The nearest integer, halves up.

    >>> nearest(Ratio(225, 2))
    113
    """
    n, d = parts(value)
    return (2 * n + d) // (2 * d)


def as_float(value: Number) -> Any:
    n, d = parts(value)
    return n / d if isinstance(value, Ratio) else value


def exact(value: object) -> Number:
    """A number, its decimal text, or an array of numbers as exact sizes: 0.35 is 35/100.

    Raises ValueError for text that is no number, for NaN and for infinities.
    """
    if isinstance(value, bool):
        raise ValueError(f"{value} is not a number")
    if isinstance(value, (int, Ratio)):
        return value
    if isinstance(value, (list, tuple)):
        import numpy as np

        return _exact_array(np.asarray(value))
    if is_array(value) and value.ndim:
        return _exact_array(value)
    try:
        number = decimal.Decimal(str(value))
    except decimal.InvalidOperation:
        raise ValueError(f"{value!r} is not a number") from None
    if not number.is_finite():
        raise ValueError(f"{value} is not a finite number")
    if abs(number.adjusted()) > 30 and number:
        raise ValueError(f"{value} is absurd")
    return Ratio.reduced(int((number * UNIT).to_integral_value()), UNIT)


def _exact_array(values: NDArray[Any]) -> Number:
    import numpy as np

    if values.dtype.kind in "iu":
        return values.astype(np.int64)
    if values.dtype.kind != "f":
        raise ValueError(f"an array of {values.dtype} does not hold numbers")
    if not np.isfinite(values).all():
        raise ValueError("an array with NaN or infinity does not hold sizes")
    if abs(values).max(initial=0) >= INT64_MAX / UNIT:
        raise ValueError(f"{abs(values).max()} is absurd")
    scaled = np.rint(values * UNIT).astype(np.int64)
    return Ratio(scaled, UNIT)


def negated(condition: Condition) -> Condition:
    return not condition if isinstance(condition, bool) else ~condition
