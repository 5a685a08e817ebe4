"""Blocks and lists of layers: kinds and the names of their fields are known, and no block contains itself."""

from __future__ import annotations

import dataclasses

from archcost.ops import OPERATORS
from archcost.ops.fields import describe
from archcost.spec.header import Reader
from archcost.spec.names import unknown
from archcost.spec.parts import BUILT_IN, INPUT, LAYER_KEYS, REQUIRED, Block, Item
from archcost.spec.source import Node


class LayersReader(Reader):
    """Reads blocks and lists of layers."""

    def read(self, root: Node) -> None:
        self._blocks(root)
        if (layers := root.value.get("layers")) is not None:
            self.document.items = self._items(layers, "layers")

    def _blocks(self, root: Node) -> None:
        node = root.value.get("blocks")
        if node is None or not self.mapping(node, "blocks"):
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
            if not self.mapping(item, name, ("arguments", "inputs", "layers", "help")):
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
        if node is None or not self.mapping(node, "arguments"):
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

    def _checked(self, item: Item) -> Item:
        """The item, once its kind and the names of its fields have been looked at."""
        if item.kind.startswith("$"):
            return item
        if item.kind in OPERATORS:
            declared = dataclasses.fields(OPERATORS[item.kind])
            known = {f.name: f.default is dataclasses.MISSING for f in declared}
        elif item.kind in self.document.blocks:
            arguments = self.document.blocks[item.kind].arguments
            known = {name: node.value == REQUIRED for name, node in arguments.items()}
        else:
            names = [*OPERATORS, *self.document.blocks]
            self.problem(unknown("operator or block", item.kind, names), item.mark)
            return item
        self._fields(item, known)
        return item

    def _fields(self, item: Item, known: dict[str, bool]) -> None:
        """Notes fields that are unknown or missing, and leaves the unknown ones out."""
        for key in item.fields:
            if key not in known:
                self.problem(unknown(f"field of {item.kind}", key, [*known, *LAYER_KEYS]), item.keys[key])
        missing = [name for name, required in known.items() if required and name not in item.fields]
        for name in missing:
            self.problem(f"`{item.kind}` needs `{name}`", item.mark)
        item.fields = {key: node for key, node in item.fields.items() if key in known}
