"""How each row of a file ran: its dtype and its mode, by the names that archcost has for them."""

from __future__ import annotations

from archcost.analysis.analysis import DTYPE_ALIASES, DTYPES
from archcost.latency.measurement import MODES
from archcost.latency.table import Problems, Table, quoted

TRUE = ("true", "yes", "1")


def dtype_named(text: str) -> str:
    """A dtype by its own name or a common short one. Raises ValueError for unknown ones."""
    name = DTYPE_ALIASES.get(text.lower(), text.lower())
    if name not in DTYPES:
        raise ValueError(f"must be one of {', '.join(DTYPES)}, not {quoted(text)}")
    return name


def dtypes(table: Table) -> list[str]:
    """Of each row, by its columns `dtype` and `tf32`; empty where it says nothing.

    Raises TableError for what is no dtype.
    """
    problems = Problems(table.file)
    nothing: list[str | None] = [""] * len(table)
    found = (
        table.parsed("dtype", lambda text: dtype_named(text) if text else "", problems) if "dtype" in table else nothing
    )
    problems.check()
    tf32 = table.column("tf32") if "tf32" in table else nothing
    return [
        "tf32" if dtype in ("", "float32") and (allowed or "").lower() in TRUE else dtype or ""
        for dtype, allowed in zip(found, tf32, strict=True)
    ]


def modes(table: Table) -> list[str]:
    """Of each row, by its column `mode`; empty where that says nothing, or something of its own."""
    if "mode" not in table:
        return [""] * len(table)
    return [text if text in MODES else "" for text in table.column("mode")]
