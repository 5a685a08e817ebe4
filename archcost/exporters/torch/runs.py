"""Steps of a class that are alike, one after another, written as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from archcost.exporters.torch.classes import Step
from archcost.exporters.torch.code import Call, Code, Value
from archcost.exporters.torch.merge import Wire

_FEWEST, _MANY = 3, 6
"""Modules in a row from which on a loop is shorter: in a list of modules, and where forward calls them."""


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


def rows_of(steps: list[Step]) -> Iterator[Row]:
    """The modules of a class, those alike that follow each other as one."""
    place = 0
    while place < len(steps):
        step = steps[place]
        run = _alike(steps, place)
        if len(run) < _FEWEST:
            yield row_of(step)
            place += 1
        else:
            base, first = _split(step.name)
            shared = _counting(run)
            assert shared is not None  # as `_alike` chose them
            counted, counting = shared
            yield Row(step, counted, base, first, first + len(run), counting)
            place += len(run)


def row_of(step: Step) -> Row:
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
        if _counting([*run, step]) is None:
            break
        run.append(step)
    return run


def _split(name: str) -> tuple[str, int]:
    base = name.rstrip("0123456789")
    number = name[len(base) :]
    return base, int(number) if number and str(int(number)) == number else -1


def _counting(run: list[Step]) -> tuple[Call, str] | None:
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
            return None
        counting = said
        shared.append((name, Code("c")))
    return Call(first.callee, tuple(shared)), counting
