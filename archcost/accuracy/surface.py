"""Accuracy as a smooth function of log α and log resolution, fitted through the points of one training recipe.

A quadratic of six terms, either of the percentage itself or of the logarithm of the error, whichever predicts left-out
points better. Linear least squares, so that leaving a point out has a closed form: with leverage h, a residual e
becomes e / (1 - h).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

TERMS = 6
FEWEST = 2 * TERMS
"""Points below which no surface is fitted."""
COVERAGE = 0.8
REACH = 2
"""Up to so many times beyond the fitted range, in α and in resolution, there is an estimate; further out, none."""
PERCENT, LOG_ERROR = FORMS = ("percent", "log error")
"""What is quadratic, the simpler one first."""
CHUNK = 2**13
"""Rows evaluated at once: their terms fit into a core's cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """A fitted surface. form: one of FORMS; count: points fitted; error: percentage points, root mean square of the
    leave-one-out residuals; alphas, resolutions: the range fitted.

    centre, scale: what log α and log resolution are reduced by. matrix: [9 + sides, 6], on the six terms of a row: the
    coefficients; the slopes in log α and log resolution; the factor whose rows have the leverage as their squared
    length; and for each side of the points' convex hull how far beyond it the row lies. quantile: of the studentised
    leave-one-out residuals.
    """

    form: str
    count: int
    error: float
    alphas: tuple[float, float]
    resolutions: tuple[float, float]
    centre: Floats
    scale: Floats
    matrix: Floats
    quantile: float

    def __call__(self, alpha: Any, resolution: Any) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
        """Percent, the ends of its 80 % interval, and whether it lies outside the fitted points: arrays of the shape
        that alpha and resolution (the geometric mean of height and width, in pixels) broadcast to.

        Percent and interval are NaN beyond REACH, and outside the fitted points where the surface would have accuracy
        fall with α or resolution, or to nothing.
        """
        import numpy as np

        alpha, resolution = np.asarray(alpha, float), np.asarray(resolution, float)
        beyond = _beyond(alpha, self.alphas) | _beyond(resolution, self.resolutions)
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = [np.log(alpha), np.log(resolution)]
        u, v = np.broadcast_arrays(*((x - c) / s for x, c, s in zip(logs, self.centre, self.scale, strict=True)))
        found = np.empty((3, u.size))
        outside = np.empty(u.size, bool)
        u, v = u.reshape(-1), v.reshape(-1)
        with np.errstate(invalid="ignore", over="ignore"):  # what is no size ends as NaN below
            for start in range(0, len(u), CHUNK):
                rows = slice(start, start + CHUNK)
                self._fill(u[rows], v[rows], found[:, rows], outside[rows])
        far = np.flatnonzero(beyond)
        found[:, far] = np.nan
        outside[far] = True
        value, low, high = (each.reshape(beyond.shape) for each in found)
        return value, low, high, outside.reshape(beyond.shape)

    def _fill(self, u: Any, v: Any, found: Any, outside: Any) -> None:
        """Evaluates some rows, into the arrays given; found: [3, rows], percent and the ends of its interval."""
        import numpy as np

        products = self.matrix @ _terms(u, v)
        roots, sides = products[3 : 3 + TERMS], products[3 + TERMS :]
        sign = -1 if self.form == LOG_ERROR else 1  # more error is less accuracy
        half = sign * self.quantile * np.sqrt(1 + np.einsum("ij,ij->j", roots, roots))
        for into, fitted in zip(found, (products[0], products[0] - half, products[0] + half), strict=True):
            into[:] = _percent(self.form, fitted)
        outside[:] = sides.max(axis=0) > 1e-9
        if outside.any():
            nonsense = ((sign * products[1:3]).min(axis=0) < 0) | (found[0] <= 0)
            found[:, outside & nonsense] = np.nan


def fit(alpha: Any, resolution: Any, percent: Any) -> Surface | None:
    """A surface through points (one-dimensional arrays); None where they are too few, too much in line, or where it
    would predict a left-out point no better than the mean of the others does."""
    import numpy as np

    alpha, resolution, percent = (np.asarray(each, float) for each in (alpha, resolution, percent))
    if len({*zip(alpha.tolist(), resolution.tolist(), strict=True)}) < max(FEWEST, len(alpha)):
        return None
    logs = np.stack([np.log(alpha), np.log(resolution)])
    centre, scale = logs.mean(axis=1), logs.std(axis=1)
    if (scale < 1e-6).any():
        return None
    u, v = (logs - centre[:, None]) / scale[:, None]
    orthogonal, triangular = np.linalg.qr(_terms(u, v).T)
    leverage = (orthogonal**2).sum(axis=1)
    if abs(np.diag(triangular)).min() < 1e-6 or leverage.max() > 1 - 1e-6:
        return None  # some term rests on no point, or on one alone
    fits = [_fitted(form, orthogonal, leverage, percent) for form in FORMS if form == PERCENT or percent.max() < 100]
    form, error, weights, quantile = min(fits, key=lambda found: found[1])
    count = len(percent)
    if error >= np.sqrt(np.mean((percent - percent.mean()) ** 2)) * count / (count - 1):
        return None
    inverse = np.linalg.inv(triangular)
    matrix = np.stack([inverse @ weights, *_slopes(inverse @ weights), *inverse.T, *_hull(u, v)])
    return Surface(form, count, error, _range(alpha), _range(resolution), centre, scale, matrix, quantile)


def _range(values: Any) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _fitted(form: str, orthogonal: Any, leverage: Any, percent: Any) -> tuple[str, float, Any, float]:
    """A form, its leave-one-out error, the weights of the orthogonal terms, and the residuals' quantile."""
    import numpy as np

    target = percent if form == PERCENT else np.log(100 - percent)
    weights = orthogonal.T @ target
    residual = target - orthogonal @ weights
    left_out = _percent(form, target - residual / (1 - leverage)) - percent
    ordered = np.sort(abs(residual) / np.sqrt(1 - leverage))
    place = min(math.ceil(COVERAGE * (len(percent) + 1)), len(percent))  # conformal: of n residuals and one to come
    return form, float(np.sqrt(np.mean(left_out**2))), weights, float(ordered[place - 1])


