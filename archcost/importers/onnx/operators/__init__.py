"""From operators of ONNX to calls of aten, whose rules the import shares with PyTorch's; a file is a family."""

from __future__ import annotations

import importlib
import pkgutil

from archcost.importers.onnx.operators.base import TRANSLATIONS, known_free

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["TRANSLATIONS", "known_free"]
