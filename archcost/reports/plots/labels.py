"""Where labels stand: beside their points, or led to by a line, never on each other, a marker or the front.

Every label has some dozens of candidate places, each with a cost; `annealing` chooses among them all at once. A label
that finds no place is left out, those that matter least first. Sizes here are in pixels unless they say points.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from archcost.reports.plots import annealing, geometry
from archcost.reports.plots.style import SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from archcost.reports.plots.geometry import Boxes, Segments

GAP = 1.5
"""Points between a marker and its label."""
LED = 4.0
"""Points between them, from which on a line leads to the label."""
FAR = (GAP, 4.5, 7.0, 10.0, 14.0, 19.0, 26.0, 35.0, 46.0)
"""Points that a label may stand off."""
DIRECTIONS = (135, 315, 180, 0, 90, 270, 157.5, 337.5, 112.5, 292.5, 45, 225, 67.5, 22.5, 202.5, 247.5)
"""Degrees, those first that a rising cloud of points leaves free."""
MARGIN = 0.4
"""Points around a text that nothing else comes into."""
CLEAR = 0.7
"""Points more between a text and a line that must stay whole: half the line's width, and some air."""
MOST = 120
"""Labels of one panel."""
KEPT = 56
"""Candidates of a label, the cheapest."""


class Label(NamedTuple):
    """A text for a point, in data coordinates; radius: of its marker, in points; rank: 0 matters most; name: what the
    legend says instead where it finds no place."""

    x: float
    y: float
    text: str
    colour: str
    radius: float = 2.0
    bold: bool = False
    rank: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True)
class Obstacles:
    """What is drawn already. markers: boxes that must stay free; lines: segments that must, such as the front; others:
    segments that had better."""

    markers: Boxes
    lines: Segments
    others: Segments


@dataclass(slots=True)
class _Candidates:
    """Places of labels. boxes: of the texts; leaders: from the text to the marker's edge, NaN where the two are near;
    costs: what each is disliked by."""

    boxes: Boxes
    leaders: Segments
    costs: Any

    def __len__(self) -> int:
        return len(self.costs)

    def chosen(self, rows: Any) -> _Candidates:
        return _Candidates(self.boxes[rows], self.leaders[rows], self.costs[rows])


def place(axes: Axes, labels: Sequence[Label], obstacles: Obstacles) -> list[Label]:
    """Draws the labels that find a place, and returns the others; axes: as they will be seen."""
    import numpy as np

    offered, lost = list(labels[:MOST]), list(labels[MOST:])
    if not offered:
        return lost
    each = [_candidates(axes, label, obstacles) for label in offered]
    ends = np.cumsum([0, *map(len, each)])
    boxes = np.vstack([found.boxes for found in each])
    leaders = np.vstack([found.leaders for found in each])
    costs = np.concatenate([found.costs for found in each])
    conflicts = _conflicts(boxes, leaders)
    for start, end in itertools.pairwise(ends):
        conflicts[start:end, start:end] = False
    without = np.array([60.0 * 2.0 ** -min(label.rank, 10) + 30.0 for label in offered])
    for label, place in zip(offered, annealing.choose(costs, ends, conflicts, without), strict=True):
        if place is None:
            lost.append(label)
        else:
            _draw(axes, label, boxes[place], leaders[place])
    return lost


def _candidates(axes: Axes, label: Label, obstacles: Obstacles) -> _Candidates:
    """The places of one label that are free of what is drawn, the cheapest first."""
    import numpy as np

    figure: Any = axes.get_figure()
    pixels = figure.dpi / 72
    frame = axes.get_window_extent()
    at = axes.transData.transform((label.x, label.y))
    found = _offered(at, _size(axes, label), label.radius, pixels)
    boxes = found.boxes
    inside = (boxes >= [frame.x0, frame.y0] * 2).all(axis=1) & (boxes <= [frame.x1, frame.y1] * 2).all(axis=1)
    free = inside & ~geometry.overlaps(boxes, obstacles.markers).any(axis=1)
    found = found.chosen(free)
    found = found.chosen(~geometry.through(geometry.grown(found.boxes, CLEAR * pixels), obstacles.lines).any(axis=1))
    found.costs += _disliked(found, at, label.radius * pixels, pixels, obstacles)
    return found.chosen(np.argsort(found.costs, kind="stable")[:KEPT])


