"""One panel of a Pareto plot: its marks, its axes, the front, and what labels keep clear of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from archcost.reports.plots import geometry, marks, style, surface
from archcost.reports.plots.labels import Obstacles
from archcost.reports.plots.marks import CLOUD, MOST_BARS, RING
from archcost.reports.plots.scene import Scene
from archcost.reports.plots.series import ACCURACIES, ACCURACY, AXES, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CLOUDED = 500
"""Of many small dots labels heed about so many."""


def draw(axes: Axes, scene: Scene, name: str) -> None:
    """Everything but labels and legend; name: of the cost, of AXES."""
    _frame(axes, scene, name)
    for place, (each, on) in enumerate(zip(scene.series, scene.fronts[name], strict=True)):
        look, at = scene.looks[each.spec], scene.at(place, name)
        marks.points(axes, each, at, on, look, hollow(each, scene.series))
        ringed = at[scene.ringed(place, name)]
        axes.plot(*ringed.T, **marks.RINGED, markersize=2 * RING, markeredgecolor=style.BLACK, zorder=3)
        if scene.y == ACCURACY:
            marks.intervals(axes, each, at, on, look[0])
            marks.curves(axes, each, name, look[0])
    _limits(axes, scene, name)
    axes.plot(*_front(axes, scene, name).T, drawstyle="steps-post", **marks.FRONT, zorder=2.5)
    axes.set_xlabel(label(scene, name))


def label(scene: Scene, name: str) -> str:
    """Of an axis."""
    if name == ACCURACY and all(each.imagenet for each in scene.series):
        return "Top-1 accuracy on ImageNet (%)"
    if name == "latency":
        return f"{_kind(scene.series)} {AXES[name].label}"
    return AXES[name].label


def hollow(each: Series, series: Sequence[Series]) -> bool:
    """Whether its markers are hollow: published figures beside estimates of the same spec."""
    return each.published and any(other.spec == each.spec and not other.published for other in series)


def obstacles(axes: Axes, scene: Scene, name: str) -> Obstacles:
    """What labels keep clear of, in pixels; axes: as they will be seen."""
    import numpy as np

    pixels = axes.get_figure().dpi / 72  # type: ignore[union-attr]
    boxes = [np.empty((0, 4))]
    for place in range(len(scene.series)):
        rows = scene.marked(place, name)
        at = axes.transData.transform(scene.at(place, name)[rows])
        radius = scene.radii(place, name)[rows][:, None] * pixels
        boxes.append(np.hstack([at - radius, at + radius]))
    paths = [_stairs(_front(axes, scene, name)), *_limit_lines(axes, scene, name)]
    if scene.y == ACCURACY:
        best = [surface.best(each.envelope, name) for each in scene.series if each.envelope is not None]
        paths += [_stairs(path) for path in best]
    lines = [geometry.segments(axes.transData.transform(path)) for path in paths]
    others = [geometry.segments(axes.transData.transform(path)) for path in _others(scene, name)]
    return Obstacles(np.vstack(boxes), np.vstack(lines), np.vstack([np.empty((0, 4)), *others]))


def _front(axes: Axes, scene: Scene, name: str) -> Any:
    """The best to be had for at most so much, to the panel's edge; [n, 2]."""
    import numpy as np

    corners = scene.corners(name)
    return np.vstack([corners, [axes.get_xlim()[1], corners[-1, 1]]])


def _stairs(path: Any) -> Any:
    """A step line through points, as the points that it turns at."""
    import numpy as np

    return np.stack([np.repeat(path[:, 0], 2)[1:], np.repeat(path[:, 1], 2)[:-1]], axis=1)


def _frame(axes: Axes, scene: Scene, name: str) -> None:
    """Room around the points, and ticks that read well; all panels are of one height."""
    costs = scene.everything(name)[:, 0]
    heights = [height for each in scene.x for height in scene.everything(each)[:, 1].tolist()]
    axes.set(xscale="log", xlim=_roomy(float(costs.min()), float(costs.max())))
    style.plain_ticks(axes.xaxis, *axes.get_xlim())
    bottom, top = min(heights), max(heights)
    if scene.y == ACCURACY:
        margin = max(0.09 * (top - bottom), 0.5)
        axes.set_ylim(bottom - margin, top + margin)
    else:
        axes.set(yscale="log", ylim=_roomy(bottom, top))
        style.plain_ticks(axes.yaxis, *axes.get_ylim())


def _roomy(low: float, high: float) -> tuple[float, float]:
    """The ends of a log axis."""
    room = max((high / low) ** 0.09, 1.12)
    return low / room, high * room


def _limits(axes: Axes, scene: Scene, name: str) -> None:
    """What a search had to keep to."""
    for limit in _limits_of(scene, name):
        if axes.get_xlim()[0] < limit:
            axes.set_xlim(right=max(axes.get_xlim()[1], 1.15 * limit))
            style.plain_ticks(axes.xaxis, *axes.get_xlim())
    for (x, y), (x2, y2) in _limit_lines(axes, scene, name):
        axes.plot([x, x2], [y, y2], **marks.LIMIT, zorder=2)


def _limit_lines(axes: Axes, scene: Scene, name: str) -> list[Any]:
    """Each from edge to edge; [2, 2]."""
    import numpy as np

    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    upright = [np.array([[each, bottom], [each, top]]) for each in _limits_of(scene, name) if left < each < right]
    level = [np.array([[left, each], [right, each]]) for each in _limits_of(scene, scene.y) if bottom < each < top]
    return upright + level


def _limits_of(scene: Scene, name: str) -> list[float]:
    column, _, unit = AXES[name]
    return list(dict.fromkeys(each.limits[column] / unit for each in scene.series if column in each.limits))


def _others(scene: Scene, name: str) -> list[Any]:
    """What labels had better not stand on: the surface, error bars, dots; [n, 2] each, where there is one."""
    import numpy as np

    paths: list[Any] = []
    for place, each in enumerate(scene.series):
        at = scene.at(place, name)
        known = np.flatnonzero(~np.isnan(at[:, 0]))
        if scene.y == ACCURACY:
            column, _, unit = AXES[name]
            paths += [np.stack([c.columns[column] / unit, c.columns[ACCURACY]], axis=1) for c in each.curves]
            low, high = (each.columns[end] for end in ACCURACIES[1:])
            barred = [row for row in known if low[row] < high[row]][: MOST_BARS + 1]
            paths += [np.array([[at[row, 0], low[row]], [at[row, 0], high[row]]]) for row in barred]
        if len(each) > CLOUD:
            paths += [np.stack([point, point]) for point in at[known[:: 1 + len(known) // CLOUDED]]]
    return paths


def _kind(series: Sequence[Series]) -> str:
    """How latencies are known."""
    known = {each.measured for each in series if each.measured is not None}
    return {frozenset({True}): "Measured", frozenset({False}): "Predicted"}.get(
        frozenset(known), "Measured or predicted"
    )
