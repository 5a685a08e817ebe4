"""Predictors from what a user calls devices."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archcost import analysis as _analysis
from archcost.errors import ArchcostError
from archcost.spec.names import unknown

if TYPE_CHECKING:
    from archcost.latency.prediction import Predictor


def predictor_of(device: str | Path, dtype: str, mode: str) -> Predictor:
    """Raises ArchcostError where there is no such device, or none for the dtype or mode."""
    from archcost.latency.prediction import Predictor
    from archcost.latency.profile import find

    if dtype not in _analysis.DTYPES:
        raise ArchcostError(unknown("dtype", str(dtype), _analysis.DTYPES))
    predictor = Predictor(find(str(device)), dtype, mode)
    predictor.check()
    return predictor


def need_device(mode: str, device: Any) -> None:
    if mode and not device:
        raise ArchcostError(f"mode {mode} is how a network runs on a device; name one (--device)")


def predictors(device: str | Path | Iterable[str | Path] | None, dtype: str, mode: str) -> list[Predictor]:
    devices = [] if device is None else [device] if isinstance(device, (str, Path)) else list(device)
    found = [predictor_of(name, dtype, mode) for name in devices]
    names = [predictor.profile.name for predictor in found]
    for name in names:
        if names.count(name) > 1:
            raise ArchcostError(f"two of the devices are named {name}; name each once, or change one profile's `name`")
    return found


def live_measure() -> Any:
    """The module that measures. Raises ArchcostError where torch is not installed."""
    try:
        from archcost.live import measure
    except ImportError as error:
        raise ArchcostError(f"{error.name} is not installed; measuring needs it: pip install torch") from None
    return measure
