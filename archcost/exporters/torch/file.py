"""The whole file: imports, helpers, classes, and a run on random input."""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from archcost import __version__
from archcost.exporters.torch.classes import Class, Classes, Step, classes
from archcost.exporters.torch.code import (
    Call,
    Choice,
    Code,
    Group,
    Joined,
    Piece,
    Value,
    call,
    flat,
    lines,
    quoted,
    written,
)
from archcost.exporters.torch.forward import attribute, flag, forward, identity
from archcost.exporters.torch.helpers import needed
from archcost.exporters.torch.merge import Wire
from archcost.graph import Network

_OWN_TO_SEQUENTIAL = {"append", "extend", "insert", "pop"}
_FEWEST, _MANY = 3, 6
"""Modules in a row from which on a loop is shorter: in a list of modules, and where forward calls them."""


def source(network: Network, macs: int, params: int) -> str:
    """A network as Python code that needs PyTorch alone; its modules' names are the layers'.

    macs, params: for the text at its head. Raises ArchcostError where an operator cannot be written so.
    """
    found = classes(network)
    bodies = [_class(each, found) for each in found.found]
    code = "\n\n\n".join(bodies)
    callees = set(re.findall(r"\b[A-Z]\w*(?=\()", code))
    helpers = [text.rstrip() for text in needed(callees)]
    whole = "\n\n\n".join([*helpers, *bodies])
    parts = [_docstring(network, macs, params) + "\n\n" + _imports(whole), *helpers, *bodies, _main(network, found)]
    return "\n\n\n".join(parts) + "\n"


def _docstring(network: Network, macs: int, params: int) -> str:
    document, settings = network.document, network.settings
    said = [f"{document.name}: {macs:,} multiply-adds and {params:,} parameters."]
    if document.source:
        said.append(f"Source: {document.source}")
    sizes = ", ".join(map(str, network.input_shape))
    chosen = [f"{name} {value}" for name, value in settings.parameters.items()]
    said.append(f"Input: [batch, {sizes}]" + "".join(f"; {each}" for each in (_alpha(settings.alpha), *chosen) if each))
    said.append(f"Written by archcost {__version__}.")
    text = "\n\n".join([said[0], "\n".join(said[1:])])
    return '"""' + text.replace("\\", "\\\\").replace('"""', r"\"\"\"") + '\n"""'


def _alpha(alpha: object) -> str:
    from archcost.dims import Ratio, as_float

    number = as_float(alpha) if isinstance(alpha, Ratio) else alpha
    return "" if number == 1 else f"α {number:g}"


def _imports(code: str) -> str:
    said = ["import torch"]
    if "OrderedDict" in code:
        said = ["from collections import OrderedDict", "", *said]
    said.append("from torch import Tensor, nn" if "Tensor" in code else "from torch import nn")
    if re.search(r"\bF\.", code):
        said.append("from torch.nn import functional as F")
    if re.search(r"\bPair\b", code):
        said += ["", "Pair = int | tuple[int, int]"]
    return "\n".join(said)


def _main(network: Network, found: Classes) -> str:
    root = found.found[-1]
    sizes = ", ".join(map(str, network.input_shape))
    return "\n".join(
        [
            'if __name__ == "__main__":',
            f"    model = {root.name}().eval()",
            "    with torch.no_grad():",
            f"        y = model(torch.randn(1, {sizes}))",
            "    print([tuple(each.shape) for each in y])" if len(root.outputs) > 1 else "    print(tuple(y.shape))",
        ]
    )


