"""Why a search has no answer, and what to do."""

from __future__ import annotations

from typing import Any

from archcost.errors import ArchcostError
from archcost.reports.search_text import at, shown
from archcost.search.constraints import label
from archcost.search.question import Question


def require(question: Question, found: Any) -> None:
    """Raises ArchcostError where nothing keeps to the limits, or the objective is known of nothing, and says why."""
    import numpy as np

    if found.candidates is None:
        raise ArchcostError(_nothing(question, found))
    name = question.objectives[0]
    if np.isnan(found.candidates.minimised(name)).all():
        specs = ", ".join(space.name for space in question.spaces)
        where = " that keeps to these limits" if any(each.points for each in question.accuracies) else ""
        raise ArchcostError(
            f"no {label(name.removeprefix('+'))} is known of any variant of {specs} in {question.scale.dtype}{where}; "
            "give a table with --accuracy, a command with --evaluate, or name what to maximise instead: --maximize macs"
        )


def _nothing(question: Question, found: Any) -> str:
    if not found.distinct:
        return "no variant of this space can exist; `archcost analyze` with one of them says why"
    broken = []
    for name, limit in question.constraints.given():
        if name not in found.extremes:
            broken.append(f"{label(name)} is known of no variant")
            continue
        nearest = found.extremes[name]
        value = nearest.column(name)[0]
        if question.constraints.met(name, value):
            continue
        settings = question.spaces[int(nearest.space[0])].settings(int(nearest.number[0]))
        who = f"{question.spaces[int(nearest.space[0])].name} at {at(settings)}"
        kind = "the most accurate" if name == "accuracy" else "the cheapest"
        limit_said = f"{'at least' if name == 'accuracy' else 'at most'} {shown(name, limit)} {label(name)}"
        verb = "are" if name in ("params", "macs") else "is"
        broken.append(f"{limit_said} {verb} asked for, and {kind}, {who}, has {shown(name, value)}")
    if broken:
        return "nothing fits: " + "; ".join(broken)
    said = f"nothing keeps to all limits at once, though each alone can be met; {_networks(found.distinct)} looked at"
    ways = []
    for name, nearest in found.nearest.items():
        space = question.spaces[int(nearest.space[0])]
        where = f"{space.name} at {at(space.settings(int(nearest.number[0])))}"
        ways.append(f"{where}, with {shown(name, nearest.column(name)[0])} {label(name)}, keeps to all other limits")
    return ". Nearest: ".join([said, *(["; ".join(ways)] if ways else [])])


def _networks(count: int) -> str:
    return "1 network was" if count == 1 else f"{count:,} networks were"
