"""Measured times made ready for a fit: networks or single layers beside their seconds, and what is doubtful there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from archcost import dims
from archcost.analysis.analysis import DTYPES
from archcost.dims import taken
from archcost.errors import ArchcostError
from archcost.latency import conditions
from archcost.latency import samples as tables
from archcost.latency.fit import GENERIC, HOST, PARALLEL, Form
from archcost.latency.kernels import FUSIONS, layer_kernel, single_kernel
from archcost.latency.points import Layers, Points
from archcost.latency.samples import Samples
from archcost.latency.subject import SingleLayer, Subject
from archcost.latency.table import Table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FEWEST = 5
"""Different points that a fit needs; the launch time, one number, needs one."""
DESCRIBE = ("device", "processor", "runtime", "precision", "layout", "mode", "compile", "folded")
"""Columns that tell devices and their settings apart, where a file has them."""
KERNELS_AND_LAUNCHES = {"graph", "eager"}
"""Modes that a file may hold together: the GPU's own time, and the same with the host's launches."""
FASTEST_MACS, FASTEST_KERNEL = 1e15, 7e-7
"""No processor does more multiply-adds a second, in float32 or less; none runs a kernel in fewer seconds."""
SLOWEST_MACS = 2e7
ALIKE, APART = 1.05, 2.0
"""Times that differ by less although multiply-adds differ by more are no times of these rows."""
SHORTEST, LONGEST = 1e-10, 1e7
"""Seconds beyond which a time is nothing that could be fitted."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What a fit is made from: the same rows under each fusion that is possible, their seconds, and the ranges that
    they span.

    forms: those that may describe the device, the plainest first; mode: how the rows ran, where that is known;
    eager: rows whose time the host's launches may bound, beside these, where there are any.
    """

    samples: dict[str, Samples]
    seconds: Floats
    ranges: dict[str, tuple[float, float]]
    forms: tuple[Form, ...] = (GENERIC, PARALLEL)
    mode: str = ""
    eager: Evidence | None = None

    def __len__(self) -> int:
        return len(self.seconds)


class Timed(NamedTuple):
    """A network or a single layer, measured: seconds of a forward of the whole batch."""

    subject: Subject
    batch: int
    mode: str
    seconds: float


def of_points(points: Points, dtype: str, rows: Sequence[int] | None = None) -> Evidence:
    """Whole networks, of some rows; rows for the same point are averaged.

    Raises ArchcostError where fewer than five differ, or a time is absurd.
    """
    return _by_mode(points.table, rows, partial(_networks, points, dtype))


def of_layers(layers: Layers, dtype: str, rows: Sequence[int] | None = None) -> Evidence:
    """Single convolutions, of some rows; rows for the same one are averaged.

    Raises ArchcostError where fewer than five differ, or a time is absurd.
    """
    return _by_mode(layers.table, rows, partial(_convolutions, layers, dtype))


def of_measurements(found: Sequence[Timed], dtype: str, processor: str) -> Evidence:
    """Networks and single layers measured here, on a `cpu` or a `cuda` device.

    Raises ArchcostError where fewer than five were measured.
    """
    modes = dict.fromkeys(each.mode for each in found)
    mode = "graph" if set(modes) >= KERNELS_AND_LAUNCHES else next(iter(modes), "")
    forms = (GENERIC, HOST) if processor == "cpu" else (GENERIC, PARALLEL)
    # What runs as it stands fuses nothing; a compiler may.
    fusions = FUSIONS if mode == "compile" else ("none",)

    def chosen(mode: str, eager: Evidence | None = None, least: int = FEWEST) -> Evidence:
        rows = [each for each in found if each.mode == mode]
        _enough(len(rows), len(rows), "measurements", least)
        samples = {fusion: tables.joined([_sample(row, DTYPES[dtype], fusion) for row in rows]) for fusion in fusions}
        ranges = _ranges(samples[fusions[0]], [row.batch for row in rows])
        return Evidence(samples, _array(row.seconds for row in rows), ranges, forms, mode, eager)

    return chosen(mode, chosen("eager", None, 1) if mode == "graph" and "eager" in modes else None)


def _sample(row: Timed, element_bytes: int, fusion: str) -> Samples:
    if isinstance(row.subject, SingleLayer):
        return tables.single_kernels([single_kernel(row.subject, row.batch)], element_bytes)
    return tables.one_network(row.subject, row.batch, element_bytes, fusion)


def by_dtype(table: Table, dtype: str | None) -> dict[str, list[int]]:
    """The rows of each dtype; those that name none, and all if one is given, are of that one, or float32.

    Raises TableError where a row names what is no dtype.
    """
    named = [dtype or each or "float32" for each in ([""] * len(table) if dtype else conditions.dtypes(table))]
    return {each: [row for row, other in enumerate(named) if other == each] for each in dict.fromkeys(named)}


def _by_mode(table: Table, rows: Sequence[int] | None, evidence: Callable[..., Evidence]) -> Evidence:
    """evidence: a function of rows, mode and what ran in eager mode beside them."""
    modes = conditions.modes(table)
    rows = range(len(table)) if rows is None else rows
    there = {modes[row] for row in rows}
    if there != KERNELS_AND_LAUNCHES:
        return evidence(rows, there.pop() if len(there) == 1 else "", None)
    eager, graph = ([row for row in rows if modes[row] == which] for which in ("eager", "graph"))
    return evidence(graph, "graph", evidence(eager, "eager", None, 1))


def _networks(
    points: Points, dtype: str, chosen: Sequence[int], mode: str, eager: Evidence | None, least: int = FEWEST
) -> Evidence:
    tables.feasible(points)
    places: dict[tuple[Any, ...], list[int]] = {}
    for row in chosen:
        settings = points.settings[row]
        key = (str(points.references[points.specs[row]].document.file), *_key(settings), points.batches[row])
        places.setdefault(key, []).append(row)
    _enough(len(places), len(chosen), "points", least)
    mean = {rows[0]: sum(points.seconds[row] for row in rows) / len(rows) for rows in places.values()}
    parts: dict[str, list[Samples]] = {fusion: [] for fusion in FUSIONS}
    found: list[float] = []
    for spec, reference in points.references.items():
        rows, settings = points.variants(spec)
        kept = [i for i, row in enumerate(rows) if row in mean]
        if not kept:
            continue
        batches = [points.batches[rows[i]] for i in kept]
        found += [mean[rows[i]] for i in kept]
        for fusion, several in parts.items():
            variants = settings.mapped(partial(taken, kept))
            several.append(tables.networks(reference.document, variants, batches, DTYPES[dtype], fusion))
    samples = {fusion: tables.joined(several) for fusion, several in parts.items()}
    ranges = _ranges(samples["fused"], [points.batches[row] for row in chosen])
    return _sane(Evidence(samples, _array(found), ranges, mode=mode, eager=eager))


def _convolutions(
    layers: Layers, dtype: str, chosen: Sequence[int], mode: str, eager: Evidence | None, least: int = FEWEST
) -> Evidence:
    places: dict[Any, list[float]] = {}
    for row in chosen:
        places.setdefault(layers.shapes[row], []).append(layers.seconds[row])
    _enough(len(places), len(chosen), "layers", least)
    samples = tables.single_kernels([layer_kernel(shape) for shape in places], DTYPES[dtype])
    found = _array(sum(several) / len(several) for several in places.values())
    ranges = _ranges(samples, [shape.batch for shape in places])
    return _sane(Evidence({"fused": samples}, found, ranges, mode=mode, eager=eager))


def _array(values: Any) -> Floats:
    import numpy as np

    return np.array(list(values), float)


def _key(settings: Any) -> tuple[Any, ...]:
    parameters = tuple(sorted((name, str(value)) for name, value in settings.parameters.items()))
    return (dims.as_float(settings.alpha), settings.resolution, parameters)


def _enough(different: int, rows: int, what: str, least: int = FEWEST) -> None:
    if different < least:
        alike = f", {rows - different} of {rows} rows repeat others" if rows > different else ""
        raise ArchcostError(
            f"a profile needs at least {least} different {what}, here {different}{alike}; "
            "measure more of them: small and large widths and resolutions"
        )


def _ranges(samples: Samples, batches: Sequence[int]) -> dict[str, tuple[float, float]]:
    """macs and bytes of one row's whole batch, and the batch: lowest and highest."""
    import numpy as np

    macs, moved = np.zeros(samples.count), np.zeros(samples.count)
    for group, owners in samples.groups:
        macs += np.bincount(owners, group.macs, samples.count)
        moved += np.bincount(owners, group.reads + group.writes, samples.count) * samples.element_bytes
    spans = {"macs": macs, "bytes": moved, "batch": np.asarray(batches)}
    return {name: (float(values.min()), float(values.max())) for name, values in spans.items()}


