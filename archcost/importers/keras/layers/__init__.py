"""From layers of Keras to calls of aten, by the names of their classes; a file is a family."""

from __future__ import annotations

import importlib
import pkgutil

from archcost.importers.keras.layers.base import FREE, TRANSLATIONS

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["FREE", "TRANSLATIONS"]
