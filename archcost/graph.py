"""A spec at given settings becomes a typed graph: blocks opened, sizes filled in, shapes inferred.

For one model every problem is gathered and raised together; a layer with a problem has no shape, and what
reads it stays silent. For a batch the same rules mark the rows that are infeasible.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from archcost import dims
from archcost.cost import Cost
from archcost.dims import Condition, Ratio, is_array
from archcost.errors import Mark, Problem
from archcost.ops import OPERATORS, Unary
from archcost.ops.base import Nary
from archcost.ops.fields import FieldType, describe
from archcost.shape import TensorShape
from archcost.spec.document import INPUT, REQUIRED, Block, Document, Item
from archcost.spec.expression import Value, evaluate, is_expression
from archcost.spec.names import unknown
from archcost.spec.scaling import FIXED, FOLLOW, SCALES
from archcost.spec.settings import Settings
from archcost.spec.source import Node

if TYPE_CHECKING:
    import networkx as nx

MOST_LAYERS = 100_000
DEEPEST_BLOCK = 64


class Varies(Exception):
    """A value that decides the structure differs between the rows of a batch; they need graphs of their own."""

    def __init__(self, values: Any) -> None:
        super().__init__("the structure differs between rows")
        self.values = values


class _Unknown(Exception):
    """A shape that an earlier problem left unknown."""


@dataclass(slots=True, eq=False)
class Layer:
    """One node: an operator at a place in the network."""

    name: str
    block: str | None
    op: Unary | Nary
    inputs: tuple[str, ...]
    input_shapes: tuple[TensorShape, ...]
    output_shape: TensorShape
    mark: Mark

    @property
    def kind(self) -> str:
        return self.op.kind

    @property
    def source(self) -> Any:
        """What the operator's rules take: one shape, or a tuple of several."""
        return self.input_shapes if isinstance(self.op, Nary) else self.input_shapes[0]

    @property
    def cost(self) -> Cost:
        return self.op.cost(self.source, self.output_shape)


@dataclass(eq=False)
class Network:
    """A spec at given settings: its layers in the file's order."""

    document: Document
    settings: Settings
    input_shape: TensorShape
    layers: list[Layer]
    infeasible: Condition = False
    widths: set[tuple[Any, str]] = field(default_factory=set)
    """The sizes that α scaled, with their scale: all that the network depends on α for."""
    alpha_read: bool = False
    """Whether an expression used α in another way."""

    @cached_property
    def graph(self) -> nx.DiGraph[str]:
        """Nodes are layers, under `layer`, and the network's input; edges are tensors."""
        import networkx as nx

        graph: nx.DiGraph[str] = nx.DiGraph(name=self.document.name)
        graph.add_node(INPUT, shape=self.input_shape)
        for layer in self.layers:
            graph.add_node(layer.name, layer=layer)
            graph.add_edges_from((source, layer.name) for source in layer.inputs)
        return graph


def build(document: Document, settings: Settings) -> Network:
    """The network of a spec at given settings.

    Raises SpecError with all problems, those that the document has already among them; Varies where rows of a
    batch differ in structure.
    """
    return _Builder(document, settings).network()


@dataclass(slots=True, eq=False)
class _Scope:
    """The names that an expression or a `from` can see."""

    values: dict[str, Value]
    tensors: dict[str, str | None]
    prefix: str = ""
    block: str | None = None
    scale: str | None = None
    outer: _Scope | None = None
    opened: tuple[str, ...] = ()

    def tensor(self, name: str) -> str | None:
        scope: _Scope | None = self
        while scope is not None:
            if name in scope.tensors:
                return scope.tensors[name]
            scope = scope.outer
        raise KeyError(name)


