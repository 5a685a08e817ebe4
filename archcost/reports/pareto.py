"""The Pareto plot: accuracy against what networks cost, the front as a step line, labelled points."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from archcost.errors import ArchcostError
from archcost.reports.plots import labels, legend, marks, style
from archcost.reports.plots.labels import Label
from archcost.reports.plots.legend import hollow
from archcost.reports.plots.marks import CLOUD, MOST_BARS, MOST_LABELS, RADIUS, RING, STAR
from archcost.reports.plots.series import AXES, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = 1.9
"""Millimetres of a character of the title, on the safe side."""
MOST_FOUND = 10
"""Of a long front of estimates so many have labels."""
CLOUDED = 500
"""Of many small dots labels heed about so many."""


def draw(
    series: Sequence[Series],
    x: Sequence[str] = ("macs",),
    *,
    title: str = "",
    width: float = style.WIDTH,
    height: float | None = None,
    dpi: int = style.DPI,
) -> Figure:
    """A panel for each cost, side by side; x: of AXES; width and height in millimetres.

    Raises ArchcostError where no network has both an accuracy and one of the costs.
    """
    plot = _Plot(series, x)
    tall = height or 0.8 * width / len(x) ** 0.75
    with style.styled():
        figure, missing = plot.drawn(title, width, tall, dpi)
        if missing:  # what has no room beside its point is named in the legend
            plot.named = [name for name in plot.named if name not in missing]
            figure, _ = plot.drawn(title, width, tall, dpi)
    return figure


def render(figure: Figure, form: str) -> bytes:
    """The figure as a file's content; form: png, svg or pdf."""
    with style.styled():
        return style.rendered(figure, form)


def front(series: Sequence[Series], column: str) -> list[Any]:
    """For each series, which of its networks none of all the series' is both cheaper and more accurate than."""
    import numpy as np

    from archcost.search import pareto

    sizes = np.cumsum([0, *map(len, series)])
    cost = np.concatenate([each.columns[column] for each in series])
    accuracy = np.concatenate([each.columns["accuracy"] for each in series])
    known = np.flatnonzero(~np.isnan(cost) & ~np.isnan(accuracy))
    on = np.zeros(len(cost), bool)
    on[known] = pareto.front([cost[known], -accuracy[known]])
    return [on[start:end] for start, end in itertools.pairwise(sizes)]


