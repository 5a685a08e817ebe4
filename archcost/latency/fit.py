"""Rates from measured times: the most probable ones, given what is known of processors before any measurement.

Every rate is fitted as the logarithm of its ratio to the rate of matrix products, with a normal prior; only that
one rate is free. So five measurements move what they speak of and leave the rest where other devices have it, and
thousands leave nothing of the prior. Errors are relative; large ones count linearly (Huber).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from archcost.latency.formula import UNCACHED, Host, Parallel, Rates
from archcost.latency.samples import Samples

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LARGE = 2.0
"""From so many times the noise on, an error counts linearly."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form of the model.

    priors: what is fitted, as name -> (mean, standard deviation) of the logarithm of a ratio; noise: the relative
    error that measurement and formula have together.
    """

    name: str
    priors: Mapping[str, tuple[float, float]]
    noise: float
    parallel: bool = False
    host: bool = False

    def rates(self, logs: Any, element_bytes: int) -> Rates:
        """logs: that of macs per second, then those of the ratios, in the order of the priors."""
        speed = math.exp(logs[0])
        ratio = dict(zip(self.priors, map(math.exp, logs[1:]), strict=True))
        cores = None
        if self.parallel:
            cores = Parallel(
                units=ratio["units"],
                partial=ratio["partial"],
                prologue=ratio["prologue"],
                narrow=ratio["narrow"],
                winograd_2x2=ratio["winograd_2x2"],
                winograd_4x4=ratio["winograd_4x4"],
                winograd_bytes_per_second=element_bytes * speed / ratio["winograd_elements"],
                winograd_seconds=ratio["winograd_overhead"] / speed,
            )
        host = None
        if self.host:
            host = Host(
                light_seconds=ratio["light"] * ratio["kernel"] / speed,
                norm_seconds=ratio["norm"] * ratio["kernel"] / speed,
                packed_seconds=ratio["packed"] * ratio["kernel"] / speed,
                switch_seconds=ratio["switch"] * ratio["kernel"] / speed,
                window_elements_per_second=speed / ratio["window"],
            )
        return Rates(
            network_seconds=ratio["network"] / speed,
            kernel_seconds=ratio["kernel"] / speed,
            macs_per_second=speed,
            dense_macs_per_second=speed / ratio["dense"],
            depthwise_macs_per_second=speed / ratio["depthwise"],
            activation_bytes_per_second=element_bytes * speed / ratio["activation"],
            weight_bytes_per_second=element_bytes * speed / ratio["weight"],
            elementwise_bytes_per_second=element_bytes * speed / ratio["elementwise"] / ratio["activation"],
            overlap=1 + ratio["overlap"],
            uncached=1.0 if self.parallel or self.host else UNCACHED,
            parallel=cores,
            host=host,
        )


def log(value: float, spread: float) -> tuple[float, float]:
    return math.log(value), spread


GENERIC = Form(
    "roofline",
    {
        "network": log(7e6, 1.3),
        "kernel": log(4e5, 1.0),
        "dense": log(0.6, 1.5),
        "depthwise": log(25, 0.6),
        "activation": log(4.5, 0.8),
        "weight": log(15, 0.5),
        "elementwise": log(0.3, 0.3),
        "overlap": log(0.3, 2.0),
    },
    noise=0.04,
)
PARALLEL = Form(
    "waves",
    {
        "network": log(1e6, 1.0),
        "kernel": log(2e7, 1.5),
        "dense": log(1, 0.2),
        "depthwise": log(2, 1.0),
        "activation": log(40, 1.0),
        "weight": log(40, 0.5),
        "elementwise": log(1, 0.3),
        "overlap": log(1, 0.7),
        "units": log(80, 0.7),
        "partial": log(0.5, 0.7),
        "prologue": log(60, 1.0),
        "narrow": log(0.9, 0.3),
        "winograd_2x2": log(1, 1.0),
        "winograd_4x4": log(1, 1.0),
        "winograd_elements": log(40, 1.0),
        "winograd_overhead": log(2e8, 1.5),
    },
    noise=0.1,
    parallel=True,
)
FIXED = replace(GENERIC, priors={**GENERIC.priors, "network": log(7e6, 2.5)})
"""As the roofline, but ready to see in overhead a cost of the whole run rather than of each kernel. Variants of one
network have equally many kernels and cannot tell these apart; other networks can."""
HOST = Form(
    "host",
    {
        **GENERIC.priors,
        "kernel": log(1e6, 1.0),
        "depthwise": log(2, 1.0),
        "activation": log(20, 1.0),
        "weight": log(8, 1.0),
        "light": log(0.3, 1.0),
        "norm": log(1, 0.7),
        "packed": log(5, 1.0),
        "switch": log(3, 1.0),
        "window": log(150, 1.5),
    },
    noise=0.1,
    host=True,
)
"""For single layers and networks that PyTorch runs on a CPU."""


def fit(form: Form, samples: Samples, measured: Any, weights: Any = None, steps: int = 60) -> Rates:
    """The most probable rates given measured seconds, one for each sample; weights: how much each one counts."""
    return form.rates(solution(form, samples, measured, weights, steps), samples.element_bytes)


def solution(
    form: Form, samples: Samples, measured: Any, weights: Any = None, steps: int = 60, near: Any = None
) -> Any:
    """The same as logarithms, as `Form.rates` takes them. near: the solution for most of these samples, to begin at."""
    import numpy as np

    target = np.log(np.asarray(measured, float))
    mean = np.array([0.0, *(prior[0] for prior in form.priors.values())])
    spread = np.array([np.inf, *(prior[1] for prior in form.priors.values())])
    share = np.ones(len(target)) if weights is None else np.asarray(weights, float)

    def predicted(logs: Any) -> Any:
        return np.log(samples.seconds(form.rates(logs, samples.element_bytes)))

    start = near
    if near is None:
        start = mean.copy()
        start[0] = np.median(predicted(mean) - target)
    return _minimum(predicted, start, target, mean, 1 / spread**2, share, form.noise, steps)


def _minimum(
    predicted: Callable[[Any], Any],
    logs: Any,
    target: Any,
    mean: Any,
    precision: Any,
    share: Any,
    noise: float,
    steps: int,
) -> Any:
    """Levenberg and Marquardt's method on Huber's loss of the relative errors, plus the prior's."""
    import numpy as np

    def loss(logs: Any, found: Any) -> float:
        error = np.abs(target - found) / noise
        robust = np.where(error < LARGE, error**2, 2 * LARGE * error - LARGE**2)
        return float(share @ robust + precision @ (logs - mean) ** 2)

    found = predicted(logs)
    least, damping = loss(logs, found), 1e-3
    for _ in range(steps):
        slopes = np.stack([(predicted(logs + step) - found) / 1e-4 for step in 1e-4 * np.eye(len(logs))], axis=1)
        error = target - found
        weight = share / np.maximum(1, np.abs(error) / noise / LARGE) / noise**2
        curvature = slopes.T @ (slopes * weight[:, None]) + np.diag(precision)
        gradient = slopes.T @ (weight * error) - precision * (logs - mean)
        before = least
        while damping < 1e6:
            step = np.clip(np.linalg.solve(curvature + damping * np.diag(np.diag(curvature)), gradient), -1, 1)
            moved = predicted(logs + step)
            if (now := loss(logs + step, moved)) < least:
                logs, found, least, damping = logs + step, moved, now, max(damping / 5, 1e-9)
                break
            damping *= 5
        if before - least < 1e-6 * (1 + least):
            break
    return logs
