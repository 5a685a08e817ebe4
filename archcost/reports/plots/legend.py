"""The legend of a Pareto plot: below the axes, where it covers nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archcost.reports.plots import marks, style, surface
from archcost.reports.plots.panel import hollow
from archcost.reports.plots.scene import Scene
from archcost.reports.plots.series import ACCURACY, AXES, Series, shortened
from archcost.reports.plots.style import legible

_NAMES = {"alpha": "α", "resolution": "resolution"}
SHORTER = (60, 36, 28, 20, 14)
"""Characters of texts in a narrow legend."""


def entries(scene: Scene, named: Sequence[str]) -> list[tuple[Any, str]]:
    """Handles with their texts; named: titles that stand beside their points."""
    from matplotlib.lines import Line2D

    found: list[tuple[Any, str]] = []
    for each in scene.series:
        handle, text = _entry(scene, each)
        if each.title not in named and text not in [other for _, other in found]:
            found.append((handle, text))
    found.append((Line2D([], [], **marks.FRONT), "Pareto front"))
    if scene.y == ACCURACY:
        found += _intervals(scene)
    if any(each.winner is not None for each in scene.series):
        found.append((Line2D([], [], **marks.WINNER, markersize=6.5), "winner"))
    columns = [AXES[name].column for name in (scene.y, *scene.x)]
    if any(column in each.limits for each in scene.series for column in columns):
        found.append((Line2D([], [], **marks.LIMIT), "limit"))
    if scene.rings:
        ring = Line2D([], [], color=style.BLACK, **marks.RINGED, markersize=6)
        found.append((ring, "on another panel's front only"))
    return found


def _entry(scene: Scene, each: Series) -> tuple[Any, str]:
    """A series' own."""
    from matplotlib.lines import Line2D

    colour, marker = scene.looks[each.spec]
    dot: dict[str, Any] = {"color": colour, "marker": marker, "linestyle": "", "markersize": 4}
    text = each.title
    if hollow(each, scene.series):
        dot |= {"markerfacecolor": "white", "markeredgewidth": 0.8}
        text += ", published"
    elif any(other is not each and other.spec == each.spec for other in scene.series):
        text += ", published" if each.published else ", estimated"
    else:
        dot |= marks.EDGED
    return Line2D([], [], **dot), text


def _intervals(scene: Scene) -> list[tuple[Any, str]]:
    """The fitted surface, or how estimates show their intervals, where there are any."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    curved = [each for each in scene.series if each.curves]
    if curved:
        colours = {scene.looks[each.spec][0] for each in curved}
        colour = colours.pop() if len(colours) == 1 else style.GREY
        handle = (Patch(color=colour, alpha=0.15, linewidth=0), Line2D([], [], color=colour, linewidth=0.7))
        return [
            (handle, "fitted surface, 80 % interval"),
            (Line2D([], [], **marks.ENVELOPE), f"best of it, α by {surface.STEP}, resolution by {surface.RESOLUTIONS}"),
        ]
    most = max(int((each.columns["accuracy_high"] > each.columns["accuracy_low"]).sum()) for each in scene.series)
    if 0 < most <= marks.MOST_BARS:
        return [(Line2D([], [], color=style.GREY, marker="|", linestyle="", markersize=5), "80 % interval")]
    return [(Patch(color=style.GREY, alpha=0.18, linewidth=0), "80 % interval")] if most else []


def draw(figure: Any, shown: Sequence[tuple[Any, str]], key: str) -> None:
    """In as few rows as the figure is wide enough for; key: a line above them. Names too long even for rows of their
    own are shortened."""
    handles = [handle for handle, _ in shown]
    room = figure.bbox.width * 0.98
    key = style.wrapped(figure, key, room, fontsize=style.SMALL)
    for columns, most in [*((count, SHORTER[0]) for count in range(len(shown), 1, -1)), *((1, m) for m in SHORTER)]:
        legend = figure.legend(
            handles,
            [f" {shortened(text, most)}" for _, text in shown],  # matplotlib has no room for texts that begin with _
            title=key or None,
            loc="outside lower center",
            ncols=columns,
            columnspacing=1.2,
            handletextpad=0.2,
        )
        if most == SHORTER[-1] or legend.get_window_extent(figure.canvas.get_renderer()).width <= room:
            return
        legend.remove()


def key(scene: Scene, missing: int) -> str:
    """What the labels beside points say, and how many points on the front or published have none."""
    shown = [_NAMES.get(name) or legible(name) for name in scene.settings if name]
    said = f"labels: {', '.join(shown)}" if shown else ""
    left_out = f"{missing:,} point{'s' * (missing > 1)} without a label" if missing else ""
    return "; ".join(filter(None, (said, left_out)))
