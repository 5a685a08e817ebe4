"""What a profile predicts: times with their 80 % interval, and whether they lie outside what was fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archcost.analysis.analysis import DTYPES
from archcost.graph import Network
from archcost.latency.correction import corrected
from archcost.latency.formula import Time, kernel_time
from archcost.latency.kernels import Kernel, kernels
from archcost.latency.profile import Fit, Profile

MARGIN = 1.25
"""Within so many times the range of what was fitted, a prediction is no extrapolation."""
BOUNDS = ("compute", "waste", "memory", "overhead")


@dataclass(frozen=True, slots=True)
class KernelPrediction:
    """One kernel: its layer, seconds, and what bounds it."""

    layer: str
    seconds: Any
    bound: str


@dataclass(frozen=True, slots=True, eq=False)
class Predictor:
    """Predicts with one profile in one dtype."""

    profile: Profile
    dtype: str = "float32"

    @property
    def fit(self) -> Fit:
        return self.profile.fit(self.dtype)

    def kernel(self, kernel: Kernel) -> Time:
        """The time of a kernel for its batch, corrected where the profile has a correction."""
        time = kernel_time(kernel, DTYPES[self.dtype], self.fit.rates)
        return corrected(kernel, time, self.fit.correction)

    def network(self, network: Network, batch: Any = 1) -> Any:
        """Seconds for a batch: a float, or an array where the network's sizes are arrays."""
        total: Any = self.fit.rates.network_seconds
        for kernel in kernels(network, self.fit.fusion):
            total = total + self.kernel(kernel.of(batch)).seconds
        return total

    def layers(self, network: Network, batch: int = 1) -> list[KernelPrediction]:
        """The kernels of one model."""
        found = []
        for kernel in kernels(network, self.fit.fusion):
            time = self.kernel(kernel.of(batch))
            parts = (time.arithmetic, time.waste, time.traffic, time.overhead)
            bound = max(zip(parts, BOUNDS, strict=True))[1]
            found.append(KernelPrediction(kernel.layer, float(time.seconds), bound))
        return found

    def interval(self, seconds: Any, outside: Any) -> tuple[Any, Any]:
        """The 80 % interval; NaN where the profile does not know one."""
        import numpy as np

        fit = self.fit
        widths = [np.nan if width is None else width for width in (fit.inside, fit.outside)]
        width = np.where(outside, widths[1], widths[0])
        return seconds * np.exp(-width), seconds * np.exp(width)

    def outside(self, families: Sequence[str], macs: Any, moved: Any, batch: Any) -> Any:
        """Whether predictions are extrapolations: by family, macs and bytes of one sample, or batch."""
        import numpy as np

        fit = self.fit
        beyond = np.array([family not in fit.families for family in families])
        for name, values in (("macs", macs), ("bytes", moved), ("batch", batch)):
            if name in fit.ranges:
                low, high = fit.ranges[name]
                values = np.asarray(values, float)
                beyond = beyond | (values * MARGIN < low) | (values > high * MARGIN)
        return beyond
