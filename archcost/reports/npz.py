"""NumPy's archive: one array per column, all of one length."""

from __future__ import annotations

import io
from typing import Any

from archcost.analysis import Sweep


def sweep(sweep: Sweep) -> bytes:
    """The columns. Where variants cannot exist, a column `feasible` says which; their totals are -1, as is a count by a
    convention that has no rule for an operator."""
    import numpy as np

    columns = dict(sweep.columns)
    if sweep.infeasible:
        columns["feasible"] = ~np.ma.getmaskarray(columns["macs"])
    columns = {name: np.ma.filled(c, "" if c.dtype.kind == "U" else -1) for name, c in columns.items()}
    columns = {name: _plain(column) for name, column in columns.items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **columns)
    return buffer.getvalue()


def _plain(column: Any) -> Any:
    """A column without objects: -1 where there is no figure, as for the receptive field of a network without a map."""
    import numpy as np

    if column.dtype != object:
        return column
    return np.array([-1 if figure is None else figure for figure in column.tolist()])
