"""A Pareto plot's figure: panels, legend and title on a sheet of so many millimetres, over whose edge nothing hangs."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from archcost.errors import ArchcostError
from archcost.reports.plots import labels, legend, panel, style
from archcost.reports.plots.scene import Scene
from archcost.reports.plots.series import ACCURACY
from archcost.reports.plots.style import MILLIMETRES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TALLER = (1.0, 1.2, 1.45, 1.75)
"""What the usual height is multiplied by where not all labels find a place in it."""
GROWTH = 1.2
TRIES = 12
"""To find a size that is large enough."""
LEAST = (17.0, 13.0)
"""Millimetres of width and height, below which nobody could read a panel."""
ROUNDS = 5
"""Of placing labels, as what is left out stands in the legend, which takes room itself; half-way all names do."""
TITLE: dict[str, Any] = {"fontsize": 8, "fontweight": "bold"}


class Size(NamedTuple):
    """Of a sheet. width, height: millimetres; dpi: pixels an inch."""

    width: float
    height: float
    dpi: int


class Sheet(NamedTuple):
    """A figure. lost: how many labels found no place in it; spared: how many were not offered one, being too many;
    unnamed: the names among those lost."""

    figure: Figure
    lost: int
    spared: int
    unnamed: Sequence[str]


def fitted(scene: Scene, title: str, width: float, height: float | None, dpi: int) -> Figure:
    """The figure; without a height, as tall as its texts and labels need, within reason.

    Raises ArchcostError where there is no room for axes and texts.
    """
    usual = 0.8 * width / len(scene.x) ** 0.75
    best: tuple[int, float, Sheet] | None = None
    for tall in [height] if height else [usual * factor for factor in TALLER]:
        found = labelled(scene, title, Size(width, tall, dpi), scene.named, 0)
        if found and (best is None or found.lost < best[0]):
            best = found.lost, tall, found
        if best and not best[0]:
            break
    figure = best and told(scene, title, Size(width, best[1], dpi), best[2])
    for tall in () if figure or height else _growing(usual):
        figure = told(scene, title, Size(width, tall, dpi), None)
        if figure:
            break
    return figure or _refused(scene, title, Size(width, height or usual, dpi))


def told(scene: Scene, title: str, size: Size, found: Sheet | None) -> Figure | None:
    """The same with what its labels do not say in its legend: names, and how many points have no label. That takes
    room itself, so that some labels may move. None if it does not fit."""
    named, said = scene.named, 0
    found = found or labelled(scene, title, size, named, said)
    for turn in range(ROUNDS):
        if not found or (found.lost + found.spared == said and not found.unnamed):
            break
        few = turn < ROUNDS // 2 or not found.unnamed
        named = [name for name in named if name not in found.unnamed] if few else []
        said = found.lost + found.spared
        found = labelled(scene, title, size, named, said)
    if found and found.lost + found.spared != said:
        found.figure.legends[0].set_title(legend.key(scene, found.lost + found.spared))
    return found and found.figure


def labelled(scene: Scene, title: str, size: Size, named: Sequence[str], missing: int) -> Sheet | None:
    """The figure with its labels; None if it does not fit. named: titles that stand beside their points, not in the
    legend; missing: how many labels the legend says are not there."""
    figure = style.figure(*size)
    panels = laid_out(figure, scene, title, named, missing)
    if panels is None:
        return None
    unnamed: list[str] = []
    lost = spared = 0
    for axes, name in zip(panels, scene.x, strict=True):
        wanted, too_many = scene.labels(name, named)
        left_out = labels.place(axes, wanted, panel.obstacles(axes, scene, name))
        unnamed += [label.name for label in left_out if label.name]
        lost += len(left_out)
        spared += too_many
    return Sheet(figure, lost, spared, unnamed)


def laid_out(figure: Figure, scene: Scene, title: str, named: Sequence[str], missing: int) -> list[Axes] | None:
    """The panels, with all but their labels, where they will stay; None if there is no room for them."""
    panels: list[Axes] = list(figure.subplots(1, len(scene.x), sharey=True, squeeze=False)[0])
    for axes, name in zip(panels, scene.x, strict=True):
        panel.draw(axes, scene, name)
    panels[0].set_ylabel(panel.label(scene, scene.y))
    if title:
        wrapped = style.wrapped(figure, style.legible(title), 0.94 * figure.bbox.width, **TITLE)
        figure.suptitle(wrapped, **TITLE)
    legend.draw(figure, legend.entries(scene, named), legend.key(scene, missing))
    if not _settled(figure) or (_mended(figure, scene, panels) and not _settled(figure)):
        return None
    figure.set_layout_engine("none")
    return panels if _readable(figure, panels) else None


def _mended(figure: Figure, scene: Scene, panels: Sequence[Axes]) -> bool:
    """Whether ticks had to become fewer, or the axes' labels more lines, for panels of this size."""
    logs = [axes.xaxis for axes in panels] + ([] if scene.y == ACCURACY else [panels[0].yaxis])
    thinned = [style.thin_ticks(axis) for axis in logs]
    mended = any(thinned)
    lengths = [(axes.xaxis, axes.bbox.width) for axes in panels] + [(panels[0].yaxis, panels[0].bbox.height)]
    for axis, length in lengths:
        whole = axis.get_label_text()
        wrapped = style.wrapped(figure, whole, length)
        axis.set_label_text(wrapped)
        mended |= wrapped != whole
    return mended


