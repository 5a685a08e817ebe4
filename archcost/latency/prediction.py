"""What a profile predicts: times with their 80 % interval, and whether they lie outside what was fitted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

from archcost.analysis.analysis import DTYPES
from archcost.analysis.rows import Part, masked, parts
from archcost.dims import floats, taken
from archcost.errors import ArchcostError
from archcost.graph import Network
from archcost.latency import conditions
from archcost.latency.correction import corrected
from archcost.latency.formula import Time, kernel_time
from archcost.latency.kernels import Kernel, kernels, layer_kernel
from archcost.latency.points import ConvShape, Points
from archcost.latency.profile import Fit, Profile
from archcost.latency.samples import LAYER, feasible, single_kernels
from archcost.latency.table import Table
from archcost.spec.parts import Document
from archcost.spec.settings import Settings

MARGIN = 1.25
"""Within so many times the range of what was fitted, a prediction is no extrapolation."""
FARTHER = 0.15
"""By how much half an interval of log(time) grows with the logarithm of the distance to that range."""
BOUNDS = ("compute", "waste", "memory", "overhead")
EAGER = "eager"


@dataclass(frozen=True, slots=True)
class KernelPrediction:
    """One kernel: its layer, seconds, and what bounds it."""

    layer: str
    seconds: Any
    bound: str


@dataclass(frozen=True, slots=True)
class Total:
    """A network's time and, to see whether it was extrapolated, its macs and the bytes of activations it moves; rival:
    its time by the profile's rival rates, else the same."""

    seconds: Any
    macs: Any
    bytes: Any
    rival: Any


@dataclass(frozen=True, slots=True)
class Predicted:
    """Arrays, an entry a row: seconds, the ends of the 80 % interval (NaN: unknown), whether it is extrapolated."""

    seconds: Any
    low: Any
    high: Any
    outside: Any


