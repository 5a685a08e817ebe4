"""The profile of a device: what its kernels cost, how far that can be trusted, and what it was fitted on."""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archcost.analysis.analysis import DTYPES
from archcost.errors import ArchcostError
from archcost.latency import folders
from archcost.latency.correction import FEATURES, Correction
from archcost.latency.formula import Rates
from archcost.latency.kernels import FUSIONS
from archcost.latency.measurement import MODES
from archcost.spec.names import unknown

SHIPPED = Path(__file__).parents[1] / "devices"
VERSION = 1
LARGEST = 1e300
WIDEST = 5.0
"""Half an interval of log(time): a factor of 150."""
RANGES = ("macs", "bytes", "batch")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The error on what a fit had not seen: the mean of |predicted / measured - 1| over rows of one family."""

    family: str
    rows: int
    error: float
    method: str


@dataclass(frozen=True, slots=True)
class Fit:
    """Rates for one dtype.

    fusion: whether the runtime fuses BN and activations (`fused`, `none`); inside, outside: half the width of the
    80 % interval of log(time), for what lies within the range that was fitted, and beyond it (None: unknown); single:
    the same for single layers, where the others are those of networks; families: the specs fitted on; ranges: of
    macs, bytes and batch in the fit, lowest and highest; mode: how those rows ran (`graph`, `eager`, `compile`),
    empty where nobody said; launch_seconds, launch_width: what the host needs to launch one kernel in eager mode,
    where that was measured, and half the interval of times that it bounds; rival: rates that explain the rows as well
    by an overhead of the run rather than of each kernel, where there are such: between the two nobody knows.
    """

    rates: Rates
    fusion: str = "fused"
    correction: Correction | None = None
    inside: float | None = None
    outside: float | None = None
    families: tuple[str, ...] = ()
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    rows: int = 0
    held_out: tuple[HeldOut, ...] = ()
    single: float | None = None
    mode: str = ""
    launch_seconds: float | None = None
    launch_width: float | None = None
    rival: Rates | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """A device, as its file under `devices/` has it; fits by dtype."""

    name: str
    description: str
    source: str
    calibrated: bool
    fits: dict[str, Fit]
    command: str = ""
    version: int = VERSION

    def fit(self, dtype: str) -> Fit:
        """Raises ArchcostError for a dtype that the device was not measured in."""
        if dtype not in self.fits:
            known = ", ".join(self.fits)
            raise ArchcostError(f"{self.name} has no times for {dtype}; it has {known}: choose with --dtype")
        return self.fits[dtype]


def names() -> dict[str, Path]:
    """Every profile's file by its name; the user's own hide shipped ones of the same name."""
    found: dict[str, Path] = {}
    for folder in (SHIPPED, folders.devices()):
        if folder.is_dir():
            found |= {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    return dict(sorted(found.items()))


def find(device: str) -> Profile:
    """A profile by its name, or by the path of its file.

    Raises ArchcostError where there is none, or where it is broken.
    """
    path = Path(device)
    if path.suffix not in (".yaml", ".yml") and len(path.parts) == 1:
        known = names()
        if device not in known:
            raise ArchcostError(
                unknown("device", device, known) + "; or name a profile's file, or make one with `archcost calibrate`"
            )
        path = known[device]
    return read(path)


def read(path: Path) -> Profile:
    import yaml

    try:
        content = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    except FileNotFoundError:
        raise ArchcostError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ArchcostError(f"{path}: cannot be read: {error}") from None
    except (yaml.YAMLError, ValueError) as error:
        said = str(error).split("\n")[0]
        raise ArchcostError(f"{path}: is not YAML: {said}") from None
    if not isinstance(content, dict) or content.get("version") != VERSION:
        raise ArchcostError(f"{path}: is no device profile of version {VERSION}; make one with `archcost calibrate`")
    wrong: list[str] = []
    profile = typing.cast(Profile, _value(Profile, content, "profile", wrong))
    if not wrong:
        wrong = list(_astray(profile))
    if wrong:
        raise ArchcostError(f"{path}: " + "; ".join(wrong))
    return profile


def text(profile: Profile) -> str:
    """The profile as YAML, its numbers to six digits."""
    import yaml

    content = _plain(profile)
    body = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
    return (
        "# Made by `archcost calibrate`; rates are per second, overheads in seconds, intervals in log(time).\n" + body
    )


def _astray(profile: Profile) -> Iterator[str]:
    """What is wrong that the types of the fields do not say."""
    if not profile.fits:
        yield "`profile.fits` is empty; a profile has one for each dtype"
    for dtype, fit in profile.fits.items():
        where = f"profile.fits.{dtype}"
        if dtype not in DTYPES:
            yield f"`{where}`: " + unknown("dtype", dtype, DTYPES)
        if fit.fusion not in FUSIONS:
            yield f"`{where}.fusion` is one of {', '.join(FUSIONS)}"
        for name in () if fit.correction is None else fit.correction.terms:
            if name not in FEATURES:
                yield f"`{where}.correction.terms`: " + unknown("feature", name, FEATURES)
        for name, (low, high) in fit.ranges.items():
            if name not in RANGES or low > high:
                yield f"`{where}.ranges.{name}` must be one of {', '.join(RANGES)}, the lowest first"
        for name in ("inside", "outside", "single", "launch_width"):
            width = getattr(fit, name)
            if width is not None and not 0 <= width <= WIDEST:
                yield f"`{where}.{name}` must lie between 0 and {WIDEST}"
        if fit.mode not in ("", *MODES):
            yield f"`{where}.mode` is one of {', '.join(MODES)}, or empty"
        if fit.rates.overlap < 1:
            yield f"`{where}.rates.overlap` must be at least 1"
        if fit.rows < 0 or (fit.launch_seconds or 0) < 0:
            yield f"`{where}`: rows and launch_seconds are not negative"


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return float(f"{value:.6g}")
    return value


def _value(kind: Any, value: Any, where: str, wrong: list[str]) -> Any:
    """A value as its declared type; what is wrong is gathered, with the names of the fields."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        return None if value is None else _value(arguments[0], value, where, wrong)
    if dataclasses.is_dataclass(kind):
        return _record(kind, value, where, wrong)
    if origin is dict:
        if not isinstance(value, dict):
            return wrong.append(f"`{where}` must be a mapping")
        return {str(name): _value(arguments[1], each, f"{where}.{name}", wrong) for name, each in value.items()}
    if origin is tuple:
        if not isinstance(value, list):
            return wrong.append(f"`{where}` must be a list")
        if arguments[-1] is not Ellipsis and len(value) != len(arguments):
            return wrong.append(f"`{where}` must hold {len(arguments)} values")
        return tuple(_value(arguments[0], each, f"{where}.{i}", wrong) for i, each in enumerate(value))
    if kind is float:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not abs(value) < LARGEST:
            return wrong.append(f"`{where}` must be a number")
        if (".rates." in where or ".rival." in where) and (value < 0 or (value == 0 and not where.endswith("seconds"))):
            said = "must not be negative" if where.endswith("seconds") else "must be greater than 0"
            return wrong.append(f"`{where}` {said}")
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        return wrong.append(f"`{where}` must be {'text' if kind is str else kind.__name__}")
    return value


def _record(kind: Any, value: Any, where: str, wrong: list[str]) -> Any:
    if not isinstance(value, dict):
        return wrong.append(f"`{where}` must be a mapping")
    declared = {f.name: f for f in dataclasses.fields(kind)}
    types_ = typing.get_type_hints(kind)
    wrong += [unknown(f"field of `{where}`", str(name), declared) for name in value if name not in declared]
    missing = dataclasses.MISSING
    needed = [n for n, f in declared.items() if f.default is missing and f.default_factory is missing]
    wrong += [f"`{where}` needs `{name}`" for name in needed if name not in value]
    known = {name: each for name, each in value.items() if name in declared}
    read = {name: _value(types_[name], each, f"{where}.{name}", wrong) for name, each in known.items()}
    return None if wrong else kind(**read)
