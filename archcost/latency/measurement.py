"""One measurement: what ran, how, on what, what the clock said, and in which state the machine was."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_type_hints

from archcost.errors import ArchcostError
from archcost.latency.subject import canonical, hash_of
from archcost.spec.names import unknown

DTYPES = ("float32", "float16", "bfloat16")
LAYOUTS = ("contiguous", "channels_last")
MODES = ("eager", "graph", "compile")
OK, OUT_OF_MEMORY, UNSTABLE, FAILED = STATUSES = ("ok", "out_of_memory", "unstable", "failed")
IDENTITY = (
    "digest",
    "batch",
    "dtype",
    "layout",
    "mode",
    "folded",
    "tf32",
    "protocol",
    "fingerprint",
    "software",
)
"""What tells one measurement from another; its key is their hash."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """How time is taken: blocks of forwards, warmed up until they agree, repeated where they drift. Seconds.

    agreement: largest share by which the last blocks of the warm-up may differ; drift: largest share by which the
    second half's median may differ from the first's; foreign_cores: the most that other programs may use of a CPU's
    cores beyond those that are to spare.
    """

    name: str = "blocks"
    version: int = 1
    block_seconds: float = 0.010
    warm_up_seconds: float = 0.5
    warm_up_limit_seconds: float = 10.0
    agreeing_blocks: int = 5
    agreement: float = 0.01
    blocks: int = 20
    seconds: float = 0.5
    fewest_blocks: int = 5
    limit_seconds: float = 30.0
    drift: float = 0.02
    foreign_cores: float = 0.25
    tries: int = 3
    graph_forwards: int = 10
    most_graph_kernels: int = 20_000

    @classmethod
    def on(cls, device: str, **changes: Any) -> Protocol:
        """The one for a kind of device; a CPU shares its caches and cores with others and is allowed more."""
        own: dict[str, Any] = {} if device.startswith("cuda") else {"agreement": 0.05, "drift": 0.10}
        return cls(**{**own, **changes})


@dataclass(frozen=True, slots=True)
class Measurement:
    """Times are seconds of one forward; samples are the means of blocks. None is what nobody knows.

    layer: text for a single operator, None for a network; kind to groups: its sizes, where it is a convolution, as
    `read_layers` has them. peak_bytes: the most that one forward had allocated on the device, weights included.
    """

    key: str
    spec: str
    alpha: float | None
    resolution: str
    parameters: dict[str, Any]
    layer: str | None
    kind: str | None
    in_channels: int | None
    out_channels: int | None
    kernel: str | None
    input_size: str | None
    stride: str | None
    padding: str | None
    groups: int | None
    digest: str
    batch: int
    dtype: str
    layout: str
    mode: str
    folded: bool
    tf32: bool
    protocol: dict[str, Any]
    device: str
    fingerprint: dict[str, Any]
    software: dict[str, Any]
    status: str
    reason: str | None
    median: float | None
    lower_quartile: float | None
    upper_quartile: float | None
    tenth_percentile: float | None
    ninetieth_percentile: float | None
    count: int
    peak_bytes: int | None
    samples: list[float]
    before: dict[str, Any]
    after: dict[str, Any]
    created: str

    @property
    def identity(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in IDENTITY}

    def cells(self) -> dict[str, str]:
        """Each field as text, which `from_cells` reads back exactly."""
        return {name: _written(getattr(self, name)) for name in FIELDS}


FIELDS: dict[str, Any] = get_type_hints(Measurement)
"""Name -> type, in the order of the columns."""


def statistics(samples: Sequence[float]) -> dict[str, Any]:
    """Median, quartiles, outer tenths and number of some samples; None where there are none."""
    ordered = sorted(samples)
    shares = {
        "median": 0.5,
        "lower_quartile": 0.25,
        "upper_quartile": 0.75,
        "tenth_percentile": 0.1,
        "ninetieth_percentile": 0.9,
    }
    found = {name: quantile(ordered, share) if ordered else None for name, share in shares.items()}
    return {**found, "count": len(ordered), "samples": list(samples)}


def quantile(ordered: Sequence[float], share: float) -> float:
    """Linear between the two nearest of a sorted sequence.

    >>> quantile([1.0, 2.0, 4.0, 8.0], 0.5)
    3.0
    """
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def key_of(identity: Mapping[str, Any]) -> str:
    return hash_of(identity)


def require(what: str, value: str, known: Sequence[str]) -> str:
    """The value, if it is a known one. Raises ArchcostError."""
    if value == "int8":
        raise ArchcostError(f"int8 cannot be measured here; choose from {', '.join(known)}")
    if value not in known:
        raise ArchcostError(unknown(what, value, known))
    return value


def from_cells(cells: Mapping[str, str]) -> Measurement:
    """The measurement that a row of texts holds. Raises ValueError with what is wrong with it."""
    values: dict[str, Any] = {}
    for name, kind in FIELDS.items():
        try:
            values[name] = _read(cells[name], kind)
        except (ValueError, RecursionError):
            text = cells[name]
            shown = f"{text[:60]}…" if len(text) > 60 else text
            raise ValueError(f'{name} cannot be "{shown}"') from None
    return checked(Measurement(**values))


def checked(measurement: Measurement) -> Measurement:
    """The measurement, if its parts agree with each other. Raises ValueError."""
    if key_of(measurement.identity) != measurement.key:
        raise ValueError("its key does not belong to it; some cell was changed")
    if measurement.status not in STATUSES:
        raise ValueError(unknown("status", measurement.status, STATUSES))
    if not all(isinstance(t, float) and math.isfinite(t) and t > 0 for t in measurement.samples):
        raise ValueError("samples must be positive numbers of seconds")
    found = statistics(measurement.samples)
    if any(getattr(measurement, name) != value for name, value in found.items()):
        raise ValueError("its statistics are not those of its samples")
    if (measurement.status in (OK, UNSTABLE)) != bool(measurement.samples):
        raise ValueError(f"status {measurement.status} with {measurement.count} samples")
    try:
        if datetime.fromisoformat(measurement.created).tzinfo is None:
            raise ValueError
    except ValueError:
        raise ValueError(f'created must be a date and time with its zone, not "{measurement.created[:40]}"') from None
    return measurement


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (bool, dict, list)):
        return canonical(value)
    return repr(value) if isinstance(value, float) else str(value)


_WHOLE = re.compile(r"-?[0-9]{1,19}")


def _read(text: str, kind: Any) -> Any:
    if kind is str:
        return text
    if kind == str | None:
        return text or None
    if kind in (int, int | None):
        if not text and kind is not int:
            return None
        if not _WHOLE.fullmatch(text) or abs(int(text)) >= 2**63:
            raise ValueError
        return int(text)
    if kind == float | None:
        return _finite(float(text)) if text else None
    wanted = {bool: bool, dict[str, Any]: dict, list[float]: list}[kind]
    value = json.loads(text, parse_constant=_refused)
    if not isinstance(value, wanted):
        raise ValueError
    return value


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError
    return number


def _refused(constant: str) -> float:
    raise ValueError(constant)
