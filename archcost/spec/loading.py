"""The one place that turns what a user names into a document: a file, a name of the zoo, or what importers know."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from archcost.spec import document as _document
from archcost.spec import ranges, zoo
from archcost.spec.parts import Document

Opener = Callable[[str], Document | None]
"""A reference -> its document; None for one that it does not know."""

OPENERS: list[Opener] = []
"""What reads other references than files and names; `importers/` adds its own."""

SUFFIXES: list[str] = []
"""Ends of the names of files that openers read, and that are no specs."""


def load(reference: str | Path) -> tuple[Document, dict[str, str]]:
    """The document of a reference, and the settings after its `@`.

    Raises ArchcostError where there is none, SpecError where it has problems.
    """
    if isinstance(reference, Path) and reference.suffix in SUFFIXES:
        reference = str(reference)
    if isinstance(reference, Path) or is_spec(reference):
        return _document.read(Path(reference)), {}
    name, settings = ranges.reference(reference)
    return open_name(name), settings


def open_name(name: str) -> Document:
    """The document of a reference without settings."""
    if not is_spec(name):
        for opener in OPENERS:
            if (found := opener(name)) is not None:
                return found
    return _document.read(zoo.find(name))


def is_spec(name: str) -> bool:
    """Whether there is such a file, and no opener reads it."""
    return zoo.exists(Path(name)) and Path(name).suffix not in SUFFIXES