def _sane(evidence: Evidence) -> Evidence:
    shortest, longest = evidence.seconds.min(), evidence.seconds.max()
    if shortest < SHORTEST or longest > LONGEST:
        shown = f"{shortest * 1e3:g}" if shortest < SHORTEST else f"{longest * 1e3:g}"
        raise ArchcostError(f"a time of {shown} ms is absurd; times are milliseconds for the whole batch")
    return evidence


def doubts(table: Table, where: Mapping[str, str], dtype: str | None = None) -> list[str]:
    """What a file says that a profile of one device should not mix. dtype: what all rows were said to be."""
    found = []
    others = {each for each in conditions.dtypes(table) if each not in ("", dtype)} if dtype else set()
    if others:
        found.append(f"rows of dtype {', '.join(sorted(others))} were taken as {dtype}; choose with --where dtype=…")
    for name in DESCRIBE:
        if name in table and name not in where:
            values = list(dict.fromkeys(table.column(name)))
            if len(values) > 1 and set(values) != KERNELS_AND_LAUNCHES:
                shown = ", ".join(values[:4]) + (", …" if len(values) > 4 else "")
                found.append(
                    f"`{name}` differs between rows ({shown}) and all were taken; choose with --where {name}=…"
                )
    return found


def implausible(evidence: Evidence) -> list[str]:
    """Times that no processor can have, such as seconds written where milliseconds are meant."""
    import numpy as np

    samples = next(iter(evidence.samples.values()))
    macs, count = np.zeros(samples.count), samples.kernels()
    for kernel, owners in samples.groups:
        macs += np.bincount(owners, kernel.macs, samples.count)
    rate = float(np.median(macs / evidence.seconds))
    each = float((evidence.seconds / count).min())
    if rate > FASTEST_MACS or each < FASTEST_KERNEL:
        said = f"{rate:.1e} multiply-adds a second and {each * 1e9:.3g} ns for each kernel of a row"
        return [f"these times mean {said}, faster than any processor; are they seconds, not milliseconds?"]
    if rate < SLOWEST_MACS:
        return [f"these times mean only {rate:.1e} multiply-adds a second; are they microseconds, not milliseconds?"]
    if evidence.seconds.max() < ALIKE * evidence.seconds.min() and macs.max() > APART * macs.min():
        return ["all times are nearly alike, though these rows differ in multiply-adds; are they one time, copied?"]
    return []


def source(table: Table, where: Mapping[str, str]) -> str:
    """What a profile was fitted on: the file, the rows of it, and where they come from if a column says so."""
    said = Path(table.file).name + "".join(f", {column} = {value}" for column, value in where.items())
    sources = list(dict.fromkeys(text for text in table.column("source") if text)) if "source" in table else []
    shown = sources[:3] + (["…"] if len(sources) > 3 else [])
    return said + (f" ({'; '.join(shown)})" if shown else "")