def _offered(at: Any, size: Any, radius: float, pixels: float) -> _Candidates:
    """Every place of a label, whatever is there; size: width and height of the text; radius: in points."""
    import numpy as np

    turns, far = np.meshgrid(np.arange(len(DIRECTIONS)), np.array(FAR))
    angles = np.radians(np.array(DIRECTIONS))[turns.ravel()]
    units = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    # The label's edge, not its centre, keeps the distance; straight up and to the side it stands centred.
    sides = np.where(abs(units) < 0.2, 0, np.sign(units)) * size / 2
    centres = at + sides + units * ((radius + far.reshape(-1, 1)) * pixels)
    boxes = np.hstack([centres - size / 2, centres + size / 2])
    start = geometry.nearest(boxes, at)
    away = np.linalg.norm(start - at, axis=1, keepdims=True)
    edge = at + (start - at) / np.maximum(away, 1e-9) * radius * pixels
    length = away[:, 0] / pixels - radius
    leaders = np.where((length > LED)[:, None], np.hstack([start, edge]), np.nan)
    costs = 0.04 * turns.ravel() + np.where(length > LED, 1 + length / 6, 0)
    return _Candidates(boxes, leaders, costs)


def _disliked(found: _Candidates, at: Any, radius: float, pixels: float, obstacles: Obstacles) -> Any:
    """What is wrong with each place, though it is free."""
    import numpy as np

    led = ~np.isnan(found.leaders[:, 0])
    costs = 1.5 * np.minimum(geometry.through(found.boxes, obstacles.others).sum(axis=1), 3).astype(float)
    own = (obstacles.markers[:, :2] <= at).all(axis=1) & (at <= obstacles.markers[:, 2:]).all(axis=1)
    others = obstacles.markers[~own]
    # It would seem to belong to another marker that is as near as its own.
    off = np.linalg.norm(geometry.nearest(found.boxes, at) - at, axis=1) - radius
    near = geometry.gaps(found.boxes, others).min(axis=1, initial=np.inf) / np.maximum(off, 1e-9)
    costs += np.where(near < 1.2, 1.0, np.where(near < 2, 0.5, 0)) * np.where(led, 0.7, 4.0)
    leaders = found.leaders[led]
    if len(leaders):
        costs[led] += 5.0 * geometry.through(others, leaders).sum(axis=0)
        costs[led] += 0.7 * np.minimum(_crossings(leaders, obstacles.lines), 3)
        costs[led] += 0.3 * np.minimum(_crossings(leaders, obstacles.others), 3)
        # One that runs along the front is taken for a part of it.
        middle = (leaders[:, :2] + leaders[:, 2:]) / 2
        near = np.hstack([middle - 1.2 * pixels, middle + 1.2 * pixels])
        costs[led] += 3.0 * geometry.through(near, obstacles.lines).any(axis=1)
    return costs


def _crossings(lines: Segments, others: Segments) -> Any:
    """How many of the others each segment crosses."""
    import numpy as np

    rows, columns = np.nonzero(geometry.overlaps(geometry.hulls(lines), geometry.hulls(others)))
    return np.bincount(rows[geometry.meet(lines[rows], others[columns])], minlength=len(lines))


def _conflicts(boxes: Boxes, leaders: Segments) -> Any:
    """Which places get in which other's way: text on text, leader through text, leader across leader."""
    import numpy as np

    found = geometry.overlaps(boxes, boxes)
    led = np.flatnonzero(~np.isnan(leaders[:, 0]))
    lines = leaders[led]
    hulls = geometry.hulls(lines)
    texts, rows = np.nonzero(geometry.overlaps(boxes, hulls) & ~found[:, led])
    hit = geometry.cut(boxes[texts], lines[rows])
    found[texts[hit], led[rows[hit]]] = True
    found |= found.T
    rows, columns = np.nonzero(np.triu(geometry.overlaps(hulls, hulls) & ~found[np.ix_(led, led)]))
    hit = geometry.meet(lines[rows], lines[columns])
    found[led[rows[hit]], led[columns[hit]]] = True
    return found | found.T


def _size(axes: Axes, label: Label) -> Any:
    """Width and height of the text, with its margin."""
    import numpy as np

    figure: Any = axes.get_figure()
    text = axes.text(0, 0, label.text, fontsize=SMALL, fontweight="bold" if label.bold else "normal")
    extent = text.get_window_extent(figure.canvas.get_renderer())
    text.remove()
    return np.array([extent.width, extent.height]) + 2 * MARGIN * figure.dpi / 72


def _draw(axes: Axes, label: Label, box: Any, leader: Any) -> None:
    """Where it stands is said in points from its point, as other resolutions than the figure's may draw it."""
    figure: Any = axes.get_figure()
    at = axes.transData.transform((label.x, label.y))
    centre = (box[:2] + box[2:]) / 2
    axes.annotate(
        label.text,
        (label.x, label.y),
        (centre - at) * 72 / figure.dpi,
        textcoords="offset points",
        ha="center",
        va="center",
        fontsize=SMALL,
        fontweight="bold" if label.bold else "normal",
        color=label.colour,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.1},
        annotation_clip=False,
        zorder=6,
    )
    if not math.isnan(leader[0]):
        ends = axes.transData.inverted().transform(leader.reshape(2, 2))
        axes.plot(*ends.T, color=label.colour, linewidth=0.4, solid_capstyle="butt", zorder=3.4, gid="leader")
