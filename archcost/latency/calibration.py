"""A profile from measured times: the form that predicts held-out rows best, its rates, and an honest interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archcost.analysis.analysis import DTYPES
from archcost.dims import taken
from archcost.errors import ArchcostError
from archcost.graph import Network
from archcost.latency import correction as corrections
from archcost.latency import samples as tables
from archcost.latency.correction import Correction
from archcost.latency.fit import GENERIC, PARALLEL, Form, fit
from archcost.latency.formula import Rates, kernel_time
from archcost.latency.kernels import Kernel, layer_kernel
from archcost.latency.points import Layers, Points
from archcost.latency.profile import Fit, HeldOut
from archcost.latency.samples import Samples
from archcost.latency.table import Table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FEWEST = 5
"""Different points that a fit needs."""
ENOUGH = 12
"""From so many on, forms are compared by cross-validation; below, the plain roofline is taken."""
BETTER, MANY = 0.85, 100
"""Another form must bring the held-out error down to this share of the plain one's; with many rows, below it."""
FOLDS = 10
SPREAD, SPREAD_WEIGHT = 0.06, 5
"""The relative error of other devices' fits, and how many points of one's own it counts as."""
TWO_SIDED = 1.2816
"""Standard deviations on either side that hold 80 % of a normal distribution."""
UNSEEN = "leave the family out"
BEYOND = 1.5
"""How much wider the interval is outside what was fitted, where no other family says: from V1 to V2 on four devices."""


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What a fit is made from: the same rows under each fusion, their seconds, and the ranges that they span."""

    samples: dict[str, Samples]
    seconds: Floats
    ranges: dict[str, tuple[float, float]]

    def __len__(self) -> int:
        return len(self.seconds)


@dataclass(frozen=True, slots=True)
class _Candidate:
    form: Form
    fusion: str


def from_points(points: Points, dtype: str) -> Fit:
    """A fit to whole networks; raises what `of_points` raises."""
    return fitted(of_points(points, dtype))


def from_layers(layers: Layers, dtype: str) -> Fit:
    """A fit to single convolutions; raises what `of_layers` raises."""
    return fitted(of_layers(layers, dtype))


def of_points(points: Points, dtype: str) -> Measured:
    """Whole networks to fit to; rows for the same point are averaged.

    Raises ArchcostError where fewer than five points differ, or a time is absurd.
    """
    import numpy as np

    places: dict[tuple[Any, ...], list[int]] = {}
    for row in range(len(points)):
        settings = points.settings[row]
        key = (str(points.references[points.specs[row]].document.file), *_key(settings), points.batches[row])
        places.setdefault(key, []).append(row)
    _enough(len(places), len(points), "points")
    seconds = np.array(points.seconds)
    mean = {rows[0]: float(seconds[rows].mean()) for rows in places.values()}
    parts: dict[str, list[Samples]] = {"fused": [], "none": []}
    found: list[float] = []
    for spec, reference in points.references.items():
        rows, settings = points.variants(spec)
        kept = [i for i, row in enumerate(rows) if row in mean]
        if not kept:
            continue
        chosen = settings.mapped(partial(taken, kept))
        batches = [points.batches[rows[i]] for i in kept]
        found += [mean[rows[i]] for i in kept]
        for fusion, several in parts.items():
            several.append(tables.networks(reference.document, chosen, batches, DTYPES[dtype], fusion))
    samples = {fusion: tables.joined(several) for fusion, several in parts.items()}
    return _sane(Measured(samples, np.array(found), _ranges(samples["fused"], points.batches)))


def from_measurements(found: Sequence[tuple[Network | Kernel, int, float]], dtype: str) -> Fit:
    """A fit to networks and single kernels measured here: (what, batch, seconds); a kernel is of its whole batch.

    Nothing is fused where layers run as they stand. Raises ArchcostError where fewer than five were measured.
    """
    import numpy as np

    _enough(len(found), len(found), "measurements")
    size = DTYPES[dtype]
    parts = [
        tables.single_kernels([what], size)
        if isinstance(what, Kernel)
        else tables.one_network(what, batch, size, "none")
        for what, batch, _ in found
    ]
    samples = tables.joined(parts)
    seconds = np.array([each for *_, each in found])
    return fitted(Measured({"none": samples}, seconds, _ranges(samples, [batch for _, batch, _ in found])))


def of_layers(layers: Layers, dtype: str) -> Measured:
    """Single convolutions to fit to; rows for the same one are averaged.

    Raises ArchcostError where fewer than five differ, or a time is absurd.
    """
    import numpy as np

    places: dict[Any, list[float]] = {}
    for shape, seconds in zip(layers.shapes, layers.seconds, strict=True):
        places.setdefault(shape, []).append(seconds)
    _enough(len(places), len(layers), "layers")
    samples = tables.single_kernels([layer_kernel(shape) for shape in places], DTYPES[dtype])
    found = np.array([sum(several) / len(several) for several in places.values()])
    batches = [shape.batch for shape in places]
    return _sane(Measured({"fused": samples}, found, _ranges(samples, batches)))


def _key(settings: Any) -> tuple[Any, ...]:
    from archcost import dims

    parameters = tuple(sorted((name, str(value)) for name, value in settings.parameters.items()))
    return (dims.as_float(settings.alpha), settings.resolution, parameters)


def _enough(different: int, rows: int, what: str) -> None:
    if different < FEWEST:
        alike = f", {rows - different} of {rows} rows repeat others" if rows > different else ""
        raise ArchcostError(
            f"a profile needs at least {FEWEST} different {what}, here {different}{alike}; "
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


def _sane(measured: Measured) -> Measured:
    shortest, longest = measured.seconds.min(), measured.seconds.max()
    if shortest < SHORTEST or longest > LONGEST:
        shown = f"{shortest * 1e3:g}" if shortest < SHORTEST else f"{longest * 1e3:g}"
        raise ArchcostError(f"a time of {shown} ms is absurd; times are milliseconds for the whole batch")
    return measured


def fitted(measured: Measured) -> Fit:
    """The form that predicts held-out rows best, its rates from all rows, and what is known of its errors."""
    import numpy as np

    fusion = next(iter(measured.samples))
    chosen = _Candidate(GENERIC, fusion)
    errors = _held_out(measured, chosen)
    if len(measured) >= ENOUGH:
        share = BETTER if len(measured) < MANY else 1.0
        for form in (GENERIC, PARALLEL):
            for another in measured.samples:
                other = _Candidate(form, another)
                if other == chosen:
                    continue
                theirs = _held_out(measured, other)
                if np.abs(np.expm1(theirs)).mean() < share * np.abs(np.expm1(errors)).mean():
                    chosen, errors = other, theirs
    rates, correction = _model(measured, chosen, np.arange(len(measured)))
    families = measured.samples[fusion].families
    method = "leave one out" if len(measured) <= 4 * FOLDS else f"{FOLDS}-fold"
    held_out = [HeldOut(family, rows, error, method) for family, rows, error in _by_family(families, errors)]
    inside = _width(errors)
    outside = BEYOND * inside
    apart = [rows for rows in _families(families) if len(measured) - len(rows) >= FEWEST]
    if len(set(families)) > 1 and apart:
        unseen = _held_out(measured, chosen, apart)
        held_out += [HeldOut(f, rows, e, UNSEEN) for f, rows, e in _by_family(families, unseen)]
        outside = max(BEYOND * inside, _width(unseen[~np.isnan(unseen)]))
    return Fit(
        rates,
        chosen.fusion,
        correction,
        inside,
        outside,
        tuple(dict.fromkeys(families)),
        measured.ranges,
        len(measured),
        tuple(held_out),
    )


def _by_family(families: list[str], errors: Any) -> list[tuple[str, int, float]]:
    import numpy as np

    names = np.array(families)
    relative = np.abs(np.expm1(-errors))
    return [
        (family, int((names == family).sum()), float(relative[names == family].mean()))
        for family in dict.fromkeys(families)
        if not np.isnan(relative[names == family]).any()
    ]


def _families(families: list[str]) -> list[Any]:
    import numpy as np

    names = np.array(families)
    return [np.flatnonzero(names == family) for family in dict.fromkeys(families)]


def _held_out(measured: Measured, candidate: _Candidate, folds: list[Any] | None = None) -> Any:
    """log(measured / predicted) of each row by a fit that did not see its fold; NaN for rows in no fold."""
    import numpy as np

    count = len(measured)
    if folds is None:
        order = np.random.default_rng(0).permutation(count)
        folds = np.array_split(order, count if count <= 4 * FOLDS else FOLDS)
    errors = np.full(count, np.nan)
    samples = measured.samples[candidate.fusion]
    for fold in folds:
        rest = np.setdiff1d(np.arange(count), fold)
        rates, correction = _model(measured, candidate, rest)
        errors[fold] = np.log(measured.seconds[fold] / samples.chosen(fold).seconds(rates, correction))
    return errors


def _model(measured: Measured, candidate: _Candidate, rows: Any) -> tuple[Rates, Correction | None]:
    """Rates from some of the rows, and the correction where they hold enough single kernels."""
    import numpy as np

    samples, seconds = measured.samples[candidate.fusion].chosen(rows), measured.seconds[rows]
    rates = fit(candidate.form, samples, seconds)
    if not candidate.form.parallel or (~samples.whole).sum() < corrections.FEWEST:
        return rates, None
    values: dict[str, list[Any]] = {name: [] for name in corrections.FEATURES}
    errors = []
    for group, owners in samples.groups:
        if group.kind == "elementwise":
            continue
        alone = ~samples.whole[owners]
        single = group.mapped(partial(taken, alone))
        time = kernel_time(single, samples.element_bytes, rates)
        for name, column in corrections.features(single, time).items():
            values[name].append(np.broadcast_to(column, owners[alone].shape))
        errors.append(np.log(seconds[owners[alone]] / time.seconds))
    joined = {name: np.concatenate(columns) for name, columns in values.items()}
    return rates, corrections.fit(joined, np.concatenate(errors))[0]


def _width(errors: Any) -> float:
    """Half the 80 % interval of log(time), from held-out errors.

    With many it is their conformal quantile; with few, other devices' errors count beside them.
    """
    import numpy as np

    sizes = np.sort(np.abs(errors))
    count = len(sizes)
    if count >= 4 * FOLDS:
        return float(sizes[min(count, math.ceil(0.8 * (count + 1))) - 1])
    own = 1.4826 * float(np.median(sizes))
    variance = (SPREAD_WEIGHT * SPREAD**2 + count * own**2) / (SPREAD_WEIGHT + count)
    return TWO_SIDED * math.sqrt(variance)


DESCRIBE = ("device", "processor", "runtime", "precision", "layout", "mode", "compile")
"""Columns that tell devices and their settings apart, where a file has them."""
FASTEST_MACS, FASTEST_KERNEL = 1e15, 7e-7
"""No processor does more multiply-adds a second, in float32 or less; none runs a kernel in fewer seconds."""
SLOWEST_MACS = 1e6
SHORTEST, LONGEST = 1e-10, 1e7
"""Seconds beyond which a time is nothing that could be fitted."""


def doubts(table: Table, where: Mapping[str, str]) -> list[str]:
    """What a file says that a profile of one device should not mix."""
    found = []
    for name in DESCRIBE:
        if name in table and name not in where:
            values = list(dict.fromkeys(table.column(name)))
            if len(values) > 1:
                shown = ", ".join(values[:4]) + (", …" if len(values) > 4 else "")
                found.append(
                    f"`{name}` differs between rows ({shown}) and all were taken; choose with --where {name}=…"
                )
    return found


def implausible(measured: Measured) -> list[str]:
    """Times that no processor can have, such as seconds written where milliseconds are meant."""
    import numpy as np

    samples = next(iter(measured.samples.values()))
    macs, count = np.zeros(samples.count), np.zeros(samples.count)
    for kernel, owners in samples.groups:
        macs += np.bincount(owners, kernel.macs, samples.count)
        count += np.bincount(owners, minlength=samples.count)
    rate, each = float(np.median(macs / measured.seconds)), float(np.median(measured.seconds / count))
    if rate > FASTEST_MACS or each < FASTEST_KERNEL:
        said = f"{rate:.1e} multiply-adds a second and {each * 1e9:.3g} ns for each kernel"
        return [f"these times mean {said}, faster than any processor; are they seconds, not milliseconds?"]
    if rate < SLOWEST_MACS:
        return [f"these times mean only {rate:.1e} multiply-adds a second; are they microseconds, not milliseconds?"]
    return []


def source(table: Table, where: Mapping[str, str]) -> str:
    """What a profile was fitted on: the file, the rows of it, and where they come from if a column says so."""
    said = Path(table.file).name + "".join(f", {column} = {value}" for column, value in where.items())
    sources = list(dict.fromkeys(text for text in table.column("source") if text)) if "source" in table else []
    shown = sources[:3] + (["…"] if len(sources) > 3 else [])
    return said + (f" ({'; '.join(shown)})" if shown else "")
