"""YAML text to plain values that remember where they stood.

Built on the parser's events rather than its loader, so that depth, size and aliases are bounded before
anything is allocated, no tag can construct an object, and every value keeps its line and column.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from archcost.errors import ArchcostError, Mark, Problem, SpecError

LARGEST_FILE = 8 * 2**20
DEEPEST = 100
LONGEST_TEXT = 10_000
MOST_VALUES = 500_000
"""Values after aliases are filled in: what stops an alias bomb."""

_LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|^%", re.MULTILINE)
_INTEGER = re.compile(r"[-+]?[0-9][0-9_]*")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_NAMED: dict[str, Any] = {"": None, "~": None, "null": None, "true": True, "false": False}
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True, eq=False)
class Node:
    """A value and its place: a scalar, a list of nodes, or a mapping of names to nodes."""

    value: Any
    mark: Mark
    keys: dict[str, Mark]
    """Where each key of a mapping stands."""

    @property
    def plain(self) -> Any:
        """The value alone, without places."""
        if isinstance(self.value, dict):
            return {key: node.plain for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain for node in self.value]
        return self.value


def read_text(path: Path) -> str:
    """The text of a spec file.

    Raises ArchcostError for a file that is missing, a directory, too large, or not UTF-8.
    """
    try:
        if path.is_dir():
            raise ArchcostError(f"{path}: is a directory; name the spec file in it")
        with path.open("rb") as file:
            raw = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise ArchcostError(f"{path}: no such file") from None
    except OSError as error:
        raise ArchcostError(f"{path}: cannot be read: {error.strerror}") from None
    if len(raw) > LARGEST_FILE:
        raise ArchcostError(f"{path}: larger than {LARGEST_FILE // 2**20} MiB; this is no spec")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ArchcostError(f"{path}:{line}: not UTF-8 (byte 0x{raw[error.start]:02x}); save it as UTF-8") from None


def parse(text: str, file: str) -> tuple[Node, list[Problem]]:
    """The document's only node, and what is wrong with the YAML itself.

    Raises SpecError where nothing can be read beyond a problem.
    """
    reader = _Reader()
    if (found := _UNREADABLE.search(text)) is not None:
        raise SpecError(file, (_unreadable(text, found),), lines(text))
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            reader.take(event)
    except _Stop:
        reader.root = None
    except yaml.MarkedYAMLError as error:
        reader.root = None
        reader.problems.append(_syntax_problem(error, lines(text)))
    except yaml.YAMLError as error:
        reader.root = None
        reader.problems.append(Problem(f"not YAML: {error}".replace("\n", " "), Mark(1, 1)))
    if not reader.problems and reader.root is None:
        reader.problems.append(Problem("the file is empty; a spec has `name`, `input` and `layers`"))
    if reader.root is None:
        raise SpecError(file, tuple(reader.problems), lines(text))
    return reader.root, reader.problems


def lines(text: str) -> list[str]:
    """The lines as YAML counts them."""
    return _LINE_END.split(text)


def _unreadable(text: str, found: re.Match[str]) -> Problem:
    before = lines(text[: found.start()])
    place = Mark(len(before), len(before[-1]) + 1)
    if found[0] == "%":
        return Problem("a directive (%); a spec has none", place)
    return Problem(f"a control character (U+{ord(found[0]):04X})", place)


def _syntax_problem(error: yaml.MarkedYAMLError, lines: list[str]) -> Problem:
    mark = error.problem_mark or error.context_mark
    said = error.problem or error.context or "not YAML"
    if error.context_mark and (mark is None or mark.line >= len(lines) - 1):
        mark = error.context_mark  # where it was opened says more than the end of the file
    place = Mark(mark.line + 1, mark.column + 1) if mark else Mark(1, 1)
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    before = line[: place.column]
    if before.endswith("\t") or ("\t" in before and not before.strip()):
        return Problem("a tab; YAML indents with spaces", place)
    if "undefined alias" in said:
        return Problem(f"{said}; an alias *name needs an anchor &name before it", place)
    return Problem(f"not YAML: {said}", place)


class _Stop(Exception):
    """Nothing that follows can be trusted."""


class _Reader:
    """Builds nodes from events, with a stack of its own instead of recursion."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self.problems: list[Problem] = []
        self.values = 0
        self._stack: list[tuple[Node, str | None, str | None]] = []  # node, its anchor, a pending key
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._first_value: dict[int, int] = {}

    def take(self, event: Any) -> None:
        match event:
            case yaml.ScalarEvent():
                self._count(1, event)
                node = Node(self._scalar(event), _mark(event), {})
                self._remember(event.anchor, node, 1)
                self._place(node, event)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self._open(event)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                node, anchor, _ = self._stack.pop()
                if isinstance(node.value, dict):
                    node.value = {key: node.value[key] for key in node.keys}
                self._remember(anchor, node, self.values - self._first_value.pop(id(node)))
                self._place(node, event)
            case yaml.AliasEvent():
                node, size = self._anchors[event.anchor] if event.anchor in self._anchors else self._dangling(event)
                self._count(size, event)
                self._place(node, event)
            case yaml.DocumentStartEvent() if self.root is not None:
                self._stop("a second document; a spec is one", event)

    def _open(self, event: Any) -> None:
        self._count(1, event)
        if len(self._stack) >= DEEPEST:
            self._stop(f"nested deeper than {DEEPEST} levels", event)
        if event.tag not in _PLAIN_COLLECTIONS:
            self._tag(event)
        node = Node({} if isinstance(event, yaml.MappingStartEvent) else [], _mark(event), {})
        self._first_value[id(node)] = self.values - 1
        self._stack.append((node, event.anchor, None))

    def _place(self, node: Node, event: Any) -> None:
        if not self._stack:
            self.root = node
            return
        parent, anchor, key = self._stack[-1]
        if isinstance(parent.value, list):
            parent.value.append(node)
        elif key is None:
            self._stack[-1] = (parent, anchor, self._key(parent, node))
        else:
            parent.value[key] = node
            self._stack[-1] = (parent, anchor, None)

    def _key(self, parent: Node, node: Node) -> str:
        if isinstance(node.value, (dict, list)) or node.value is None:
            self.problems.append(Problem("a key must be a name", node.mark))
            return f"?{node.mark.line}:{node.mark.column}"
        key = str(node.value).lower() if isinstance(node.value, bool) else str(node.value)
        if key == "<<":
            self.problems.append(Problem("merge keys are not in the language; a block with arguments is", node.mark))
            return f"?{node.mark.line}:{node.mark.column}"
        if key in parent.keys:
            first = parent.keys[key].line
            self.problems.append(Problem(f"`{key}` stands here twice; first in line {first}", node.mark))
            return f"?{node.mark.line}:{node.mark.column}"
        parent.keys[key] = node.mark
        return key

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        if len(text) > LONGEST_TEXT:
            self.problems.append(
                Problem(f"a text of {len(text):,} characters; the longest is {LONGEST_TEXT:,}", _mark(event))
            )
            return None
        if event.tag is not None and event.tag not in _PLAIN_TAGS:
            self._tag(event)
            return None
        if event.style or event.tag == "tag:yaml.org,2002:str":
            return text
        if text.lower() in _NAMED and text in (text.lower(), text.capitalize(), text.upper()):
            return _NAMED[text.lower()]
        if _INTEGER.fullmatch(text):
            # Beyond any size, and Python refuses to read thousands of digits.
            return int(text.replace("_", "")) if len(text) <= 400 else float("inf")
        if _FLOAT.fullmatch(text):
            return Written(text)
        return text

    def _tag(self, event: Any) -> None:
        tag = event.tag.replace("tag:yaml.org,2002:", "!!")
        self.problems.append(Problem(f"the tag {tag} is not allowed; a spec holds plain values", _mark(event)))

    def _dangling(self, event: Any) -> tuple[Node, int]:
        self._stop(f"*{event.anchor} has no anchor &{event.anchor} before it", event)
        raise AssertionError

    def _remember(self, anchor: str | None, node: Node, size: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = (node, size)

    def _count(self, values: int, event: Any) -> None:
        self.values += values
        if self.values > MOST_VALUES:
            self._stop(f"more than {MOST_VALUES:,} values once aliases are filled in", event)

    def _stop(self, message: str, event: Any) -> None:
        self.problems.append(Problem(message, _mark(event)))
        raise _Stop


_PLAIN_COLLECTIONS = {None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}
_PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null")} | {"!"}


class Written(float):
    """A number with a decimal point, which remembers how it was written: 0.35 is 35/100."""

    text: str

    def __new__(cls, text: str) -> Written:
        plain = text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan")
        number = super().__new__(cls, plain)
        number.text = plain
        return number

    def __str__(self) -> str:
        return self.text


def _mark(event: Any) -> Mark:
    start, end = event.start_mark, event.end_mark
    length = end.column - start.column if end.line == start.line else 1
    return Mark(start.line + 1, start.column + 1, max(1, length))
