"""A spec as written: header, parameters, blocks and layers, with every problem that shows before any size is known."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archcost import dims
from archcost.errors import ArchcostError, Mark, Problem, SpecError, printable
from archcost.ops import OPERATORS
from archcost.ops.fields import LARGEST_SIZE, describe
from archcost.spec import source
from archcost.spec.names import unknown
from archcost.spec.scaling import ROUNDINGS, Scaling
from archcost.spec.source import Node

HEADER = ("name", "source", "input", "scaling", "parameters", "blocks", "layers", "notes")
LAYER_KEYS = ("name", "from", "repeat", "when", "scale")
"""What may stand beside an operator or block, or among its fields."""
BUILT_IN = ("alpha", "rho", "resolution")
REQUIRED = "required"
MOST_PROBLEMS = 100
"""After so many, the file is something else."""
INPUT = "input"


@dataclass(slots=True, eq=False)
class Item:
    """One entry of a list of layers: an operator or a block, its fields, and what stands beside them."""

    kind: str
    mark: Mark
    fields: dict[str, Node]
    keys: dict[str, Mark]
    beside: dict[str, Node]


@dataclass(slots=True, eq=False)
class Block:
    """A list of layers with arguments."""

    name: str
    arguments: dict[str, Node]
    inputs: tuple[str, ...]
    items: list[Item]


@dataclass(slots=True, eq=False)
class Parameter:
    """A knob of the spec beside α and ρ."""

    default: Any
    choices: tuple[Any, ...]
    help: str


@dataclass(slots=True, eq=False)
class Document:
    """A spec file, read and checked as far as names go."""

    file: str
    text: str
    name: str = ""
    source: str = ""
    input: list[Node] = field(default_factory=list)
    scaling: Scaling = dataclasses.field(default_factory=Scaling)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    blocks: dict[str, Block] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    circular: set[str] = field(default_factory=set)
    """Blocks that contain themselves, which has been reported."""

    def error(self, problems: list[Problem]) -> SpecError:
        return SpecError(self.file, tuple(problems), source.lines(self.text))


def read(path: Path) -> Document:
    """A spec file.

    Raises ArchcostError where it cannot be read at all; other problems are in the document.
    """
    return parse(source.read_text(path), str(path))


def parse(text: str, file: str = "<text>") -> Document:
    """A spec from its text."""
    root, problems = source.parse(text, file)
    document = Document(file, text, problems=list(problems))
    if not isinstance(root.value, dict):
        document.problems.append(Problem("a spec is a mapping with `name`, `input` and `layers`", root.mark))
        raise document.error(document.problems)
    _Reader(document, root).read()
    if document.problems and not document.items:
        raise document.error(document.problems)
    return document


class _Reader:
    def __init__(self, document: Document, root: Node) -> None:
        self.document = document
        self.root = root

    def problem(self, message: str, mark: Mark) -> None:
        self.document.problems.append(Problem(message, mark))
        if len(self.document.problems) >= MOST_PROBLEMS:
            raise self.document.error(self.document.problems)

    def read(self) -> None:
        root, document = self.root, self.document
        for key, mark in root.keys.items():
            if key not in HEADER:
                self.problem(unknown("field", key, HEADER), mark)
        for key in ("name", "input", "layers"):
            if key not in root.keys:
                self.problem(f"`{key}` is missing; a spec has `name`, `input` and `layers`", root.mark)
        document.name = self._text("name")
        document.source = self._text("source")
        self._text("notes")
        self._input()
        self._scaling()
        self._parameters()
        self._blocks()
        if (layers := root.value.get("layers")) is not None:
            document.items = self._items(layers, "layers")

    def _text(self, key: str) -> str:
        node = self.root.value.get(key)
        if node is None:
            return ""
        if isinstance(node.value, (dict, list)) or node.value is None:
            self.problem(f"`{key}` needs a text, not {describe(node.plain)}", node.mark)
            return ""
        if not str(node.value).strip():
            self.problem(f"`{key}` is empty", node.mark)
        return printable(str(node.value))

    def _input(self) -> None:
        node = self.root.value.get("input")
        if node is None:
            return
        sizes = node.value if isinstance(node.value, list) else None
        if not sizes or len(sizes) > 4:
            self.problem("`input` needs a list of sizes: [channels, height, width]", node.mark)
            return
        for item in sizes:
            value = item.value
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST_SIZE:
                shown = describe(item.plain)
                self.problem(f"`input` needs whole numbers from 1 to {LARGEST_SIZE:,}, not {shown}", item.mark)
                return
        self.document.input = sizes

    def _scaling(self) -> None:
        node = self.root.value.get("scaling")
        if node is None:
            return
        if not self._mapping(node, "scaling", ("round", "multiple", "minimum", "at_least")):
            return
        found: dict[str, Any] = {}
        for key, item in node.value.items():
            value = item.value
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            whole = number and isinstance(value, int) and 1 <= value <= LARGEST_SIZE
            if key == "round" and value not in ROUNDINGS:
                self.problem(f"`round` needs one of {', '.join(ROUNDINGS)}, not {describe(item.plain)}", item.mark)
            elif key in ("multiple", "minimum") and not whole:
                self.problem(f"`{key}` needs a whole number from 1, not {describe(item.plain)}", item.mark)
            elif key == "at_least" and (
                isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1
            ):
                self.problem(f"`at_least` needs a share such as 0.9, not {describe(item.plain)}", item.mark)
            else:
                found[key] = dims.exact(value) if key == "at_least" else value
        self.document.scaling = Scaling(**found)

    def _mapping(self, node: Node, what: str, known: tuple[str, ...] | None = None) -> bool:
        if not isinstance(node.value, dict):
            self.problem(f"`{what}` needs a mapping, not {describe(node.plain)}", node.mark)
            return False
        for key, mark in node.keys.items():
            if known is not None and key not in known:
                self.problem(unknown("field", key, known), mark)
        node.value = {key: item for key, item in node.value.items() if known is None or key in known}
        return True

    def _parameters(self) -> None:
        node = self.root.value.get("parameters")
        if node is None or not self._mapping(node, "parameters"):
            return
        for name, item in node.value.items():
            if name in BUILT_IN or not name.isidentifier():
                self.problem(f"`{name}` cannot name a parameter", node.keys[name])
                continue
            if not isinstance(item.value, dict):
                item = Node({"default": item}, item.mark, {"default": item.mark})
            if not self._mapping(item, name, ("default", "choices", "help")):
                continue
            if "default" not in item.value:
                self.problem(f"the parameter `{name}` needs a `default`", node.keys[name])
                continue
            default = self._choice(item.value["default"])
            choices = item.value.get("choices")
            listed = (
                tuple(self._choice(c) for c in choices.value) if choices and isinstance(choices.value, list) else ()
            )
            if choices is not None and not listed:
                self.problem("`choices` needs a list of values", choices.mark)
            elif listed and not any(dims.same(default, choice) for choice in listed):
                self.problem(f"the default of `{name}` is none of its choices", item.value["default"].mark)
            said = item.value.get("help")
            self.document.parameters[name] = Parameter(default, listed, str(said.plain) if said else "")

    def _choice(self, node: Node) -> Any:
        if isinstance(node.value, (dict, list)) or node.value is None:
            self.problem(f"a parameter is a number, true, false or a name, not {describe(node.plain)}", node.mark)
            return 0
        try:
            return node.value if isinstance(node.value, (str, bool)) else dims.exact(node.value)
        except ValueError as error:
            self.problem(str(error), node.mark)
            return 0

    def _blocks(self) -> None:
        node = self.root.value.get("blocks")
        if node is None or not self._mapping(node, "blocks"):
            return
        bodies: dict[str, Node] = {}
        for name, item in node.value.items():
            if name in OPERATORS or name == INPUT or name in LAYER_KEYS or not name.isidentifier():
                self.problem(
                    f"`{name}` cannot name a block{': an operator has it' if name in OPERATORS else ''}",
                    node.keys[name],
                )
                continue
            if isinstance(item.value, list):
                item = Node({"layers": item}, item.mark, {"layers": item.mark})
            if not self._mapping(item, name, ("arguments", "inputs", "layers", "help")):
                continue
            if "layers" not in item.value:
                self.problem(f"the block `{name}` needs `layers`", node.keys[name])
                continue
            self.document.blocks[name] = Block(name, self._arguments(item), self._inputs(item), [])
            bodies[name] = item.value["layers"]
        for name, body in bodies.items():
            self.document.blocks[name].items = self._items(body, name)
        self._circles()

    def _circles(self) -> None:
        """Blocks that contain themselves, used or not. Where a parameter names the block, only opening it shows."""
        done: set[str] = set()
        for start in self.document.blocks:
            path, waiting = [start], [iter(self.document.blocks[start].items)]
            while waiting and start not in done:
                item = next(waiting[-1], None)
                if item is None:
                    done.add(path.pop())
                    waiting.pop()
                elif item.kind in path:
                    chain = " → ".join([*path[path.index(item.kind) :], item.kind])
                    self.problem(f"the block `{item.kind}` contains itself: {chain}", item.mark)
                    self.document.circular.update(path)
                elif item.kind in self.document.blocks and item.kind not in done:
                    path.append(item.kind)
                    waiting.append(iter(self.document.blocks[item.kind].items))

    def _arguments(self, item: Node) -> dict[str, Node]:
        node = item.value.get("arguments")
        if node is None or not self._mapping(node, "arguments"):
            return {}
        for name in node.value:
            if name in LAYER_KEYS or name in BUILT_IN or not name.isidentifier():
                self.problem(f"`{name}` cannot name an argument", node.keys[name])
        return dict(node.value)

    def _inputs(self, item: Node) -> tuple[str, ...]:
        node = item.value.get("inputs")
        if node is None:
            return (INPUT,)
        names = node.plain
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            self.problem("`inputs` needs a list of names", node.mark)
            return (INPUT,)
        for i, name in enumerate(names):
            if name in names[:i]:
                self.problem(f"`inputs` has `{name}` twice", node.value[i].mark)
        return tuple(names)

    def _items(self, node: Node, what: str) -> list[Item]:
        if not isinstance(node.value, list) or not node.value:
            self.problem(f"`{what}` needs a list with at least one layer", node.mark)
            return []
        return [item for entry in node.value if (item := self._item(entry)) is not None]

    def _item(self, node: Node) -> Item | None:
        if isinstance(node.value, str):
            return self._checked(Item(node.value, node.mark, {}, {}, {}))
        if not isinstance(node.value, dict):
            self.problem(f"a layer is a name, or a name with fields, not {describe(node.plain)}", node.mark)
            return None
        kinds = [key for key in node.value if key not in LAYER_KEYS]
        if len(kinds) != 1:
            listed = ", ".join(f"`{kind}`" for kind in kinds) or "none"
            self.problem(f"a layer has one operator or block, here: {listed} (its fields go below its name)", node.mark)
            return None
        kind = kinds[0]
        body = node.value[kind]
        if body.value is not None and not isinstance(body.value, dict):
            self.problem(f"the fields of `{kind}` are a mapping, as in `{kind}: {{name: value}}`", body.mark)
            return None
        fields = dict(body.value or {})
        beside = {key: node.value[key] for key in node.value if key != kind}
        for key in LAYER_KEYS:
            if key in fields:
                if key in beside:
                    self.problem(f"`{key}` stands beside `{kind}` and below it", body.keys[key])
                beside[key] = fields.pop(key)
        return self._checked(Item(kind, node.keys[kind], fields, body.keys, beside))

    def _checked(self, item: Item) -> Item | None:
        """The item, if its kind and the names of its fields are known."""
        if item.kind.startswith("$"):
            return item
        if item.kind in OPERATORS:
            declared = dataclasses.fields(OPERATORS[item.kind])  # type: ignore[arg-type]
            known = {f.name: f.default is dataclasses.MISSING for f in declared}
        elif item.kind in self.document.blocks:
            arguments = self.document.blocks[item.kind].arguments
            known = {name: node.value == REQUIRED for name, node in arguments.items()}
        else:
            names = [*OPERATORS, *self.document.blocks]
            self.problem(unknown("operator or block", item.kind, names), item.mark)
            return None
        return item if self._known(item, known) else None

    def _known(self, item: Item, known: dict[str, bool]) -> bool:
        for key in item.fields:
            if key not in known:
                self.problem(unknown(f"field of {item.kind}", key, [*known, *LAYER_KEYS]), item.keys[key])
        missing = [name for name, required in known.items() if required and name not in item.fields]
        for name in missing:
            self.problem(f"`{item.kind}` needs `{name}`", item.mark)
        item.fields = {key: node for key, node in item.fields.items() if key in known}
        return not missing


def ensure(document: Document) -> Document:
    """The document, if nothing is wrong with it so far.

    Raises SpecError with all its problems.
    """
    if document.problems:
        raise document.error(document.problems)
    return document


__all__ = ["ArchcostError", "Block", "Document", "Item", "Parameter", "ensure", "parse", "read"]
