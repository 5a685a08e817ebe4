"""torch.export on the meta device, read into plain data."""

from __future__ import annotations

import operator
import re
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import fx, nn

from archcost.importers.tracing.graph import UNKNOWN, Call, Origin, Ref, Shape, Trace
from archcost.importers.tracing.spelling import CALLED

_INLINED = {"wrap_with_set_grad_enabled": 1, "wrap_with_autocast": 4, "hints_wrapper": 0}
"""Wrappers around a part of the graph, with the number of arguments before it."""


_FUNCTORCH = "torch._functorch"
"""Where the functions live that begin and end `vmap`, between which a graph has the sizes of one slice."""


class _NeedsFunctionalForm(Exception):
    """A tensor is written through a view of it, or mapped over by `vmap`: only the functional form of the graph shows
    who reads that, and the sizes that are computed with."""


def trace(model: nn.Module, inputs: tuple[torch.Tensor, ...], named: Mapping[str, torch.Tensor]) -> Trace:
    """The calls that one forward in eval mode makes. inputs, named: on meta or fake, as the model's tensors.

    Raises what torch.export raises.
    """
    with warnings.catch_warnings(), torch.device((*inputs, *named.values())[0].device):
        warnings.simplefilter("ignore")
        program = torch.export.export(model, inputs, dict(named), strict=False)
        identities = {name: id(p) for name, p in model.named_parameters(remove_duplicate=False)}
        elements = {id(p): p.numel() for p in model.parameters()}
        try:
            return _Reader(program, identities, elements).read()
        except _NeedsFunctionalForm:
            program = program.run_decompositions({})
            return _Reader(program, identities, elements, functional=True).read()


