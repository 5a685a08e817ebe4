"""What a rule is, and where it is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from archcost.importers.tracing.entries import Outcome
from archcost.importers.tracing.graph import Call

if TYPE_CHECKING:
    from archcost.importers.tracing.mapping import Mapping

Rule: TypeAlias = Callable[["Mapping", Call, Call], Outcome]
"""(the layers so far, the call, the call that it takes one of several outputs of, else itself) -> what it becomes."""

RULES: dict[str, Rule] = {}


def rule(*operators: str) -> Callable[[Rule], Rule]:
    """Keeps a rule under the names of its operators."""

    def keep(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(operators, function))
        return function

    return keep


def pair(value: Any) -> list[int]:
    """[height, width] of a number, or of a list of one or two."""
    found = list(value) if isinstance(value, (list, tuple)) else [value]
    return found * 2 if len(found) == 1 else found


def plain(value: list[int]) -> Any:
    """[3, 3] as 3."""
    return value[0] if len(set(value)) == 1 else value


def axis_of(dim: int, rank: int) -> int:
    """A sample's axis for a tensor's; -1 for the batch."""
    return (dim + rank if dim < 0 else dim) - 1


def axes_of(dims: Any, rank: int) -> list[int]:
    """Several of them, in order; all for none."""
    given = list(range(rank)) if dims is None or dims == [] else dims if isinstance(dims, list) else [dims]
    return sorted(axis_of(dim, rank) for dim in given)
