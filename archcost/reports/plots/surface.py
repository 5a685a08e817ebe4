"""The surface fitted to published points, as lines: one for each published width, and the best of all widths."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from archcost.analysis import Sweep
from archcost.analysis.analysis import Analysis
from archcost.errors import ArchcostError
from archcost.reports.plots.series import AXES, COSTS, Curve, Series, costs
from archcost.search import pareto
from archcost.spec import ranges
from archcost.spec.parts import Document
from archcost.spec.settings import settle

if TYPE_CHECKING:
    from archcost.accuracy.model import Accuracy, Group
    from archcost.accuracy.surface import Surface

STEP = 0.01
"""Of α, in the grid whose front is drawn."""
RESOLUTIONS = 16
"""Pixels between its resolutions, as a search has them."""


def add(series: Series, document: Document, known: Accuracy, dtype: str = "float32") -> None:
    """Gives published points the curves of the surfaces through them, and the best of those.

    Raises ArchcostError where none was fitted.
    """
    fitted = [group for group in known.groups if group.surface is not None]
    if not fitted:
        count = len(known.points)
        raise ArchcostError(
            f"{document.name}: its {count} point{'s are' if count > 1 else ' is'} too few for a surface"
        )
    for group in fitted:
        alphas = sorted({point.alpha for point in group.points})
        series.curves += curves(document, group, alphas, dtype)
    series.envelope = envelope(document, fitted, dtype)


def curves(
    document: Document, group: Group, alphas: Sequence[float], dtype: str = "float32", steps: int = 33
) -> list[Curve]:
    """The surface along the resolutions it was fitted to, at each of some widths.

    Costs are exact where all maps have whole sizes, and interpolated between: at other resolutions maps are rounded up,
    and the line would be a staircase.
    """
    import numpy as np

    surface = _surface(group)
    smallest, largest = surface.resolutions
    own = Analysis(document, settle(document, parameters=group.parameters)).stride
    stride = int(max(own) if isinstance(own, tuple) else own)
    exact = [*range(math.floor(smallest / stride) * stride, math.ceil(largest / stride) * stride + 1, stride)]
    sizes = np.geomspace(smallest, largest, steps)
    found = []
    for alpha in alphas:
        known = costs(document, [settle(document, alpha, None, size, group.parameters) for size in exact], dtype)
        columns = {name: np.exp(np.interp(np.log(sizes), np.log(exact), np.log(known[name]))) for name in COSTS}
        value, low, high, _ = surface(np.full(steps, alpha), sizes)
        unknown = np.full(steps, np.nan)
        found.append(
            Curve({**columns, "seconds": unknown, "accuracy": value, "accuracy_low": low, "accuracy_high": high})
        )
    return found


def envelope(document: Document, groups: Sequence[Group], dtype: str = "float32") -> Curve:
    """All networks of a fine grid within what was fitted, that for some cost none of the others beats."""
    import numpy as np

    tables: list[dict[str, Any]] = []
    for group in groups:
        surface = _surface(group)
        (narrow, wide), (small, large) = surface.alphas, surface.resolutions
        sizes = sorted({*range(int(small), int(large), RESOLUTIONS), int(large)})
        alphas = ranges.values(f"{narrow:g}:{wide:g}:{STEP}", "alpha")
        chosen = {name: [value] for name, value in group.parameters.items()}
        columns = Sweep(document, alphas, sizes, chosen, dtype=dtype).columns
        value, low, high, _ = surface(columns["alpha"], columns["resolution"])
        figures = {name: np.ma.filled(np.ma.asarray(columns[name]).astype(float), np.nan) for name in COSTS}
        tables.append(figures | {"accuracy": value, "accuracy_low": low, "accuracy_high": high})
    found = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    known = np.flatnonzero(~np.isnan(found["accuracy"] + found["macs"]))
    found = {name: column[known] for name, column in found.items()}
    return Curve(found | {"seconds": np.full(len(known), np.nan)})


def best(curve: Curve, name: str) -> Any:
    """Cost and accuracy of what is on the front of one cost, the cheapest first; [n, 2], in the units of AXES."""
    import numpy as np

    column, _, unit = AXES[name]
    cost, accuracy = curve.columns[column], curve.columns["accuracy"]
    rows = np.flatnonzero(~np.isnan(cost))
    rows = rows[pareto.front([cost[rows], -accuracy[rows]])]
    rows = rows[np.lexsort((accuracy[rows], cost[rows]))]
    return np.stack([cost[rows] / unit, accuracy[rows]], axis=1)


def _surface(group: Group) -> Surface:
    assert group.surface is not None
    return group.surface
