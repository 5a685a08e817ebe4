"""Sizes: an integer for one model, an array of integers for many. Every formula is written over these.

One model uses Python's integers, which cannot overflow; a batch uses int64 arrays that broadcast, so that
an α × ρ grid is an (A, 1) array against a (1, R) one. NumPy is imported only once an array is at hand.
"""

from __future__ import annotations

import decimal
import math
from collections.abc import Callable
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
LARGEST = 10**60
"""No size, and no number on the way to one, is larger; what grows beyond is a mistake or an attack."""


def is_array(value: object) -> TypeGuard[NDArray[Any]]:
    return hasattr(value, "dtype") and hasattr(value, "ndim")


def same(a: Any, b: Any) -> bool:
    """Whether two single values are equal and of one sort: true is not 1."""
    if isinstance(a, (bool, str)) or isinstance(b, (bool, str)):
        return type(a) is type(b) and a == b
    return bool(parts(a) == parts(b))


def among(values: Any, choices: tuple[Any, ...]) -> Condition:
    """Which entries of an array of numbers, flags or names are among the choices."""
    n, d = parts(values)
    plain = is_array(n) and n.dtype.kind in "bU"
    alike = [choice for choice in choices if isinstance(choice, (str, bool)) == plain]
    found: Condition = n != n
    for choice in alike:
        m, e = parts(choice)
        found = found | (n == m if plain else n * e == m * d)
    return found


def gcd(a: Dim, b: Dim) -> Dim:
    """The greatest common divisor."""
    if isinstance(a, int) and isinstance(b, int):
        return math.gcd(a, b)
    import numpy as np

    return np.gcd(a, b)


def divided(a: Dim, b: Dim) -> Dim:
    """a / b, rounded down; without any work where that is a, or 1."""
    if a is b:
        return 1
    return a if isinstance(b, int) and b == 1 else a // b


def indivisible(a: Dim, b: Dim) -> Condition:
    """Whether a / b leaves something; without any work where it cannot."""
    return False if a is b or (isinstance(b, int) and b == 1) else a % b != 0


def multiplied(a: Dim, b: Dim) -> Dim:
    """a · b; without any work where that is a."""
    return a if isinstance(b, int) and b == 1 else a * b


def ceil_div(a: Dim, b: Dim) -> Dim:
    """a / b, rounded up.

    >>> ceil_div(225, 2)
    113
    """
    return a if isinstance(b, int) and b == 1 else -(-a // b)


def larger(a: Dim, b: Dim) -> Dim:
    if isinstance(a, int) and isinstance(b, int):
        return max(a, b)
    import numpy as np

    return np.maximum(a, b)


def smaller(a: Dim, b: Dim) -> Dim:
    return -larger(-a, -b)


def upper(a: Number, b: Number) -> Number:
    """The larger of two numbers, fractions among them."""
    return _extreme(a, b, larger)


def lower(a: Number, b: Number) -> Number:
    """The smaller of two numbers, fractions among them."""
    return _extreme(a, b, smaller)


def _extreme(a: Number, b: Number, pick: Callable[[Dim, Dim], Dim]) -> Number:
    if not isinstance(a, Ratio) and not isinstance(b, Ratio):
        return pick(a, b)
    (n, d), (m, e) = parts(a), parts(b)
    return Ratio.reduced(pick(product(n, e), product(m, d)), product(d, e))


def choose(condition: Condition, a: Dim, b: Dim) -> Dim:
    """a where the condition holds, b elsewhere."""
    if isinstance(condition, bool):
        return a if condition else b
    import numpy as np

    return np.where(condition, a, b)


class Extremes:
    """The smallest and the largest of sizes; each array is looked at once, and kept, or its id could come to mean
    another."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, int, Dim]] = {}

    def of(self, size: Dim) -> tuple[int, int]:
        if isinstance(size, int):
            return size, size
        if id(size) not in self._known:
            self._known[id(size)] = (int(size.min()), int(size.max()), size)
        return self._known[id(size)][:2]


def taken(which: Any, size: Any) -> Any:
    """The chosen entries of an array; a single value is the same for all."""
    return size[which] if is_array(size) else size


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
            negative = denominator < 0
            sign = choose(negative, -1, 1) if differs(negative) else 1
            return Ratio(numerator * sign, denominator * sign)
        common = math.gcd(numerator, denominator) * (-1 if denominator < 0 else 1)
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
    return abs(a) if isinstance(a, int) else max(int(a.max()), -int(a.min())) if a.size else 0


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
    if isinstance(value, Ratio):
        return value
    if isinstance(value, int):
        if abs(value) > LARGEST:
            raise ValueError(f"a number of about 10^{digits(value)} is absurd")
        return value
    if isinstance(value, (list, tuple)):
        import numpy as np

        try:
            return _exact_array(np.asarray(value))
        except ValueError:
            raise ValueError(f"{str(value)[:80]} does not hold numbers") from None
    if is_array(value) and value.ndim:
        return _exact_array(value)
    text = str(value)
    try:
        if not text.isascii() or "_" in text:
            raise decimal.InvalidOperation
        number = decimal.Decimal(text)
    except decimal.InvalidOperation:
        raise ValueError(f"{value!r} is not a number") from None
    if not number.is_finite():
        raise ValueError(f"{value} is not a finite number")
    if abs(number) > LARGEST:
        raise ValueError(f"{str(value)[:40]} is absurd")
    return Ratio.reduced(int((number * UNIT).to_integral_value()), UNIT)


def floats(size: Any) -> Any:
    """Sizes as float64; what stands for an array, such as a symbol of one, decides itself what that is."""
    import numpy as np

    return size.astype(float) if is_array(size) else np.asarray(size, float)


def digits(number: int) -> int:
    """About how many decimal digits, without writing them down."""
    return int(number.bit_length() * math.log10(2))


def _exact_array(values: NDArray[Any]) -> Number:
    import numpy as np

    if values.dtype.kind in "iu":
        return values.astype(np.int64)
    if values.dtype.kind != "f":
        raise ValueError(f"an array of {values.dtype} does not hold numbers")
    if not np.isfinite(values).all() or np.ma.is_masked(values):
        raise ValueError("an array with NaN, infinity or masked entries does not hold sizes")
    values = np.asarray(values)
    if values.dtype != np.float64:
        # 0.35 in single precision means 0.35, not the double that lies nearest to it.
        distinct, places = np.unique(values, return_inverse=True)
        values = np.array([float(str(value)) for value in distinct])[places].reshape(values.shape)
    if values.size and abs(values).max() >= INT64_MAX / UNIT:
        raise ValueError(f"{abs(values).max()} is absurd")
    scaled = np.rint(values * UNIT).astype(np.int64)
    common = math.gcd(UNIT, int(np.gcd.reduce(scaled, axis=None)))
    return scaled // UNIT if common == UNIT else Ratio(scaled // common, UNIT // common)


def negated(condition: Condition) -> Condition:
    return not condition if isinstance(condition, bool) else ~condition
