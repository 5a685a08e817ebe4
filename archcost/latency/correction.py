"""A small correction on the kernels' times: the part of their logarithm that is linear in physical features.

Fitted by ridge regression on single kernels, its penalty chosen by leave-one-out, which has a closed form.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from archcost.dims import floats
from archcost.latency.formula import Time
from archcost.latency.kernels import MULTIPLYING, Kernel

FEATURES = (
    "rows",
    "columns",
    "depth",
    "traffic",
    "waste",
    "overhead",
    "edges_2x2",
    "edges_4x4",
    "columns_of_32",
    "columns_of_64",
    "up_to_32_columns",
    "whole_8_columns",
    "whole_8_depth",
)
FEWEST = 60
"""Kernels below which no correction is fitted."""


@dataclass(frozen=True, slots=True)
class Term:
    """coefficient · (feature, kept between lowest and highest)."""

    coefficient: float
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True)
class Correction:
    """log(time) = log(formula's time) + constant + the terms, by feature."""

    constant: float
    terms: dict[str, Term]

    def factor(self, kernel: Kernel, time: Time) -> Any:
        """What the formula's seconds are multiplied by."""
        import numpy as np

        found = features(kernel, time)
        total: Any = self.constant
        for name, term in self.terms.items():
            total = total + term.coefficient * np.clip(found[name], term.lowest, term.highest)
        return np.exp(total)


def corrected(kernel: Kernel, time: Time, correction: Correction | None) -> Time:
    """A kernel's time with the correction, which knows only kernels with multiply-adds."""
    if correction is None or kernel.kind not in MULTIPLYING:
        return time
    factor = correction.factor(kernel, time)
    return Time(*(getattr(time, f.name) * factor for f in fields(time)))


def features(kernel: Kernel, time: Time) -> dict[str, Any]:
    """What the formula knows only in part: the product's three sizes, shares of the time, fits of tiles."""
    import numpy as np

    rows, columns, depth = (floats(size) for size in (kernel.rows, kernel.columns, kernel.depth))
    small, large = (rows / 4, rows / 16) if kernel.tiles is None else kernel.tiles
    return {
        "rows": np.log(rows),
        "columns": np.log(columns),
        "depth": np.log(depth),
        "traffic": np.log(time.traffic / time.seconds),
        "waste": time.waste / time.seconds,
        "overhead": np.log(time.overhead / time.seconds),
        "edges_2x2": np.log(floats(small) * 4 / rows),
        "edges_4x4": np.log(floats(large) * 16 / rows),
        "columns_of_32": np.log(np.ceil(columns / 32) * 32 / columns),
        "columns_of_64": np.log(np.ceil(columns / 64) * 64 / columns),
        "up_to_32_columns": (columns <= 32).astype(float),
        "whole_8_columns": (columns % 8 == 0).astype(float),
        "whole_8_depth": (depth % 8 == 0).astype(float),
    }


def fit(values: dict[str, Any], error: Any) -> tuple[Correction, Any]:
    """The correction for errors (log measured - log predicted), and each one's leave-one-out residual."""
    import numpy as np

    table = np.stack([np.broadcast_to(values[name], error.shape) for name in FEATURES], axis=1)
    mean, spread = table.mean(axis=0), table.std(axis=0)
    used = spread > 1e-9
    scaled = (table[:, used] - mean[used]) / spread[used]
    left, singular, right = np.linalg.svd(scaled, full_matrices=False)
    centred = error - error.mean()
    best: Any = None
    for penalty in np.logspace(-2, 4, 19):
        shrunk = singular**2 / (singular**2 + penalty)
        leverage = left**2 @ shrunk + 1 / len(error)
        residual = (centred - left @ (shrunk * (left.T @ centred))) / (1 - leverage)
        score = np.abs(residual).mean()
        if best is None or score < best[0]:
            best = score, right.T @ (singular / (singular**2 + penalty) * (left.T @ centred)), residual
    coefficients = best[1] / spread[used]
    names = [name for name, kept in zip(FEATURES, used, strict=True) if kept]
    terms = {
        name: Term(float(c), float(column.min()), float(column.max()))
        for name, c, column in zip(names, coefficients, table[:, used].T, strict=True)
    }
    return Correction(float(error.mean() - coefficients @ mean[used]), terms), best[2]
