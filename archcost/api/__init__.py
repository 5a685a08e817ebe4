"""The Python interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcost import importers as _importers  # noqa: F401  what it reads, `load` takes
from archcost.api.model import Model, analyze, load, sweep, validate
from archcost.api.results import Analysis, Sweep, Validation

if TYPE_CHECKING:
    from archcost.api.page import report
    from archcost.api.search import Search, find

LATER = {"Search": "search", "find": "search", "report": "page"}
"""What is loaded on first use, as it needs more than the rest, by its module."""


def __getattr__(name: str) -> Any:
    """What is loaded later."""
    if name not in LATER:
        raise AttributeError(f"module 'archcost.api' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"archcost.api.{LATER[name]}"), name)


__all__ = [
    "Analysis",
    "Model",
    "Search",
    "Sweep",
    "Validation",
    "analyze",
    "find",
    "load",
    "report",
    "sweep",
    "validate",
]