def _settled(figure: Figure) -> bool:
    """Lays the figure out; whether there was room."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        figure.draw_without_rendering()
    return not any("constrained_layout" in str(warning.message) for warning in said)


def _readable(figure: Figure, panels: Sequence[Axes]) -> bool:
    """Whether panels are large enough, and no text hangs over the edge or lies on another."""
    pixels = figure.dpi / MILLIMETRES
    if any(axes.bbox.width < LEAST[0] * pixels or axes.bbox.height < LEAST[1] * pixels for axes in panels):
        return False
    boxes = [text.get_window_extent() for text in _written(figure, panels)]
    edge = figure.bbox
    if any(b.x0 < 0 or b.y0 < 0 or b.x1 > edge.x1 or b.y1 > edge.y1 for b in boxes):
        return False
    across = ((min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)) for a, b in _pairs(boxes))
    return all(min(each) <= 1 for each in across)


def _pairs(boxes: Sequence[Any]) -> Any:
    return itertools.combinations(boxes, 2)


def _written(figure: Figure, panels: Sequence[Axes]) -> list[Any]:
    """The texts that are seen; matplotlib keeps ticks beyond the ends of axes."""
    from matplotlib.text import Text

    unseen = set()
    for axis in (axis for axes in panels for axis in (axes.xaxis, axes.yaxis)):
        low, high = axis.get_view_interval()
        unseen |= {tick.label1 for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high}
    texts: list[Any] = figure.findobj(Text)
    return [text for text in texts if text.get_visible() and text.get_text().strip() and text not in unseen]


def _growing(length: float) -> Iterator[float]:
    return (length * GROWTH**step for step in range(TRIES))


def _refused(scene: Scene, title: str, size: Size) -> NoReturn:
    """Raises ArchcostError, with a size that would do even if the legend had to name everything."""
    for wide, tall in itertools.product(_growing(size.width), [*_growing(size.height)][::2]):
        if laid_out(style.figure(wide, tall, size.dpi), scene, title, [], 999):
            raise ArchcostError(
                f"{size.width:.4g} × {size.height:.4g} mm is too small for what this plot shows; "
                f"--width {math.ceil(wide)} --height {math.ceil(tall)} is enough"
            )
    raise ArchcostError("this plot fits no sheet; plot fewer sources, or fewer costs at once")
