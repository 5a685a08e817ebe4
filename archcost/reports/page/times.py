"""The times of a page: each device's own formula as programs over a kernel's sizes and over a network's totals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, get_args

from archcost.analysis.analysis import DTYPES
from archcost.errors import ArchcostError
from archcost.latency.correction import corrected
from archcost.latency.formula import Rates, kernel_time
from archcost.latency.kernels import MULTIPLYING, Kernel, Kind
from archcost.latency.prediction import BOUNDS, Predictor, Total
from archcost.latency.profile import Fit, Profile
from archcost.reports.page.symbols import Program

SIZES = ("macs", "reads", "writes", "weights", "rows", "columns", "depth", "window", "edge", "groups")
TILES = ("tiles2", "tiles4")
TILED = "tiled"
"""The kind of a kernel with tiles, which is dense otherwise."""
TOTALS = ("seconds", "macs", "bytes", "rival", "batch")


def device(profile: Profile, families: Iterable[str], mode: str = "") -> dict[str, Any]:
    """What a page needs of a device: by dtype its fit as programs. families: the names of the specs on the page.

    Raises ArchcostError where it has no times in this mode.
    """
    families = [*families]
    fits: dict[str, Any] = {}
    refused: list[ArchcostError] = []
    for dtype in DTYPES:
        if dtype not in profile.fits:
            continue
        predictor = Predictor(profile, dtype, mode)
        try:
            predictor.check()
        except ArchcostError as error:
            refused.append(error)
            continue
        fits[dtype] = _fit(predictor, families)
    if not fits and refused:
        raise refused[0]
    return {
        "name": profile.name,
        "description": profile.description,
        "source": profile.source,
        "calibrated": profile.calibrated,
        "bounds": BOUNDS,
        "fits": fits,
    }


def _fit(predictor: Predictor, families: Sequence[str]) -> dict[str, Any]:
    fit, size = predictor.fit, DTYPES[predictor.dtype]
    found: dict[str, Any] = {
        "mode": predictor.mode or fit.mode,
        "fusion": fit.fusion,
        "element_bytes": size,
        "network_seconds": fit.rates.network_seconds,
        "kernels": _kernels(fit, fit.rates, size, corrects=True),
        "launched": _launched(predictor),
        "judged": {family: _judged(predictor, family) for family in families},
        "roof": _roof(fit.rates),
    }
    if fit.rival is not None:
        found["rival_seconds"] = fit.rival.network_seconds
        found["rival"] = _kernels(fit, fit.rival, size, corrects=False)
    return found


def _kernels(fit: Fit, rates: Rates, size: int, corrects: bool) -> dict[str, Any]:
    """By kind of kernel, its seconds and where they go."""
    found = {}
    for kind in (*get_args(Kind), TILED):
        tiled = kind == TILED
        program = Program((*SIZES, *(TILES if tiled else ()), "batch"))
        symbols = program.symbols()
        tiles: Any = (symbols["tiles2"], symbols["tiles4"]) if tiled else None
        sizes: Any = {name: symbols[name] for name in SIZES}
        kernel = Kernel("", "dense" if tiled else kind, **sizes, tiles=tiles).of(symbols["batch"])
        time = kernel_time(kernel, size, rates)
        if corrects:
            time = corrected(kernel, time, fit.correction)
        found[kind] = program.written((time.seconds, time.arithmetic, time.waste, time.traffic, time.overhead))
    return found


def _launched(predictor: Predictor) -> dict[str, Any]:
    program = Program(("seconds", "kernels"))
    return program.written([predictor.launched(*program.symbols().values())])


def _judged(predictor: Predictor, family: str) -> dict[str, Any]:
    """The ends of the interval of a network's time, and whether it is extrapolated."""
    program = Program(TOTALS)
    symbols = program.symbols()
    batch = symbols.pop("batch")
    found = predictor.judged(Total(**symbols), [family], batch)
    return program.written((found.low, found.high, found.outside))


def _roof(rates: Rates) -> dict[str, float]:
    """The roofline's slopes and heights: bytes and multiply-adds in a second, by kind of kernel."""
    names = {"pointwise": "macs", "dense": "dense_macs", "depthwise": "depthwise_macs"}
    assert set(names) == set(MULTIPLYING)
    heights = {kind: getattr(rates, f"{name}_per_second") for kind, name in names.items()}
    return {**heights, "bytes": rates.activation_bytes_per_second}
