"""Many variants of one spec as a table: every combination of the values given."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from archcost import dims
from archcost.analysis.analysis import TOTALS, Analysis
from archcost.dims import is_array
from archcost.errors import ArchcostError
from archcost.spec.parts import Document
from archcost.spec.settings import Settings, settle

MOST_ROWS = 10_000_000


@dataclass(eq=False)
class Sweep:
    """The variants of a spec at every combination of alphas, resolutions and parameter values.

    Rows go through the parameters' values first, then α, then the resolution.
    """

    document: Document
    alphas: Sequence[Any]
    resolutions: Sequence[Any]
    parameters: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    rho: Any = None
    batch: int = 1
    dtype: str = "float32"
    inplace: bool = True

    def __len__(self) -> int:
        count = len(self.alphas) * len(self.resolutions)
        for choices in self.parameters.values():
            count *= len(choices)
        return count

    @cached_property
    def columns(self) -> dict[str, Any]:
        """Column name -> array, all of one length: settings, then totals (masked where a variant cannot exist)."""

        if not 1 <= len(self) <= MOST_ROWS:
            raise ArchcostError(f"a sweep of {len(self):,} variants; it takes from 1 to {MOST_ROWS:,}")
        tables = [
            self._table(dict(zip(self.parameters, combination, strict=True)))
            for combination in itertools.product(*self.parameters.values())
        ]
        return {name: _joined([table[name] for table in tables]) for name in tables[0]}

    @property
    def infeasible(self) -> int:
        """How many variants cannot exist."""
        mask = getattr(self.columns["macs"], "mask", False)
        return int(mask.sum()) if is_array(mask) else 0

    def rows(self) -> Iterator[dict[str, Any]]:
        """One variant after the other, with None for what a variant that cannot exist has not."""
        columns = {name: column.tolist() for name, column in self.columns.items()}
        for values in zip(*columns.values(), strict=True):
            yield dict(zip(columns, values, strict=True))

    def _table(self, parameters: dict[str, Any]) -> dict[str, Any]:
        import numpy as np

        single = [settle(self.document, alpha=alpha, parameters=parameters) for alpha in self.alphas]
        sizes = [settle(self.document, rho=self.rho, resolution=size).resolution for size in self.resolutions]
        alphas: Any = _column([settings.alpha for settings in single])
        resolution: Any = None
        if sizes[0] is not None:
            heights, widths = (np.array([size[axis] for size in sizes if size])[None, :] for axis in (0, 1))
            resolution = (heights, heights if (heights == widths).all() else widths)
        settings = Settings(alphas, resolution, single[0].parameters)
        analysis = Analysis(self.document, settings, self.batch, self.dtype, self.inplace)
        shape = (len(self.alphas), len(self.resolutions))
        table = {"alpha": np.broadcast_to(dims.as_float(alphas), shape).ravel()}
        if resolution is not None:
            square = all(size and size[0] == size[1] for size in sizes)
            for name, axis in [("resolution", 0)] if square else [("height", 0), ("width", 1)]:
                table[name] = np.broadcast_to(resolution[axis], shape).ravel()
        for name, value in single[0].parameters.items():
            shown = value if isinstance(value, (str, bool)) else dims.as_float(value)
            table[name] = np.full(len(self.alphas) * len(self.resolutions), shown)
        for name in TOTALS:
            table[name] = _flat(analysis.totals[name], shape)
        return table


def _column(values: list[Any]) -> Any:
    """Exact numbers as one column over a common denominator."""
    import numpy as np

    parts = [dims.parts(value) for value in values]
    return dims.Ratio(np.array([n * (dims.UNIT // d) for n, d in parts])[:, None], dims.UNIT)


def _joined(columns: list[Any]) -> Any:
    import numpy as np

    masked: Any = np.ma
    join = masked.concatenate if any(masked.isMaskedArray(column) for column in columns) else np.concatenate
    return join(columns)


def _flat(total: Any, shape: tuple[int, ...]) -> Any:
    import numpy as np

    if isinstance(total, tuple):
        return np.stack([np.broadcast_to(axis, shape).ravel() for axis in total], axis=1)
    if is_array(total):
        return total.ravel()
    return np.full(shape, total).ravel()
