"""The Pareto front: what nothing else beats in every objective at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from archcost.errors import ArchcostError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def front(objectives: Sequence[Any]) -> NDArray[np.bool_]:
    """Which rows no other row dominates, all objectives (arrays of one length, without NaN) being minimised.

    A row dominates another if it is no worse in any objective and better in one; so equal rows all stay.
    Raises ArchcostError where three or more objectives need moocore, and it is not installed.
    """
    import numpy as np

    columns = [np.asarray(each, float) for each in objectives]
    if len(columns) == 1:
        found: NDArray[np.bool_] = columns[0] == columns[0].min(initial=np.inf)
        return found
    if len(columns) == 2:
        return _two(*columns)
    try:
        import moocore
    except ImportError:
        raise ArchcostError(
            "a front over three or more objectives needs moocore: pip install 'archcost[search]'"
        ) from None
    # Ranks compare as the values do, and moocore misjudges infinities.
    table = np.stack([np.unique(each, return_inverse=True)[1] for each in columns], axis=1).astype(float)
    several: NDArray[np.bool_] = moocore.is_nondominated(table, keep_weakly=True)
    return several


def _two(first: Any, second: Any) -> NDArray[np.bool_]:
    """By falling back from the lowest of the first: a row stays if its second is lower than all before it."""
    import numpy as np

    order = np.lexsort((second, first))
    a, b = first[order], second[order]
    before = np.concatenate([[np.inf], np.minimum.accumulate(b)[:-1]])
    new = b < before
    new[:1] = True  # nothing stands before the first, whatever its second is
    # Rows that equal one that stays stay too: they follow it in the order.
    leader = np.maximum.accumulate(np.where(new, np.arange(len(a)), -1))
    kept = new | ((leader >= 0) & (a == a[leader]) & (b == b[leader]))
    result = np.zeros(len(a), bool)
    result[order] = kept
    return result