@dataclass(frozen=True, slots=True, eq=False)
class Predictor:
    """Predicts with one profile in one dtype, and in one mode: empty for that of the times that it was fitted on."""

    profile: Profile
    dtype: str = "float32"
    mode: str = ""

    @property
    def fit(self) -> Fit:
        return self.profile.fit(self.dtype)

    def check(self) -> None:
        """Raises ArchcostError where the profile cannot predict in this dtype or mode."""
        fit, name = self.fit, self.profile.name
        if self.mode in ("", fit.mode) or (self.mode == EAGER and fit.launch_seconds is not None):
            return
        known = [fit.mode or "an unknown mode", *([EAGER] if fit.launch_seconds is not None else [])]
        raise ArchcostError(f"{name} has no times in mode {self.mode} for {self.dtype}; it has {', '.join(known)}")

    @property
    def launch_seconds(self) -> float | None:
        """What the host needs to launch a kernel, where it launches each and the kernels' own time is known."""
        return self.fit.launch_seconds if self.mode == EAGER != self.fit.mode else None

    def launched(self, seconds: Any, kernels: Any) -> Any:
        """The longer of the kernels' time and the time to launch them, where the host launches each."""
        import numpy as np

        launch = self.launch_seconds
        return seconds if launch is None else np.maximum(seconds, launch * kernels)

    def kernel(self, kernel: Kernel) -> Time:
        """The time of a kernel for its batch, corrected where the profile has a correction."""
        time = kernel_time(kernel, DTYPES[self.dtype], self.fit.rates)
        return corrected(kernel, time, self.fit.correction)

    def network(self, network: Network, batch: Any = 1) -> Total:
        """The total for a batch: floats, or arrays where the network's sizes are arrays."""
        rival = self.fit.rival
        seconds: Any = self.fit.rates.network_seconds
        other: Any = rival.network_seconds if rival else 0.0
        macs: Any = 0
        moved: Any = 0
        running = kernels(network, self.fit.fusion)
        for kernel in (kernel.of(batch) for kernel in running):
            seconds = seconds + self.kernel(kernel).seconds
            if rival is not None:
                other = other + kernel_time(kernel, DTYPES[self.dtype], rival).seconds
            macs = macs + kernel.macs
            moved = moved + (kernel.reads + kernel.writes) * DTYPES[self.dtype]
        return Total(self.launched(seconds, len(running)), macs, moved, other if rival else seconds)

    def variants(self, document: Document, settings: Settings, batch: int = 1) -> Total:
        """The totals of a batch of models, as arrays of its shape; of one model as numbers.

        Raises SpecError where none can exist; rows that cannot are masked.
        """
        import numpy as np

        found = parts(document, settings)
        if found[0].rows is None:
            assert found[0].network is not None
            return self.network(found[0].network, batch)
        with np.errstate(divide="ignore", invalid="ignore"):  # rows that cannot exist are masked below
            totals = [(part, self.network(part.network, batch)) for part in found if part.network is not None]
        broken = [part for part in found if part.network is None]
        infeasible = Part.joined((part, part.network.infeasible if part.network else True) for part in found)
        return Total(
            *(
                masked(
                    Part.joined([*((p, getattr(t, f.name)) for p, t in totals), *((p, float("nan")) for p in broken)]),
                    infeasible,
                )
                for f in fields(Total)
            )
        )

    def layers(self, network: Network, batch: int = 1) -> list[KernelPrediction]:
        """The kernels of one model."""
        found = []
        for kernel in kernels(network, self.fit.fusion):
            time = self.kernel(kernel.of(batch))
            parts = (time.arithmetic, time.waste, time.traffic, time.overhead)
            bound = max(zip(parts, BOUNDS, strict=True))[1]
            found.append(KernelPrediction(kernel.layer, float(time.seconds), bound))
        return found

    def points(self, points: Points) -> Predicted:
        """A prediction for each row of points.

        Raises TableError with all rows that cannot exist.
        """
        import numpy as np

        feasible(points)
        totals = Total(*(np.zeros(len(points)) for _ in fields(Total)))
        batches = np.array(points.batches)
        families = [""] * len(points)
        for spec, reference in points.references.items():
            rows, settings = points.variants(spec)
            for batch in dict.fromkeys(batches[rows].tolist()):
                kept = np.flatnonzero(batches[rows] == batch)
                places = np.array(rows)[kept]
                found = self.variants(reference.document, settings.mapped(partial(taken, kept)), batch)
                for f in fields(Total):
                    getattr(totals, f.name)[places] = getattr(found, f.name)
            for row in rows:
                families[row] = reference.document.name
        return self.judged(totals, families, batches)

    def single(self, shapes: Sequence[ConvShape]) -> Predicted:
        """A prediction for each single convolution."""
        import numpy as np

        several = [layer_kernel(shape) for shape in shapes]
        samples = single_kernels(several, DTYPES[self.dtype])
        seconds = self.launched(samples.seconds(self.fit.rates, self.fit.correction), 1)
        macs = np.array([kernel.macs for kernel in several], float)
        moved = np.array([kernel.reads + kernel.writes for kernel in several], float) * DTYPES[self.dtype]
        batches = np.array([shape.batch for shape in shapes])
        return self.judged(Total(seconds, macs, moved, seconds), [LAYER] * len(shapes), batches, self.fit.single)

    def judged(self, totals: Total, families: Sequence[str], batches: Any, single: float | None = None) -> Predicted:
        """Totals with their intervals, and whether they lie outside what was fitted.

        single: half the width of the interval of log(time), for single layers.
        """
        import numpy as np

        far = self.distance(totals.macs, totals.bytes, batches)
        outside = (far > 0) | np.array([family not in self.fit.families for family in families])
        gap = np.where(np.isin(families, self.fit.families), 0.0, np.log(totals.rival / totals.seconds))
        low, high = self.interval(totals.seconds, outside, far, single, gap)
        return Predicted(totals.seconds, low, high, outside)

    def interval(
        self, seconds: Any, outside: Any, far: Any = 0.0, single: float | None = None, gap: Any = 0.0
    ) -> tuple[Any, Any]:
        """The 80 % interval, wider the farther off, and reaching to what the rival rates say (gap: the logarithm of
        their time over this); NaN where the profile does not know one."""
        import numpy as np

        fit = self.fit
        least = [each for each in (single, self.launch_seconds and fit.launch_width) if each is not None]
        inside = fit.inside if single is None else single
        widths = [np.nan if each is None else max([each, *least]) for each in (fit.outside, inside)]
        width = np.where(outside, *widths) + FARTHER * far
        return seconds * np.exp(np.minimum(gap, 0.0) - width), seconds * np.exp(np.maximum(gap, 0.0) + width)

    def distance(self, macs: Any, moved: Any, batch: Any) -> Any:
        """By how much, as a logarithm, the farthest of macs, bytes and batch lies beyond what was fitted; 0 within."""
        import numpy as np

        far: Any = 0.0
        for name, values in (("macs", macs), ("bytes", moved), ("batch", batch)):
            if name in self.fit.ranges:
                low, high = self.fit.ranges[name]
                values = np.maximum(floats(values), 1.0)
                far = np.maximum(far, np.maximum(np.log(max(low, 1.0) / values), np.log(values / max(high, 1.0))))
        return np.where(far > np.log(MARGIN), far, 0.0)


def by_row(
    profile: Profile, table: Table, dtype: str | None, mode: str | None, predict: Callable[[Predictor], Predicted]
) -> Predicted:
    """Predictions for a table's rows, each in its own dtype and mode; dtype, mode: for all rows instead.

    predict: what a predictor says of all rows. Raises ArchcostError where the profile has no times for one of them.
    """
    import numpy as np

    usual = "float32" if "float32" in profile.fits else next(iter(profile.fits))
    dtypes = [dtype] * len(table) if dtype else [cell or usual for cell in conditions.dtypes(table)]
    modes = [mode or ""] * len(table) if mode else conditions.modes(table)
    ways = []
    for each, how in zip(dtypes, modes, strict=True):
        known = mode or profile.fit(each).mode  # where nobody said how the times were taken, rows cannot differ
        ways.append((each, how if known else ""))
    found = Predicted(*(np.zeros(len(table), kind) for kind in (float, float, float, bool)))
    for way in dict.fromkeys(ways):
        predictor = Predictor(profile, *way)
        predictor.check()
        rows = np.array([each == way for each in ways])
        part = predict(predictor)
        for f in fields(Predicted):
            getattr(found, f.name)[rows] = np.broadcast_to(getattr(part, f.name), len(table))[rows]
    return found