class _Builder:
    def __init__(self, document: Document, settings: Settings) -> None:
        self.document = document
        self.settings = settings
        self.layers: list[Layer] = []
        self.shapes: dict[str, TensorShape] = {}
        self.problems: dict[Problem, None] = dict.fromkeys(document.problems)
        self.infeasible: Condition = False
        self.widths: set[tuple[Any, str]] = set()
        self.alpha_read = False

    def network(self) -> Network:
        document, settings = self.document, self.settings
        sizes = [node.value for node in document.input]
        if settings.resolution is not None:
            sizes[1:] = settings.resolution
        if not sizes:
            raise document.error(list(self.problems))
        self.shapes[INPUT] = shape = TensorShape(sizes)
        values = {name: Value(content) for name, content in settings.parameters.items()}
        self.expand(document.items, _Scope(values, {INPUT: INPUT}), INPUT)
        if not self.layers and not self.problems:
            self.problem("no layers are left with these settings", None)
        if self.problems:
            raise document.error(sorted(self.problems, key=lambda p: (p.mark.line, p.mark.column) if p.mark else (0, 0)))
        return Network(document, settings, shape, self.layers, self.infeasible, self.widths, self.alpha_read)

    def problem(self, message: str, mark: Mark | None) -> None:
        self.problems[Problem(message, mark)] = None

    def reject(self, condition: Condition, message: str, mark: Mark | None) -> bool:
        """Whether the condition is a problem for one model; in a batch it marks its rows."""
        if is_array(condition):
            if condition.any():
                self.infeasible = condition | self.infeasible
            return False
        if condition:
            self.problem(message, mark)
        return bool(condition)

    # Values

    def value(self, node: Node, scope: _Scope, sources: tuple[str | None, ...]) -> Value:
        """What a field says, with names filled in."""
        content = node.value
        if isinstance(content, str) and is_expression(content):
            return evaluate(content, lambda name: self.named(name, scope), self.measure(scope, sources))
        if isinstance(content, list):
            found = [self.value(item, scope, sources) for item in content]
            return Value([item.content for item in found], any(item.sized for item in found))
        if isinstance(content, dict):
            raise ValueError(f"needs a value, not {describe(node.plain)}")
        return Value(dims.exact(content) if isinstance(content, float) else content, mark=node.mark)

    def named(self, name: str, scope: _Scope) -> Value:
        if name == "alpha":
            self.alpha_read = True
            return Value(self.settings.alpha, sized=True)
        if name in scope.values:
            return scope.values[name]
        root = scope
        while root.outer is not None:
            root = root.outer
        if name in root.values:
            return root.values[name]
        raise ValueError(unknown("name", f"${name}", [f"${known}" for known in {**root.values, **scope.values, "alpha": 0}]))

    def measure(self, scope: _Scope, sources: tuple[str | None, ...]) -> Any:
        axes = {"channels": 0, "tokens": 0, "height": 1, "width": 2, "features": -1}

        def of(what: str, name: str | None) -> Any:
            if name is None:
                tensor = sources[0] if sources else None
            else:
                try:
                    tensor = scope.tensor(name)
                except KeyError:
                    raise ValueError(unknown("layer", name, scope.tensors)) from None
            if tensor is None:
                raise _Unknown
            shape = self.shapes[tensor]
            if not axes[what] < shape.rank:
                raise ValueError(f"{what}({name or ''}): {shape} has none")
            return shape[axes[what]]

        return of

    def structural(self, node: Node, scope: _Scope, sources: tuple[str | None, ...]) -> Any:
        """A value that decides what the network is, not only how large."""
        return settled(self.value(node, scope, sources).content)

    # Layers

    def expand(self, items: list[Item], scope: _Scope, current: str | None) -> str | None:
        """Adds the layers of a list; returns the last one's name, None where a problem hides it."""
        kinds: Counter[str] = Counter(item.kind for item in items)
        numbers: Counter[str] = Counter()
        for item in items:
            current = self.item(item, scope, current, kinds, numbers)
        return current

    def item(
        self, item: Item, scope: _Scope, current: str | None, kinds: Counter[str], numbers: Counter[str]
    ) -> str | None:
        try:
            sources = self.sources(item, scope, current)
            kind = self.kind(item, scope, sources)
            times = self.times(item, scope, sources)
        except _Unknown:
            kind = times = None
        wanted = item.beside.get("name")
        if times == 0:
            # A layer that is left out passes its input on, under its name too.
            if wanted is not None and isinstance(wanted.value, str):
                scope.tensors[wanted.value] = sources[0]
            return current
        for _ in range(times or 1):
            alone = kinds[item.kind] == 1 and "repeat" not in item.beside
            name = self.name(item, scope, kind or item.kind, alone, numbers)
            if len(self.layers) >= MOST_LAYERS:
                self.problem(f"more than {MOST_LAYERS:,} layers", item.mark)
                raise self.document.error(list(self.problems))
            current = self.place(item, kind, name, scope, sources) if kind else None
            scope.tensors[name] = current
            if wanted is not None and isinstance(wanted.value, str):
                scope.tensors[wanted.value] = current
            sources = (current, *sources[1:])
        return current

    def sources(self, item: Item, scope: _Scope, current: str | None) -> tuple[str | None, ...]:
        node = item.beside.get("from")
        if node is None:
            return (current,)
        entries = node.value if isinstance(node.value, list) else [node]
        found: list[str | None] = []
        for entry in entries:
            name = entry.value
            if isinstance(name, str) and name.startswith("$"):
                name = self.structural(entry, scope, (current,))
            try:
                found.append(scope.tensor(name))
            except (KeyError, TypeError):
                self.problem(self.dangling(name, scope), entry.mark)
                found.append(None)
        if not entries:
            self.problem("`from` names no layer", node.mark)
        return tuple(found)

    def dangling(self, name: Any, scope: _Scope) -> str:
        if not isinstance(name, str):
            return f"`from` needs the name of a layer, not {describe(name)}"
        items = self.document.blocks[scope.block].items if scope.block in self.document.blocks else self.document.items
        for later in items if scope.opened or scope.outer is None else ():
            if "name" in later.beside and later.beside["name"].value == name:
                line = later.beside["name"].mark.line
                return f"`{name}` comes later (line {line}): a layer reads what stands before it, so this would be a cycle"
        return unknown("layer", name, scope.tensors)

    def kind(self, item: Item, scope: _Scope, sources: tuple[str | None, ...]) -> str | None:
        if not item.kind.startswith("$"):
            return item.kind
        try:
            kind = self.structural(Node(item.kind, item.mark, {}), scope, sources)
        except ValueError as error:
            self.problem(str(error), item.mark)
            return None
        if kind in OPERATORS or kind in self.document.blocks:
            return str(kind)
        names = [*OPERATORS, *self.document.blocks]
        self.problem(f"{item.kind} is " + unknown("operator or block", str(kind), names), item.mark)
        return None

    def times(self, item: Item, scope: _Scope, sources: tuple[str | None, ...]) -> int:
        """How often a layer stands here: 0 where `when` does not hold."""
        try:
            if "when" in item.beside:
                node = item.beside["when"]
                holds = self.structural(node, scope, sources)
                if not isinstance(holds, bool):
                    raise ValueError(f"`when` needs a condition, not {describe(holds)}")
                if not holds:
                    return 0
            if "repeat" not in item.beside:
                return 1
            node = item.beside["repeat"]
            times = self.structural(node, scope, sources)
        except ValueError as error:
            self.problem(str(error), node.mark)
            return 1
        if isinstance(times, bool) or not isinstance(times, int) or times < 0:
            self.problem(f"`repeat` needs a whole number from 0, not {describe(times)}", node.mark)
            return 1
        if times > MOST_LAYERS:
            self.problem(f"`repeat: {times}` makes more than {MOST_LAYERS:,} layers", node.mark)
            return 1
        return times

    def name(self, item: Item, scope: _Scope, kind: str, alone: bool, numbers: Counter[str]) -> str:
        node = item.beside.get("name")
        base = kind
        if node is not None:
            if not isinstance(node.value, str) or not node.value or "." in node.value or len(node.value) > 100:
                self.problem(f"`name` needs a text without dots, not {describe(node.plain)}", node.mark)
            elif node.value == INPUT or (node.value in scope.tensors and "repeat" not in item.beside):
                self.problem(f"the name `{node.value}` is taken", node.mark)
            else:
                base, alone = node.value, "repeat" not in item.beside
        if alone and base not in scope.tensors:
            return base
        joint = "_" if base[-1].isdigit() else ""
        while True:
            numbers[base] += 1
            name = f"{base}{joint}{numbers[base]}"
            if name not in scope.tensors:
                return name

    def place(
        self, item: Item, kind: str, name: str, scope: _Scope, sources: tuple[str | None, ...]
    ) -> str | None:
        if kind in self.document.blocks:
            return self.open(item, self.document.blocks[kind], name, scope, sources)
        return self.layer(item, kind, scope.prefix + name, scope, sources)

    def open(
        self, item: Item, block: Block, name: str, scope: _Scope, sources: tuple[str | None, ...]
    ) -> str | None:
        """The layers of a block, in a scope of their own."""
        if block.name in scope.opened:
            chain = " → ".join([*scope.opened[scope.opened.index(block.name) :], block.name])
            self.problem(f"the block `{block.name}` contains itself: {chain}", item.mark)
            return None
        if len(scope.opened) >= DEEPEST_BLOCK:
            self.problem(f"blocks inside blocks, deeper than {DEEPEST_BLOCK}", item.mark)
            return None
        if len(sources) != len(block.inputs):
            self.problem(f"`{block.name}` has {len(block.inputs)} inputs, here {len(sources)}", item.mark)
            return None
        values = self.arguments(item, block, scope, sources)
        if values is None:
            return None
        tensors: dict[str, str | None] = dict(zip(block.inputs, sources, strict=True))
        tensors.setdefault(INPUT, sources[0])
        prefix, opened = f"{scope.prefix}{name}.", (*scope.opened, block.name)
        inner = _Scope(values, tensors, prefix, block.name, self.scale(item, scope, sources), scope, opened)
        return self.expand(block.items, inner, sources[0])

    def arguments(
        self, item: Item, block: Block, scope: _Scope, sources: tuple[str | None, ...]
    ) -> dict[str, Value] | None:
        values: dict[str, Value] = {}
        inner = _Scope(values, dict(zip(block.inputs, sources, strict=True)), outer=scope)
        given = {**dict.fromkeys(block.arguments), **item.fields}
        for name in given:
            node = item.fields.get(name)
            if name not in block.arguments:
                self.problem(unknown(f"field of {block.name}", name, block.arguments), item.keys[name])
                continue
            default = block.arguments[name]
            if node is None and default.value == REQUIRED:
                self.problem(f"`{block.name}` needs `{name}`", item.mark)
                return None
            try:
                values[name] = self.value(node or default, scope if node else inner, sources)
            except _Unknown:
                return None
            except ValueError as error:
                self.problem(str(error), (node or default).mark)
                return None
        return values

    def scale(self, item: Item, scope: _Scope, sources: tuple[str | None, ...]) -> str | None:
        node = item.beside.get("scale")
        if node is None:
            return scope.scale
        try:
            scale = self.structural(node, scope, sources)
        except ValueError as error:
            self.problem(str(error), node.mark)
            return FIXED
        if scale not in SCALES:
            self.problem(f"`scale` needs one of {', '.join(SCALES)}, not {describe(scale)}", node.mark)
            return FIXED
        return str(scale)

    def layer(
        self, item: Item, kind: str, name: str, scope: _Scope, sources: tuple[str | None, ...]
    ) -> str | None:
        """Adds one operator; None where a problem leaves its shape unknown."""
        operator: Any = OPERATORS[kind]
        attributes = self.attributes(item, operator, scope, sources)
        shapes = tuple(self.shapes[source] for source in sources if source is not None)
        if attributes is None or len(shapes) != len(sources) or not self.fits(operator, shapes, item):
            return None
        op = operator(**attributes)
        source = shapes if isinstance(op, Nary) else shapes[0]
        wrong = False
        for condition, template, *values in op.problems(source):
            if condition is not False and condition is not True and not is_array(condition):
                condition = bool(condition)
            if is_array(condition):
                self.reject(condition, "", None)
            elif condition:
                wrong |= self.reject(condition, f"{kind}: " + template.format(*values), item.mark)
        if wrong:
            return None
        shape = op.shape(source)
        for size in shape:
            if is_array(size):
                self.reject(size < 1, "", None)
            elif size < 1:
                wrong |= self.reject(True, f"{kind}: the output of {_listed(shapes)} would be {shape}", item.mark)
        if wrong:
            return None
        inputs = tuple(source for source in sources if source is not None)
        self.shapes[name] = shape
        self.layers.append(Layer(name, scope.prefix[:-1] or None, op, inputs, shapes, shape, item.mark))
        return name

    def fits(self, operator: Any, shapes: tuple[TensorShape, ...], item: Item) -> bool:
        (fewest, most), (lowest, highest) = operator.arity, operator.ranks
        if not fewest <= len(shapes) <= most:
            wanted = str(fewest) if fewest == most else f"{fewest} or more"
            hint = "; name them with `from: [a, b]`" if len(shapes) < fewest else ""
            self.problem(f"{operator.kind} takes {wanted} inputs, here {len(shapes)}{hint}", item.mark)
            return False
        for shape in shapes:
            if not lowest <= shape.rank <= highest:
                wanted = "[channels, height, width]" if lowest == highest == 3 else f"{lowest} to {highest} sizes"
                self.problem(f"{operator.kind} reads {wanted}; its input is {shape}", item.mark)
                return False
        return True

    def attributes(
        self, item: Item, operator: Any, scope: _Scope, sources: tuple[str | None, ...]
    ) -> dict[str, Any] | None:
        """The operator's fields, read; None where one cannot be."""
        found: dict[str, Any] = {}
        complete = True
        declared: dict[str, FieldType] = operator.__dict__.get("_field_types") or _field_types(operator)
        for name, node in item.fields.items():
            mark = node.mark
            try:
                if name not in declared:
                    raise ValueError(unknown(f"field of {operator.kind}", name, declared))
                field_type = declared[name]
                value = self.value(node, scope, sources)
                mark = value.mark or mark
                raw = value.content
                if field_type.structural:
                    raw = settled(raw)
                if field_type.width:
                    raw = self.scaled(raw, value.sized, item, scope, sources)
                failed: list[bool] = []
                found[name] = field_type.read(
                    raw, lambda bad, said, at=mark, n=name, f=failed: f.append(self.reject(bad, f"`{n}` {said}", at))  # type: ignore[misc]
                )
                complete &= not any(failed)
            except _Unknown:
                complete = False
            except ValueError as error:
                said = str(error)
                self.problem(said if said.startswith(("unknown", "`")) else f"`{name}` {said}", mark)
                complete = False
        missing = [name for name in declared if name not in item.fields and name in operator._required]
        for name in missing:
            self.problem(f"`{operator.kind}` needs `{name}`", item.mark)
        return found if complete and not missing else None

    def scaled(
        self, size: Any, sized: bool, item: Item, scope: _Scope, sources: tuple[str | None, ...]
    ) -> Any:
        """A layer's `out` at width α; left alone where it was computed from sizes that α has scaled already."""
        if isinstance(size, (str, bool, list)) or size is None:
            return size
        scale = self.scale(item, scope, sources) or (FIXED if sized else FOLLOW)
        if scale == FIXED:
            return size
        numerator, denominator = dims.parts(size)
        if is_array(numerator) or is_array(denominator):
            self.alpha_read = True
        elif not 0 < numerator <= denominator * 10**9:
            return size
        else:
            self.widths.add(((numerator, denominator), scale))
        return self.document.scaling.scaled(size, self.settings.alpha, scale)


def _field_types(operator: Any) -> dict[str, FieldType]:
    import dataclasses

    fields = dataclasses.fields(operator)
    operator._field_types = {f.name: f.metadata["type"] for f in fields}
    operator._required = {f.name for f in fields if f.default is dataclasses.MISSING}
    return operator._field_types  # type: ignore[no-any-return]


def _listed(shapes: tuple[TensorShape, ...]) -> str:
    return " and ".join(map(str, shapes))


def settled(content: Any) -> Any:
    """A value that all rows share.

    Raises Varies where they do not.
    """
    if not any(is_array(part) for part in dims.parts(content)):
        return content
    numerator, denominator = (part.ravel() if is_array(part) else part for part in dims.parts(content))
    for part in (numerator, denominator):
        if is_array(part) and (part != part[0]).any():
            raise Varies(content)
    first = [part[0].item() if hasattr(part[0], "item") else part[0] for part in (numerator,) if is_array(part)]
    if isinstance(content, Ratio):
        n, d = (int(part[0]) if is_array(part) else part for part in (numerator, denominator))
        return Ratio.reduced(n, d)
    return first[0]