def _terms(u: Any, v: Any) -> Any:
    """[6, rows]"""
    import numpy as np

    found = np.empty((TERMS, len(u)))
    found[0] = 1
    found[1] = u
    found[2] = v
    np.multiply(u, u, out=found[3])
    np.multiply(u, v, out=found[4])
    np.multiply(v, v, out=found[5])
    return found


def _slopes(weights: Any) -> list[list[float]]:
    """On the terms of a row: the fitted function's derivatives by u and by v."""
    _, u, v, uu, uv, vv = weights
    return [[u, 2 * uu, uv, 0, 0, 0], [v, uv, 2 * vv, 0, 0, 0]]


def _percent(form: str, fitted: Any) -> Any:
    import numpy as np

    return np.clip(fitted if form == PERCENT else 100 - np.exp(fitted), 0, 100)


def _beyond(values: Any, known: tuple[float, float]) -> Any:
    low, high = known
    slack = REACH * (1 + 1e-12)
    return ~((values * slack >= low) & (values <= high * slack))


def _hull(u: Any, v: Any) -> Any:
    """[sides, 6]: on the terms of a row, how far it lies beyond each side of the points' convex hull."""
    import numpy as np

    corners = sorted(set(zip(u.tolist(), v.tolist(), strict=True)))
    ring: list[tuple[float, float]] = []
    for path in (corners, corners[::-1]):  # Andrew's monotone chain: below, then above
        start = len(ring)
        for corner in path:
            while len(ring) - start > 1 and _turn(ring[-2], ring[-1], corner) <= 1e-9:
                ring.pop()
            ring.append(corner)
        ring.pop()
    sides = []
    for (x, y), (x2, y2) in zip(ring, ring[1:] + ring[:1], strict=True):
        across = np.array([y2 - y, x - x2]) / math.hypot(x2 - x, y2 - y)
        sides.append([-(across @ [x, y]), *across, 0, 0, 0])
    return np.array(sides)


def _turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    """Above 0 where a, b, c turn left."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
