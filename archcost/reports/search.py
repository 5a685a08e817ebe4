"""The answer to a search: as data, as a table, and in words; also why there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archcost.analysis import SCHEMA_VERSION
from archcost.dims import Ratio, as_float
from archcost.errors import ArchcostError
from archcost.reports import markdown, units
from archcost.reports import table as tables
from archcost.search.answer import Answer
from archcost.search.candidates import Candidates
from archcost.search.constraints import LABELS
from archcost.search.question import Question
from archcost.spec.settings import Settings

COLUMNS = (
    "spec",
    "alpha",
    "resolution",
    "parameters",
    "macs",
    "params",
    "weight_bytes",
    "peak_activation_bytes",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "published",
    "predicted_ms",
    "measured_ms",
)
"""Of a row, as data."""
EQUALS = 5
"""The winner's equals that are shown."""


def row(question: Question, table: Candidates, place: int) -> dict[str, Any]:
    """A candidate as data: plain numbers, None where nobody knows; resolution is [height, width]."""
    found = table.row(place)
    space = question.spaces[found["space"]]
    settings = space.settings(found["number"])
    return {
        "spec": space.name,
        "alpha": as_float(settings.alpha),
        "resolution": None if settings.resolution is None else [int(size) for size in settings.resolution],
        "parameters": {name: _plain(value) for name, value in settings.parameters.items()},
        **{name: int(found[name]) for name in ("macs", "params", "weight_bytes", "peak_activation_bytes")},
        **{name: _known(found[name], 4) for name in ("accuracy", "accuracy_low", "accuracy_high", "published")},
        "predicted_ms": _known(found["seconds"] * 1e3, 6),
        "measured_ms": _known(found["measured"] * 1e3, 6),
    }


def data(answer: Answer, top: int | None = None) -> dict[str, Any]:
    """Everything: what was asked, what there is, the winner, the front and the winner's equals."""
    question, table = answer.question, answer.candidates

    def rows(places: Sequence[int]) -> list[dict[str, Any]]:
        return [row(question, table, place) for place in places[:top]]

    used = question.constraints.used(table.row(answer.winner))
    return {
        "schema_version": SCHEMA_VERSION,
        "specs": [space.name for space in question.spaces],
        "constraints": {_key(name): _value(name, limit) for name, limit in question.constraints.given()},
        "objectives": list(question.objectives),
        "batch": question.scale.batch,
        "dtype": question.scale.dtype,
        "seed": answer.seed,
        "space": [_space(space) for space in question.spaces],
        "space_size": answer.found.size,
        "distinct": answer.found.distinct,
        "feasible": answer.found.feasible,
        "exact": answer.exact,
        "accuracies": [each.statement for each in question.accuracies],
        "measured": answer.measured,
        "evaluated": answer.evaluated,
        "failed": answer.failed,
        "ended": answer.stopped or None,
        "winner": {**row(question, table, answer.winner), "used": {_key(name): share for name, share in used.items()}},
        "binding": None if answer.binding is None else _key(answer.binding),
        "front": rows(answer.front),
        "equals": rows(answer.equals[:EQUALS]),
        "equals_count": len(answer.equals),
    }


def csv(answer: Answer, top: int | None = None) -> str:
    """The front, a row each; resolution as 160 or 160x192, parameters as name=value."""
    from archcost.latency.table import to_csv

    rows = []
    for each in data(answer, top)["front"]:
        each["resolution"] = _size(each["resolution"])
        each["parameters"] = " ".join(f"{name}={_text(value)}" for name, value in each["parameters"].items())
        rows.append(["" if each[name] is None else each[name] for name in COLUMNS])
    return to_csv(COLUMNS, rows)


