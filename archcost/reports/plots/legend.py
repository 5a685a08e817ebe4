"""The legend of a Pareto plot: below the axes, where it covers nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archcost.reports.plots import marks, style
from archcost.reports.plots.series import Series

_NAMES = {"alpha": "α", "resolution": "resolution"}


def hollow(each: Series, series: Sequence[Series]) -> bool:
    """Whether its markers are hollow: published figures beside estimates of the same spec."""
    return each.published and any(other.spec == each.spec and not other.published for other in series)


def entries(
    series: Sequence[Series],
    looks: Mapping[str, tuple[str, str]],
    named: Sequence[str],
    rings: bool,
    columns: Sequence[str],
) -> list[tuple[Any, str]]:
    """Handles with their texts. named: titles that stand beside their points; rings: whether some points have one;
    columns: what the axes show."""
    from matplotlib.lines import Line2D

    found: list[tuple[Any, str]] = []
    for each in series:
        if each.title in named:
            continue
        colour, marker = looks[each.spec]
        dot: dict[str, Any] = {"color": colour, "marker": marker, "linestyle": "", "markersize": 4}
        text = each.title
        if hollow(each, series):
            dot |= {"markerfacecolor": "white", "markeredgewidth": 0.8}
            text += ", published"
        elif any(other is not each and other.spec == each.spec for other in series):
            text += ", estimated" if not each.published else ", published"
        else:
            dot |= marks.EDGED
        if text not in [other for _, other in found]:
            found.append((Line2D([], [], **dot), text))
    found.append((Line2D([], [], color=style.GREY, linewidth=0.9), "Pareto front"))
    found += _intervals(series, looks)
    if any(each.winner is not None for each in series):
        found.append((Line2D([], [], **marks.WINNER, markersize=6.5), "winner"))
    if any(column in each.limits for each in series for column in columns):
        found.append((Line2D([], [], **marks.LIMIT), "limit"))
    if rings:
        ring: dict[str, Any] = {
            "marker": "o",
            "linestyle": "",
            "markersize": 6,
            "markerfacecolor": "none",
            "markeredgewidth": 0.6,
        }
        found.append((Line2D([], [], color=style.BLACK, **ring), "on another panel's front only"))
    return found


def _intervals(series: Sequence[Series], looks: Mapping[str, tuple[str, str]]) -> list[tuple[Any, str]]:
    """The fitted surface, or how estimates show their intervals, where there are any."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    found: list[tuple[Any, str]] = []
    if any(each.curves for each in series):
        colours = {looks[each.spec][0] for each in series if each.curves}
        colour = colours.pop() if len(colours) == 1 else style.GREY
        handle = (Patch(color=colour, alpha=0.15, linewidth=0), Line2D([], [], color=colour, linewidth=0.7))
        found.append((handle, "fitted surface, 80 % interval"))
    elif widths := [int((each.columns["accuracy_high"] > each.columns["accuracy_low"]).sum()) for each in series]:
        if 0 < max(widths) <= marks.MOST_BARS:
            found.append((Line2D([], [], color=style.GREY, marker="|", linestyle="", markersize=5), "80 % interval"))
        elif max(widths):
            found.append((Patch(color=style.GREY, alpha=0.18, linewidth=0), "80 % interval"))
    return found


def draw(figure: Any, shown: Sequence[tuple[Any, str]], key: str) -> None:
    """In as few rows as the figure is wide enough for; key: a line above them."""
    handles, texts = [handle for handle, _ in shown], [text for _, text in shown]
    for columns in range(len(shown), 0, -1):
        legend = figure.legend(
            handles,
            texts,
            title=key or None,
            loc="outside lower center",
            ncols=columns,
            columnspacing=1.2,
            handletextpad=0.5,
        )
        room = figure.bbox.width * 0.98
        if columns == 1 or legend.get_window_extent(figure.canvas.get_renderer()).width <= room:
            return
        legend.remove()


def key(series: Sequence[Series], named: Sequence[str]) -> str:
    """What the labels beside points say."""
    names = [name for each in series if each.title not in named for name in each.varying]
    shown = [_NAMES[name] for name in dict.fromkeys(names) if name in _NAMES]
    return f"labels: {', '.join(shown)}" if shown else ""
