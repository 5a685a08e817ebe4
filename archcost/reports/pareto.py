"""The Pareto plot: accuracy against what networks cost, the front as a step line, labelled points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from archcost.reports.plots import sheet, style
from archcost.reports.plots.scene import Scene, front
from archcost.reports.plots.series import ACCURACY, Series

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw", "front", "render"]


def draw(
    series: Sequence[Series],
    x: Sequence[str] = ("macs",),
    y: str = ACCURACY,
    *,
    title: str = "",
    width: float = style.WIDTH,
    height: float | None = None,
    dpi: int = style.DPI,
) -> Figure:
    """A panel for each cost, side by side; x, y: of AXES; width and height in millimetres.

    Without a height, it is as tall as all labels need, within reason. Raises ArchcostError where no network has both
    an accuracy and one of the costs, and where the size has no room for axes and texts.
    """
    with style.styled():
        return sheet.fitted(Scene(series, x, y), title, width, height, dpi)


def render(figure: Figure, form: str) -> bytes:
    """The figure as a file's content; form: png, svg or pdf."""
    with style.styled():
        return style.rendered(figure, form)