class _Reader:
    """Turns an exported program into a trace."""

    def __init__(
        self,
        program: torch.export.ExportedProgram,
        identities: Mapping[str, int],
        elements: dict[int, int],
        functional: bool = False,
    ) -> None:
        self.program = program
        self.identities = identities
        self.functional = functional
        self.trace = Trace({}, [], [], elements)
        self.modules = dict(program.graph_module.named_modules())
        self.views: dict[fx.Node, fx.Node] = {}
        """Nodes in another node's memory, each with the node that it belongs to."""
        self.values: dict[fx.Node, Any] = {}
        self.names: set[str] = set()
        self.holders: dict[str, list[fx.Node]] = {}
        """The nodes that stand for each tensor: several once it has been written into."""
        self.written: list[Ref] = []

    def read(self) -> Trace:
        kinds = {spec.arg.name: (spec.kind.name, spec.target) for spec in self.program.graph_signature.input_specs}
        for node in self.program.graph.nodes:
            if node.op == "placeholder":
                self._placeholder(node, *kinds[node.name])
            elif node.op != "output":
                self._step(node, self.modules)
        by_name = {node.name: ref for node, ref in self.values.items() if isinstance(ref, Ref)}
        specs = self.program.graph_signature.output_specs
        named = [getattr(spec.arg, "name", "") for spec in specs if spec.kind.name == "USER_OUTPUT"]
        self.trace.outputs = list(dict.fromkeys(by_name[name].name for name in named if name in by_name))
        return self.trace.pruned()

    def _placeholder(self, node: fx.Node, kind: str, target: str | None) -> None:
        value = node.meta.get("val")
        if not isinstance(value, torch.Tensor):
            self.values[node] = value
            return
        named: Any = {"PARAMETER": "parameter", "USER_INPUT": "input", "BUFFER": "buffer"}.get(kind, "constant")
        identity = self.identities.get(target or "", 0)
        if named == "parameter" and not identity:
            named = "constant"  # not among the model's own
        self.trace.origins[node.name] = Origin(node.name, named, target or node.name, tuple(value.shape), identity)
        if named == "input":
            self.trace.inputs.append(node.name)
        self.values[node] = Ref(node.name)
        self.names.add(node.name)
        self.holders[node.name] = [node]

    def _step(self, node: fx.Node, modules: Mapping[str, nn.Module]) -> None:
        if node.op == "get_attr":
            found: Any = modules.get(str(node.target))
            if found is None:
                value = node.meta.get("val")
                shape = tuple(value.shape) if isinstance(value, torch.Tensor) else ()
                self.trace.origins[node.name] = Origin(node.name, "constant", str(node.target), shape)
                found = Ref(node.name)
            self.values[node] = found
        elif node.op == "call_function":
            self._call(node)

    def _call(self, node: fx.Node) -> None:
        target: Any = node.target
        if target is operator.getitem:
            self._item(node)
            return
        if isinstance(target, torch._ops.OpOverload):
            namespace, name = target.namespace, target._schema.name.split("::")[-1]
            arguments = self._named(node, target._schema)
            if self._written(node, target._schema):
                name = name.removesuffix("_")
        else:
            name = str(getattr(target, "_name", "")) or getattr(target, "__name__", str(target))
            namespace = "higher_order" if isinstance(target, torch._ops.HigherOrderOperator) else "python"
            if name in _INLINED:
                self._inline(node, _INLINED[name])
                return
            if getattr(target, "__module__", "").startswith(_FUNCTORCH) and not self.functional:
                raise _NeedsFunctionalForm
            arguments = {str(i): self._value(arg) for i, arg in enumerate(node.args)}
        shape, shapes = _shapes(node.meta.get("val"))
        if shape is None:
            self.values[node] = _number(node.meta.get("val"))
            return
        self._add(node, name, namespace, arguments, shape, shapes)
        if isinstance(target, torch._ops.OpOverload):
            self._remember(node, target._schema)

    def _item(self, node: fx.Node) -> None:
        source, index = self._value(node.args[0]), node.args[1]
        if isinstance(source, (list, tuple)):
            self.values[node] = source[index]  # type: ignore[index]
            return
        shape, shapes = _shapes(node.meta.get("val"))
        if shape is None:
            self.values[node] = _number(node.meta.get("val"))
            return
        self._add(node, "getitem", "python", {"source": source, "index": index}, shape, shapes)

    def _add(
        self,
        node: fx.Node,
        operator: str,
        namespace: str,
        arguments: dict[str, Any],
        shape: Shape,
        shapes: tuple[Shape, ...],
    ) -> None:
        name = node.name
        while name in self.names:
            name += "_"  # the graph inside a wrapper counts its names from the beginning
        self.names.add(name)
        call = Call(name, operator, namespace, arguments, shape, shapes, *_place(node))
        call.function = str((node.meta.get("torch_fn") or ("", ""))[1])
        call.called = tuple((node.meta.get("custom") or {}).get(CALLED, ()))
        self.trace.calls.append(call)
        ref = Ref(name)
        self.values[node] = ref
        for written in self.written:
            for each in self.holders.pop(written.name, []):
                self.values[each] = ref
                self.holders.setdefault(name, []).append(each)
        self.written = []
        self.holders.setdefault(name, []).append(node)

    def _inline(self, node: fx.Node, before: int) -> None:
        """The graph that a wrapper holds, as if it stood here."""
        body = self._value(node.args[before])
        operands = [self._value(arg) for arg in node.args[before + 1 :]]
        modules = dict(body.named_modules())
        places = iter(operands)
        for inner in body.graph.nodes:
            if inner.op == "placeholder":
                self.values[inner] = next(places)
            elif inner.op == "output":
                self.values[node] = self._value(inner.args[0])
            else:
                self._step(inner, modules)

    def _named(self, node: fx.Node, schema: Any) -> dict[str, Any]:
        """A call's arguments by name, defaults filled in."""
        found = {arg.name: arg.default_value for arg in schema.arguments if arg.has_default_value()}
        for arg, given in zip(schema.arguments, node.args, strict=False):
            found[arg.name] = self._value(given)
        return {**found, **{name: self._value(given) for name, given in node.kwargs.items()}}

    def _value(self, value: Any) -> Any:
        if isinstance(value, fx.Node):
            return self.values[value]
        if isinstance(value, (list, tuple)):
            return [self._value(each) for each in value]
        return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)

    def _written(self, node: fx.Node, schema: Any) -> bool:
        """Whether the call writes into an argument; who reads that later reads this call's result."""
        for arg, given in zip(schema.arguments, node.args, strict=False):
            if arg.alias_info is None or not arg.alias_info.is_write:
                continue
            for target in given if isinstance(given, (list, tuple)) else [given]:
                if isinstance(target, fx.Node):
                    if not self.functional and self._read_elsewhere(target, node):
                        raise _NeedsFunctionalForm
                    if isinstance(ref := self.values[target], Ref):
                        self.written.append(ref)
            return True
        return False

    def _read_elsewhere(self, target: fx.Node, write: fx.Node) -> bool:
        """Whether somebody reads, after a write into a tensor, another one in the same memory."""
        root = self.views.get(target)
        if root is None and target not in self.views.values():
            return False
        root = root or target
        family = [root, *(view for view, base in self.views.items() if base is root)]
        later = {user for member in family if member is not target for user in member.users if user is not write}
        return any(user not in self.values for user in later)

    def _remember(self, node: fx.Node, schema: Any) -> None:
        """Notes outputs that share memory with an argument which somebody else may read."""
        first = node.args[0] if node.args else None
        shares = any(result.alias_info is not None and not result.alias_info.is_write for result in schema.returns)
        if (shares or schema.name in _MAY_SHARE) and isinstance(first, fx.Node):
            self.views[node] = self.views.get(first, first)


_MAY_SHARE = {"aten::reshape", "aten::contiguous", "aten::flatten", "aten::to", "aten::dropout", "aten::type_as"}


def _number(value: Any) -> Any:
    """What a node gives that is no tensor; UNKNOWN for a number that only values say."""
    return UNKNOWN if isinstance(value, (torch.SymInt, torch.SymFloat, torch.SymBool)) else value


def _shapes(value: Any) -> tuple[Shape | None, tuple[Shape, ...]]:
    """(shape, ()) of one tensor, (first, all) of several; (None, ()) where there is none."""
    if isinstance(value, torch.Tensor):
        return tuple(int(size) for size in value.shape), ()
    if isinstance(value, (list, tuple)) and any(isinstance(each, torch.Tensor) for each in value):
        found = tuple(tuple(each.shape) if isinstance(each, torch.Tensor) else () for each in value)
        return found[0], found
    return None, ()


_AGAIN = re.compile(r"@\d+$")
"""What torch.export puts behind the path of a module that is called again."""


def _place(node: fx.Node) -> tuple[str, str]:
    """(path, class) of the innermost module that a node belongs to."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    if not stack:
        return "", ""
    path, kind = stack[-1]
    kind = kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"
    return _AGAIN.sub("", str(path)), kind
