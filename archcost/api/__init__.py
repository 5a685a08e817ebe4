"""The Python interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcost import importers as _importers  # noqa: F401  what it reads, `load` takes
from archcost.api.model import Model, analyze, load, sweep, validate
from archcost.api.results import Analysis, Sweep, Validation

if TYPE_CHECKING:
    from archcost.api.search import Search, find


def __getattr__(name: str) -> Any:
    """The search, loaded on first use: it needs more than the rest."""
    if name not in ("Search", "find"):
        raise AttributeError(f"module 'archcost.api' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module("archcost.api.search"), name)


__all__ = ["Analysis", "Model", "Search", "Sweep", "Validation", "analyze", "find", "load", "sweep", "validate"]
