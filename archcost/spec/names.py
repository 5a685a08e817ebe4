"""Unknown names: list the known ones, suggest the nearest."""

from __future__ import annotations

from collections.abc import Iterable

MOST_LISTED = 60
MOST_COMPARED = 2000


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """A message for a name that is none of the known ones.

    >>> unknown("operator", "relv", ["relu", "tanh"])
    'unknown operator `relv`; did you mean `relu`? Known: relu, tanh'
    """
    import difflib

    names = sorted(known)
    near = difflib.get_close_matches(name[:80], names[:MOST_COMPARED], n=1)
    hint = f"; did you mean `{near[0]}`?" if near else "."
    listed = ", ".join(names if len(names) <= MOST_LISTED else [*names[:12], f"… ({len(names)} in all)"])
    return f"unknown {what} `{name[:80]}`{hint}" + (f" Known: {listed}" if names else "")
