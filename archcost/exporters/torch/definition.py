"""One class of the file: what its constructor takes and makes, and its forward where it is no plain sequence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from archcost.exporters.torch.classes import Class, Classes
from archcost.exporters.torch.code import Choice, Code, Group, Piece, call, flat, lines, quoted, written
from archcost.exporters.torch.forward import attribute, flag, forward, identity
from archcost.exporters.torch.runs import Row, condensed, row_of, rows_of

_OWN_TO_SEQUENTIAL = {"append", "extend", "insert", "pop"}


def definition(block: Class, found: Classes) -> str:
    """The class's lines; found: how calls of the others are written."""
    if _is_chain(block):
        body = _sequential(list(rows_of(block.steps)), found)
        base = "nn.Sequential"
    else:
        block = replace(block, steps=condensed(block.steps, block.outputs))
        made = [row_of(step) for step in block.steps if step.call is not None and step.said is None]
        body = [
            "        super().__init__()",
            *_containers(block),
            *(line for each in made for line in _assigned(each, found)),
        ]
        body += [f"        self.{flag(step)} = {step.when}" for step in block.steps if step.when and not identity(step)]
        annotated = [f"{name}: Tensor" for name in block.inputs]
        result = "Tensor" if len(block.outputs) == 1 else "tuple[Tensor, ...]"
        body += ["", *lines(Group("def forward(", ["self", *annotated], f") -> {result}:"), 4), *forward(block)]
        base = "nn.Module"
    names = [
        f"{p.name}: {p.annotation}" + ("" if p.required else f" = {flat(written(p.default, found.signatures))}")
        for p in block.parameters
    ]
    head = lines(Group("def __init__(", ["self", *names], ") -> None:"), 4)
    return "\n".join([f"class {block.name}({base}):", *head, *body])


def _is_chain(block: Class) -> bool:
    """Whether each step reads the one before, so that nn.Sequential runs them."""
    before = ("", 0)
    for step in block.steps:
        plain = step.call is not None and step.outputs == 1 and (not step.when or identity(step))
        if step.inputs != (before,) or not plain or step.name in _OWN_TO_SEQUENTIAL or "." in step.name:
            return False
        before = (step.name, 0)
    return block.outputs == (before,)


def _comprehension(row: Row, found: Classes) -> Piece:
    stop = row.stop.text if isinstance(row.stop, Code) else row.stop
    over = f"for i in range({row.first}, {stop})"
    if row.counting:
        over = f"for c in {row.counting}"
    elif isinstance(row.stop, int):
        over = f"for _ in range({row.stop - row.first})"
    return Group("*[", [_constructed(row, found), over], "]", "")


def _braced(text: str) -> str:
    return quoted(text)[1:-1].replace("{", "{{").replace("}", "}}")


def _constructed(row: Row, found: Classes) -> Piece:
    made = call(row.call, found.signatures)
    if not identity(row.step):
        return made
    return Choice(made, row.step.when, "nn.Identity()")


def _sequential(rows: list[Row], found: Classes) -> list[str]:
    """The layers of a chain: by place where their names are, else each under its own."""
    if not _from_zero(rows):
        return ["        super().__init__()", *(line for row in rows for line in _assigned(row, found))]
    items = [_constructed(row, found) if row.stop is None else _comprehension(row, found) for row in rows]
    return _exploded(Group("super().__init__(", items, ")"))


def _from_zero(rows: list[Row]) -> bool:
    """Whether the names are 0, 1, 2, …"""
    names: list[str] = []
    for row in rows:
        if isinstance(row.stop, Code):
            return False
        numbers = range(row.first, row.stop) if isinstance(row.stop, int) else ()
        names += [f"{row.base}{i}" for i in numbers] if row.stop is not None else [row.step.name]
    return names == [str(i) for i in range(len(names))]


def _exploded(group: Group) -> list[str]:
    """A group with an item a line, however short."""
    found = [f"        {group.opening}"]
    for item in group.items:
        found += lines(item, 12, "", group.separator)
    return [*found, f"        {group.closing}"]


def _assigned(row: Row, found: Classes) -> Iterator[str]:
    """The lines of __init__ that make a row's modules attributes."""
    if row.stop is not None:
        stop = row.stop.text if isinstance(row.stop, Code) else row.stop
        over = (
            f"i, c in enumerate({row.counting}, start={row.first})"
            if row.counting
            else f"i in range({row.first}, {stop})"
        )
        yield f"        for {over}:"
        made = _constructed(row, found)
        yield from lines(Group("self.add_module(", [f'f"{_braced(row.base)}{{i}}"', made], ")"), 12)
        return
    step = row.step
    target = attribute(step.name)
    if "(" in target:
        outer, _, last = step.name.rpartition(".")
        head = f"{attribute(outer)}.add_module(" if outer else "self.add_module("
        yield from lines(Group(head, [quoted(last), _constructed(row, found)], ")"), 8)
    else:
        yield from lines(_constructed(row, found), 8, f"{target} = ")


def _containers(block: Class) -> Iterator[str]:
    """Plain modules to hold those whose own block could not be one."""
    made: set[str] = set()
    for step in block.steps:
        parts = step.name.split(".")
        for length in range(1, len(parts)):
            name = ".".join(parts[:length])
            if name not in made and step.call is not None:
                made.add(name)
                outer, _, last = name.rpartition(".")
                yield f"        {attribute(outer) if outer else 'self'}.add_module({quoted(last)}, nn.Module())"