def text(answer: Answer, top: int, width: int | None, form: str = "table") -> str:
    """The winner and the front for a reader; width: of the terminal."""
    question, table = answer.question, answer.candidates
    order = [answer.winner, *(place for place in spread(answer, top) if place != answer.winner)]
    header, cells = _cells(answer, order)
    cells[0][0] = "▸ " + cells[0][0]
    if form == "markdown":
        body = markdown.table(header, cells, [False] + [True] * (len(header) - 1))
    else:
        body = tables.layout(header, cells, [False] + [True] * (len(header) - 1))
    said = [_scope(answer)]
    limits = _limits(answer)
    notes = [*limits, *_equals(answer)]
    if len(answer.front) > top:
        said_of = f"{len(order)} of the front's {len(answer.front)} networks are shown, evenly over it"
        notes.append(f"{said_of}; --top {len(answer.front)} or --format csv shows all.")
    notes += _measuring(answer)
    notes += [] if answer.evaluated else [each.statement + "." for each in question.accuracies]
    if table.outside[answer.winner]:
        notes.append("The winner lies outside the published range: its accuracy is extrapolated.")
    if form == "markdown":
        return "\n\n".join([*said, body.rstrip(), *(f"- {note}" for note in notes)])
    return "\n".join(
        [*(tables.fitted(line, width) for line in said), "", body, "", *(tables.fitted(n, width) for n in notes)]
    )


def spread(answer: Answer, top: int) -> list[int]:
    """So many places of the front, evenly over it, its ends among them."""
    count = len(answer.front)
    if count <= top:
        return answer.front
    return [answer.front[round(i * (count - 1) / max(1, top - 1))] for i in range(top)]


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
            f"no {LABELS[name.removeprefix('+')]} is known of any variant of {specs} in {question.scale.dtype}{where}; "
            "give a table with --accuracy, a command with --evaluate, or name what to maximise instead: --maximize macs"
        )


def _nothing(question: Question, found: Any) -> str:
    if not found.distinct:
        return "no variant of this space can exist; `archcost analyze` with one of them says why"
    broken = []
    for name, limit in question.constraints.given():
        if name not in found.extremes:
            broken.append(f"{LABELS[name]} is known of no variant")
            continue
        nearest = found.extremes[name]
        value = getattr(nearest, name)[0]
        if question.constraints.met(name, value):
            continue
        settings = question.spaces[int(nearest.space[0])].settings(int(nearest.number[0]))
        who = f"{question.spaces[int(nearest.space[0])].name} at {_at(settings)}"
        kind = "the most accurate" if name == "accuracy" else "the cheapest"
        limit_said = f"{'at least' if name == 'accuracy' else 'at most'} {shown(name, limit)} {LABELS[name]}"
        broken.append(f"{limit_said} is asked for, and {kind}, {who}, has {shown(name, value)}")
    if broken:
        return "nothing fits: " + "; ".join(broken)
    return (
        f"nothing keeps to all limits at once, though each alone can be met; {found.distinct:,} networks were looked at"
    )


def shown(name: str, value: float) -> str:
    """A figure with its unit."""
    if name in ("macs", "params"):
        return units.short(value)
    if name in ("weight_bytes", "peak_activation_bytes"):
        return units.bytes_(value)
    return units.seconds(value) if name == "seconds" else f"{value:.2f} %"


def _cells(answer: Answer, places: Sequence[int]) -> tuple[list[str], list[list[str]]]:
    question, table = answer.question, answer.candidates
    several = len(question.spaces) > 1
    varied = sorted({name for space in question.spaces for name, values in space.parameters.items() if len(values) > 1})
    timed = answer.measured > 0 or bool((table.seconds[places] == table.seconds[places]).any())
    accurate = bool((table.accuracy[places] == table.accuracy[places]).any())
    header = ["spec" if several else "network", "α", "input", *varied, "mult-adds", "params", "peak memory"]
    header += ["top-1, %"] if accurate else []
    header += ["predicted"] if timed else []
    header += ["measured"] if answer.measured else []
    lines = []
    for place in places:
        each = row(question, table, place)
        cells = [each["spec"], f"{each['alpha']:.12g}", _size(each["resolution"])]
        cells += [_text(each["parameters"].get(name, "–")) for name in varied]
        cells += [units.short(each["macs"]), units.short(each["params"]), units.bytes_(each["peak_activation_bytes"])]
        if accurate:
            cells.append(_accuracy(each))
        if timed:
            cells.append("–" if each["predicted_ms"] is None else units.seconds(each["predicted_ms"] / 1e3))
        if answer.measured:
            cells.append("–" if each["measured_ms"] is None else units.seconds(each["measured_ms"] / 1e3))
        lines.append(cells)
    return header, lines


