"""The body of a forward method: a block's steps as statements, with as few names as reading them needs."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass, field

from archcost.exporters.torch.classes import Class, Step
from archcost.exporters.torch.code import Group, Piece, flat, lines, quoted, variable
from archcost.exporters.torch.merge import Wire

DEEPEST = 3
"""Calls inside calls on one line."""
WIDEST = 88
"""Characters of an expression that goes into another."""
BODY = 8
_ENDS = {"relu", "relu6", "leaky_relu", "elu", "hard_swish", "silu", "gelu"}
"""What a line ends with, as convolution, norm and activation make one."""
_CHUNK = re.compile(r"(\{0\}\.chunk\((\d+), dim=-?\d+\))\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Said:
    """An expression: how tightly it binds, how many calls deep it is."""

    text: str
    binds: int = 9
    depth: int = 0


def attribute(name: str) -> str:
    """A module of self: self.conv, or self.get_submodule("3a") where the name is none of Python's."""
    if all(part.isidentifier() and not keyword.iskeyword(part) for part in name.split(".")):
        return f"self.{name}"
    return f"self.get_submodule({quoted(name)})"


def identity(step: Step) -> bool:
    """Whether a step that may be left out is then an nn.Identity, which its caller need not know of."""
    return bool(step.when) and step.call is not None and len(step.inputs) == 1 and not step.said


def flag(step: Step) -> str:
    """The attribute that says whether a step is there."""
    return "residual" if step.kind == "add" else "has_" + re.sub(r"\W", "_", step.name)


def forward(block: Class) -> list[str]:
    """The statements, indented."""
    return _Writer(block).write()


