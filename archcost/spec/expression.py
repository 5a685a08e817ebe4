"""Expressions: `$name`, arithmetic, comparisons, and a few functions over exact sizes.

    512 * $w3          a parameter or a block's argument
    channels(input)    the channels of a named layer; `input` is what enters the block
    round_to($x, 8)    the nearest multiple of 8, at least 8, never below 90 % of x

Numbers are exact: decimals are fractions, `/` never rounds. Whatever is not in this list is an error, so an
expression can neither loop nor reach Python.
"""

from __future__ import annotations

import ast
import functools
import itertools
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from archcost import dims
from archcost.dims import Ratio, is_array
from archcost.errors import Mark
from archcost.spec.names import unknown
from archcost.spec.scaling import DIVISIBLE

LONGEST = 500
_NAME = re.compile(r"\$([^\W\d]\w*)")
_PLAIN_ARITHMETIC = re.compile(r"[\d.]+(\s*(//|[-+*/%])\s*[\d.]+)+")
_PREFIX = "_name_"


@dataclass(frozen=True, slots=True)
class Value:
    """What an expression came to.

    sized: a size taken from the network at hand, which α has scaled already. mark: where the spec wrote the
    value that a bare `$name` stands for. literal: whether it was written there as a plain value.
    """

    content: Any
    sized: bool = False
    mark: Mark | None = None
    literal: bool = False


Lookup = Callable[[str], Value]
Measure = Callable[[str, str | None], Any]
"""(channels | height | width, a layer's name or None for the layer's own input) -> a size."""


def is_expression(text: str) -> bool:
    """Whether a text is to be computed: it names something, calls something, or is plain arithmetic."""
    return "$" in text or "(" in text or _PLAIN_ARITHMETIC.fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _tree(text: str) -> ast.expr:
    if len(text) > LONGEST:
        raise ValueError(f"an expression of {len(text)} characters; the longest is {LONGEST}")
    try:
        return ast.parse(_NAME.sub(rf"{_PREFIX}\1", text).strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"`{text}` is no expression") from None


def evaluate(text: str, lookup: Lookup, measure: Measure) -> Value:
    """The value of an expression.

    Raises ValueError for anything that cannot be computed; the message says why.
    """
    evaluation = _Evaluation(text, lookup, measure)
    if bare := _NAME.fullmatch(text.strip()):
        return lookup(bare[1])
    try:
        return Value(evaluation.of(_tree(text)), evaluation.sized)
    except ZeroDivisionError:
        raise ValueError(f"`{text}` divides by zero") from None
    except OverflowError as error:
        raise ValueError(f"`{text}`: {error}") from None
    except TypeError:
        raise ValueError(f"`{text}` mixes numbers with something else") from None


class _Evaluation:
    def __init__(self, text: str, lookup: Lookup, measure: Measure) -> None:
        self.text = text
        self.sized = False
        self._lookup = lookup
        self._measure = measure

    def of(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=bool() | str() as value):
                return value
            case ast.Constant(value=int() | float() as value):
                return dims.exact(value)
            case ast.Name(id=name) if name.startswith(_PREFIX):
                found = self._lookup(name.removeprefix(_PREFIX))
                self.sized |= found.sized
                return found.content
            case ast.Name(id="true" | "false" as name):
                return name == "true"
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return _bounded(_ARITHMETIC[type(op)](_number(self.of(left)), _number(self.of(right))))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -_number(self.of(operand))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return _not(self._condition(operand))
            case ast.BoolOp(op=op, values=values):
                return self._joined(isinstance(op, ast.And), [self._condition(value) for value in values])
            case ast.Compare(left=left, ops=ops, comparators=rights):
                return self._compared(left, ops, rights)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                chosen = self._condition(test)
                if is_array(chosen):
                    return _either(chosen, self.of(body), self.of(orelse))
                return self.of(body) if chosen else self.of(orelse)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
                return self._called(name, args)
            case ast.Name(id=name):
                raise ValueError(f"`{name}` in `{self.text}`: a parameter is written `${name}`")
        raise ValueError(f"`{self.text}` is no expression")

    def _condition(self, node: ast.expr) -> Any:
        value = self.of(node)
        if isinstance(value, bool) or (is_array(value) and value.dtype == bool):
            return value
        raise ValueError(f"`{self.text}` needs a condition, such as $stride > 1")

    def _joined(self, every: bool, values: list[Any]) -> Any:
        result = values[0]
        for value in values[1:]:
            result = result & value if every else result | value
        return result

    def _compared(self, left: ast.expr, ops: list[ast.cmpop], rights: list[ast.expr]) -> Any:
        operands = [self.of(left), *map(self.of, rights)]
        found: Any = True
        for op, a, b in zip(ops, operands, operands[1:], strict=False):
            if type(op) not in _COMPARISONS:
                raise ValueError(f"`{self.text}` is no expression")
            if isinstance(a, (str, bool)) or isinstance(b, (str, bool)):
                found = found & _COMPARISONS[type(op)](a, b)
                continue
            found = found & _COMPARISONS[type(op)](*_common(_number(a), _number(b)))
        return found

    def _called(self, name: str, args: list[ast.expr]) -> Any:
        if name in ("channels", "features", "height", "width", "tokens"):
            given = [layer for arg in args if (layer := _layer(arg)) is not None]
            if len(args) > 1 or len(given) < len(args):
                raise ValueError(f"{name}() takes the name of a layer, or nothing")
            self.sized = True
            return self._measure(name, given[0] if given else None)
        if name.startswith(_PREFIX):
            raise ValueError(f"`${name.removeprefix(_PREFIX)}` in `{self.text}` is no function")
        if name not in _FUNCTIONS:
            raise ValueError(
                unknown("function", name, [*_FUNCTIONS, "channels", "features", "height", "width", "tokens"])
            )
        fewest, most = _ARGUMENTS[name]
        if not fewest <= len(args) <= most:
            raise ValueError(f"{name}() in `{self.text}` has the wrong number of arguments")
        return _bounded(_FUNCTIONS[name](*(_number(self.of(arg)) for arg in args)))


