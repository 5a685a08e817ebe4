"""What a counter sees of a layer as it is written in PyTorch: a module's hook, a function by its name, an operator.

hooks.yaml has a table for each tool that tells these apart; to the others a layer is what its rule says.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

from archcost.analysis.conventions import Convention, Rule, listed, terms_of
from archcost.graph import Layer, Network

TABLE = Path(__file__).with_name("hooks.yaml")
RULE = "rule"
UNKNOWN = "unknown"
MISALIGNED = "misaligned"


@dataclass(frozen=True, slots=True)
class Writing:
    """How a model writes a layer.

    operator: of torch, as it was traced; called: the names that it was called by, outermost first; module: the classes
    of the module that called it, its own first (`nn.Conv2d`); leaf: whether that has no modules inside; pair: whether
    its kernel is written as two numbers; around: the classes of the modules around it; operands: the shapes of the
    tensors that it reads, batch included; shown: for people.
    """

    operator: str
    called: tuple[str, ...]
    module: tuple[str, ...]
    shown: str
    leaf: bool = True
    pair: bool = False
    around: tuple[str, ...] = ()
    operands: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a tool sees.

    modules: by class, and `class/kind` for one kind of layers in it, `class(pair)` for a kernel written as two numbers;
    functions: by name; operators: those of torch that it counts in another way than the rule, or `operator/kind`.

    Each has a rule, or `RULE` for the convention's own, or `UNKNOWN`, or `MISALIGNED`: elements of a result whose
    sizes are compared from the first to the last, where torch compares from the last. subclasses: whether a class
    stands for those derived from it; leaves: whether modules with others inside are passed over; whole: classes
    that hide what is inside.
    """

    modules: Mapping[str, Rule | str]
    functions: Mapping[str, Rule | str]
    operators: Mapping[str, Rule | str]
    whole: tuple[str, ...] = ()
    subclasses: bool = False
    leaves: bool = False

    def seen(self, convention: Convention, layer: Layer, network: Network, writing: Writing) -> int | None:
        """What the tool counts in a layer that is written so; None where that is not known."""
        total = 0
        for found in self._found(layer, writing):
            if found == MISALIGNED and writing.operands:
                total += math.prod(map(max, zip_longest(*writing.operands, fillvalue=1)))
                continue
            rule = convention.rule(layer, network) if found == RULE else found
            if not isinstance(rule, Rule):
                return None
            value: Any = rule.amount(layer).value
            total += int(value)
        return total

    def hiding(self, writing: Writing) -> str:
        """The class of a module around a layer whose hook stands for all inside; empty where there is none."""
        return next((name for name in writing.around if _named(name, self.whole)), "")

    def _found(self, layer: Layer, writing: Writing) -> Iterator[Rule | str]:
        operator = _named(f"{writing.operator}/{layer.kind}", self.operators) or _named(
            writing.operator, self.operators
        )
        if operator:
            yield self.operators[operator]
        elif not self.modules and not self.functions:
            yield RULE
        else:
            yield from self._hook(layer, writing)
            yield from (self.functions[name] for name in writing.called if name in self.functions)

    def _hook(self, layer: Layer, writing: Writing) -> Iterator[Rule | str]:
        if (self.leaves and not writing.leaf) or self.hiding(writing):
            return
        for name in writing.module if self.subclasses else writing.module[:1]:
            keys = (f"{name}/{layer.kind}", *([f"{name}(pair)"] if writing.pair else []), name)
            key = next((found for key in keys if (found := _named(key, self.modules))), "")
            if key:
                yield self.modules[key]
                return


def _named(name: str, known: Any) -> str:
    """The one of these that a name is, or is of the form of; empty where none is."""
    return name if name in known else next((each for each in known if "*" in each and fnmatchcase(name, each)), "")


NOTHING_SPECIAL = Hooks({}, {}, {})


def hooks(convention: str) -> Hooks:
    return table().get(convention, NOTHING_SPECIAL)


@cache
def table() -> dict[str, Hooks]:
    """By convention."""
    import yaml

    rows = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    return {name: _hooks(row) for name, row in rows.items()}


def _hooks(row: Mapping[str, Any]) -> Hooks:
    modules, functions, operators = (_rules(row.get(name, {})) for name in ("modules", "functions", "operators"))
    flags = {name: bool(row[name]) for name in ("subclasses", "leaves") if name in row}
    return Hooks(modules, functions, operators, tuple(listed(row.get("whole", ""))), **flags)


def _rules(row: Mapping[str, Any]) -> dict[str, Rule | str]:
    return {
        name: text if text in (RULE, UNKNOWN, MISALIGNED) else Rule(terms_of(str(text)), {})
        for names, text in row.items()
        for name in listed(names)
    }