class _Plot:
    """The series, each with its colour and marker, and what is on the front of each cost."""

    def __init__(self, series: Sequence[Series], x: Sequence[str]) -> None:
        import numpy as np

        self.series = series
        self.x = x
        specs = [each.spec for each in series]
        self.looks = {
            spec: (style.COLOURS[i % len(style.COLOURS)], style.MARKERS[(i + i // 8) % len(style.MARKERS)])
            for i, spec in enumerate(dict.fromkeys(specs))
        }
        for each, name in itertools.product(series, x):
            if (each.columns[AXES[name].column] <= 0).any():
                raise ArchcostError(f"{each.spec}: a network with {name} of 0 has no place on a log axis")
        self.fronts = {name: front(series, AXES[name].column) for name in x}
        for name in x:
            if not any(mask.any() for mask in self.fronts[name]):
                raise ArchcostError(_nothing(series, name))
        self.rings = len({tuple(np.concatenate(masks)) for masks in self.fronts.values()}) > 1
        alone = [each for each in series if len(each) == 1 and specs.count(each.spec) == 1]
        self.named = [each.title for each in alone] if len(series) > 1 else []
        """Series that are one network are named beside it instead of in the legend."""

    def drawn(self, title: str, width: float, height: float, dpi: int) -> tuple[Figure, list[str]]:
        """The figure, and the names that found no place in it."""
        figure = style.figure(width, height, dpi)
        panels = figure.subplots(1, len(self.x), sharey=True, squeeze=False)[0]
        for axes, name in zip(panels, self.x, strict=True):
            self.panel(axes, name)
        imagenet = all(each.imagenet for each in self.series)
        panels[0].set_ylabel("Top-1 accuracy on ImageNet (%)" if imagenet else "Accuracy (%)")
        if title:
            wrapped = textwrap.fill(title, max(20, int(width / TITLE)))
            figure.suptitle(wrapped, fontsize=8, fontweight="bold")
        drawn = ["accuracy", *(AXES[name].column for name in self.x)]
        entries = legend.entries(self.series, self.looks, self.named, self.rings, drawn)
        legend.draw(figure, entries, legend.key(self.series, self.named))
        return figure, self.label(figure, panels)

    def panel(self, axes: Axes, name: str) -> None:
        """Everything but labels and legend."""
        column, label, unit = AXES[name]
        for each, on in zip(self.series, self.fronts[name], strict=True):
            marks.points(axes, each, each.columns[column] / unit, on, self.looks[each.spec], hollow(each, self.series))
            marks.curves(axes, each, column, unit, self.looks[each.spec][0])
        self._frame(axes, column, unit)
        self._limits(axes, column, unit)
        self._step(axes, name)
        self._disagreement(axes, name)
        axes.set_xlabel(f"{_kind(self.series)} {label}" if name == "latency" else label)

    def _frame(self, axes: Axes, column: str, unit: float) -> None:
        """Room around the points, and ticks that read well."""
        import numpy as np

        cost = np.concatenate([each.columns[column] / unit for each in self.series])
        accuracy = np.concatenate([each.columns["accuracy"] for each in self.series])
        cost = cost[~np.isnan(cost) & ~np.isnan(accuracy)]
        low, high = float(cost.min()), float(cost.max())
        room = max((high / low) ** 0.09, 1.12)
        axes.set(xscale="log", xlim=(low / room, high * room))
        style.plain_ticks(axes.xaxis, low / room, high * room)
        bottom, top = float(np.nanmin(accuracy)), float(np.nanmax(accuracy))
        margin = max(0.09 * (top - bottom), 0.5)
        lowest, highest = axes.get_ylim()  # sharing panels have one frame
        axes.set_ylim(min(bottom - margin, lowest), max(top + margin, highest))

    def _step(self, axes: Axes, name: str) -> None:
        """The front: the best accuracy to be had for at most so much."""
        cost, accuracy = self._front_line(axes, name)
        axes.plot(cost, accuracy, drawstyle="steps-post", color=style.GREY, linewidth=0.9, zorder=2.5)

    def _front_line(self, axes: Axes, name: str) -> tuple[Any, Any]:
        import numpy as np

        column, _, unit = AXES[name]
        masks = self.fronts[name]
        cost = np.concatenate([s.columns[column][on] / unit for s, on in zip(self.series, masks, strict=True)])
        accuracy = np.concatenate([s.columns["accuracy"][on] for s, on in zip(self.series, masks, strict=True)])
        order = np.lexsort((accuracy, cost))
        return np.append(cost[order], axes.get_xlim()[1]), np.append(accuracy[order], accuracy[order][-1])

    def _disagreement(self, axes: Axes, name: str) -> None:
        """Rings around what is on another panel's front, but not on this one's."""
        import numpy as np

        column, _, unit = AXES[name]
        look: dict[str, Any] = {"markersize": 2 * RING, "markerfacecolor": "none", "markeredgecolor": style.BLACK}
        for place, each in enumerate(self.series):
            rows = np.flatnonzero(self._ringed(place, name) & ~np.isnan(each.columns[column]))
            cost = each.columns[column][rows] / unit
            axes.plot(cost, each.columns["accuracy"][rows], "o", markeredgewidth=0.6, **look, zorder=3)

    def _ringed(self, place: int, name: str) -> Any:
        """Which networks of a series are on another panel's front, but not on this one's."""
        import numpy as np

        return np.any([masks[place] for masks in self.fronts.values()], axis=0) & ~self.fronts[name][place]

    def _radii(self, place: int, name: str) -> Any:
        """Of the markers of a series, in points."""
        import numpy as np

        radii = np.where(self._ringed(place, name), RING, RADIUS)
        winner = self.series[place].winner
        if winner is not None:
            radii[winner] = STAR
        return radii

    def _limits(self, axes: Axes, column: str, unit: float) -> None:
        """What a search had to keep to."""
        for each in self.series:
            limit = each.limits.get(column)
            if limit is not None and axes.get_xlim()[0] < limit / unit:
                axes.set_xlim(right=max(axes.get_xlim()[1], 1.15 * limit / unit))
                style.plain_ticks(axes.xaxis, *axes.get_xlim())
                axes.axvline(limit / unit, **marks.LIMIT, zorder=2)
            least = each.limits.get("accuracy")
            if least is not None:
                axes.axhline(least, **marks.LIMIT, zorder=2)

    def label(self, figure: Any, panels: Sequence[Axes]) -> list[str]:
        """Labels, when all else stands where it will stay; the names that found no place."""
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        missing: list[str] = []
        for axes, name in zip(panels, self.x, strict=True):
            left_out = labels.place(axes, self._texts(name), self._boxes(axes, name), self._segments(axes, name))
            missing += [label.text for label in left_out if label.text in self.named]
        return missing

    def _texts(self, name: str) -> list[Label]:
        """What is to be labelled, the most important first: winners, names, the front, the rest."""
        import numpy as np

        column, _, unit = AXES[name]
        ranked: list[tuple[int, Label]] = []
        for place, (each, on) in enumerate(zip(self.series, self.fronts[name], strict=True)):
            radii = self._radii(place, name)
            cost, accuracy = each.columns[column] / unit, each.columns["accuracy"]
            rows = np.flatnonzero(~np.isnan(cost) & ~np.isnan(accuracy) & (on | (len(on) <= MOST_LABELS)))
            if not (each.published or each.measured):
                rows = _spread(rows[on[rows]], cost, each.winner if each.winner in rows else None)
            for row in rows.tolist():
                winner = row == each.winner
                text = each.title if each.title in self.named else each.text(row, each.varying)
                if winner and len(self.looks) > 1 and text != each.title:
                    text = f"{each.title} {text}"  # the star hides its colour
                rank = 0 if winner else 1 if text == each.title else 2 if on[row] else 3
                colour = style.BLACK if text in self.named or winner else style.ink(self.looks[each.spec][0])
                if text:
                    ranked.append(
                        (rank, Label(cost[row], accuracy[row], text, colour, radii[row], bold=winner, needed=rank < 3))
                    )
        return [label for _, label in sorted(ranked, key=lambda pair: (pair[0], pair[1].x, pair[1].y))]

    def _boxes(self, axes: Axes, name: str) -> Any:
        """Where markers stand, in pixels."""
        import numpy as np

        column, _, unit = AXES[name]
        pixels = axes.get_figure().dpi / 72  # type: ignore[union-attr]
        found = [np.empty((0, 4))]
        for place, (each, on) in enumerate(zip(self.series, self.fronts[name], strict=True)):
            cost, accuracy = each.columns[column] / unit, each.columns["accuracy"]
            rows = np.flatnonzero(~np.isnan(cost) & ~np.isnan(accuracy) & (on | (len(on) <= CLOUD)))
            at = axes.transData.transform(np.stack([cost[rows], accuracy[rows]], axis=1))
            radius = self._radii(place, name)[rows][:, None] * pixels
            found.append(np.hstack([at - radius, at + radius]))
        return np.vstack(found)

    def _segments(self, axes: Axes, name: str) -> Any:
        """What labels had better not stand on: the front, the surface's curves, error bars."""
        import numpy as np

        column, _, unit = AXES[name]
        cost, accuracy = self._front_line(axes, name)
        paths = [np.stack([np.repeat(cost, 2)[1:], np.repeat(accuracy, 2)[:-1]], axis=1)]
        for each in self.series:
            paths += [np.stack([c.columns[column] / unit, c.columns["accuracy"]], axis=1) for c in each.curves]
            ends = [each.columns["accuracy_low"], each.columns["accuracy_high"]]
            barred = np.flatnonzero(~np.isnan(ends[0] + each.columns[column]))[: MOST_BARS + 1]
            paths += [np.array([[each.columns[column][row] / unit, end[row]] for end in ends]) for row in barred]
            if len(each) > CLOUD:
                cloud = slice(None, None, 1 + len(each) // CLOUDED)
                at = np.stack([each.columns[column][cloud] / unit, each.columns["accuracy"][cloud]], axis=1)
                paths += [np.stack([point, point]) for point in at[~np.isnan(at).any(axis=1)]]
            if column in each.limits:
                paths.append(np.stack([[each.limits[column] / unit] * 2, axes.get_ylim()], axis=1))
        drawn = [axes.transData.transform(path) for path in paths]
        return np.vstack([np.hstack([path[:-1], path[1:]]) for path in drawn])


def _spread(rows: Any, cost: Any, winner: int | None) -> Any:
    """A few of a long front, evenly along it, the winner among them."""
    import numpy as np

    ordered = rows[np.argsort(cost[rows], kind="stable")]
    if len(ordered) > 2 * MOST_FOUND:
        ordered = ordered[np.linspace(0, len(ordered) - 1, MOST_FOUND).round().astype(int)]
    return ordered if winner is None else np.union1d(ordered, [winner])


def _kind(series: Sequence[Series]) -> str:
    """How latencies are known."""
    known = {each.measured for each in series if each.measured is not None}
    return {frozenset({True}): "Measured", frozenset({False}): "Predicted"}.get(
        frozenset(known), "Measured or predicted"
    )


def _nothing(series: Sequence[Series], name: str) -> str:
    specs = ", ".join(dict.fromkeys(each.spec for each in series))
    if all((each.columns["accuracy"] != each.columns["accuracy"]).all() for each in series):
        return f"{specs}: no accuracy is known of any network here, so there is nothing to plot"
    if name == "latency":
        return (
            f"{specs}: no latency is known here; name a CSV with a column latency_ms (`archcost measure` writes one), "
            "or a search or a sweep with --device"
        )
    return f"{specs}: {name} is known of no network here that has an accuracy"
