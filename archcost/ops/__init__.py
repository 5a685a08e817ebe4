"""Operators: each file of this folder is one family, and the folder is the registry."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

from archcost.ops.base import Nary, Op, Unary

_NOT_OPERATORS = {"base", "fields", "window"}


def _find() -> dict[str, type[Unary] | type[Nary]]:
    found: dict[str, type[Unary] | type[Nary]] = {}
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        if module in _NOT_OPERATORS:
            continue
        for member in vars(importlib.import_module(f"{__name__}.{module}")).values():
            if inspect.isclass(member) and issubclass(member, (Unary, Nary)) and "kind" in vars(member):
                found[member.kind] = member
    return found


OPERATORS = _find()
"""Operator classes by the name that a spec uses."""

__all__ = ["OPERATORS", "Nary", "Op", "Unary"]
