"""A network's blocks as classes: one for all instances of a block that differ in numbers, or in a layer left out."""

from __future__ import annotations

import keyword
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from archcost.exporters.torch.code import Call, Signature, Value, variable
from archcost.exporters.torch.helpers import HELPERS
from archcost.exporters.torch.leaves import SIGNATURES, leaf
from archcost.exporters.torch.merge import Entry, Instance, Overlay, Wire, overlays
from archcost.exporters.torch.parameters import ABSENT, CHANNELS, Given, Parameter, Parameters, role
from archcost.exporters.torch.repeats import folded
from archcost.exporters.tree import Branch, Leaf, Ref, tree
from archcost.graph import INPUT, Network
from archcost.spec.parts import REQUIRED

FIELDS = {"out_channels": "out", "out_features": "out", "kernel_size": "kernel", "num_groups": "groups"}
"""What a spec calls an argument of a module."""


@dataclass(slots=True)
class Step:
    """One layer or block of a class, in the order of running.

    call: how it is constructed, over the class's parameters; None where only an expression says it. when: the
    condition under which it is there; instead: what else stands for its output. first, stop: of a repeated child,
    its first number, and the one after its last.
    """

    name: str
    kind: str
    call: Call | None
    said: str | None
    binds: int
    inputs: tuple[Wire, ...]
    outputs: int = 1
    when: str = ""
    instead: Wire | None = None
    first: int = 0
    stop: Value = None


@dataclass(slots=True)
class Class:
    """A class of the file. inputs: the names of forward's arguments."""

    name: str
    parameters: list[Parameter]
    inputs: list[str]
    steps: list[Step]
    outputs: tuple[Wire, ...]


@dataclass(slots=True)
class Classes:
    """All classes of a network, the innermost first, the network's own last; and how calls of each are written."""

    found: list[Class] = field(default_factory=list)
    signatures: dict[str, Signature] = field(default_factory=lambda: dict(SIGNATURES))
    roles: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)
    """Of each class's arguments: (what their numbers are, what the spec calls them)."""


def classes(network: Network) -> Classes:
    """The classes that a network's blocks come to."""
    return _Maker(network).make()


