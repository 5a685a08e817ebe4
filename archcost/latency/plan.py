"""From what a user asks for to tasks: every combination of the values given, or the rows of a file of points."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from archcost.analysis.analysis import DTYPE_ALIASES
from archcost.errors import ArchcostError, SpecError
from archcost.graph import Network, build
from archcost.latency import conditions, measurement
from archcost.latency.points import Points, Reference, refer
from archcost.latency.subject import Label, SingleLayer, Task, digest
from archcost.latency.table import Problems
from archcost.spec import ranges

KNOWN = {"dtype": measurement.DTYPES, "layout": measurement.LAYOUTS, "mode": measurement.MODES}
"""What can be chosen for each task, in the order in which tasks go through it."""


@dataclass(frozen=True, slots=True, eq=False)
class Variant:
    """A network to measure. row: its place in the points; how: what that row says under dtype, tf32, layout,
    mode."""

    network: Network
    label: Label
    batch: int
    row: int = 0
    how: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Layer:
    """A distinct layer of some networks: how it is measured, and the names that it has in them."""

    task: Task
    names: list[str]


def choices(what: str, text: str) -> list[str]:
    """A comma-separated list of dtypes, layouts or modes. Raises ArchcostError for unknown ones."""
    values = ranges.values(text, what)
    if what == "dtype":
        values = [DTYPE_ALIASES.get(value, value) for value in values]
    return [measurement.require(what, value, KNOWN[what]) for value in values]


def variants(
    spec: str,
    alphas: Sequence[str],
    resolutions: Sequence[str],
    parameters: Mapping[str, Sequence[str]],
    batches: Sequence[int],
) -> list[Variant]:
    """Every combination; an empty text for α or the resolution is the spec's own.

    Raises ArchcostError where one of them cannot exist.
    """
    reference = refer(spec)
    name = spec if not reference.given else ranges.reference(spec)[0]
    found: list[Variant] = []
    for values in itertools.product(*parameters.values()):
        chosen = Reference(reference.document, {**reference.given, **dict(zip(parameters, values, strict=True))})
        for alpha, resolution in itertools.product(alphas, resolutions):
            settings = chosen.settings(alpha, resolution)
            try:
                network = build(chosen.document, settings)
            except SpecError as error:
                if len(alphas) * len(resolutions) == 1:
                    raise
                asked = f"alpha {alpha or 'as in the spec'}, resolution {resolution or 'as in the spec'}"
                raise ArchcostError(f"{asked}: {str(error).splitlines()[0]}") from None
            label = Label.of(network, name)
            found += [Variant(network, label, batch) for batch in batches]
    return found


def rows(points: Points, batches: Sequence[int] | None) -> list[Variant]:
    """The networks of a file's rows; batches: instead of those that the rows name.

    Raises TableError with all rows that cannot be measured.
    """
    table = points.table
    problems = Problems(table.file)
    columns = {name: table.column(name) for name in KNOWN if name in table}
    tf32 = table.column("tf32") if "tf32" in table else [""] * len(table)
    built: dict[int, Network] = {}
    found: list[Variant] = []
    for row, (line, settings) in enumerate(zip(table.lines, points.settings, strict=True)):
        how = {name: cells[row] for name, cells in columns.items() if cells[row]}
        if "dtype" in how:
            how["dtype"] = DTYPE_ALIASES.get(how["dtype"].lower(), how["dtype"])
        try:
            if tf32[row].lower() in conditions.TRUE or how.get("dtype") == "tf32":
                how |= {"dtype": "float32", "tf32": "true"}
            for name, value in how.items():
                if name == "tf32":
                    continue
                measurement.require(name, value, KNOWN[name])
            network = built.get(id(settings)) or points.network(row)
        except ArchcostError as error:
            problems.add(line, str(error).splitlines()[0])
            continue
        built[id(settings)] = network  # equal settings are one object
        name = points.specs[row]
        label = Label.of(network, name if not points.references[name].given else ranges.reference(name)[0])
        found += [Variant(network, label, batch, row, how) for batch in batches or [points.batches[row]]]
    problems.check()
    return found


def tasks(
    wanted: Iterable[Variant],
    how: Mapping[str, Sequence[str]],
    default: Mapping[str, Sequence[str]],
    folded: bool,
    tf32: bool,
) -> Iterator[tuple[Variant, Task]]:
    """Each variant in every dtype, layout and mode: those of `how`, else its row's own, else the default."""
    for each in wanted:
        options = (how.get(name) or ([each.how[name]] if name in each.how else default[name]) for name in KNOWN)
        for dtype, layout, mode in itertools.product(*options):
            allowed = tf32 or ("tf32" in each.how and dtype == "float32")
            yield each, Task(each.network, each.label, each.batch, dtype, layout, mode, folded, allowed)


def layers(found: Iterable[tuple[Variant, Task]]) -> list[Layer]:
    """The distinct layers of networks, each once for every way in which they are to be run.

    Those that do nothing at inference (views, dropout) are left out.
    """
    distinct: dict[tuple[object, ...], Layer] = {}
    found = list(found)
    several = len({(each.label.spec, each.label.alpha, each.label.resolution) for each, _ in found}) > 1
    for each, task in found:
        for layer in each.network.layers:
            if not layer.op.moves_data:
                continue
            kernel = SingleLayer.of(layer)
            key = (digest(kernel), task.batch, task.dtype, task.layout, task.mode, task.tf32)
            if key not in distinct:
                own = Task(kernel, task.label, task.batch, task.dtype, task.layout, task.mode, False, task.tf32)
                distinct[key] = Layer(own, [])
            distinct[key].names.append(f"{each.label.spec}:{layer.name}" if several else layer.name)
    return list(distinct.values())
