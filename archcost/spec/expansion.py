"""Blocks opened, layers repeated, conditions decided, names given: what a spec's lists of layers come to.

What one operator then is, its fields and its shape, is the business of the class that completes this one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from typing import Any

from archcost.errors import Mark, Problem
from archcost.ops import OPERATORS
from archcost.ops.fields import describe
from archcost.spec.expression import Value
from archcost.spec.names import unknown
from archcost.spec.parts import INPUT, MOST_PROBLEMS, REQUIRED, Block, Document, Item, Origin
from archcost.spec.scaling import FIXED, SCALES
from archcost.spec.scope import Scope, Sizes, Tensors, UnknownShape
from archcost.spec.source import Node

MOST_LAYERS = 100_000
DEEPEST_BLOCK = 64
LONGEST_NAME = 200
MOST_INPUTS = 300_000
"""Tensors read, over all layers."""


class Expander(ABC):
    """Walks a spec's layers in the file's order, and gathers every problem on the way."""

    def __init__(self, document: Document, sizes: Sizes) -> None:
        self.document = document
        self.sizes = sizes
        self.count = 0
        self.origins: dict[str, Origin] = {}
        self.problems: dict[Problem, None] = dict.fromkeys(document.problems)

    @abstractmethod
    def layer(self, item: Item, kind: str, name: str, scope: Scope, sources: Tensors) -> str | None:
        """Adds one operator under its full name; None where a problem leaves its shape unknown."""

    def problem(self, message: str, mark: Mark | None) -> None:
        self.problems[Problem(message, mark)] = None
        if len(self.problems) >= MOST_PROBLEMS:
            raise self.document.error(list(self.problems))

    def expand(self, items: list[Item], scope: Scope, current: str | None) -> str | None:
        """Adds the layers of a list; returns the last one's tensor."""
        kinds: Counter[str] = Counter(item.kind for item in items)
        numbers: Counter[str] = Counter()
        for item in items:
            alone = kinds[item.kind] == 1 and "repeat" not in item.beside
            current = self._item(item, scope, current, alone, numbers)
        return current

    def _item(self, item: Item, scope: Scope, current: str | None, alone: bool, numbers: Counter[str]) -> str | None:
        try:
            sources = self._sources(item, scope, current)
            kind = self._kind(item, scope, sources)
            times = self._times(item, scope, sources)
        except UnknownShape:
            sources, kind, times = (None,), None, 1
        alias = self._given_name(item, scope)
        if times == 0:
            # A layer that is left out passes its input on, under its name too.
            if alias is not None:
                scope.tensors[alias] = sources[0]
            return current
        if alias is not None:
            alone = "repeat" not in item.beside
        for _ in range(times):
            name = self._name(alias or kind or item.kind, scope, alone, numbers)
            self.count += len(sources)
            if self.count > MOST_INPUTS:
                self.problem(f"more than {MOST_LAYERS:,} layers", item.mark)
                raise self.document.error(list(self.problems))
            if kind:
                self.origins[scope.prefix + name] = Origin(item, kind, sources)
            current = self._place(item, kind, name, scope, sources) if kind else None
            scope.tensors[name] = current
            if alias is not None:
                scope.tensors[alias] = current
            sources = (current, *sources[1:])
        return current

    def _sources(self, item: Item, scope: Scope, current: str | None) -> Tensors:
        """The tensors that a layer reads."""
        node = item.beside.get("from")
        if node is None:
            return (current,)
        entries = node.value if isinstance(node.value, list) else [node]
        if not entries:
            self.problem("`from` names no layer", node.mark)
        found: list[str | None] = []
        for entry in entries:
            name = entry.value
            try:
                if isinstance(name, str) and name.startswith("$"):
                    name = scope.structural(entry, (current,))
                found.append(scope.tensor(name))
            except ValueError as error:
                self.problem(str(error), entry.mark)
                found.append(None)
            except (KeyError, TypeError):
                self.problem(self._dangling(name, scope, item), entry.mark)
                found.append(None)
        return tuple(found) or (None,)

    def _dangling(self, name: Any, scope: Scope, item: Item) -> str:
        if not isinstance(name, str):
            return f"`from` needs the name of a layer, not {describe(name)}"
        items = self.document.blocks[scope.block].items if scope.block else self.document.items
        for later in items[items.index(item) :]:
            node = later.beside.get("name")
            if node is not None and node.value == name:
                return f"`{name}` comes later (line {node.mark.line}), a cycle: a layer reads what stands before it"
        return unknown("layer", name, scope.tensors)

    def _kind(self, item: Item, scope: Scope, sources: Tensors) -> str | None:
        """The operator or block of a layer, a `$name` filled in; None for an unknown one, which has been reported."""
        if not item.kind.startswith("$"):
            return item.kind if item.kind in OPERATORS or item.kind in self.document.blocks else None
        try:
            kind = scope.structural(Node(item.kind, item.mark, {}), sources)
        except ValueError as error:
            self.problem(str(error), item.mark)
            return None
        if isinstance(kind, str) and (kind in OPERATORS or kind in self.document.blocks):
            return kind
        known = [*OPERATORS, *self.document.blocks]
        self.problem(f"{item.kind} is " + unknown("operator or block", str(kind)[:80], known), item.mark)
        return None

    def _times(self, item: Item, scope: Scope, sources: Tensors) -> int:
        """How often a layer stands here: 0 where `when` does not hold. Raises UnknownShape where that is unknown."""
        when, repeat = item.beside.get("when"), item.beside.get("repeat")
        if when is not None and not self._holds(when, scope, sources):
            return 0
        if repeat is None:
            return 1
        try:
            times = scope.structural(repeat, sources)
        except ValueError as error:
            self.problem(str(error), repeat.mark)
            raise UnknownShape from None
        if isinstance(times, bool) or not isinstance(times, int) or times < 0:
            self.problem(f"`repeat` needs a whole number from 0, not {describe(times)}", repeat.mark)
            raise UnknownShape
        if times > MOST_LAYERS:
            self.problem(f"`repeat` of {describe(times)} makes more than {MOST_LAYERS:,} layers", repeat.mark)
            raise UnknownShape
        return times

    def _holds(self, when: Node, scope: Scope, sources: Tensors) -> bool:
        try:
            holds = scope.structural(when, sources)
            if isinstance(holds, bool):
                return holds
            self.problem(f"`when` needs a condition, not {describe(holds)}", when.mark)
        except ValueError as error:
            self.problem(str(error), when.mark)
        raise UnknownShape

    def _given_name(self, item: Item, scope: Scope) -> str | None:
        """The name that the spec gives. One that it may not give still leads later layers here."""
        node = item.beside.get("name")
        if node is None:
            return None
        name = node.value
        if not isinstance(name, str) or not all(name.split(".")) or len(name) > LONGEST_NAME:
            self.problem(f"`name` needs a text, dotted like a path if you like, not {describe(node.plain)}", node.mark)
        elif name.startswith("$") or not name.isprintable():
            self.problem(f"{describe(name)} cannot name a layer", node.mark)
        elif name in scope.tensors:
            self.problem(f"the name `{name}` is taken", node.mark)
        return name if isinstance(name, str) and name != INPUT else None

    def _name(self, base: str, scope: Scope, alone: bool, numbers: Counter[str]) -> str:
        """A name of its own within the list, numbered where there are several."""
        if alone and base not in scope.tensors:
            return base
        joint = "_" if base[-1:].isdigit() else ""
        while True:
            numbers[base] += 1
            name = f"{base}{joint}{numbers[base]}"
            if name not in scope.tensors:
                return name

    def _place(self, item: Item, kind: str, name: str, scope: Scope, sources: Tensors) -> str | None:
        if kind in self.document.blocks:
            return self._open(item, self.document.blocks[kind], name, scope, sources)
        return self.layer(item, kind, scope.prefix + name, scope, sources)

    def _open(self, item: Item, block: Block, name: str, scope: Scope, sources: Tensors) -> str | None:
        """The layers of a block, in a scope of their own."""
        if block.name in scope.opened:
            chain = " → ".join([*scope.opened[scope.opened.index(block.name) :], block.name])
            if block.name not in self.document.circular:
                self.problem(f"the block `{block.name}` contains itself: {chain}", item.mark)
            return None
        if len(scope.opened) >= DEEPEST_BLOCK:
            self.problem(f"blocks inside blocks, deeper than {DEEPEST_BLOCK}", item.mark)
            return None
        if len(sources) != len(block.inputs):
            self.problem(f"`{block.name}` has {len(block.inputs)} inputs, here {len(sources)}", item.mark)
            return None
        tensors: dict[str, str | None] = {INPUT: sources[0], **dict(zip(block.inputs, sources, strict=True))}
        inner = Scope(
            self.sizes,
            scope.parameters,
            {},
            tensors,
            prefix=f"{scope.prefix}{name}.",
            block=block.name,
            scale=self.scale(item, scope, sources),
            outer=scope,
            opened=(*scope.opened, block.name),
        )
        if not self._bind(item, block, scope, inner, sources):
            return None
        return self.expand(block.items, inner, sources[0])

    def _bind(self, item: Item, block: Block, scope: Scope, inner: Scope, sources: Tensors) -> bool:
        """Gives the block's arguments their values: those given here, else their defaults."""
        for name in item.fields:
            if name not in block.arguments:
                self.problem(unknown(f"field of {block.name}", name, block.arguments), item.keys[name])
        for name, default in block.arguments.items():
            given = item.fields.get(name)
            node = given or default
            if given is None and default.value == REQUIRED:
                self.problem(f"`{block.name}` needs `{name}`", item.mark)
                return False
            try:
                value = (scope if given else inner).value(node, sources)
            except UnknownShape:
                return False
            except ValueError as error:
                self.problem(f"`{name}` {error}" if str(error).startswith("needs") else str(error), node.mark)
                return False
            inner.arguments[name] = value if value.mark else Value(value.content, value.sized, node.mark)
        return True

    def scale(self, item: Item, scope: Scope, sources: Tensors) -> str | None:
        """What a layer says α does to it; a block's word goes for the layers in it."""
        node = item.beside.get("scale")
        if node is None:
            return scope.scale
        try:
            scale = scope.structural(node, sources)
        except ValueError as error:
            self.problem(str(error), node.mark)
            return FIXED
        if not isinstance(scale, str) or scale not in SCALES:
            self.problem(f"`scale` needs one of {', '.join(SCALES)}, not {describe(scale)}", node.mark)
            return FIXED
        return str(scale)
