"""Counters of others: each file of this folder runs one, and the folder is the registry.

A file names the distributions it `NEEDS` and the `CONVENTIONS` that say what it counts; `count(model, inputs)` gives a
figure for each, plain or as a `Figure`, and runs the tool as its README does. It imports its tool when it counts, not
before. Whatever it does to the model or to torch is done in a process of its own.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from typing import Any

from archcost.errors import ArchcostError
from archcost.spec.names import unknown

SIZES = "sizes that the model computes while it runs, which {} counts as tensors"
INSTALL = "pip install 'archcost[counters]'"
"""The command that installs all of them."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A counter's figure, and what to know of it.

    asides: parts of it that are no layer's, as the tool's own listing shows them, each by what it is.
    """

    value: Any
    note: str = ""
    asides: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Counter:
    """name: as users say it; module: where its `count` is; needs: distributions, its own first."""

    name: str
    module: str
    needs: tuple[str, ...]
    conventions: tuple[str, ...]

    @property
    def version(self) -> str | None:
        """Of the tool that is installed; None where it, or what it needs, is not."""
        try:
            versions = [metadata.version(name) for name in self.needs]
        except metadata.PackageNotFoundError:
            return None
        return re.sub(r"-(\d+)$", r".post\1", versions[0])  # two ways to write the same


@cache
def counters() -> dict[str, Counter]:
    """All counters by name."""
    found = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        found[info.name] = Counter(info.name, module.__name__, module.NEEDS, module.CONVENTIONS)
    return found


def chosen(names: Iterable[str]) -> list[Counter]:
    """The counters of these names, all where none is given; a convention's name stands for its counter.

    Raises ArchcostError for a name that is neither.
    """
    known = counters()
    by_name = {convention: counter for counter in known.values() for convention in counter.conventions} | known
    wanted = [str(name).strip().lower().replace("-", "_") for name in names]
    for name in wanted:
        if name not in by_name:
            raise ArchcostError(unknown("counter", name, known))
    return list(dict.fromkeys(by_name[name] for name in wanted)) if wanted else list(known.values())
