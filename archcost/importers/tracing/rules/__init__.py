"""Rules from operators of a trace to operators of the spec language; each file of this folder is one family."""

from __future__ import annotations

import importlib
import pkgutil

from archcost.importers.tracing.rules.base import RULES

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["RULES"]
