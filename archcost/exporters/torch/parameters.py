"""The arguments of a block's class: what differs between its instances, named once, the rest said through it."""

from __future__ import annotations

import itertools
import keyword
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from archcost.exporters.torch.code import Code, Value

ABSENT: Any = Code("absent")
"""What stands for an argument in an instance that leaves the layer out."""
CHANNELS = "channels"
_COUNTS = {
    *("in_channels", "out_channels", "num_features", "num_channels", "num_parameters", "channels", "groups"),
    *("in_features", "out_features", "features", "normalized_shape"),
}
_TAKEN = {
    "self",
    "nn",
    "torch",
    "F",
    "i",
    "c",
    "layers",
    "super",
    "range",
    "enumerate",
    "Tensor",
    "Pair",
}
_LARGEST_FACTOR = 8


@dataclass(slots=True)
class Parameter:
    """One argument of a class.

    role: what its numbers are, CHANNELS or an argument's name; field: what the spec's block calls it; values: one for
    each instance.
    """

    name: str
    role: str
    field: str
    values: tuple[Value, ...]
    default: Value = ABSENT

    @property
    def required(self) -> bool:
        return self.default is ABSENT

    @property
    def annotation(self) -> str:
        kinds = {_kind(value) for value in (*self.values, self.default) if value is not ABSENT}
        return "float" if kinds == {"int", "float"} else " | ".join(sorted(kinds))


def _kind(value: Value) -> str:
    if isinstance(value, tuple):
        return f"tuple[{', '.join(map(_kind, value))}]"
    return type(value).__name__


def key(values: Sequence[Value]) -> tuple[object, ...]:
    """Values so that 1 and true differ."""
    return tuple((type(value).__name__, value) for value in values)


def role(argument: str) -> str:
    """Sizes of one role may be said through one another; a stride is never said through channels."""
    return CHANNELS if argument in _COUNTS else argument


@dataclass(slots=True)
class Given:
    """One argument of one layer, with its value in each instance.

    role: see Parameter; owner: the layer; hint: the name in the spec that it was given by, or nothing.
    """

    argument: str
    role: str
    owner: str
    hint: str
    values: tuple[Value, ...]


