"""Fronts of time against value as areas: how much points cover, what another would add, which few cover most.

Less time is better, and more value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcost.search import pareto

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def area(seconds: Any, value: Any, reference: tuple[float, float]) -> float:
    """The area that points dominate up to a reference of more seconds and less value: the hypervolume in two
    dimensions.

    >>> area([1.0, 2.0], [1.0, 3.0], (3.0, 0.0))
    4.0
    """
    import numpy as np

    seconds, value = np.asarray(seconds, float), np.asarray(value, float)
    order = np.lexsort((-value, seconds))
    seconds, value = seconds[order], value[order]
    highest = np.maximum.accumulate(np.maximum(value, reference[1]))
    steps = np.diff(highest, prepend=reference[1])
    return float((np.maximum(reference[0] - seconds, 0) * steps).sum())


def added(seconds: Any, value: Any, reference: tuple[float, float], more_seconds: Any, more_value: Any) -> Floats:
    """By how much each further point alone would enlarge the area; more_seconds, more_value: of one shape.

    >>> added([1.0, 2.0], [1.0, 3.0], (3.0, 0.0), [0.5, 2.0, 1.5], [1.0, 5.0, 2.0]).tolist()
    [0.5, 2.0, 0.5]
    """
    import numpy as np

    seconds, value = np.asarray(seconds, float), np.asarray(value, float)
    more_seconds, more_value = np.asarray(more_seconds, float), np.asarray(more_value, float)
    order = np.lexsort((-value, seconds))
    highest = np.maximum.accumulate(np.maximum(value[order], reference[1]))
    corners = np.diff(highest, prepend=reference[1]) > 0
    # A staircase: from each edge on, the highest value so far; under it, what is covered up to each edge.
    edges = np.append(seconds[order][corners], np.inf)
    heights = np.concatenate([[0.0], highest[corners] - reference[1]])
    covered = np.append(0.0, np.cumsum(heights[1:-1] * np.diff(edges[:-1])))

    def under(at: Any) -> Any:
        place = np.searchsorted(edges, at, "right")
        start = np.maximum(place - 1, 0)
        found: Any = covered[start] + heights[place] * (at - np.minimum(edges[start], at))
        return found

    height = more_value - reference[1]
    end = np.minimum(edges[np.searchsorted(heights[1:], height, "left")], reference[0])
    gained: Floats = height * (end - more_seconds) - (under(end) - under(more_seconds))
    return np.where((end > more_seconds) & (height > 0), np.maximum(gained, 0.0), 0.0)


def beaten(seconds: Any, value: Any, others_seconds: Any, others_value: Any) -> Any:
    """Which of the others some point is no slower than and as valuable as; a mask."""
    import numpy as np

    order = np.argsort(seconds, kind="stable")
    highest = np.append(-np.inf, np.maximum.accumulate(value[order]))
    return highest[np.searchsorted(seconds[order], others_seconds, "right")] >= others_value


def chain(seconds: Any, value: Any, free: int, most: int, reference: tuple[float, float]) -> Any:
    """The best `most` points to add to the first `free` ones, by the area that all dominate: their places.

    A front is a chain of rising seconds and value; the best chain of so many points is found exactly, by dynamic
    programming over its last point.
    """
    import numpy as np

    inside = np.flatnonzero((seconds < reference[0]) & (value > reference[1]))
    # A point that any other beats is not worth adding; a free one counts, unless another free one beats it.
    gratis = inside[inside < free]
    kept = np.union1d(
        gratis[pareto.front([seconds[gratis], -value[gratis]])],
        inside[pareto.front([seconds[inside], -value[inside]]) & (inside >= free)],
    )
    order = kept[np.lexsort((seconds[kept], value[kept]))]
    cost = (order >= free).astype(int)
    if not len(order) or not most or cost.sum() <= most:
        return order[cost.astype(bool)] if most else order[:0]
    seconds, value = seconds[order], value[order]
    best = np.full((most + 1, len(order)), -np.inf)
    before = np.full(best.shape, -1)
    depth = reference[0] - seconds
    for i in range(len(order)):
        first = depth[i] * (value[i] - reference[1])
        best[cost[i] :, i] = first
        if not i:
            continue
        follows = (seconds[:i] <= seconds[i]) & (value[:i] < value[i])
        through = best[: most + 1 - cost[i], :i] + np.where(follows, depth[i] * (value[i] - value[:i]), -np.inf)
        last = through.argmax(axis=1)
        reached = through[np.arange(len(last)), last]
        better = reached > first
        best[cost[i] :, i][better] = reached[better]
        before[cost[i] :, i][better] = last[better]
    used, i = map(int, np.unravel_index(int(best.argmax()), best.shape))
    found = []
    while i >= 0:
        if cost[i]:
            found.append(order[i])
        used, i = used - int(cost[i]), int(before[used, i])
    return np.array(found[::-1], int)


def layers(first: Any, second: Any, most: int, *others: Any) -> Any:
    """Places of at least `most` rows: the front, then the front of the rest, and so on; all columns are minimised."""
    import numpy as np

    columns = [first, second, *others]
    left = np.arange(len(first))
    found: list[Any] = []
    while len(left) and sum(len(each) for each in found) < most:
        on = pareto.front([column[left] for column in columns])
        found.append(left[on])
        left = left[~on]
    return np.sort(np.concatenate(found))
