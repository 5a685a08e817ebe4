"""archcost: what a convolutional network costs, before a model exists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archcost.api import Analysis, Model, Search, Sweep, Validation, analyze, find, load, report, sweep, validate
    from archcost.errors import ArchcostError, SpecError

__version__ = "0.1.0"
__all__ = [
    "Analysis",
    "ArchcostError",
    "Model",
    "Search",
    "SpecError",
    "Sweep",
    "Validation",
    "analyze",
    "find",
    "load",
    "report",
    "sweep",
    "validate",
]


def __getattr__(name: str) -> Any:
    """Loads the interface on first use, so that importing one part does not import all."""
    if name not in __all__:
        raise AttributeError(f"module 'archcost' has no attribute {name!r}")
    import importlib

    home = "archcost.errors" if name.endswith("Error") else "archcost.api"
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return __all__
