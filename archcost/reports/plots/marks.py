"""The marks of one series in a Pareto plot: points, error bars, the winner's star, the curves of a surface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcost.reports.plots import style
from archcost.reports.plots.series import Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_LABELS = 60
"""Networks of a series, up to which those off the front are offered a label too."""
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


def points(axes: Axes, each: Series, cost: Any, on: Any, look: tuple[str, str], hollow: bool) -> None:
    """cost: of the series' networks, in the axis's unit; on: which are on the front; look: colour and marker."""
    import numpy as np

    colour, marker = look
    accuracy = each.columns["accuracy"]
    known = ~np.isnan(cost) & ~np.isnan(accuracy)
    cloud = known & ~on if len(cost) > CLOUD else np.zeros(len(cost), bool)
    shown = known & ~cloud
    dots: dict[str, Any] = {"linestyle": "", "color": colour}
    if cloud.any():
        small = {**dots, "marker": "o", "markersize": 1.4, "markeredgewidth": 0, "alpha": 0.3}
        axes.plot(cost[cloud], accuracy[cloud], **small, zorder=1, rasterized=int(cloud.sum()) > RASTER)
    _intervals(axes, each, cost, shown, colour)
    size = 2 * RADIUS if shown.sum() <= MOST_LABELS else 1.2 * RADIUS
    faces = {"markerfacecolor": "white", "markeredgecolor": colour, "markeredgewidth": 0.8} if hollow else EDGED
    axes.plot(cost[shown], accuracy[shown], marker=marker, markersize=size, **dots, **faces, zorder=4)
    if each.winner is not None and known[each.winner]:
        axes.plot(cost[each.winner], accuracy[each.winner], **WINNER, markersize=2 * STAR, zorder=5)


EDGED: dict[str, Any] = {"markeredgecolor": "white", "markeredgewidth": 0.35}
WINNER: dict[str, Any] = {
    "marker": "*",
    "linestyle": "",
    "color": style.COLOURS[4],
    "markeredgecolor": style.BLACK,
    "markeredgewidth": 0.6,
}
LIMIT: dict[str, Any] = {"color": style.BLACK, "linewidth": 0.6, "linestyle": (0, (4, 2))}


def _intervals(axes: Axes, each: Series, cost: Any, shown: Any, colour: str) -> None:
    """Error bars; a band where they would hide the points."""
    import numpy as np

    value, low, high = (each.columns[name] for name in ("accuracy", "accuracy_low", "accuracy_high"))
    rows = np.flatnonzero(shown & ~np.isnan(low) & ~np.isnan(high))
    if len(rows) > MOST_BARS:
        rows = rows[np.argsort(cost[rows], kind="stable")]
        axes.fill_between(cost[rows], low[rows], high[rows], color=colour, alpha=0.18, linewidth=0, zorder=1)
    elif len(rows):
        ends = [np.maximum(value[rows] - low[rows], 0), np.maximum(high[rows] - value[rows], 0)]
        axes.errorbar(
            cost[rows], value[rows], ends, fmt="none", ecolor=colour, elinewidth=0.6, capsize=1.2, capthick=0.6
        )


def curves(axes: Axes, each: Series, column: str, unit: float, colour: str) -> None:
    """The fitted surface with its interval."""
    for curve in each.curves:
        cost = curve.columns[column] / unit
        axes.plot(cost, curve.columns["accuracy"], color=colour, linewidth=0.7, alpha=0.8, zorder=2)
        ends = curve.columns["accuracy_low"], curve.columns["accuracy_high"]
        axes.fill_between(cost, *ends, color=colour, alpha=0.15, linewidth=0, zorder=1)
