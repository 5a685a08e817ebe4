"""A spec file read, with every problem that shows before any size is known."""

from __future__ import annotations

from pathlib import Path

from archcost.errors import Problem
from archcost.spec import source
from archcost.spec.blocks import LayersReader
from archcost.spec.header import HeaderReader
from archcost.spec.parts import Document


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
    HeaderReader(document, root).read()
    LayersReader(document).read(root)
    if document.problems and not document.items:
        raise document.error(document.problems)
    return document
