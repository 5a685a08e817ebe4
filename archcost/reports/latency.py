"""The predicted time of a model on a device: what reports show of it, and what they must say about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archcost.reports import units

if TYPE_CHECKING:
    from archcost.graph import Network
    from archcost.latency.prediction import KernelPrediction, Predictor
    from archcost.spec.parts import Document
    from archcost.spec.settings import Settings


@dataclass(frozen=True, slots=True, eq=False)
class Latency:
    """Seconds for the whole batch of samples; for a batch of models arrays in its shape, masked where none can exist.

    low, high: the ends of the 80 % interval, None (masked in an array) where the profile knows none;
    mode: how it runs, empty where nobody said; extrapolated: outside what the profile was fitted on; network_seconds:
    what no layer has, the network's own overhead and in eager mode what its kernels wait for launches; layers: the
    kernels of one model by their layer. A layer that is fused or only a view has none.
    """

    device: str
    dtype: str
    mode: str
    calibrated: bool
    seconds: Any
    low: Any
    high: Any
    extrapolated: Any
    network_seconds: float
    layers: dict[str, KernelPrediction]

    def of(self, names: Iterable[str]) -> float | None:
        """The seconds of some layers together; None where none of them is a kernel of its own."""
        found = [self.layers[name].seconds for name in names if name in self.layers]
        return sum(found) if found else None

    def bound(self, name: str) -> str | None:
        """What bounds a layer's kernel."""
        return self.layers[name].bound if name in self.layers else None


def of_network(predictor: Predictor, network: Network, batch: int) -> Latency:
    """The prediction for one model."""
    total = predictor.network(network, batch)
    found = predictor.judged(total, [network.document.name], batch)
    seconds, extrapolated = float(total.seconds), bool(found.outside[0])
    low, high = (None if end != end else float(end) for end in (found.low[0], found.high[0]))
    layers = {kernel.layer: kernel for kernel in predictor.layers(network, batch)}
    own = predictor.fit.rates.network_seconds
    if predictor.launch_seconds is not None:
        own = seconds - sum(kernel.seconds for kernel in layers.values())
    return _latency(predictor, seconds, low, high, extrapolated, layers, own)


def of_variants(predictor: Predictor, document: Document, settings: Settings, batch: int) -> Latency:
    """The prediction for a batch of models.

    Raises SpecError where none of them can exist.
    """
    import numpy as np

    masked: Any = np.ma
    with np.errstate(divide="ignore", invalid="ignore"):  # rows that cannot exist have sizes of 0; they are masked
        total = predictor.variants(document, settings, batch)
    found = predictor.judged(total, [document.name], batch)
    extrapolated = masked.masked_array(
        np.broadcast_to(found.outside, np.shape(total.seconds)), masked.getmaskarray(total.seconds)
    )
    low, high = (masked.masked_invalid(end) for end in (found.low, found.high))
    return _latency(predictor, total.seconds, low, high, extrapolated, {}, predictor.fit.rates.network_seconds)


def _latency(
    predictor: Predictor,
    seconds: Any,
    low: Any,
    high: Any,
    extrapolated: Any,
    layers: dict[str, KernelPrediction],
    own: float,
) -> Latency:
    profile = predictor.profile
    mode = predictor.mode or predictor.fit.mode
    return Latency(
        profile.name, predictor.dtype, mode, profile.calibrated, seconds, low, high, extrapolated, own, layers
    )


def milliseconds(seconds: Any) -> Any:
    """As data has it; None stays None."""
    return None if seconds is None else seconds * 1e3


def facts(latency: Latency) -> list[tuple[str, str]]:
    """The total with its interval, labelled."""
    text = units.seconds(latency.seconds)
    label = f"predicted time on {latency.device}"
    if latency.low is None or latency.high is None:
        return [(label, f"{text}, no interval")]
    return [(f"{label}, 80 % interval", f"{text}, {units.seconds(latency.low)} … {units.seconds(latency.high)}")]


def uncalibrated(device: str) -> str:
    return (
        f"{device} is not calibrated: its times are not fitted to measurements and have no interval; "
        "`archcost calibrate` makes a profile that is."
    )


def notes(latency: Latency) -> list[str]:
    """What a reader of these times must know."""
    how = f"{latency.dtype}, mode {latency.mode}" if latency.mode else latency.dtype
    found = [
        f"time: predicted for {latency.device} in {how}, for the whole batch; a layer without one runs "
        "inside another's kernel, or costs no time. network overhead: what the network costs besides its kernels, such "
        "as waiting for their launches in eager mode."
    ]
    if not latency.calibrated:
        found.append(uncalibrated(latency.device))
    elif latency.extrapolated:
        wider = "has no interval" if latency.low is None else "has a wider interval"
        found.append(
            f"This network lies outside what {latency.device} was fitted on: the time is extrapolated and {wider}."
        )
    return found