def _class(block: Class, found: Classes) -> str:
    if _is_chain(block):
        body = _sequential(list(_rows(block.steps)), found)
        base = "nn.Sequential"
    else:
        block = replace(block, steps=condensed(block.steps, block.outputs))
        rows = [_row(step) for step in block.steps if step.call is not None]
        body = [
            "        super().__init__()",
            *_containers(block),
            *(line for row in rows for line in _assigned(row, found)),
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


@dataclass(frozen=True, slots=True)
class Row:
    """One module, or several alike under numbered names: base, then the numbers from first up to stop.

    counting: an argument that grows from one to the next, and its values as a range.
    """

    step: Step
    call: Call
    base: str = ""
    first: int = 0
    stop: Value = None
    counting: str = ""


def _rows(steps: list[Step]) -> Iterator[Row]:
    """The modules of a class, those alike that follow each other as one."""
    place = 0
    while place < len(steps):
        step = steps[place]
        run = _alike(steps, place)
        if len(run) < _FEWEST:
            yield _row(step)
            place += 1
        else:
            base, first = _split(step.name)
            counted, counting = _counting(run)
            yield Row(step, counted, base, first, first + len(run), counting)
            place += len(run)


def _row(step: Step) -> Row:
    assert step.call is not None
    if step.stop is None:
        return Row(step, step.call)
    return Row(step, step.call, step.name.removesuffix("*"), step.first, step.stop)


def condensed(steps: list[Step], outputs: tuple[Wire, ...]) -> list[Step]:
    """The steps, those in a row that are alike and read by nobody else as one that repeats."""
    readers = Counter(wire for step in steps for wire in {*step.inputs, step.instead})
    readers.update(outputs)
    found: list[Step] = []
    place = 0
    renamed: dict[str, str] = {}
    while place < len(steps):
        run = _alike(steps, place)
        inner = all(readers[each.name, 0] == 1 and len(each.inputs) == 1 for each in run[:-1])
        step = run[0] if run else steps[place]
        same = all(each.call == step.call and each.said is None and each.outputs == 1 for each in run)
        wires = tuple((renamed.get(name, name), index) for name, index in step.inputs)
        instead = step.instead and (renamed.get(step.instead[0], step.instead[0]), step.instead[1])
        if len(run) >= _MANY and inner and same:
            base, first = _split(step.name)
            renamed[run[-1].name] = f"{base}*"
            found.append(replace(step, name=f"{base}*", inputs=wires, first=first, stop=first + len(run)))
            place += len(run)
        else:
            found.append(replace(step, inputs=wires, instead=instead))
            place += 1
    return found


def _alike(steps: list[Step], place: int) -> list[Step]:
    """The longest run of steps from a place on that one comprehension can make."""
    base, number = _split(steps[place].name)
    run: list[Step] = []
    for step in steps[place:]:
        if step.call is None or step.when or step.stop is not None or number < 0:
            break
        if step.name != f"{base}{number + len(run)}" or step.call.callee != steps[place].call.callee:  # type: ignore[union-attr]
            break
        if run and step.inputs[:1] != ((run[-1].name, 0),):
            break
        if _counting([*run, step])[1] is None:
            break
        run.append(step)
    return run


def _split(name: str) -> tuple[str, int]:
    base = name.rstrip("0123456789")
    number = name[len(base) :]
    return base, int(number) if number and str(int(number)) == number else -1


def _counting(run: list[Step]) -> tuple[Call, str]:
    """The call that all share, with `c` for what grows evenly, and its values; None where there is no such call."""
    first = run[0].call
    assert first is not None
    shared: list[tuple[str, Value]] = []
    counting = ""
    for name, value in first.arguments:
        values = [dict(step.call.arguments).get(name) for step in run if step.call]
        if all(each == value and type(each) is type(value) for each in values):
            shared.append((name, value))
            continue
        numbers = [each for each in values if type(each) is int]
        step = numbers[1] - numbers[0] if len(numbers) > 1 else 0
        even = len(numbers) == len(run) and step > 0 and numbers == [numbers[0] + step * i for i in range(len(run))]
        said = f"range({numbers[0]}, {numbers[-1] + step}, {step})" if even else None
        if said is None or (counting and counting != said):
            return first, None  # type: ignore[return-value]
        counting = said
        shared.append((name, Code("c")))
    return Call(first.callee, tuple(shared)), counting


def _comprehension(row: Row, found: Classes, positional: bool) -> Piece:
    made = _constructed(row, found)
    stop = row.stop.text if isinstance(row.stop, Code) else row.stop
    if row.counting:
        over = f"for i, c in enumerate({row.counting}" + (f", start={row.first})" if row.first else ")")
    else:
        over = f"for i in range({row.first}, {stop})"
    if positional:
        if row.counting:
            over = f"for c in {row.counting}"
        elif isinstance(row.stop, int):
            over = f"for _ in range({row.stop - row.first})"
        return Group("*[", [made, over], "]", "")
    return Group("**{", [Joined([f'f"{_braced(row.base)}{{i}}": ', made]), over], "}", "")


def _braced(text: str) -> str:
    return quoted(text)[1:-1].replace("{", "{{").replace("}", "}}")


def _constructed(row: Row, found: Classes) -> Piece:
    made = call(row.call, found.signatures)
    if not identity(row.step):
        return made
    return Choice(made, row.step.when, "nn.Identity()")


def _sequential(rows: list[Row], found: Classes) -> list[str]:
    """The layers of a chain, by name."""
    names = [row.base if row.stop is not None else row.step.name for row in rows]
    if _from_zero(rows):
        items = [_constructed(r, found) if r.stop is None else _comprehension(r, found, True) for r in rows]
        return _exploded(Group("super().__init__(", items, ")"), "")
    plain = all(name.isidentifier() and not keyword.iskeyword(name) for name in names)
    items = []
    for row in rows:
        if row.stop is not None:
            items.append(_comprehension(row, found, False))
        else:
            head = f"{row.step.name}=" if plain else f"{quoted(row.step.name)}: "
            items.append(Joined([head, _constructed(row, found)]))
    group = Group("OrderedDict(", items, ")") if plain else Group("{", items, "}")
    passed = "layers" if plain else "OrderedDict(layers)"
    return [*_exploded(group, "layers = "), f"        super().__init__({passed})"]


def _from_zero(rows: list[Row]) -> bool:
    """Whether the names are 0, 1, 2, …"""
    names: list[str] = []
    for row in rows:
        if isinstance(row.stop, Code):
            return False
        numbers = range(row.first, row.stop) if isinstance(row.stop, int) else ()
        names += [f"{row.base}{i}" for i in numbers] if row.stop is not None else [row.step.name]
    return names == [str(i) for i in range(len(names))]


def _exploded(group: Group, head: str) -> list[str]:
    """A group with an item a line, however short."""
    found = [f"        {head}{group.opening}"]
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
    if step.said is not None:
        return
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
