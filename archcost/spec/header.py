"""The header of a spec: name, source, input, scaling, parameters."""

from __future__ import annotations

from typing import Any

from archcost import dims
from archcost.errors import ArchcostError, Mark, printable
from archcost.ops.fields import LARGEST_SIZE, describe
from archcost.spec import ranges
from archcost.spec.names import unknown
from archcost.spec.parts import BUILT_IN, HEADER, Document, Imported, Parameter
from archcost.spec.scaling import ROUNDINGS, Scaling
from archcost.spec.source import Node


class Reader:
    """Reads a part of a document, and notes its problems there."""

    def __init__(self, document: Document) -> None:
        self.document = document

    def problem(self, message: str, mark: Mark) -> None:
        self.document.problem(message, mark)

    def mapping(self, node: Node, what: str, known: tuple[str, ...] | None = None) -> bool:
        """Whether a node is a mapping of known fields; the unknown ones are noted and left out."""
        if not isinstance(node.value, dict):
            self.problem(f"`{what}` needs a mapping, not {describe(node.plain)}", node.mark)
            return False
        for key, mark in node.keys.items():
            if known is not None and key not in known:
                self.problem(unknown("field", key, known), mark)
        node.value = {key: item for key, item in node.value.items() if known is None or key in known}
        return True


class HeaderReader(Reader):
    """Reads everything but blocks and layers."""

    def __init__(self, document: Document, root: Node) -> None:
        super().__init__(document)
        self.root = root

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
        self._imported()
        self._input()
        self._scaling()
        self._parameters()
        self._space()

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

    def _imported(self) -> None:
        node = self.root.value.get("imported")
        if node is None or not self.mapping(
            node, "imported", ("origin", "unused_params", "partial", "fixed", "fixed_width")
        ):
            return
        said = node.plain
        texts = all(isinstance(said.get(key, ""), str) for key in ("origin", "fixed", "fixed_width"))
        unused, partial = said.get("unused_params", 0), said.get("partial", [])
        whole = isinstance(unused, int) and not isinstance(unused, bool) and unused >= 0
        if not texts or not whole or not isinstance(partial, list) or not all(isinstance(p, str) for p in partial):
            self.problem(
                "`imported` has texts `origin`, `fixed`, `fixed_width`, the number `unused_params`, the list `partial`",
                node.mark,
            )
            return
        self.document.imported = Imported(
            printable(said.get("origin", "")),
            unused,
            tuple(map(printable, partial)),
            printable(said.get("fixed", "")),
            printable(said.get("fixed_width", "")),
        )

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
        if not self.mapping(node, "scaling", ("round", "multiple", "minimum", "at_least")):
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

    def _parameters(self) -> None:
        node = self.root.value.get("parameters")
        if node is None or not self.mapping(node, "parameters"):
            return
        for name, item in node.value.items():
            if name in BUILT_IN or not name.isidentifier():
                self.problem(f"`{name}` cannot name a parameter", node.keys[name])
                continue
            if not isinstance(item.value, dict):
                item = Node({"default": item}, item.mark, {"default": item.mark})
            if not self.mapping(item, name, ("default", "choices", "help")):
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

    def _space(self) -> None:
        node = self.root.value.get("space")
        axes = ("alpha", "resolution", *self.document.parameters)
        if node is None or not self.mapping(node, "space", axes):
            return
        for name, item in node.value.items():
            nodes = item.value if isinstance(item.value, list) else [item]
            if not nodes:
                self.problem(f"`{name}` needs at least one value", item.mark)
                continue
            texts = [each.value for each in nodes if isinstance(each.value, str)]
            try:
                for text in texts:
                    ranges.values(text, name)
            except ArchcostError as error:
                self.problem(str(error), item.mark)
                continue
            values = [self._choice(each) for each in nodes]
            self.document.space[name] = [v for value in values for v in spread(value, name)]

    def _choice(self, node: Node) -> Any:
        if isinstance(node.value, (dict, list)) or node.value is None:
            self.problem(f"a parameter is a number, true, false or a name, not {describe(node.plain)}", node.mark)
            return 0
        try:
            return node.value if isinstance(node.value, (str, bool)) else dims.exact(node.value)
        except ValueError as error:
            self.problem(str(error), node.mark)
            return 0


def spread(value: Any, name: str) -> list[Any]:
    """A value of an axis; for the text of a range or a list, all of its values."""
    return list(ranges.values(value, name)) if isinstance(value, str) else [value]
