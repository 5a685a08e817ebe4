"""Boxes and segments: which meet.

Boxes are [n, 4], left, bottom, right and top; segments are [n, 4], from (x, y) to (x, y). Answers about all pairs are
[n, m], those about pairs one by one [n].
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Boxes = NDArray[np.float64]
    Segments = NDArray[np.float64]
    Flags = NDArray[np.bool_]


def segments(path: Any) -> Segments:
    """Of a line through points [n, 2]; from where its points are known to where they are."""
    import numpy as np

    found = np.hstack([path[:-1], path[1:]])
    known: Segments = found[~np.isnan(found).any(axis=1)]
    return known


def hulls(lines: Segments) -> Boxes:
    """The boxes that just hold segments."""
    import numpy as np

    return np.hstack([np.minimum(lines[:, :2], lines[:, 2:]), np.maximum(lines[:, :2], lines[:, 2:])])


def grown(boxes: Boxes, by: float) -> Boxes:
    """Boxes with so much more on each side."""
    import numpy as np

    return boxes + by * np.array([-1, -1, 1, 1])


def overlaps(boxes: Boxes, others: Boxes) -> Flags:
    """Which boxes overlap which; [n, m]."""
    a, b = boxes[:, None], others[None]
    across = (a[..., 0] < b[..., 2]) & (a[..., 2] > b[..., 0])
    return across & (a[..., 1] < b[..., 3]) & (a[..., 3] > b[..., 1])


def nearest(boxes: Boxes, points: Any) -> Any:
    """The point of each box that is nearest to a point; [n, 2]."""
    import numpy as np

    return np.clip(points, boxes[:, :2], boxes[:, 2:])


def gaps(boxes: Boxes, others: Boxes) -> Any:
    """How far boxes are from others, 0 where they overlap; [n, m]."""
    import numpy as np

    a, b = boxes[:, None], others[None]
    return np.linalg.norm(np.maximum(np.maximum(b[..., :2] - a[..., 2:], a[..., :2] - b[..., 2:]), 0), axis=-1)


def through(boxes: Boxes, lines: Segments) -> Flags:
    """Which boxes have which segments run through them (Liang and Barsky's clipping); [n, m]."""
    import numpy as np

    # Hulls without a width overlap nothing, unless boxes are a little larger.
    rows, columns = np.nonzero(overlaps(grown(boxes, 1e-6), hulls(lines)))
    found = np.zeros((len(boxes), len(lines)), bool)
    found[rows, columns] = cut(boxes[rows], lines[columns])
    return found


def cut(boxes: Boxes, lines: Segments) -> Flags:
    """Whether a segment runs through a box, pair by pair; [n]."""
    import numpy as np

    start, along = lines[:, :2], lines[:, 2:] - lines[:, :2]
    level = along == 0
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = (boxes[:, :2] - start) / along, (boxes[:, 2:] - start) / along
    within = (start > boxes[:, :2]) & (start < boxes[:, 2:])
    enter = np.where(level, np.where(within, 0.0, 2.0), np.minimum(first, second))
    leave = np.where(level, np.where(within, 1.0, -1.0), np.maximum(first, second))
    return np.maximum(enter.max(axis=1), 0) < np.minimum(leave.min(axis=1), 1)  # type: ignore[no-any-return]


def meet(lines: Segments, others: Segments) -> Flags:
    """Whether two segments cross, pair by pair; [n]."""
    ends = _side(lines, others[:, :2]) * _side(lines, others[:, 2:])
    return (ends < 0) & (_side(others, lines[:, :2]) * _side(others, lines[:, 2:]) < 0)  # type: ignore[no-any-return]


def _side(lines: Segments, points: Any) -> Any:
    """Above 0 where a point lies left of a line."""
    along, away = lines[:, 2:] - lines[:, :2], points - lines[:, :2]
    return along[:, 0] * away[:, 1] - along[:, 1] * away[:, 0]
