"""Models from elsewhere as specs. Each file with a SCHEME is one source; torch is imported only when one is read.

A source's `text(source)` gives the spec of a model; a scheme of no file is a package, and the name an attribute in it.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace
from functools import lru_cache

from archcost.errors import ArchcostError
from archcost.importers.blueprint import Blueprint
from archcost.importers.reference import FILES, Source, parse
from archcost.spec import document, loading
from archcost.spec.parts import Document

_NOT_SOURCES = {"blueprint", "module", "reference", "runnable", "torch", "packages", "tracing"}
SCHEMES = tuple(sorted(info.name for info in pkgutil.iter_modules(__path__) if info.name not in _NOT_SOURCES))
"""The sources that have a name of their own, each a file or folder here."""


def text(source: Source) -> str:
    """The spec of a model.

    Raises ArchcostError where it cannot be imported.
    """
    scheme = source.scheme if source.scheme in SCHEMES else "module"
    if scheme in ("onnx", "keras") and any(each.name for each in source.inputs):
        raise ArchcostError(f"{source}: inputs by name are for models of PyTorch; give --input in the model's order")
    found: str = importlib.import_module(f"{__name__}.{scheme}").text(source)
    return found


def blueprint(source: Source) -> Blueprint | None:
    """How a model is made; None for a source whose models are no modules of PyTorch.

    Raises ArchcostError where there is no such model.
    """
    scheme = source.scheme if source.scheme in SCHEMES else "module"
    make = getattr(importlib.import_module(f"{__name__}.{scheme}"), "blueprint", None)
    found: Blueprint | None = None if make is None else make(source)
    return found


@lru_cache(maxsize=16)
def _text(reference: str, state: tuple[int, int]) -> str:
    source = parse(reference)
    assert source is not None
    return text(source)


def _state(source: Source) -> tuple[int, int]:
    """What tells a file that has changed: when, and its size."""
    try:
        found = source.file.stat() if source.file is not None else None
    except (OSError, ValueError):
        found = None
    return (found.st_mtime_ns, found.st_size) if found is not None else (0, 0)


def opened(reference: str) -> Document | None:
    """The document of a reference to a model; None for a text that is no such reference."""
    source = parse(reference)
    if source is None:
        return None
    return document.parse(_text(reference, _state(source)), reference)


def resized(reference: str, height: int, width: int) -> Document:
    """The model traced anew at another resolution."""
    source = parse(reference)
    own = opened(reference)
    if source is None or own is None or len(own.input) != 3:
        raise ArchcostError(f"{reference} has no resolution to set")
    from archcost.importers.reference import Input

    sizes = int(own.input[0].value), height, width
    first = replace(source.inputs[0], sizes=sizes) if source.inputs else Input(sizes)
    changed = Source(source.scheme, source.name, (first, *source.inputs[1:]), source.arguments)
    return document.parse(_text(str(changed), _state(changed)), str(changed))


loading.OPENERS.append(opened)
loading.SUFFIXES += FILES
