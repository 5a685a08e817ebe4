"""The marks of one series in a Pareto plot: points, error bars, the winner's star, the lines of a surface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcost.reports.plots import style, surface
from archcost.reports.plots.series import ACCURACIES, AXES, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_DOTS = 60
"""Networks of a series, beyond which their markers are smaller."""
MOST_BARS = 40
"""Estimates that have error bars of their own; more have a band."""
CLOUD = 150
"""Networks of a series, beyond which those off the front are small dots."""
RASTER = 2000
"""Dots beyond which a vector file holds them as an image."""
RADIUS = 2.0
RING = 4.0
STAR = 4.2
"""Of markers, in points."""
EDGED: dict[str, Any] = {"markeredgecolor": "white", "markeredgewidth": 0.35}
WINNER: dict[str, Any] = {
    "marker": "*",
    "linestyle": "",
    "color": style.COLOURS[4],
    "markeredgecolor": style.BLACK,
    "markeredgewidth": 0.6,
}
LIMIT: dict[str, Any] = {"color": style.BLACK, "linewidth": 0.6, "linestyle": (0, (4, 2))}
FRONT: dict[str, Any] = {"color": style.GREY, "linewidth": 0.9}
ENVELOPE: dict[str, Any] = {"color": style.BLACK, "linewidth": 0.6, "linestyle": (0, (1, 1))}
RINGED: dict[str, Any] = {"marker": "o", "linestyle": "", "markerfacecolor": "none", "markeredgewidth": 0.6}


def points(axes: Axes, each: Series, at: Any, on: Any, look: tuple[str, str], hollow: bool) -> None:
    """at: of the series' networks, [n, 2], in the axes' units, NaN where nobody knows; on: which are on the front;
    look: colour and marker."""
    import numpy as np

    colour, marker = look
    known = ~np.isnan(at).any(axis=1)
    cloud = known & ~on if len(at) > CLOUD else np.zeros(len(at), bool)
    shown = known & ~cloud
    dots: dict[str, Any] = {"linestyle": "", "color": colour}
    if cloud.any():
        small = {**dots, "marker": "o", "markersize": 1.4, "markeredgewidth": 0, "alpha": 0.3}
        axes.plot(*at[cloud].T, **small, zorder=1, rasterized=int(cloud.sum()) > RASTER)
    size = 2 * RADIUS if shown.sum() <= MOST_DOTS else 1.2 * RADIUS
    faces = {"markerfacecolor": "white", "markeredgecolor": colour, "markeredgewidth": 0.8} if hollow else EDGED
    axes.plot(*at[shown].T, marker=marker, markersize=size, **dots, **faces, zorder=4)
    if each.winner is not None and known[each.winner]:
        axes.plot(*at[each.winner], **WINNER, markersize=2 * STAR, zorder=5)


def intervals(axes: Axes, each: Series, at: Any, on: Any, colour: str) -> None:
    """Error bars of accuracies; a band where they would hide the points."""
    import numpy as np

    value, low, high = (each.columns[name] for name in ACCURACIES)
    rows = np.flatnonzero(~np.isnan(at).any(axis=1) & ~np.isnan(low + high) & (on | (len(at) <= CLOUD)))
    cost = at[:, 0]
    if len(rows) > MOST_BARS:
        rows = rows[np.argsort(cost[rows], kind="stable")]
        axes.fill_between(cost[rows], low[rows], high[rows], color=colour, alpha=0.18, linewidth=0, zorder=1)
    elif len(rows):
        ends = [np.maximum(value[rows] - low[rows], 0), np.maximum(high[rows] - value[rows], 0)]
        axes.errorbar(
            cost[rows], value[rows], ends, fmt="none", ecolor=colour, elinewidth=0.6, capsize=1.2, capthick=0.6
        )


def curves(axes: Axes, each: Series, name: str, colour: str) -> None:
    """The fitted surface with its interval, and the best of it for one cost of AXES."""
    column, _, unit = AXES[name]
    for curve in each.curves:
        cost = curve.columns[column] / unit
        axes.plot(cost, curve.columns["accuracy"], color=colour, linewidth=0.7, alpha=0.8, zorder=2)
        ends = curve.columns["accuracy_low"], curve.columns["accuracy_high"]
        axes.fill_between(cost, *ends, color=colour, alpha=0.15, linewidth=0, zorder=1)
    if each.envelope is not None:
        path = surface.best(each.envelope, name)
        axes.plot(*path.T, drawstyle="steps-post", **ENVELOPE, zorder=2.2)