class _Maker:
    def __init__(self, network: Network) -> None:
        self.network = network
        self.result = Classes()
        self.channels = {layer.name: _channels(layer.output_shape) for layer in network.layers}
        self.channels[INPUT] = _channels(network.input_shape)
        self.flat = {layer.name: layer.output_shape.rank != 3 for layer in network.layers}
        self.flat[INPUT] = network.input_shape.rank != 3
        self.uses: dict[int, Call] = {}
        self.kinds: dict[int, str] = {}
        self.names: set[str] = set()
        self.root = self._free(class_name(network.document.name))

    def make(self) -> Classes:
        root = tree(self.network)
        levels: dict[str, int] = defaultdict(int)
        members: dict[str, list[Branch]] = defaultdict(list)
        self._gather(root, levels, members)
        for kind in sorted(members, key=lambda kind: levels[kind]):
            self._write(kind, members[kind], kind == self.kinds[id(root)])
        return self.result

    def _gather(self, branch: Branch, levels: dict[str, int], members: dict[str, list[Branch]]) -> tuple[str, int]:
        """Gives each branch its kind, the spec's block or one for all of the same form, and each kind its level."""
        inner = [self._gather(child, levels, members) for child in branch.children if isinstance(child, Branch)]
        if branch.origin is not None:
            kind = branch.origin.kind
        else:
            names = iter(inner)
            form = [
                (child.name, child.layer.kind if isinstance(child, Leaf) else next(names)[0], child.inputs)
                for child in branch.children
            ]
            kind = f"?{hash((tuple(form), branch.outputs))}" if branch.name else "network"
        self.kinds[id(branch)] = kind
        levels[kind] = max(levels[kind], 1 + max((level for _, level in inner), default=0))
        members[kind].append(branch)
        return kind, levels[kind]

    def _write(self, kind: str, branches: list[Branch], root: bool) -> None:
        """The classes of one kind of block."""
        if not root and branches[0].origin is None and all(map(_numbered_chain, branches)):
            for branch in branches:
                calls = [self._code(child)[0][0] for child in branch.children]
                self.uses[id(branch)] = Call.listing("nn.Sequential", *calls)
            return
        entries = folded([[self._entry(branch, child) for child in branch.children] for branch in branches])
        instances = [
            Instance(number, {entry.name: entry for entry in found}, len(branch.sources), _wires(branch, found))
            for number, (branch, found) in enumerate(zip(branches, entries, strict=True))
        ]
        for overlay in overlays(instances):
            chosen = [branches[instance.key] for instance in overlay.instances]
            wanted = kind if chosen[0].origin else _stem(chosen[0])
            name = self.root if root else self._free(class_name(wanted))
            made = self._class(name, overlay, chosen)
            self.result.found.append(made)

    def _entry(self, branch: Branch, child: Leaf | Branch) -> Entry:
        forms, said, binds = self._code(child)
        kind = child.layer.kind if isinstance(child, Leaf) else self.kinds[id(child)]
        wires = tuple(_wire(branch, ref) for ref in child.inputs)
        return Entry(child.name, kind, forms, said, binds, wires, child.output_count, child.origin)

    def _code(self, child: Leaf | Branch) -> tuple[tuple[Call, ...], str | None, int]:
        if isinstance(child, Branch):
            return (self.uses[id(child)],), None, 9
        code = leaf(child.layer)
        return code.forms, code.said, code.binds

    def _class(self, name: str, overlay: Overlay, branches: list[Branch]) -> Class:
        first = branches[0]
        block = self.network.document.blocks.get(first.origin.kind) if first.origin else None
        defaults = {n: d.value for n, d in block.arguments.items() if d.value != REQUIRED} if block else {}
        parameters = Parameters(
            tuple(self.channels[branch.sources[0]] if branch.sources else 0 for branch in branches),
            tuple(self.channels[branch.results[-1]] for branch in branches),
            self.flat[first.sources[0]] if first.sources else False,
            {n: d for n, d in defaults.items() if isinstance(d, (int, float))},
        )
        given = {step: self._given(overlay, step) for step in overlay.names}
        parameters.complete([row for rows in given.values() for row in rows])
        steps = [self._step(overlay, step, given[step], parameters) for step in overlay.names]
        for step in steps:
            present = tuple(entry is not None for entry in overlay.found(step.name))
            if step.name in overlay.instead and overlay.examples[step.name].count is None:
                arguments = tuple(value for _, value in step.call.arguments) if step.call else ()
                step.when = parameters.condition(present, step.name, step.kind, arguments, len(step.inputs) > 1)
                step.instead = overlay.instead[step.name]
        found = sorted(parameters.found, key=lambda p: (not p.required, p.role != CHANNELS))
        required = [p.name for p in found if p.required and p.role == CHANNELS]
        self.result.signatures[name] = Signature(tuple(required), {p.name: p.default for p in found if not p.required})
        self.result.roles[name] = {p.name: (p.role, p.field) for p in found}
        for place, branch in enumerate(branches):
            self.uses[id(branch)] = Call(name, tuple((p.name, p.values[place]) for p in found))
        return Class(name, found, self._inputs(first, block.inputs if block else ()), steps, overlay.outputs)

    def _given(self, overlay: Overlay, name: str) -> list[Given]:
        """The arguments of one step in every instance and of the calls in it, in the order of writing."""
        callee, entries = overlay.callees[name], overlay.found(name)
        if callee is None:
            return []
        calls = [dict(_arguments(_form(entry, callee))) if entry else {} for entry in entries]
        example = next(entry for entry in entries if entry)
        found = []
        for path, of in _owners(_form(example, callee)):
            argument, values = path[-1], tuple(each.get(path, ABSENT) for each in calls)
            part, called = self.result.roles.get(of, {}).get(argument, (role(argument), FIELDS.get(argument, argument)))
            hint = next((_hint(entry, called) for entry in entries if entry), "") if len(path) == 1 else ""
            owner = "_".join((name.removesuffix("*"), *path[:-1]))
            found.append(Given(argument, part, owner, hint, values))
        return found

    def _step(self, overlay: Overlay, name: str, given: list[Given], parameters: Parameters) -> Step:
        example, callee = overlay.examples[name], overlay.callees[name]
        step = Step(name, example.kind, None, example.said, example.binds, overlay.wires[name], example.outputs)
        if callee is not None:
            present = next(entry for entry in overlay.found(name) if entry)
            step.call = _filled(_form(present, callee), iter([parameters.expression(each) for each in given]))
        if example.count is not None:
            counts = tuple(entry.count or 0 if entry else 0 for entry in overlay.found(name))
            step.first = example.first
            step.stop = parameters.stop(counts, step.first, name.removesuffix("*"), _repeat_hint(example))
        return step

    def _inputs(self, branch: Branch, declared: tuple[str, ...]) -> list[str]:
        """The names of forward's arguments: x, and others as the spec or their layers call them."""
        names: list[str] = []
        sources = list(branch.origin.sources) if branch.origin else []
        for index, source in enumerate(branch.sources):
            said = declared[sources.index(source)] if declared and source in sources else ""
            plain = "x" if index == 0 else source.rsplit(".", 1)[-1]
            name = variable(said if said and said != INPUT else plain)
            while name in names:
                name += "_"
            names.append(name)
        return names

    def _free(self, name: str) -> str:
        """A name that no other class, helper or import has."""
        taken = self.names | SIGNATURES.keys() | HELPERS.keys() | {"Tensor", "Pair", "F"}
        number, free = 1, name
        while free in taken:
            number += 1
            free = f"{name}_{number}" if name[-1:].isdigit() else f"{name}{number}"
        self.names.add(free)
        return free


