"""The fields of an operator: what a spec may write there, how it is read, and its JSON Schema.

A field's `read` gets what the spec says with all `$names` filled in, and returns the operator's attribute.
A value of the wrong kind is a ValueError; a size out of range goes to `reject(condition, message)`, which
raises a problem for one model and marks the rows in a batch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from archcost import dims
from archcost.dims import Condition, Dim, Ratio, choose, is_array

Reject = Callable[[Condition, str], None]
LARGEST_SIZE = 1_000_000


def read_size(raw: object, minimum: int, reject: Reject) -> Dim:
    """A whole number from `minimum` to a million, or an array of such."""
    if isinstance(raw, bool) or not (isinstance(raw, (int, Ratio)) or is_array(raw)):
        raise ValueError(f"needs a whole number, not {describe(raw)}")
    if isinstance(raw, Ratio):
        if isinstance(raw.numerator, int) and isinstance(raw.denominator, int):
            raise ValueError(f"needs a whole number, not {describe(raw)}")
        reject(raw.numerator % raw.denominator != 0, "needs a whole number")
        raw = raw.numerator // raw.denominator
    if isinstance(raw, int):
        if raw < minimum:
            raise ValueError(f"is {_short(raw)}; the smallest is {minimum}")
        if raw > LARGEST_SIZE:
            raise ValueError(f"is {_short(raw)}; the largest is {LARGEST_SIZE:,}")
        return raw
    outside = (raw < minimum) | (raw > LARGEST_SIZE)
    reject(outside, f"is outside {minimum} to {LARGEST_SIZE:,}")
    return choose(outside, minimum, raw)


def _short(number: int) -> str:
    return str(number) if abs(number) < 10**15 else f"{'-' if number < 0 else ''}10^{dims.digits(number)}"


def describe(raw: object) -> str:
    """A value as the spec shows it, for messages."""
    if raw is None:
        return "nothing"
    if isinstance(raw, bool):
        return str(raw).lower()
    if isinstance(raw, (str, list, dict)):
        sort = "text" if isinstance(raw, str) else "list" if isinstance(raw, list) else "mapping"
        shown = raw[:80] if isinstance(raw, (str, list)) else raw
        return f"the {sort} {shown!r}"[:80]
    if isinstance(raw, Ratio):
        return f"{dims.as_float(raw):.12g}" if isinstance(raw.numerator, int) else "a fraction"
    return _short(raw) if isinstance(raw, int) else str(raw)[:80]


@dataclass(frozen=True, slots=True)
class FieldType:
    """One field: how to read it, and what the schema says of it."""

    read: Callable[[Any, Reject], Any]
    schema: dict[str, Any]
    width: bool = False
    """α scales it."""
    structural: bool = False
    """It decides what the layer is, not only how large: one value for all rows of a batch."""


def _declare(kind: FieldType, help: str, default: Any) -> Any:
    kind = dataclasses.replace(kind, schema={**kind.schema, "description": help})
    metadata = {"type": kind}
    if default is dataclasses.MISSING:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


EXPRESSION: dict[str, Any] = {"type": "string", "pattern": r"[$(]"}
"""Wherever a number may stand, so may an expression over parameters and channels."""
WHOLE: dict[str, Any] = {"anyOf": [{"type": "integer", "minimum": 1}, EXPRESSION]}
WHOLE_OR_ZERO: dict[str, Any] = {"anyOf": [{"type": "integer", "minimum": 0}, EXPRESSION]}


def size(help: str, default: Any = dataclasses.MISSING, *, width: bool = False, minimum: int = 1) -> Any:
    """A whole number. `width` marks the one that α scales."""
    schema = WHOLE if minimum else WHOLE_OR_ZERO
    return _declare(FieldType(lambda raw, reject: read_size(raw, minimum, reject), schema, width), help, default)


def position(help: str, default: Any = dataclasses.MISSING, minimum: int = 0) -> Any:
    """A whole number that names an axis or a part."""
    schema = WHOLE if minimum else WHOLE_OR_ZERO
    kind = FieldType(lambda raw, reject: read_size(raw, minimum, reject), schema, structural=True)
    return _declare(kind, help, default)


def pair(help: str, default: Any = dataclasses.MISSING, minimum: int = 1, *, structural: bool = False) -> Any:
    """One whole number for both axes, or [height, width]."""

    def read(raw: Any, reject: Reject) -> tuple[Dim, Dim]:
        if isinstance(raw, list):
            if len(raw) != 2:
                raise ValueError(f"needs one number or [height, width], not {describe(raw)}")
            return read_size(raw[0], minimum, reject), read_size(raw[1], minimum, reject)
        both = read_size(raw, minimum, reject)
        return both, both

    one = WHOLE if minimum else WHOLE_OR_ZERO
    many = {"type": "array", "items": one, "minItems": 2, "maxItems": 2}
    return _declare(FieldType(read, {"anyOf": [*one["anyOf"], many]}, structural=structural), help, default)


def sizes(help: str, minimum: int = 1, *, structural: bool = False) -> Any:
    """A list of whole numbers."""

    def read(raw: Any, reject: Reject) -> tuple[Dim, ...]:
        if not isinstance(raw, list) or not raw:
            raise ValueError(f"needs a list of whole numbers, not {describe(raw)}")
        return tuple(read_size(item, minimum, reject) for item in raw)

    one = WHOLE if minimum else WHOLE_OR_ZERO
    schema = {"type": "array", "items": one, "minItems": 1}
    return _declare(FieldType(read, schema, structural=structural), help, dataclasses.MISSING)


LARGEST_COUNT = 10**18


def count(help: str, default: int = 0) -> Any:
    """A whole number of any size that a cost may have."""

    def read(raw: Any, reject: Reject) -> int:
        if isinstance(raw, bool) or not isinstance(raw, int) or not 0 <= raw <= LARGEST_COUNT:
            raise ValueError(f"needs a whole number from 0, not {describe(raw)}")
        return raw

    return _declare(FieldType(read, WHOLE_OR_ZERO, structural=True), help, default)


def shape(help: str) -> Any:
    """The sizes of one tensor as plain numbers, of any rank."""
    schema = {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1}
    return _declare(FieldType(_read_shape, schema, structural=True), help, dataclasses.MISSING)


def shapes(help: str) -> Any:
    """The sizes of several tensors."""

    def read(raw: Any, reject: Reject) -> tuple[tuple[int, ...], ...]:
        if not isinstance(raw, list) or not raw:
            raise ValueError(f"needs a list of shapes, not {describe(raw)}")
        return tuple(_read_shape(each, reject) for each in raw)

    one = {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1}
    schema = {"type": "array", "items": one, "minItems": 1}
    return _declare(FieldType(read, schema, structural=True), help, dataclasses.MISSING)


def _read_shape(raw: Any, reject: Reject) -> tuple[int, ...]:
    if not isinstance(raw, list) or not raw:
        raise ValueError(f"needs a list of sizes, not {describe(raw)}")
    for size in raw:
        if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= LARGEST_COUNT:
            raise ValueError(f"needs whole numbers from 1, not {describe(size)}")
    return tuple(raw)


def text(help: str) -> Any:
    """A word that changes no cost."""

    def read(raw: Any, reject: Reject) -> str:
        if not isinstance(raw, str) or not raw:
            raise ValueError(f"needs a text, not {describe(raw)}")
        return raw

    return _declare(FieldType(read, {"type": "string"}, structural=True), help, dataclasses.MISSING)


def entry(help: str) -> Any:
    """An axis and the number of an entry along it; nothing unless given."""

    def read(raw: Any, reject: Reject) -> tuple[int, ...]:
        if not isinstance(raw, list) or len(raw) != 2:
            raise ValueError(f"needs an axis and the number of an entry, not {describe(raw)}")
        axis, index = (read_size(item, 0, reject) for item in raw)
        return int(axis), int(index)

    schema = {"type": "array", "items": WHOLE_OR_ZERO, "minItems": 2, "maxItems": 2}
    return _declare(FieldType(read, schema, structural=True), help, ())


def axes(help: str, default: Any = dataclasses.MISSING) -> Any:
    """A list of axes, from 0."""

    def read(raw: Any, reject: Reject) -> tuple[int, ...]:
        if not isinstance(raw, list) or not raw:
            raise ValueError(f"needs a list of axes, not {describe(raw)}")
        found = [read_size(item, 0, reject) for item in raw]
        if not all(isinstance(axis, int) for axis in found) or len(set(found)) < len(found):
            raise ValueError(f"needs different axes, not {describe(raw)}")
        return tuple(int(axis) for axis in found)

    schema = {"type": "array", "items": WHOLE_OR_ZERO, "minItems": 1}
    return _declare(FieldType(read, schema, structural=True), help, default)


def number(help: str, default: Any = dataclasses.MISSING) -> Any:
    """Any number; it changes no cost."""

    def read(raw: Any, reject: Reject) -> float:
        found = dims.as_float(raw) if isinstance(raw, Ratio) else raw
        if isinstance(found, bool) or not isinstance(found, (int, float)):
            raise ValueError(f"needs a number, not {describe(raw)}")
        return float(found)

    return _declare(FieldType(read, {"anyOf": [{"type": "number"}, EXPRESSION]}, structural=True), help, default)


def flag(help: str, default: bool) -> Any:
    def read(raw: Any, reject: Reject) -> bool:
        if not isinstance(raw, bool):
            raise ValueError(f"needs true or false, not {describe(raw)}")
        return raw

    return _declare(FieldType(read, {"anyOf": [{"type": "boolean"}, EXPRESSION]}, structural=True), help, default)


def one_of(help: str, names: tuple[str, ...], default: str) -> Any:
    def read(raw: Any, reject: Reject) -> str:
        if raw not in names:
            raise ValueError(f"needs one of {', '.join(names)}, not {describe(raw)}")
        return str(raw)

    return _declare(FieldType(read, {"anyOf": [{"enum": list(names)}, EXPRESSION]}, structural=True), help, default)


def fraction(help: str, default: Ratio | int) -> Any:
    """A number from 0 to 1; it changes no cost."""

    def read(raw: Any, reject: Reject) -> float:
        number = dims.as_float(raw) if isinstance(raw, Ratio) else raw
        if isinstance(number, bool) or not isinstance(number, (int, float)) or not 0 <= number <= 1:
            raise ValueError(f"needs a number from 0 to 1, not {describe(raw)}")
        return float(number)

    schema = {"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, EXPRESSION]}
    return _declare(FieldType(read, schema, structural=True), help, default)


Margins = tuple[tuple[Dim, Dim], tuple[Dim, Dim]]
"""((top, bottom), (left, right)), in elements."""


def margins(help: str, default: Any = dataclasses.MISSING, names: tuple[str, ...] = ("same", "valid")) -> Any:
    """`same`, `valid`, one number, [height, width], or [[top, bottom], [left, right]]."""
    said = " or ".join([*names, "a number", "[height, width]", "[[top, bottom], [left, right]]"])

    def read(raw: Any, reject: Reject) -> str | Margins:
        if isinstance(raw, str):
            if raw not in names:
                raise ValueError(f"needs {said}, not {describe(raw)}")
            return raw
        axes = raw if isinstance(raw, list) else [raw, raw]
        if len(axes) != 2:
            raise ValueError(f"needs {said}, not {describe(raw)}")
        top_bottom, left_right = (_axis(axis, said, reject) for axis in axes)
        return top_bottom, left_right

    axis: dict[str, Any] = {
        "anyOf": [*WHOLE_OR_ZERO["anyOf"], {"type": "array", "items": WHOLE_OR_ZERO, "minItems": 2, "maxItems": 2}]
    }
    schema: list[dict[str, Any]] = [{"enum": list(names)}] if names else []
    schema += [*WHOLE_OR_ZERO["anyOf"], {"type": "array", "items": axis, "minItems": 2, "maxItems": 2}]
    return _declare(FieldType(read, {"anyOf": schema}), help, default)


def _axis(raw: Any, said: str, reject: Reject) -> tuple[Dim, Dim]:
    if isinstance(raw, list):
        if len(raw) != 2:
            raise ValueError(f"needs {said}, not {describe(raw)}")
        return read_size(raw[0], 0, reject), read_size(raw[1], 0, reject)
    both = read_size(raw, 0, reject)
    return both, both
