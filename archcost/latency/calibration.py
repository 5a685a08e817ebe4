"""A profile from measured times: the form that predicts held-out rows best, its rates, and an honest interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

from archcost.dims import taken
from archcost.latency import correction as corrections
from archcost.latency.correction import Correction
from archcost.latency.evidence import FEWEST, Evidence
from archcost.latency.fit import FIXED, GENERIC, Form, fit, solution
from archcost.latency.formula import Rates, kernel_time
from archcost.latency.kernels import MULTIPLYING
from archcost.latency.profile import Fit, HeldOut
from archcost.latency.samples import Samples

ENOUGH = 12
"""From so many on, forms are compared by cross-validation; below, the plain roofline is taken."""
BETTER, MANY = 0.85, 100
"""Another form must bring the held-out error down to this share of the plain one's; with many rows, below it."""
FOLDS = 10
SPREAD, SPREAD_WEIGHT = 0.06, 5
"""The relative error of other devices' fits, and how many points of one's own it counts as."""
TWO_SIDED = 1.2816
"""Standard deviations on either side that hold 80 % of a normal distribution."""
APART = 1.0
"""Logarithm of a ratio from which on two overheads of a run are not the same."""
UNSEEN, LAUNCHES = "leave the family out", "eager, leave one out"
BEYOND = 1.5
"""How much wider the interval is outside what was fitted, where no other family says: from V1 to V2 on four devices."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    form: Form
    fusion: str


def fitted(evidence: Evidence) -> Fit:
    """The form that predicts held-out rows best, its rates from all rows, and what is known of its errors."""
    import numpy as np

    chosen, errors = _best(evidence)
    rates, correction = _model(evidence, chosen, np.arange(len(evidence)))
    samples = evidence.samples[chosen.fusion]
    families, whole = samples.families, samples.whole
    method = "leave one out" if len(evidence) <= 4 * FOLDS else f"{FOLDS}-fold"
    held_out = [HeldOut(family, rows, error, method) for family, rows, error in _by_family(families, errors)]
    inside = _width(errors[whole] if whole.any() else errors)
    outside = BEYOND * inside
    apart = [rows for rows in _families(families) if len(evidence) - len(rows) >= FEWEST]
    if len(set(families)) > 1 and apart:
        unseen = _held_out(evidence, chosen, apart)
        held_out += [HeldOut(f, rows, e, UNSEEN) for f, rows, e in _by_family(families, unseen)]
        known = unseen[whole & ~np.isnan(unseen)]
        outside = max(outside, _width(known)) if len(known) else outside
    rival = _rival(evidence, chosen, rates)
    single = _width(errors[~whole]) if whole.any() and not whole.all() else None
    launch = launch_width = None
    if evidence.eager is not None:
        launch, theirs = _launches(evidence.eager, chosen.fusion, rates, correction)
        if len(theirs) > 1:
            launch_width = _width(theirs)
            names = evidence.eager.samples[chosen.fusion].families
            held_out += [HeldOut(f, rows, e, LAUNCHES) for f, rows, e in _by_family(names, theirs)]
    return Fit(
        rates,
        chosen.fusion,
        correction,
        inside,
        outside,
        tuple(dict.fromkeys(families)),
        evidence.ranges,
        len(evidence),
        tuple(held_out),
        single,
        evidence.mode,
        launch,
        launch_width,
        rival,
    )


def _rival(evidence: Evidence, chosen: _Candidate, rates: Rates) -> Rates | None:
    """Rates that explain the rows about as well by another overhead; None where there are none."""
    import numpy as np

    samples = evidence.samples[chosen.fusion]
    if chosen.form is not GENERIC or not samples.whole.any():
        return None
    other = fit(FIXED, samples, evidence.seconds)
    misfits = [float(np.abs(np.log(evidence.seconds / samples.seconds(each))).mean()) for each in (rates, other)]
    alike = abs(math.log(other.network_seconds / rates.network_seconds)) < APART
    return None if alike or misfits[1] > misfits[0] + SPREAD / 10 else other


def _best(evidence: Evidence) -> tuple[_Candidate, Any]:
    """The candidate with the least held-out error, and its errors; the plainest where there are few rows."""
    plain = _Candidate(evidence.forms[0], next(iter(evidence.samples)))
    chosen, errors = plain, _held_out(evidence, plain)
    if len(evidence) < ENOUGH:
        return chosen, errors
    whole = evidence.samples[plain.fusion].whole
    share = BETTER if len(evidence) < MANY else 1.0
    for form in evidence.forms:
        for fusion in evidence.samples:
            other = _Candidate(form, fusion)
            if other == plain:
                continue
            theirs = _held_out(evidence, other)
            if _score(theirs, whole) < share * _score(errors, whole):
                chosen, errors = other, theirs
    return chosen, errors


def _score(errors: Any, whole: Any) -> float:
    """The mean relative error; where there are networks and single layers, they count alike."""
    import numpy as np

    relative = np.abs(np.expm1(errors))
    return float(np.mean([relative[which].mean() for which in (whole, ~whole) if which.any()]))


def _launches(eager: Evidence, fusion: str, rates: Rates, correction: Correction | None) -> tuple[float, Any]:
    """Seconds that the host needs for each kernel, and log(measured / predicted) of each eager row without itself.

    The time of a row is the longer of its kernels' and its launches'; the launch time that fits best is one of the
    rows' own.
    """
    import numpy as np

    samples = eager.samples[fusion]
    kernels, count = samples.seconds(rates, correction), samples.kernels()
    candidates = eager.seconds / count
    errors = np.log(eager.seconds / np.maximum(kernels, candidates[:, None] * count))  # candidates × rows
    each = np.abs(errors)
    others = each.sum(axis=1, keepdims=True) - each
    np.fill_diagonal(others, np.inf)  # a row's own candidate would fit it exactly
    held_out = errors[others.argmin(axis=0), np.arange(len(count))]
    return float(candidates[each.sum(axis=1).argmin()]), held_out


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


def _held_out(evidence: Evidence, candidate: _Candidate, folds: list[Any] | None = None) -> Any:
    """log(measured / predicted) of each row by a fit that did not see its fold; NaN for rows in no fold."""
    import numpy as np

    count = len(evidence)
    if folds is None:
        order = np.random.default_rng(0).permutation(count)
        folds = np.array_split(order, count if count <= 4 * FOLDS else FOLDS)
    errors = np.full(count, np.nan)
    samples = evidence.samples[candidate.fusion]
    near = solution(candidate.form, samples, evidence.seconds)
    for fold in folds:
        rest = np.setdiff1d(np.arange(count), fold)
        rates, correction = _model(evidence, candidate, rest, near)
        errors[fold] = np.log(evidence.seconds[fold] / samples.chosen(fold).seconds(rates, correction))
    return errors


def _model(evidence: Evidence, candidate: _Candidate, rows: Any, near: Any = None) -> tuple[Rates, Correction | None]:
    """Rates from some of the rows, and the correction where they hold enough single kernels. near: the solution for
    all."""
    import numpy as np

    samples: Samples = evidence.samples[candidate.fusion].chosen(rows)
    seconds = evidence.seconds[rows]
    rates = candidate.form.rates(solution(candidate.form, samples, seconds, near=near), samples.element_bytes)
    if not candidate.form.parallel or (~samples.whole).sum() < corrections.FEWEST:
        return rates, None
    values: dict[str, list[Any]] = {name: [] for name in corrections.FEATURES}
    errors = []
    for group, owners in samples.groups:
        if group.kind not in MULTIPLYING:
            continue
        alone = ~samples.whole[owners]
        single = group.mapped(partial(taken, alone))
        time = kernel_time(single, samples.element_bytes, rates, alone=True)
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