def _channels(shape: Any) -> int:
    return int(shape[0] if len(shape) == 3 else shape[-1])


def _wire(branch: Branch, ref: Ref) -> Wire:
    return ("", ref[1]) if ref[0] < 0 else (branch.children[ref[0]].name, ref[1])


def _wires(branch: Branch, entries: list[Entry]) -> tuple[Wire, ...]:
    """The branch's outputs, those of repeated children under the name of all."""
    home = {f"{entry.name[:-1]}{entry.first + entry.count - 1}": entry.name for entry in entries if entry.count}
    plain = (_wire(branch, ref) for ref in branch.outputs)
    return tuple((home.get(name, name), index) for name, index in plain)


def _form(entry: Entry, callee: str) -> Call:
    return next(call for call in entry.forms if call.callee == callee)


def _arguments(call: Call) -> Iterator[tuple[tuple[str, ...], Value]]:
    """A call's arguments and those of the calls in it, by their paths, in the order of writing."""
    for name, value in call.arguments:
        if isinstance(value, Call):
            yield from (((name, *path), inner) for path, inner in _arguments(value))
        else:
            yield (name,), value


def _owners(call: Call) -> Iterator[tuple[tuple[str, ...], str]]:
    """The same paths with what is called there."""
    for name, value in call.arguments:
        if isinstance(value, Call):
            yield from (((name, *path), callee) for path, callee in _owners(value))
        else:
            yield (name,), call.callee


def _filled(call: Call, values: Iterator[Value]) -> Call:
    """A call with other values in the order of `_arguments`."""
    return Call(
        call.callee,
        tuple(
            (name, _filled(value, values) if isinstance(value, Call) else next(values))
            for name, value in call.arguments
        ),
    )


def _hint(entry: Entry, field_name: str) -> str:
    """The name in the spec that a field was given by: `out` for `$out`."""
    node = entry.origin.item.fields.get(field_name) if entry.origin else None
    text = node.value if node else None
    return text[1:] if isinstance(text, str) and re.fullmatch(r"\$[A-Za-z_]\w*", text) and text != "$alpha" else ""


def _repeat_hint(entry: Entry) -> str:
    node = entry.origin.item.beside.get("repeat") if entry.origin else None
    return node.value if node and isinstance(node.value, str) else ""


def _numbered_chain(branch: Branch) -> bool:
    """Whether it is what nn.Sequential makes: modules 0, 1, 2, …, each reading the one before."""
    return (
        [child.name for child in branch.children] == [str(i) for i in range(len(branch.children))]
        and all(child.inputs == ((index - 1, 0),) for index, child in enumerate(branch.children))
        and branch.outputs == ((len(branch.children) - 1, 0),)
        and all(child.output_count == 1 for child in branch.children)
        and all(isinstance(child, Branch) or leaf(child.layer).forms for child in branch.children)
    )


def _stem(branch: Branch) -> str:
    """A name for what the spec calls no block: that of its module, without its number."""
    return re.sub(r"[\d_.]+$", "", branch.name) or "block"


def class_name(name: str) -> str:
    """bottleneck as Bottleneck, conv_bn as ConvBn, mobilenetv1 as MobileNetV1.

    >>> [class_name(name) for name in ("conv_bn", "mobilenetv1", "resnet50_v1_5", "3a", "vit_b_16")]
    ['ConvBn', 'MobileNetV1', 'ResNet50V1_5', 'Block3a', 'VitB16']
    """
    parts = [part for part in re.split(r"\W+|_", name) if part]
    said = re.sub(r"(?<=\d)\.(?=\d)", "_", ".".join(part[:1].upper() + part[1:] for part in parts)).replace(".", "")
    said = re.sub(r"(?<=[a-z])net(?![a-z]{2})", "Net", said)
    said = re.sub(r"(?<=[a-z])v(?=\d)", "V", said)
    if not said[:1].isalpha() or not said.isidentifier() or keyword.iskeyword(said):
        said = "Block" + re.sub(r"\W", "", said)
    return said
