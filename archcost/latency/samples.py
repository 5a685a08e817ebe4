"""Measured times and the kernels behind them, side by side in arrays, for a fit to work on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from archcost.analysis.rows import Part, parts
from archcost.dims import taken
from archcost.errors import SpecError
from archcost.graph import Network
from archcost.latency.correction import Correction, corrected
from archcost.latency.formula import Rates, kernel_time
from archcost.latency.kernels import SIZES, Kernel, kernels
from archcost.latency.points import Points
from archcost.latency.table import Problems
from archcost.spec.parts import Document
from archcost.spec.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Indices = NDArray[np.intp]


LAYER = "single layers"
"""The family of single kernels."""


@dataclass(slots=True, eq=False)
class Samples:
    """`count` networks, or single kernels, of one dtype.

    groups: kernels of one kind with sizes as arrays, and for each the sample that it belongs to. whole: which
    samples are networks, not single kernels. families: the spec of each.
    """

    count: int
    element_bytes: int
    groups: list[tuple[Kernel, Indices]]
    whole: NDArray[np.bool_]
    families: list[str] = field(default_factory=list)

    def seconds(self, rates: Rates, correction: Correction | None = None) -> Floats:
        """The predicted time of each; with rates that are columns, a row for each of these."""
        import numpy as np

        total = np.where(self.whole, rates.network_seconds, 0.0)
        for kernel, owners in self.groups:
            time = kernel_time(kernel, self.element_bytes, rates, ~self.whole[owners])
            seconds = corrected(kernel, time, correction).seconds
            if seconds.ndim == 1:
                total += np.bincount(owners, seconds, self.count)
            else:
                total += np.stack([np.bincount(owners, row, self.count) for row in seconds])
        return total

    def kernels(self) -> Floats:
        """How many kernels each runs."""
        import numpy as np

        total = np.zeros(self.count)
        for _, owners in self.groups:
            total += np.bincount(owners, minlength=self.count)
        return total

    def chosen(self, which: Any) -> Samples:
        """Some of the samples, by a mask or by their positions, in that order."""
        import numpy as np

        positions = np.arange(self.count)[which]
        place = np.full(self.count, -1)
        place[positions] = np.arange(len(positions))
        groups = []
        for kernel, owners in self.groups:
            kept = place[owners] >= 0
            if kept.any():
                groups.append((kernel.mapped(partial(taken, kept)), place[owners[kept]]))
        families = [self.families[i] for i in positions]
        return Samples(len(positions), self.element_bytes, groups, self.whole[positions], families)


def feasible(points: Points) -> None:
    """Raises TableError with all rows whose network cannot exist."""
    import numpy as np

    problems = Problems(points.table.file)
    for spec, reference in points.references.items():
        rows, settings = points.variants(spec)
        try:
            found = [
                (part, part.network.infeasible if part.network else True)
                for part in parts(reference.document, settings)
            ]
            broken = np.broadcast_to(Part.joined(found), len(rows)) if settings.arrays else np.zeros(len(rows), bool)
        except SpecError:  # none of them can exist
            broken = np.ones(len(rows), bool)
        for row in np.array(rows)[broken]:
            try:
                points.network(int(row))
            except SpecError as error:
                problems.add(points.table.lines[row], str(error).split("\n")[0])
    problems.check()


def joined(several: Sequence[Samples]) -> Samples:
    """Samples of one dtype after each other."""
    import numpy as np

    starts = np.cumsum([0, *(samples.count for samples in several)])
    groups = [
        (kernel, owners + start)
        for samples, start in zip(several, starts, strict=False)
        for kernel, owners in samples.groups
    ]
    return Samples(
        int(starts[-1]),
        several[0].element_bytes,
        _grouped(groups),
        np.concatenate([samples.whole for samples in several]),
        [family for samples in several for family in samples.families],
    )


def networks(document: Document, settings: Settings, batches: Any, element_bytes: int, fusion: str) -> Samples:
    """A sample for each row of settings (arrays of one length) at its own batch.

    Raises SpecError where a row cannot exist.
    """
    import numpy as np

    batches = np.asarray(batches)
    groups: list[tuple[Kernel, Any]] = []
    for part in parts(document, settings):
        assert part.network is not None and part.rows is not None
        rows = np.arange(len(batches)) if part.rows.chosen is None else part.rows.chosen
        groups += [(k.mapped(part.spread).of(batches[rows]), rows) for k in kernels(part.network, fusion)]
    return Samples(
        len(batches), element_bytes, _grouped(groups), np.ones(len(batches), bool), [document.name] * len(batches)
    )


def one_network(network: Network, batch: int, element_bytes: int, fusion: str) -> Samples:
    """One sample: a network of numbers."""
    import numpy as np

    groups = [(kernel.of(batch).mapped(_alone), np.zeros(1, int)) for kernel in kernels(network, fusion)]
    return Samples(1, element_bytes, _grouped(groups), np.ones(1, bool), [network.document.name])


def single_kernels(found: Sequence[Kernel], element_bytes: int) -> Samples:
    """A sample for each kernel (sizes are numbers, for its whole batch)."""
    import numpy as np

    groups = [(kernel.mapped(_alone), np.array([row])) for row, kernel in enumerate(found)]
    return Samples(len(found), element_bytes, _grouped(groups), np.zeros(len(found), bool), [LAYER] * len(found))


def _grouped(groups: Iterable[tuple[Kernel, Any]]) -> list[tuple[Kernel, Any]]:
    """Kernels of one kind joined into one of longer arrays."""
    import numpy as np

    together: dict[tuple[str, bool], list[tuple[Kernel, Any]]] = {}
    for kernel, owners in groups:
        together.setdefault((kernel.kind, kernel.tiles is None), []).append((kernel, owners))
    result = []
    for (kind, plain), members in together.items():
        sizes = {name: np.concatenate([_long(getattr(k, name), o) for k, o in members]) for name in SIZES}
        tiles = None if plain else tuple(np.concatenate([_long(k.tiles[i], o) for k, o in members]) for i in (0, 1))  # type: ignore[index]
        result.append((Kernel("", kind, **sizes, tiles=tiles), np.concatenate([o for _, o in members])))  # type: ignore[arg-type]
    return result


def _alone(size: Any) -> Any:
    import numpy as np

    return np.array([size])


def _long(size: Any, owners: Any) -> Any:
    import numpy as np

    return np.broadcast_to(size, owners.shape)
