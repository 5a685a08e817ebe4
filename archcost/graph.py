"""A spec at given settings becomes a typed graph: every operator with its fields read and its shapes inferred.

For one model every problem is gathered and raised together; a layer with a problem has no shape, and what
reads it stays silent. For a batch the same rules mark the rows that are infeasible.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from archcost import dims
from archcost.cost import Cost
from archcost.dims import Condition, Dim, Ratio, is_array
from archcost.errors import Mark
from archcost.ops import OPERATORS, Nary, Unary
from archcost.ops.fields import FieldType
from archcost.shape import TensorShape
from archcost.spec.expansion import MOST_LAYERS, Expander
from archcost.spec.expression import Value
from archcost.spec.names import unknown
from archcost.spec.parts import INPUT as INPUT
from archcost.spec.parts import Document, Item, Origin
from archcost.spec.scaling import FIXED, FOLLOW
from archcost.spec.scope import Scope, Sizes, Tensors, UnknownShape, Varies, settled
from archcost.spec.settings import Settings

if TYPE_CHECKING:
    import networkx as nx


LARGEST_TENSOR = 10**15


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
    _cost: Cost | None = None

    @property
    def kind(self) -> str:
        return self.op.kind

    @property
    def source(self) -> Any:
        """What the operator's rules take: one shape, or a tuple of several."""
        return self.input_shapes if isinstance(self.op, Nary) else self.input_shapes[0]

    @property
    def cost(self) -> Cost:
        if self._cost is None:
            self._cost = self.op.cost(self.source, self.output_shape)
        return self._cost


@dataclass(eq=False)
class Network:
    """A spec at given settings: its layers in the file's order.

    infeasible: the rows of a batch that cannot exist. widths: the sizes that α scaled, each with its scale;
    they are all that the network depends on α for, unless an expression read it (alpha_read). origins: where each
    layer and each opened block stands in the spec, by its full name.
    """

    document: Document
    settings: Settings
    input_shape: TensorShape
    layers: list[Layer]
    infeasible: Condition
    widths: set[tuple[tuple[Dim, Dim], str]]
    alpha_read: bool
    origins: dict[str, Origin]

    @cached_property
    def readers(self) -> dict[str, int]:
        """Of the input and of each layer, how many layers read it: the graph's out-degree, quicker to come by."""
        found = dict.fromkeys([INPUT, *(layer.name for layer in self.layers)], 0)
        for layer in self.layers:
            for source in set(layer.inputs):
                found[source] += 1
        return found

    @cached_property
    def named(self) -> dict[str, Layer]:
        """The layers by name."""
        return {layer.name: layer for layer in self.layers}

    @cached_property
    def graph(self) -> nx.DiGraph[str]:
        """Nodes are the network's input and its layers, each under `layer`; edges are tensors."""
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
    builder = _Builder(document, settings)
    shape = builder.input_shape()
    builder.check_choices()
    parameters = {name: Value(content) for name, content in settings.parameters.items()}
    try:
        builder.expand(document.items, Scope(builder.sizes, parameters, {}, {INPUT: INPUT}), INPUT)
    except Varies as varies:
        varies.widths, varies.alpha_read = builder.widths, builder.sizes.alpha_read
        raise
    if not builder.layers and not builder.problems:
        builder.problem("no layers are left with these settings", None)
    if builder.problems:
        raise document.error(list(builder.problems))
    found, alpha_read = builder.layers, builder.sizes.alpha_read
    return Network(document, settings, shape, found, builder.infeasible, builder.widths, alpha_read, builder.origins)


