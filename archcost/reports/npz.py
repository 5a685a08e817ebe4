"""NumPy's archive: one array per column, all of one length."""

from __future__ import annotations

import io

from archcost.analysis import Sweep


def sweep(sweep: Sweep) -> bytes:
    """The columns. Where variants cannot exist, a column `feasible` says which; their totals are -1."""
    import numpy as np

    columns = dict(sweep.columns)
    if sweep.infeasible:
        columns["feasible"] = ~np.ma.getmaskarray(columns["macs"])
        columns = {name: np.ma.filled(c, "" if c.dtype.kind == "U" else -1) for name, c in columns.items()}
    # A network without a map has no receptive field; -1 says so without an array of objects.
    columns = {name: np.full(c.shape, -1) if c.dtype == object else c for name, c in columns.items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **columns)
    return buffer.getvalue()