def _accuracy(each: Mapping[str, Any]) -> str:
    """The estimate with its interval, and the published figure where there is one."""
    if each["accuracy"] is None:
        return "–"
    half = (each["accuracy_high"] - each["accuracy_low"]) / 2
    said = f"{each['accuracy']:.1f}" if half == 0 else f"{each['accuracy']:.1f} ± {half:.1f}"
    return f"{said} ({each['published']:.1f})" if each["published"] is not None and half else said


def _scope(answer: Answer) -> str:
    found, question = answer.found, answer.question
    what = "The best network" if question.objectives[0] == "accuracy" else f"The best by {_objective(question)}"
    if answer.measured:
        how = "of all variants, with the times that were measured" if answer.exact else "found"
    else:
        how = "of all variants: the exact optimum" if answer.exact else f"found by evolution, seed {answer.seed}"
    counts = f"{found.size:,} variants, {found.distinct:,} distinct networks, {found.feasible:,} keep to all limits"
    return f"{what} {how}. {counts}."


def _objective(question: Question) -> str:
    name = question.objectives[0].removeprefix("+")
    return LABELS.get("seconds" if name == "measured" else name, name)


def _limits(answer: Answer) -> list[str]:
    """How much of each limit the winner uses."""
    constraints = answer.question.constraints
    values = answer.candidates.row(answer.winner)
    if answer.measured and values["measured"] == values["measured"]:
        values = {**values, "seconds": values["measured"]}
    lines = []
    for name, limit in constraints.given():
        binds = "; this limit binds" if name == answer.binding and answer.exact else ""
        share = f"{100 * values[name] / limit:.1f} %"
        lines.append(f"{LABELS[name]}: {shown(name, values[name])}, {share} of {shown(name, limit)}{binds}.")
    return lines


def _equals(answer: Answer) -> list[str]:
    count = len(answer.equals)
    if not count:
        return []
    names = [_at(answer.settings(place)) for place in answer.equals[:EQUALS]]
    more = f", and {count - EQUALS} more" if count > EQUALS else ""
    return [f"As accurate, as far as the intervals tell: {'; '.join(names)}{more}."]


def _measuring(answer: Answer) -> list[str]:
    failed = f", {answer.failed} failed" if answer.failed else ""
    if answer.evaluated:
        return [f"{answer.evaluated} networks were evaluated{failed}; it ended because {answer.stopped}."]
    if not answer.stopped:
        predictor = answer.question.predictor
        if predictor is None:
            return []
        sure = "" if predictor.profile.calibrated else "; the profile is a datasheet's, not calibrated"
        return [f"Times are predicted for {predictor.profile.name}, none was measured{sure}."]
    return [f"{answer.measured} networks were measured{failed}; it ended because {answer.stopped}."]


def _at(settings: Settings) -> str:
    parts = [f"α {as_float(settings.alpha):.12g}"]
    if settings.resolution is not None:
        parts.append(_size([int(size) for size in settings.resolution]))
    return " at ".join(parts)


def _space(space: Any) -> dict[str, Any]:
    sizes = [None if size is None else [int(each) for each in size] for size in space.resolutions]
    parameters = {name: [_plain(value) for value in values] for name, values in space.parameters.items()}
    return {
        "spec": space.name,
        "alpha": [as_float(alpha) for alpha in space.alphas],
        "resolution": sizes,
        "parameters": parameters,
    }


def _key(name: str) -> str:
    """A limit's name as data has it: times are milliseconds there."""
    return "min_accuracy" if name == "accuracy" else "latency_ms" if name == "seconds" else name


def _value(name: str, limit: float) -> float:
    return limit * 1e3 if name == "seconds" else limit


def _size(resolution: Sequence[int] | None) -> str:
    if resolution is None:
        return ""
    height, width = resolution
    return str(height) if height == width else f"{height}x{width}"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    return as_float(value) if isinstance(value, Ratio) else value


def _known(value: float, digits: int) -> float | None:
    return None if value != value else round(value, digits)
