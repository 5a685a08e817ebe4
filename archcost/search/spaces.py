"""A search space from a file: alpha, resolution and parameters, each a value, a list, or a range as text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archcost.errors import ArchcostError, SpecError
from archcost.spec import source


def read(path: Path) -> dict[str, Any]:
    """Axis -> values, or the text of a range. Raises ArchcostError for what is no space."""
    text = source.read_text(path)
    node, problems = source.parse(text, str(path))
    if problems:
        raise SpecError(str(path), tuple(problems), source.lines(text))
    content = node.plain
    if not isinstance(content, dict) or not content:
        raise ArchcostError(f"{path}: a space is a mapping such as `alpha: 0.25:1:0.05` and `resolution: [160, 224]`")
    found: dict[str, Any] = {}
    for name, given in content.items():
        values = given if isinstance(given, list) else [given]
        if not values or any(isinstance(value, (dict, list)) or value is None for value in values):
            raise ArchcostError(f"{path}: `{name}` needs a value, a list of values, or a range such as 0.25:1:0.05")
        found[str(name)] = given if isinstance(given, str) else values
    return found