@dataclass(slots=True)
class Parameters:
    """A class's parameters as they are found.

    inputs, outputs: channels of the block's first input and output in each instance. defaults: what the spec says of
    its block's arguments.
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    flat: bool
    """Whether the input is no map but features."""
    defaults: dict[str, Value]
    found: list[Parameter] = field(default_factory=list)

    def complete(self, given: list[Given]) -> None:
        """Where some instances leave a layer out, its arguments are taken to be there what others are everywhere."""
        whole = [Given("in_channels", CHANNELS, "", "", self.inputs), *(g for g in given if ABSENT not in g.values)]
        for each in given:
            if ABSENT in each.values and len(set(key([v for v in each.values if v is not ABSENT]))) > 1:
                same = (g.values for g in whole if g.role == each.role and _agree(each.values, g.values))
                each.values = next(same, each.values)

    def expression(self, given: Given) -> Value:
        """A literal where all instances agree, else code over the parameters."""
        present = [value for value in given.values if value is not ABSENT]
        if len(set(key(present))) == 1:
            return present[0]
        for parameter in self.found:
            if parameter.role == given.role and _agree(given.values, parameter.values):
                return Code(parameter.name)
        for code, derived in self._derived(given.role):
            if _agree(given.values, derived):
                return Code(code)
        return Code(self._new(given).name)

    def _derived(self, role: str) -> Iterator[tuple[str, tuple[Value, ...]]]:
        """Multiples, parts and sums of the parameters so far; a padding is half a window."""
        if role == "padding":
            yield from ((f"{name} // 2", tuple(v // 2 for v in values)) for name, values in self._whole("kernel_size"))
        numbers = self._whole(CHANNELS) if role == CHANNELS else []
        for name, values in numbers:
            for factor in range(2, _LARGEST_FACTOR + 1):
                yield f"{factor} * {name}", tuple(factor * v for v in values)
                if all(v % factor == 0 for v in values):
                    yield f"{name} // {factor}", tuple(v // factor for v in values)
        for (first, a), (second, b) in itertools.combinations(numbers, 2):
            yield f"{first} + {second}", tuple(v + w for v, w in zip(a, b, strict=True))
            yield f"{first} * {second}", tuple(v * w for v, w in zip(a, b, strict=True))

    def _whole(self, role: str) -> list[tuple[str, tuple[Any, ...]]]:
        """The parameters of a role that are whole numbers in every instance."""
        return [(p.name, p.values) for p in self.found if p.role == role and all(type(v) is int for v in p.values)]

    def _new(self, given: Given) -> Parameter:
        default: Value = ABSENT
        values, hint, role = given.values, given.hint, given.role
        if ABSENT in values and role == CHANNELS:
            default = 0
        elif ABSENT in values:
            default = next(value for value in values if value is not ABSENT)
        elif hint in self.defaults and key([self.defaults[hint]])[0] in key(values):
            default = self.defaults[hint]
        elif role in ("stride", "dilation") and 1 in values:
            default = 1
        elif role == "padding" and 0 in values:
            default = 0
        filled = tuple(default if value is ABSENT else value for value in values)
        parameter = Parameter(self._name(given), role, hint, filled, default)
        self.found.append(parameter)
        return parameter

    def _name(self, given: Given) -> str:
        """The spec's own name, else the part that the number plays, else the argument's."""
        counts, hint = given.role == CHANNELS, given.hint
        noun = "features" if self.flat else "channels"
        wanted: list[str] = []
        if counts and given.values == self.inputs:
            wanted.append(noun if given.values == self.outputs else f"in_{noun}")
        if counts and given.values == self.outputs:
            wanted.append(f"out_{noun}")
        if hint:
            wanted.append({"out": noun, "kernel": "kernel_size"}.get(hint, hint))
        if counts:
            wanted.append(f"hidden_{noun}")
        else:
            wanted.append(given.argument)
        wanted += [f"{given.owner}_{noun if counts else given.argument}", f"{given.owner}_{given.argument}"]
        return next(name for name in _numbered(wanted) if self.free(name))

    def free(self, name: str) -> bool:
        return name.isidentifier() and not keyword.iskeyword(name) and name not in _TAKEN | {p.name for p in self.found}

    def condition(
        self, present: tuple[bool, ...], owner: str, kind: str, arguments: tuple[Value, ...], joins: bool
    ) -> str:
        """What holds for just those instances that have a layer, in the words that one expects; else a flag.

        arguments: the layer's; joins: whether it has several inputs, as the end of a residual.
        """
        names = {argument.text for argument in arguments if isinstance(argument, Code)}
        for code, holds in self._residual() if joins else self._sized(names):
            if holds == present:
                return code
        wanted = ["residual"] if kind == "add" else []
        name = next(n for n in _numbered([*wanted, f"with_{owner}", f"with_{kind}"]) if self.free(n))
        self.found.append(Parameter(name, "", "", present))
        return name

    def _residual(self) -> Iterator[tuple[str, tuple[bool, ...]]]:
        """Where input and output are of one size."""
        same = tuple(a == b for a, b in zip(self.inputs, self.outputs, strict=True))
        names = {p.values: p.name for p in self.found if p.role == CHANNELS}
        channels = f"{names.get(self.inputs)} == {names.get(self.outputs)}" if names.get(self.inputs) else ""
        channels = channels if self.outputs in names else ""
        for stride, values in self._whole("stride"):
            one = tuple(v == 1 for v in values)
            if channels:
                yield f"{stride} == 1 and {channels}", tuple(a and b for a, b in zip(one, same, strict=True))
            yield f"{stride} == 1", one
        if channels:
            yield channels, same

    def _sized(self, names: set[str]) -> Iterator[tuple[str, tuple[bool, ...]]]:
        """Where the layer has channels at all, or changes their number."""
        counts = [(name, values) for name, values in self._whole(CHANNELS) if name in names]
        for name, values in counts:
            yield name, tuple(v != 0 for v in values)
        for (first, a), (second, b) in itertools.combinations(counts, 2):
            yield f"{first} != {second}", tuple(v != w for v, w in zip(a, b, strict=True))

    def stop(self, counts: tuple[int, ...], first: int, owner: str, hint: str) -> Value:
        """The number after the last of a repeated layer, in each instance; hint: as `$depth - 1`."""
        said = re.fullmatch(r"\$(\w+)(?:\s*-\s*(\d+))?", hint)
        name, offset = (said[1], int(said[2] or 0)) if said else (f"{owner}s", 0)
        if len(set(counts)) == 1:
            return first + counts[0]
        whole = self.expression(Given(name, name, owner, name, tuple(count + offset for count in counts)))
        assert isinstance(whole, Code)  # the counts differ
        more = first - offset
        return Code(f"{whole.text} + {more}" if more > 0 else f"{whole.text} - {-more}" if more else whole.text)


def _agree(values: Sequence[Value], others: Sequence[Value]) -> bool:
    """Whether they are equal wherever the first are known."""
    return all(
        value is ABSENT or (value == other and type(value) is type(other))
        for value, other in zip(values, others, strict=True)
    )


def _numbered(names: Sequence[str]) -> Iterator[str]:
    cleaned = [re.sub(r"\W", "_", name) for name in names]
    yield from cleaned
    yield from (f"{re.sub(r'^[^A-Za-z_]', '_', cleaned[-1])}_{number}" for number in itertools.count(2))
