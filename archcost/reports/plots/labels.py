"""Where labels stand: beside their points, never over each other, a marker, the legend or the edge of the axes.

A label that finds no place is left out; which are drawn first is the caller's to say. Sizes here are in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from archcost.reports.plots.style import SMALL

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Boxes = NDArray[np.float64]

GAP = 1.5
"""Points between a marker and its label."""
RINGS = (1.0, 2.6, 4.6, 7.0)
"""How far off a label may stand, in gaps beyond the marker; from the second on a line leads to it."""
DIRECTIONS = (135, 315, 180, 0, 90, 270, 45, 225, 157.5, 112.5, 337.5, 292.5)
"""Degrees, those first that a rising cloud of points leaves free."""
CROSSING = 3.0
"""What it costs a label to stand on a line, in rings."""


class Label(NamedTuple):
    """A text for a point, in data coordinates; radius: of its marker, in points."""

    x: float
    y: float
    text: str
    colour: str
    radius: float = 2.0
    bold: bool = False
    needed: bool = True
    """Whether it may stand further off, with a line that leads to it, rather than be left out."""


def place(axes: Axes, labels: Sequence[Label], taken: Boxes, lines: Boxes) -> list[Label]:
    """Draws the labels that find a place, the first first, and returns the others.

    taken: [n, 4], left, bottom, right and top of what must stay free; lines: [n, 4], segments from (x, y) to (x, y)
    that had better stay so.
    """
    import numpy as np

    figure: Any = axes.get_figure()
    pixels = figure.dpi / 72
    frame = axes.get_window_extent()
    left_out = []
    markers = taken
    texts, leaders = np.empty((0, 4)), np.empty((0, 4))
    for label in labels:
        at = axes.transData.transform((label.x, label.y))
        best: tuple[float, Any, Any] | None = None
        size = _size(axes, label)
        for cost, offset in _offsets(size, label.radius * pixels, GAP * pixels):
            if cost >= (best[0] if best else math.inf if label.needed else 1.0):
                break
            centre = at + offset
            box = np.array([*(centre - size / 2), *(centre + size / 2)])
            inside = frame.x0 <= box[0] and frame.y0 <= box[1] and box[2] <= frame.x1 and box[3] <= frame.y1
            if not inside or _overlaps(box, taken).any():
                continue
            leader = np.array([[*at, *centre]])  # as matplotlib draws it, from the middle of the text
            led = _far(box, at, label.radius * pixels + 2.5 * GAP * pixels)
            if _crosses(box, leaders).any() or (led and _cut(leader, at, texts).any()):
                continue
            crossed = int(_crosses(box, lines).any()) + int(_cut(leader, at, taken).sum())
            crossed += _mistaken(box, at, label.radius * pixels, markers)
            total = cost + CROSSING * min(crossed, 3)
            if (label.needed or not crossed) and (best is None or total < best[0]):
                best = total, offset, box
        if best is None:
            left_out.append(label)
            continue
        _, offset, box = best
        led = _far(box, at, label.radius * pixels + 2.5 * GAP * pixels)
        _draw(axes, label, offset / pixels, led)
        taken, texts = np.vstack([taken, box]), np.vstack([texts, box])
        if led:
            leaders = np.vstack([leaders, [*at, *(at + offset)]])
            lines = np.vstack([lines, leaders[-1]])
    return left_out


def _size(axes: Axes, label: Label) -> Any:
    """Width and height of the text."""
    import numpy as np

    figure: Any = axes.get_figure()
    text = axes.text(0, 0, label.text, fontsize=SMALL, fontweight="bold" if label.bold else "normal")
    extent = text.get_window_extent(figure.canvas.get_renderer())
    text.remove()
    margin = 0.8 * figure.dpi / 72
    return np.array([extent.width + margin, extent.height + margin])


def _offsets(size: Any, radius: float, gap: float) -> list[tuple[float, Any]]:
    """From the point to the label's centre, with what each costs, the cheapest first."""
    import numpy as np

    found = []
    for ring, far in enumerate(RINGS):
        for turn, degrees in enumerate(DIRECTIONS):
            unit = np.array([math.cos(math.radians(degrees)), math.sin(math.radians(degrees))])
            # The label's edge, not its centre, keeps the distance; straight up and to the side it stands centred.
            side = np.where(abs(unit) < 0.2, 0, np.sign(unit)) * size / 2
            found.append((ring + 0.05 * turn, side + unit * (radius + gap * far)))
    return sorted(found, key=lambda pair: pair[0])


def _draw(axes: Axes, label: Label, offset: Any, led: bool) -> None:
    line = {"arrowstyle": "-", "linewidth": 0.35, "color": label.colour, "shrinkA": 0, "shrinkB": label.radius}
    axes.annotate(
        label.text,
        (label.x, label.y),
        offset,
        textcoords="offset points",
        ha="center",
        va="center",
        fontsize=SMALL,
        fontweight="bold" if label.bold else "normal",
        color=label.colour,
        arrowprops=line if led else None,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.2},
        annotation_clip=False,
        zorder=6,
    )


def _far(box: Any, at: Any, reach: float) -> bool:
    import numpy as np

    return bool(np.linalg.norm(np.clip(at, box[:2], box[2:]) - at) > reach)


def _overlaps(box: Any, boxes: Any) -> Any:
    return (boxes[:, 0] < box[2]) & (boxes[:, 2] > box[0]) & (boxes[:, 1] < box[3]) & (boxes[:, 3] > box[1])


def _cut(leader: Any, at: Any, taken: Any) -> Any:
    """Which boxes a leader runs through, that of its own point aside."""
    import numpy as np

    own = (taken[:, :2] <= at).all(axis=1) & (at <= taken[:, 2:]).all(axis=1)
    others = taken[~own]
    steps = leader[0, :2] + np.linspace(0, 1, 12)[:, None] * (leader[0, 2:] - leader[0, :2])
    hits = (others[:, None, :2] < steps).all(axis=2) & (steps < others[:, None, 2:]).all(axis=2)
    return hits.any(axis=1)


def _mistaken(box: Any, at: Any, radius: float, markers: Any) -> bool:
    """Whether a label would seem to belong to another marker: one that is as near as its own."""
    import numpy as np

    own = np.linalg.norm(np.clip(at, box[:2], box[2:]) - at) - radius
    others = markers[~((markers[:, :2] <= at) & (at <= markers[:, 2:])).all(axis=1)]
    gaps = np.maximum(np.maximum(others[:, :2] - box[2:], box[:2] - others[:, 2:]), 0)
    return bool((np.linalg.norm(gaps, axis=1) < 1.2 * own).any())


def _crosses(box: Any, lines: Any) -> Any:
    """Which segments run through a box (Liang and Barsky's clipping)."""
    import numpy as np

    start, along = lines[:, :2], lines[:, 2:] - lines[:, :2]
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = (box[:2] - start) / along, (box[2:] - start) / along
    level = along == 0
    within = (start > box[:2]) & (start < box[2:])
    enter = np.where(level, np.where(within, 0.0, 2.0), np.minimum(first, second))
    leave = np.where(level, np.where(within, 1.0, -1.0), np.maximum(first, second))
    return np.maximum(enter.max(axis=1), 0) < np.minimum(leave.min(axis=1), 1)