def _layer(node: ast.expr) -> str | None:
    """The layer that is named: bare, or in quotes where its name is a dotted path."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return node.id if isinstance(node, ast.Name) and not node.id.startswith(_PREFIX) else None


def _number(value: Any) -> Any:
    if isinstance(value, (str, bool, list, dict)) or value is None:
        raise ValueError(f"{value!r} is not a number")
    return value


def _common(a: Any, b: Any) -> tuple[Any, Any]:
    """Two numbers as the numerators of a common denominator."""
    (n, d), (m, e) = dims.parts(a), dims.parts(b)
    return dims.product(n, e), dims.product(m, d)


def _not(value: Any) -> Any:
    return ~value if is_array(value) else not value


def _divide(a: Any, b: Any) -> Any:
    (n, d), (m, e) = dims.parts(a), dims.parts(b)
    if isinstance(m, int) and m == 0:
        raise ZeroDivisionError
    return Ratio.reduced(n * e, d * m)


def _floor_divide(a: Any, b: Any) -> Any:
    return dims.floor(_divide(a, b))


def _subtract(a: Any, b: Any) -> Any:
    return a + -b


def _remainder(a: Any, b: Any) -> Any:
    return _subtract(a, _floor_divide(a, b) * b)


def _bounded(value: Any) -> Any:
    """The value, unless it grows beyond any size; what only grows, by repeated squares, would never end."""
    for part in dims.parts(value):
        if isinstance(part, int) and abs(part) > dims.LARGEST:
            raise ValueError(f"a number of about 10^{dims.digits(part)} is absurd")
    return value


def _round_to(x: Any, multiple: Any = 8) -> Any:
    if not isinstance(multiple, int) or multiple < 1:
        raise ValueError("round_to(x, multiple) needs a whole multiple of at least 1")
    return DIVISIBLE.with_multiple(multiple).rounded(x)


def _extreme(pick: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return lambda *numbers: functools.reduce(pick, numbers)


def _interpolate(x: Any, *table: Any) -> Any:
    """Straight lines through the points (x₀, y₀, x₁, y₁, …), and through the origin outside them."""
    points = [(table[i], table[i + 1]) for i in range(0, len(table) - 1, 2)]
    if len(table) % 2 or not points:
        raise ValueError("interpolate(x, x0, y0, x1, y1, …) takes pairs of points")
    (x0, y0), (xn, yn) = points[0], points[-1]
    result = _divide(x * y0, x0)
    for (a, b), (c, d) in itertools.pairwise(points):
        line = b + _divide((x + -a) * (d + -b), c + -a)
        result = _either(_reaches(x, a), line, result)
    return _either(_reaches(x, xn), _divide(x * yn, xn), result)


def _reaches(x: Any, bound: Any) -> Any:
    """x >= bound"""
    return operator.ge(*_common(x, bound))


def _either(condition: Any, a: Any, b: Any) -> Any:
    """a where the condition holds, else b."""
    if isinstance(condition, bool):
        return a if condition else b
    (n, d), (m, e) = dims.parts(_number(a)), dims.parts(_number(b))
    return Ratio(dims.choose(condition, n, m), dims.choose(condition, d, e))


_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: _subtract,
    ast.Mult: operator.mul,
    ast.Div: _divide,
    ast.FloorDiv: _floor_divide,
    ast.Mod: _remainder,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "floor": dims.floor,
    "ceil": dims.ceil,
    "round": dims.nearest,
    "round_to": _round_to,
    "min": _extreme(dims.lower),
    "max": _extreme(dims.upper),
    "interpolate": _interpolate,
}
_ARGUMENTS = {
    "floor": (1, 1),
    "ceil": (1, 1),
    "round": (1, 1),
    "round_to": (1, 2),
    "min": (1, 100),
    "max": (1, 100),
    "interpolate": (3, 100),
}
"""The fewest and the most arguments of each."""
