"""The answer to a search for a reader: the winner, the front, what binds, what else could be taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archcost.dims import as_float
from archcost.reports import markdown, units
from archcost.reports import table as tables
from archcost.reports.search import EQUALS, alternatives, figures, plain_text, row, size
from archcost.search.answer import Answer
from archcost.search.candidates import parted
from archcost.search.constraints import label
from archcost.search.question import Question
from archcost.spec.settings import Settings

OTHERS = 5
"""Published networks that are shown beside."""


def text(answer: Answer, top: int, width: int | None, form: str = "table") -> str:
    """The winner and the front for a reader; width: of the terminal."""
    question, table = answer.question, answer.candidates
    order = [answer.winner, *(place for place in spread(answer, top) if place != answer.winner)]
    header, cells = _cells(answer, order)
    cells[0][0] = "▸ " + cells[0][0]
    if form == "markdown":
        body = markdown.table(header, cells, [False] + [True] * (len(header) - 1))
    else:
        numeric = [False] + [True] * (len(header) - 1)
        body = tables.narrowed(header, cells, numeric, width, ("peak memory", "params", "predicted"))
    said = [_scope(answer)]
    limits = _limits(answer)
    notes = [*limits, *_equals(answer)]
    if len(answer.front) > top:
        said_of = f"{len(order)} of the front's {len(answer.front)} networks are shown, spread over it"
        notes.append(f"{said_of}; --top {len(answer.front)} or --format csv shows all.")
    notes += _work(answer)
    notes += [] if answer.evaluating else [each.statement + "." for each in question.accuracies]
    notes += _others(question)
    if table.outside[order].any():
        notes.append("≈: outside the published range, extrapolated.")
    if form == "markdown":
        return "\n\n".join([*said, body.rstrip(), *(f"- {note}" for note in notes)])
    return "\n".join(
        [*(tables.fitted(line, width) for line in said), "", body, "", *(tables.fitted(n, width) for n in notes)]
    )


def spread(answer: Answer, top: int) -> list[int]:
    """So many places of the front, its ends among them and the others evenly between by the logarithm of what it is
    weighed against."""
    import numpy as np

    places = answer.front
    if len(places) <= top:
        return places
    weighed = answer.candidates.minimised(answer.question.objectives[-1])[places]
    scale = np.log(np.maximum(np.abs(weighed), 1e-12))
    chosen = [0, len(places) - 1][:top]
    for want in np.linspace(scale[0], scale[-1], top)[1:-1]:
        left = [each for each in range(len(places)) if each not in chosen]
        chosen.append(min(left, key=lambda each: abs(scale[each] - want)))
    return [places[each] for each in sorted(chosen)]


def _others(question: Question) -> list[str]:
    """What else could be taken, in a line."""
    best: dict[str, str] = {}
    for point, cost in alternatives(question):
        where = "" if point.resolution is None else f" at {size(point.resolution)}"
        figures = f"{point.top1:.1f} % with {units.short(cost['macs'])} ({point.recipe})"
        best.setdefault(point.spec, f"{point.spec} α {point.alpha:g}{where}, {figures}")
    said = list(best.values())[:OTHERS]
    if not said or question.objectives[0].startswith("+"):
        return []
    untimed = ", times aside" if any(parted(name)[0] == "seconds" for name, _ in question.constraints.given()) else ""
    return [f"Published networks within the same limits{untimed}: {'; '.join(said)}."]


def _cells(answer: Answer, places: Sequence[int]) -> tuple[list[str], list[list[str]]]:
    question, table = answer.question, answer.candidates
    several = len(question.spaces) > 1
    varied = sorted({name for space in question.spaces for name, values in space.parameters.items() if len(values) > 1})
    accurate = bool((table.accuracy[places] == table.accuracy[places]).any())
    header = ["spec" if several else "network", "α", "input", *varied, "mult-adds", "params", "peak memory"]
    header += ["top-1, %"] if accurate else []
    times = _times(answer, places)
    header += list(times)
    lines = []
    for place in places:
        each = row(question, table, place)
        cells = [each["spec"], f"{each['alpha']:.12g}", size(each["resolution"])]
        cells += [plain_text(each["parameters"].get(name, "–")) for name in varied]
        cells += [units.short(each["macs"]), units.short(each["params"]), units.bytes_(each["peak_activation_bytes"])]
        if accurate:
            cells.append(_accuracy(each))
        cells += ["–" if each[key] is None else units.seconds(each[key] / 1e3) for key in times.values()]
        lines.append(cells)
    return header, lines


def _times(answer: Answer, places: Sequence[int]) -> dict[str, str]:
    """Columns of times, and what a row calls them: predicted and measured, or of several devices one for each."""
    question = answer.question
    if question.devices != ("",):
        return {
            device: f"measured_ms_{device}" if device in answer.devices else f"predicted_ms_{device}"
            for device in question.devices
        }
    known = answer.candidates.seconds[places]
    found = {"predicted": "predicted_ms"} if answer.measuring or (known == known).any() else {}
    return {**found, "measured": "measured_ms"} if answer.measuring else found


def _accuracy(each: Mapping[str, Any]) -> str:
    """The estimate with its interval, and the published figure where there is one."""
    if each["accuracy"] is None:
        return "–"
    half = (each["accuracy_high"] - each["accuracy_low"]) / 2
    said = f"{each['accuracy']:.1f}" if half == 0 else f"{each['accuracy']:.1f} ± {half:.1f}"
    said = f"≈ {said}" if each["extrapolated"] else said
    return f"{said} ({each['published']:.1f})" if each["published"] is not None and half else said


def _scope(answer: Answer) -> str:
    found, question = answer.found, answer.question
    what = "The best network"
    if question.objectives[0] != "accuracy":
        most = question.objectives[0].startswith("+")
        what = f"The network with the {'most' if most else 'least'} {_objective(question)}"
    if answer.measuring:
        how = "of all variants, with measured times" if answer.exact else "among those that were measured"
    elif answer.exact and answer.evaluating and answer.evaluating.pruned:
        how = "of all variants, as far as they were not stopped early"
    else:
        how = "of all variants: the exact optimum" if answer.exact else f"found by evolution, seed {answer.seed}"
    keep = "keeps" if found.feasible == 1 else "keep"
    counts = f"{found.size:,} variants, {found.distinct:,} distinct networks, {found.feasible:,} {keep} to all limits"
    if 0 < found.unknown < found.feasible:
        counts += f"; no {_objective(question)} is known of {found.unknown:,} of these"
    return f"{what} {how}. {counts}."


def _objective(question: Question) -> str:
    return label(question.objectives[0].removeprefix("+"))


def _limits(answer: Answer) -> list[str]:
    """How much of each limit the winner uses."""
    constraints = answer.question.constraints
    values = figures(answer)
    lines = []
    for name, limit in constraints.given():
        binds = "; this limit binds" if name == answer.binding and answer.exact else ""
        share = f"{100 * values[name] / limit:.1f} %"
        known = values["published"]
        low = f"; its published {known:.2f} % is below that" if name == "accuracy" and known < limit else ""
        lines.append(f"{label(name)}: {shown(name, values[name])}, {share} of {shown(name, limit)}{binds}{low}.")
    return lines


def _equals(answer: Answer) -> list[str]:
    count = len(answer.equals)
    if not count:
        return []
    several = len(answer.question.spaces) > 1
    names = []
    for place in answer.equals[:EQUALS]:
        space = answer.question.spaces[int(answer.candidates.space[place])]
        varied = [name for name, values in space.parameters.items() if len(values) > 1]
        names.append(f"{space.name} " * several + at(answer.settings(place), varied))
    more = f", and {count - EQUALS} more" if count > EQUALS else ""
    return [f"As accurate, as far as the intervals tell: {'; '.join(names)}{more}."]


def _work(answer: Answer) -> list[str]:
    """What was evaluated and measured, and why no more; or whose times are predicted."""
    lines = []
    evaluating, measuring = answer.evaluating, answer.measuring
    if evaluating is not None:
        pruned = f", {evaluating.pruned} stopped early" if evaluating.pruned else ""
        failed = f", {evaluating.failed} failed" if evaluating.failed else ""
        lines.append(f"{_networks(evaluating.asked)} evaluated{pruned}{failed}; it ended because {evaluating.ended}.")
    if measuring is not None:
        failed = f", {measuring.failed} failed" if measuring.failed else ""
        before = f", {measuring.known} of them earlier" if measuring.known else ""
        on = [f"on {each['name']} in mode {each['mode']}" for each in answer.devices.values()]
        where = f" {' and '.join(on)}" if on else ""
        lines.append(
            f"{_networks(measuring.done)} measured{where}{before}{failed}; it ended because {measuring.ended}."
        )
    predicted = [each for device, each in answer.question.predictors.items() if device not in answer.devices]
    for predictor in predicted if measuring is None or answer.devices else ():
        sure = "" if predictor.profile.calibrated else "; the profile is a datasheet's, not calibrated"
        lines.append(f"Times are predicted for {predictor.profile.name}, none was measured{sure}.")
    return lines


def _networks(count: int) -> str:
    return "1 network was" if count == 1 else f"{count} networks were"


def shown(name: str, value: float) -> str:
    """A figure with its unit."""
    if name in ("macs", "params"):
        return units.short(value)
    if name in ("weight_bytes", "peak_activation_bytes"):
        return units.bytes_(value)
    return units.seconds(value) if parted(name)[0] == "seconds" else f"{value:.2f} %"


def at(settings: Settings, parameters: Sequence[str] = ()) -> str:
    """A variant in words, with some of its parameters."""
    parts = [f"α {as_float(settings.alpha):.12g}"]
    if settings.resolution is not None:
        parts.append(size([int(size) for size in settings.resolution]))
    return ", ".join([" at ".join(parts), *(f"{name} {plain_text(settings.parameters[name])}" for name in parameters)])