class _Builder(Expander):
    """Turns each expanded item into an operator, checks it against its inputs, and infers its output."""

    def __init__(self, document: Document, settings: Settings) -> None:
        super().__init__(document, Sizes(settings.alpha))
        self.settings = settings
        self.layers: list[Layer] = []
        self.infeasible: Condition = False
        self.widths: set[tuple[tuple[Dim, Dim], str]] = set()
        self.extremes = dims.Extremes()
        self.scaled: dict[tuple[tuple[Dim, Dim], str], Dim] = {}

    def input_shape(self) -> TensorShape:
        sizes = [node.value for node in self.document.input]
        if not sizes:
            raise self.document.error(list(self.problems))
        if self.settings.resolution is not None:
            sizes[1:] = self.settings.resolution
        self.sizes.shapes[INPUT] = shape = TensorShape(sizes)
        return shape

    def check_choices(self) -> None:
        """Marks the rows of a batch whose parameters are none of the choices; one model's have been checked."""
        for name, content in self.settings.parameters.items():
            choices = self.document.parameters[name].choices
            if choices and any(is_array(part) for part in dims.parts(content)):
                self.reject(dims.negated(dims.among(content, choices)), "", None)

    def reject(self, condition: Condition, message: str, mark: Mark | None) -> bool:
        """Whether the condition is a problem of one model; in a batch it marks its rows."""
        if is_array(condition):
            if condition.any():
                self.infeasible = condition | self.infeasible
            return False
        if condition:
            self.problem(message, mark)
        return bool(condition)

    def layer(self, item: Item, kind: str, name: str, scope: Scope, sources: Tensors) -> str | None:
        operator = OPERATORS[kind]
        attributes = self._attributes(item, operator, scope, sources)
        inputs = tuple(source for source in sources if source is not None)
        shapes = tuple(self.sizes.shapes[source] for source in inputs)
        if attributes is None or len(inputs) != len(sources) or not self._fits(operator, shapes, item):
            return None
        op = operator(**attributes)
        shape = self._shape(op, shapes, item, f"`{name}`" if op.by_name else kind)
        if shape is None:
            return None
        if len(self.layers) >= MOST_LAYERS:
            self.problem(f"more than {MOST_LAYERS:,} layers", item.mark)
            raise self.document.error(list(self.problems))
        if name in self.sizes.shapes:
            self.problem(f"the name `{name}` is taken", item.mark)
            return None
        self.sizes.shapes[name] = shape
        self.layers.append(Layer(name, name.rpartition(".")[0] or None, op, inputs, shapes, shape, item.mark))
        return name

    def _fits(self, operator: type[Unary] | type[Nary], shapes: tuple[TensorShape, ...], item: Item) -> bool:
        """Whether the operator takes so many inputs of such ranks."""
        (fewest, most), (lowest, highest) = operator.arity, operator.ranks
        if not fewest <= len(shapes) <= most:
            wanted = "one input" if most == 1 else f"{fewest} inputs" if fewest == most else f"{fewest} or more inputs"
            hint = "; name them with `from: [a, b]`" if len(shapes) < fewest else ""
            self.problem(f"{operator.kind} takes {wanted}, here {len(shapes)}{hint}", item.mark)
            return False
        for shape in shapes:
            if not lowest <= shape.rank <= highest:
                wanted = "[channels, height, width]" if lowest == highest == 3 else f"{lowest} to {highest} sizes"
                self.problem(f"{operator.kind} reads {wanted}; its input is {shape}", item.mark)
                return False
        return True

    def _shape(self, op: Unary | Nary, shapes: tuple[TensorShape, ...], item: Item, called: str) -> TensorShape | None:
        """The operator's output, if nothing is wrong with it. called: how problems name it."""
        source: Any = shapes if isinstance(op, Nary) else shapes[0]
        wrong = False
        for condition, template, *values in op.problems(source):
            said = "" if is_array(condition) or not condition else f"{called}: {template.format(*values)}"
            wrong |= self.reject(condition, said, item.mark)
        if wrong and not op.steady:
            return None
        shape = op.shape(source)
        if math.prod(self.extremes.of(size)[1] for size in shape) > LARGEST_TENSOR:
            if any(map(is_array, shape)):
                raise OverflowError(f"{op.kind} in line {item.mark.line} has an output that is too large")
            self.problem(f"{op.kind}: its output is larger than {LARGEST_TENSOR:,} elements", item.mark)
            return None
        nothing = False
        for size in shape:
            if is_array(size):
                if self.extremes.of(size)[0] < 1:
                    self.reject(size < 1, "", None)
            elif size < 1:
                nothing = True
        if nothing and not wrong:
            self.problem(f"{op.kind}: the output of {' and '.join(map(str, shapes))} would be nothing", item.mark)
        # With problems of its own a layer still has a shape, so that those further on show in the same go.
        return None if nothing else shape

    def _attributes(
        self, item: Item, operator: type[Unary] | type[Nary], scope: Scope, sources: Tensors
    ) -> dict[str, Any] | None:
        """The operator's fields, read; None where one cannot be."""
        declared, required = _declared(operator)
        found: dict[str, Any] = {}
        complete = True
        for name, node in item.fields.items():
            mark = node.mark
            try:
                if name not in declared:
                    raise ValueError(unknown(f"field of {operator.kind}", name, declared))
                value = scope.value(node, sources)
                mark = value.mark or mark
                raw = settled(value.content) if declared[name].structural else value.content
                if declared[name].width and not (value.literal and isinstance(raw, Ratio)):
                    raw = self._scaled(raw, value.sized, item, scope, sources)
                found[name], wrong = self._read(declared[name], name, raw, mark)
                complete &= not wrong
            except UnknownShape:
                complete = False
            except ValueError as error:
                self.problem(_about(name, str(error)), mark)
                complete = False
        for name in required - item.fields.keys():
            self.problem(f"`{operator.kind}` needs `{name}`", item.mark)
            complete = False
        return found if complete else None

    def _read(self, field: FieldType, name: str, raw: Any, mark: Mark) -> tuple[Any, bool]:
        wrong: list[bool] = []

        def reject(condition: Condition, message: str) -> None:
            wrong.append(self.reject(condition, f"`{name}` {message}", mark))

        return field.read(raw, reject), any(wrong)

    def _scaled(self, size: Any, sized: bool, item: Item, scope: Scope, sources: Tensors) -> Any:
        """A layer's `out` at width α; left alone where it was computed from sizes that α has scaled already."""
        if isinstance(size, (str, bool, list)) or size is None:
            return size
        scale = self.scale(item, scope, sources) or (FIXED if sized else FOLLOW)
        if scale == FIXED:
            return size
        numerator, denominator = dims.parts(size)
        if is_array(numerator) or is_array(denominator):
            self.sizes.alpha_read = True
        elif not 0 < numerator <= denominator * 10**9:
            return size  # out of range, as `read` will say
        else:
            key = ((numerator, denominator), scale)
            self.widths.add(key)
            if key not in self.scaled:
                self.scaled[key] = self.document.scaling.scaled(size, self.settings.alpha, scale)
            return self.scaled[key]
        return self.document.scaling.scaled(size, self.settings.alpha, scale)


def _about(name: str, said: str) -> str:
    """A message with the field that it is about, unless it names something already."""
    if said.startswith(("unknown", "`")):
        return said
    return f"`{name}` {said}" if said.startswith(("needs", "is ")) else f"`{name}`: {said}"


@cache
def _declared(operator: type[Unary] | type[Nary]) -> tuple[dict[str, FieldType], frozenset[str]]:
    """An operator's fields by name, and those without a default."""
    fields = dataclasses.fields(operator)
    required = frozenset(f.name for f in fields if f.default is dataclasses.MISSING)
    return {f.name: f.metadata["type"] for f in fields}, required
