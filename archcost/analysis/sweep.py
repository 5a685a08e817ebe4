"""Many variants of one spec as a table: every combination of the values given."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from archcost import dims
from archcost.analysis.analysis import TOTALS, Analysis
from archcost.analysis.grids import grids, settled
from archcost.dims import is_array
from archcost.errors import ArchcostError, SpecError
from archcost.spec.parts import Document
from archcost.spec.settings import Settings

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
    convention: str | None = None

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
        totals = self._totals()
        settings = [self._given(each) for each in self.settings]
        return {
            **{name: _joined([table[name] for table in settings]) for name in settings[0]},
            **{name: _joined([table[name] for table in totals]) for name in self.totals},
        }

    @property
    def totals(self) -> tuple[str, ...]:
        """The names of the columns that hold totals."""
        if self.convention is None:
            return TOTALS
        macs_and_flops, others = TOTALS[:2], TOTALS[2:]
        return (*macs_and_flops, "counted", "convention", "unit", *others)

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

    @cached_property
    def settings(self) -> list[Settings]:
        """All of it, as grids of arrays."""
        values = settled(self.document, self.parameters)
        return [each for _, each in grids(self.document, self.alphas, self.resolutions, values, self.rho)]

    def count(self, settings: Settings) -> int:
        """How many variants one of these grids holds."""
        return math.prod(self._shape(settings))

    def _shape(self, settings: Settings) -> tuple[int, int]:
        rows: Any = dims.parts(settings.alpha)[0]
        return rows.shape[0], len(self.resolutions)

    def _given(self, settings: Settings) -> dict[str, Any]:
        """The columns of the settings."""
        import numpy as np

        shape = self._shape(settings)
        table = {"alpha": np.broadcast_to(dims.as_float(settings.alpha), shape).ravel()}
        if settings.resolution is not None:
            height, width = settings.resolution
            both = {"resolution": height} if height is width else {"height": height, "width": width}
            table |= {name: np.broadcast_to(size, shape).ravel() for name, size in both.items()}
        for name, value in settings.parameters.items():
            plain = isinstance(value, str) or (is_array(value) and value.dtype.kind in "bU")
            table[name] = np.broadcast_to(value if plain else dims.as_float(value), shape).ravel()
        return table

    def _totals(self) -> list[dict[str, Any]]:
        """The columns of the totals for each; all masked where a structure cannot exist.

        Raises SpecError where none can.
        """
        import numpy as np

        tables: list[dict[str, Any] | None] = []
        errors: list[SpecError] = []
        for settings in self.settings:
            try:
                found = Analysis(self.document, settings, self.batch, self.dtype, self.inplace, self.convention).totals
                tables.append({name: _flat(found[name], self._shape(settings)) for name in self.totals})
            except SpecError as error:
                errors.append(error)
                tables.append(None)
        complete = next((table for table in tables if table), None)
        if complete is None:
            raise errors[0]

        def missing(settings: Settings) -> dict[str, Any]:
            masked: Any = np.ma
            return {
                name: masked.masked_all((self.count(settings), *c.shape[1:]), c.dtype) for name, c in complete.items()
            }

        return [table or missing(settings) for table, settings in zip(tables, self.settings, strict=True)]


def _joined(columns: list[Any]) -> Any:
    import numpy as np

    if len({column.ndim for column in columns}) > 1:  # one number for both axes, beside two
        columns = [np.stack([c, c], axis=1) if c.ndim == 1 else c for c in columns]
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
