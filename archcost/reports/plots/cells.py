"""Columns of files as numbers, checked: from 0 on, finite, NaN where there is none."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from archcost.errors import ArchcostError, printable

Columns = Mapping[str, Any]
"""Name -> cells, all of one length: a list of texts or numbers, or an array; None or an empty text is nothing."""


def by_column(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Rows as columns; None where a row does not have one."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def numbers(columns: Columns, name: str, count: int, file: str, most: float = math.inf) -> Any:
    """A column as floats, of so many rows. Raises ArchcostError for what is no number from 0 to most."""
    import numpy as np

    if name not in columns:
        return np.full(count, np.nan)
    column = columns[name]
    if not isinstance(column, np.ndarray) or column.ndim != 1 or column.dtype.kind not in "iuf":
        return np.array([number(cell, name, file, most) for cell in column], float)
    found = column.astype(float)
    wrong = np.flatnonzero(~(np.isnan(found) | ((found >= 0) & (found <= most) & np.isfinite(found))))
    if len(wrong):
        number(found[wrong[0]], name, file, most)
    return found


def number(cell: Any, name: str, file: str, most: float = math.inf) -> float:
    """Raises ArchcostError for what is no number from 0 to most; NaN for nothing at all."""
    if cell is None or (isinstance(cell, str) and not cell):
        return math.nan
    try:
        found = math.nan if isinstance(cell, bool) else float(cell)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not 0 <= found <= most or math.isinf(found):
        said = "from 0 on" if math.isinf(most) else f"from 0 to {most:g}"
        raise ArchcostError(f"{file}: {name} must be a number {said}, not {printable(str(cell)[:60])!r}")
    return found


def sizes(columns: Columns, count: int, file: str) -> Any:
    """Heights and widths, [n, 2], in whichever of the ways that reports have of writing a resolution."""
    import numpy as np

    if "resolution" not in columns:
        return np.stack([numbers(columns, name, count, file) for name in ("height", "width")], axis=1)
    column = columns["resolution"]
    if isinstance(column, np.ndarray) and column.ndim == 1:
        both = numbers(columns, "resolution", count, file)
        return np.stack([both, both], axis=1)
    return np.array([_size(cell, file) for cell in column], float).reshape(-1, 2)


def _size(cell: Any, file: str) -> tuple[float, float]:
    parts = cell
    if isinstance(cell, str):
        parts = cell.lower().replace("×", "x").split("x") if cell else [None]
    elif not isinstance(cell, (list, tuple)) and not hasattr(cell, "tolist"):
        parts = [cell]
    if len(parts) not in (1, 2) or (len(parts) == 2 and any(part in (None, "") for part in parts)):
        raise ArchcostError(f"{file}: resolution must be a size, or height × width, not {printable(str(cell)[:60])!r}")
    return number(parts[0], "resolution", file), number(parts[-1], "resolution", file)