@dataclass(slots=True)
class _Writer:
    block: Class
    lines: list[str] = field(default_factory=list)
    known: dict[Wire, Said] = field(default_factory=dict)
    holds: dict[str, Wire] = field(default_factory=dict)
    """Which tensor a variable holds."""
    uses: dict[Wire, list[int]] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)

    def write(self) -> list[str]:
        steps = self.block.steps
        for index, name in enumerate(self.block.inputs):
            self._name(("", index), name)
        for index, step in enumerate(steps):
            for wire in {*step.inputs, *([step.instead] if step.instead else [])}:
                self.uses.setdefault(wire, []).append(index)
        for wire in self.block.outputs:
            self.uses.setdefault(wire, []).append(len(steps))
        for index, step in enumerate(steps):
            if step.name not in self.written:
                self._step(index, step)
        results = [self.known[wire].text for wire in self.block.outputs]
        self._statement("return ", ", ".join(results))
        return self.lines

    def _step(self, index: int, step: Step) -> None:
        if self._parts(index, step):
            return
        if step.stop is not None:
            self._loop(index, step)
            return
        said, piece = self._expression(step)
        wire = (step.name, 0)
        if step.outputs > 1:
            names = [
                self._variable(index, (step.name, each), f"{step.name}_{each + 1}") for each in range(step.outputs)
            ]
            self._statement(f"{', '.join(names)} = ", said.text)
        elif self._goes_into_next(index, step, said):
            self.known[wire] = said
        else:
            self._statement(f"{self._variable(index, wire, step.name)} = ", piece)

    def _expression(self, step: Step) -> tuple[Said, Piece]:
        """What a step computes; the piece may break over lines."""
        operands = [self.known[wire] for wire in step.inputs]
        depth = 1 + max((each.depth for each in operands), default=0)
        if step.said is None:
            text = f"{attribute(step.name)}({', '.join(each.text for each in operands)})"
            said = Said(text, 9, depth)
            piece: Piece = text
        elif "{all}" in step.said:
            head, _, tail = step.said.partition("[{all}], ")
            piece = Group(head, [Group("[", [each.text for each in operands], "]"), tail.removesuffix(")")], ")")
            said = Said(flat(piece), 9, depth)
        else:
            loose = step.binds < 9 or step.said.startswith("{0}")
            texts = [
                f"({each.text})" if loose and each.binds < step.binds + (place > 0 and step.binds < 9) else each.text
                for place, each in enumerate(operands)
            ]
            said = Said(step.said.format(*texts), step.binds, depth)
            piece = said.text
        if step.when and not identity(step):
            assert step.instead is not None
            text = f"{said.text} if self.{flag(step)} else {self.known[step.instead].text}"
            said, piece = Said(text, 0, DEEPEST), text
        return said, piece

    def _goes_into_next(self, index: int, step: Step, said: Said) -> bool:
        """Whether a step's only reader is the next one, and the line stays easy to read."""
        readers = self.uses.get((step.name, 0), [])
        if readers != [index + 1]:
            return False
        if index + 1 == len(self.block.steps):
            return len(self.block.outputs) == 1 and len(said.text) + BODY < WIDEST + 20
        reader = self.block.steps[index + 1]
        if reader.stop is not None or (reader.when and not identity(reader)) or said.binds == 0:
            return False
        if len(reader.inputs) > 1:
            fits = said.depth <= 1 and reader.kind != "concat" and len(set(reader.inputs)) == len(reader.inputs)
        else:
            fits = said.depth < DEEPEST + (reader.kind in _ENDS) and step.kind not in _ENDS
        return fits and len(said.text) < WIDEST - 20

    def _variable(self, index: int, wire: Wire, name: str) -> str:
        """A variable for a tensor: x or y where it soon ends, else the layer's own name."""
        readers = self.uses.get(wire, [])
        free = [each for each in ("x", "y") if not self._alive(each, index)]
        soon = all(reader <= index + 1 for reader in readers) and not self._joins(index + 1)
        if (soon and free) or ("x" in free and len(readers) > 1):
            chosen = free[0]
        else:
            chosen = variable(name.rsplit(".", 1)[-1])
            while self._alive(chosen, index):
                chosen += "_"
        self._name(wire, chosen)
        return chosen

    def _joins(self, index: int) -> bool:
        """Whether a step joins several tensors, which are better told apart by their names."""
        return index < len(self.block.steps) and self.block.steps[index].kind == "concat"

    def _alive(self, name: str, index: int) -> bool:
        """Whether what a variable holds is still read after this step."""
        return name in self.holds and any(use > index for use in self.uses.get(self.holds[name], []))

    def _name(self, wire: Wire, name: str) -> None:
        self.holds[name] = wire
        self.known[wire] = Said(name)

    def _parts(self, index: int, step: Step) -> bool:
        """Writes `left, right = x.chunk(2, dim=1)` where all parts of a split are wanted."""
        match = _CHUNK.fullmatch(step.said or "")
        if match is None:
            return False
        parts = {
            int(other[3]): each
            for each in self.block.steps[index:]
            if each.inputs == step.inputs
            and (other := _CHUNK.fullmatch(each.said or ""))
            and other[1] == match[1]
            and not each.when
        }
        if sorted(parts) != list(range(int(match[2]))) or len(parts) < 2:
            return False
        source = self.known[step.inputs[0]]
        names = []
        for number in sorted(parts):
            each = parts[number]
            self.written.add(each.name)
            name = variable(each.name)
            while name in self.holds:
                name += "_"
            self._name((each.name, 0), name)
            names.append(name)
        text = source.text if source.binds == 9 else f"({source.text})"
        self._statement(f"{', '.join(names)} = ", match[1].format(text))
        return True

    def _loop(self, index: int, step: Step) -> None:
        """One statement for a child that is repeated."""
        base, wire, source = step.name.removesuffix("*"), (step.name, 0), self.known[step.inputs[0]]
        others = "".join(f", {self.known[each].text}" for each in step.inputs[1:])
        held = source.text if source.text in self.holds and not self._alive(source.text, index) else None
        if held is None:
            held = self._variable(index, wire, base)
            self._statement(f"{held} = ", source.text)
        self._name(wire, held)
        stop = getattr(step.stop, "text", step.stop)
        self.lines.append(f"{' ' * BODY}for i in range({step.first}, {stop}):")
        self.lines.append(f'{" " * (BODY + 4)}{held} = self.get_submodule(f"{base}{{i}}")({held}{others})')

    def _statement(self, head: str, piece: Piece) -> None:
        self.lines += lines(piece, BODY, head)
