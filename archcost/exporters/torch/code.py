"""Pieces of Python: calls with their arguments, and lines that break as ruff would break them."""

from __future__ import annotations

import itertools
import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

_TAKEN = {"self", "torch", "F", "nn", "i", "c"}
LINE = 120
STEP = 4
_FEWEST = 3
"""Equal modules in a row from which on a loop is shorter."""


@dataclass(frozen=True, slots=True)
class Code:
    """An expression, as it stands in the file."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A call by the name of what is called; arguments by name, those named 0, 1, … by place."""

    callee: str
    arguments: tuple[tuple[str, Value], ...] = ()

    @classmethod
    def of(cls, callee: str, **arguments: Value) -> Call:
        return cls(callee, tuple(arguments.items()))

    @classmethod
    def listing(cls, callee: str, *arguments: Value) -> Call:
        return cls(callee, tuple((str(place), each) for place, each in enumerate(arguments)))


Value: TypeAlias = int | float | bool | str | tuple["Value", ...] | Code | Call | None


@dataclass(frozen=True, slots=True)
class Signature:
    """How a call is written: which arguments by place, and what others are unless they are given."""

    places: tuple[str, ...] = ()
    defaults: Mapping[str, Value] | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Something in brackets that may stand on several lines, one item each. separator: between items of one line."""

    opening: str
    items: Sequence[Piece]
    closing: str
    separator: str = ","


@dataclass(frozen=True, slots=True)
class Joined:
    """Pieces after one another, of which the last group breaks first."""

    pieces: Sequence[Piece]


@dataclass(frozen=True, slots=True)
class Choice:
    """One piece where a condition holds, else another."""

    made: Piece
    condition: str
    otherwise: str


Piece: TypeAlias = Group | Joined | Choice | str
Signatures: TypeAlias = Mapping[str, Signature]


def written(value: Value, signatures: Signatures) -> Piece:
    """A value as pieces of code."""
    if isinstance(value, Code):
        return value.text
    if isinstance(value, tuple):
        items = [written(each, signatures) for each in value]
        return Group("(", [*items[:-1], Joined([items[-1], ","])] if len(items) == 1 else items, ")")
    if isinstance(value, Call):
        return call(value, signatures)
    return quoted(value) if isinstance(value, str) else repr(value)


def quoted(text: str) -> str:
    """A text in double quotes, as ruff has it."""
    plain = repr(text)
    if plain[0] == "'" and '"' not in plain:
        return f'"{plain[1:-1]}"'
    return plain


def variable(name: str) -> str:
    """A name as one of Python's that hides nothing the file needs."""
    name = re.sub(r"\W", "_", name)
    name = name if name.isidentifier() else f"_{name}"
    return f"{name}_" if keyword.iskeyword(name) or name in _TAKEN else name


def call(value: Call, signatures: Signatures) -> Group:
    signature = signatures.get(value.callee, Signature())
    given, defaults = dict(value.arguments), signature.defaults or {}
    places = [name for name in signature.places if name in given]
    while places and places[-1] in defaults and _same(defaults[places[-1]], given[places[-1]]):
        del given[places.pop()]
    items: list[Piece] = [written(given.pop(name), signatures) for name in places]
    for name, argument in given.items():
        if name in defaults and _same(defaults[name], argument):
            continue
        said = written(argument, signatures)
        items.append(said if name.isdigit() else Joined([f"{name}=", said]))
    if value.callee == "nn.Sequential":
        items = _repeated(items)
    return Group(f"{value.callee}(", items, ")")


def _repeated(items: list[Piece]) -> list[Piece]:
    """Several equal ones after another as one."""
    found: list[Piece] = []
    for item, run in itertools.groupby(items):
        same = list(run)
        if len(same) < _FEWEST:
            found += same
        else:
            found.append(Group("*[", [item, f"for _ in range({len(same)})"], "]", ""))
    return found


def _same(default: Value, value: Value) -> bool:
    return type(default) is type(value) and default == value


def flat(piece: Piece) -> str:
    """On one line."""
    if isinstance(piece, str):
        return piece
    if isinstance(piece, Joined):
        return "".join(map(flat, piece.pieces))
    if isinstance(piece, Choice):
        return f"{flat(piece.made)} if {piece.condition} else {piece.otherwise}"
    between = f"{piece.separator} " if piece.separator else " "
    return piece.opening + between.join(map(flat, piece.items)) + piece.closing


def lines(piece: Piece, indent: int, before: str = "", after: str = "") -> list[str]:
    """As few lines as fit: on one, else the outermost bracket opened with an item a line."""
    one = " " * indent + before + flat(piece) + after
    if len(one) <= LINE or isinstance(piece, str):
        return [one]
    inner = indent + STEP
    if isinstance(piece, Choice):
        content = [" " * inner + flat(piece)]
        if len(content[0]) > LINE:
            tests = [" " * inner + f"if {piece.condition}", " " * inner + f"else {piece.otherwise}"]
            content = [*lines(piece.made, inner), *tests]
        return [" " * indent + before + "(", *content, " " * indent + ")" + after]
    if isinstance(piece, Joined):
        place = next((i for i in reversed(range(len(piece.pieces))) if _breaks(piece.pieces[i])), None)
        if place is None:
            return [one]
        head = before + "".join(map(flat, piece.pieces[:place]))
        tail = "".join(map(flat, piece.pieces[place + 1 :])) + after
        return lines(piece.pieces[place], indent, head, tail)
    content = [line for item in piece.items for line in lines(item, inner, "", piece.separator)]
    whole = " " * inner + " ".join(map(flat, piece.items))
    if not piece.separator and len(whole) <= LINE:
        content = [whole]
    return [" " * indent + before + piece.opening, *content, " " * indent + piece.closing + after]


def _breaks(piece: Piece) -> bool:
    if isinstance(piece, Joined):
        return any(map(_breaks, piece.pieces))
    return isinstance(piece, Group) and bool(piece.items)
