"""The columns of a cost table, once: every form of output picks from these."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archcost.analysis import LayerCost
from archcost.reports import units

if TYPE_CHECKING:
    from archcost.reports.latency import Latency


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a layer, a group of layers, or the total. Counts for one sample, elements and bytes for the batch.

    counted: by the convention that was asked for; None without one, or where it has no rule for a layer.
    predicted_seconds (for the batch), bound, time_share: only where a device was named, and the layer is a kernel.
    backward_macs, kept_bytes: only where training is asked for.
    """

    name: str
    kind: str
    block: str | None
    kernel: tuple[Any, ...] | None
    stride: tuple[Any, ...] | None
    groups: Any
    input_shapes: tuple[tuple[Any, ...], ...]
    output_shape: tuple[Any, ...]
    layers: int
    macs: int
    params: int
    buffers: int
    activation_elements: int
    activation_bytes: int
    bytes_moved: int
    intensity: float | None
    share: float
    formula: str = ""
    counted: int | None = None
    predicted_seconds: float | None = None
    bound: str | None = None
    time_share: float | None = None
    backward_macs: int = 0
    kept_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Column:
    """title: for people; key: its name in the code; text: a row's cell; importance: 1 stays longest."""

    title: str
    key: str
    text: Callable[[Row], str]
    numeric: bool = True
    importance: int = 1


def _counted(title: str, key: str, importance: int) -> Column:
    return Column(title, key, lambda row: units.count(getattr(row, key)), True, importance)


def _said(title: str, key: str, text: Callable[[Row], str], importance: int) -> Column:
    return Column(title, key, text, False, importance)


def _window(row: Row) -> str:
    return f"{units.sizes(row.kernel)}/{units.sizes(row.stride or ())}" if row.kernel else ""


def _inputs(row: Row) -> str:
    shown = " ".join(units.sizes(shape) for shape in row.input_shapes[:2])
    return f"{shown} …" if len(row.input_shapes) > 2 else shown


NAME = _said("layer", "name", lambda row: row.name, 1)
KIND = _said("kind", "kind", lambda row: row.kind, 5)
WINDOW = _said("kernel/stride", "window", _window, 8)
GROUPS = _said("groups", "groups", lambda row: str(row.groups) if row.groups not in (None, 1) else "", 9)
INPUT = _said("input", "input", _inputs, 7)
OUTPUT = _said("output", "output", lambda row: units.sizes(row.output_shape), 2)
LAYERS = _counted("layers", "layers", 3)
MACS = _counted("macs", "macs", 1)
PARAMS = _counted("params", "params", 1)
ACTIVATIONS = _counted("activations", "activation_elements", 4)
MOVED = _counted("bytes moved", "bytes_moved", 6)
INTENSITY = Column(
    "flops/byte", "intensity", lambda row: "" if row.intensity is None else f"{row.intensity:.2f}", True, 7
)
SHARE = Column("share", "share", lambda row: f"{100 * row.share:.2f} %", True, 2)
TIME = Column(
    "time",
    "predicted_seconds",
    lambda row: "" if row.predicted_seconds is None else units.seconds(row.predicted_seconds),
)
BOUND = _said("bound", "bound", lambda row: row.bound or "", 2)
TIME_SHARE = Column(
    "share of time", "time_share", lambda row: "" if row.time_share is None else units.share(row.time_share, 1), True, 3
)

COUNTED = Column("counted", "counted", lambda row: "–" if row.counted is None else units.count(row.counted))

LAYER_COLUMNS = (NAME, KIND, WINDOW, GROUPS, INPUT, OUTPUT, MACS, PARAMS, ACTIVATIONS, MOVED, INTENSITY, SHARE)
GROUP_COLUMNS = (NAME, LAYERS, MACS, PARAMS, ACTIVATIONS, MOVED, INTENSITY, SHARE)
LAYER_TIME_COLUMNS = (TIME, BOUND, TIME_SHARE)
GROUP_TIME_COLUMNS = (TIME, TIME_SHARE)


def layer_row(layer: LayerCost, total_macs: Any, batch: int, latency: Latency | None = None) -> Row:
    return Row(
        name=layer.name,
        kind=layer.kind,
        block=layer.block,
        kernel=layer.kernel,
        stride=layer.stride,
        groups=layer.groups,
        input_shapes=layer.input_shapes,
        output_shape=layer.output_shape,
        layers=1,
        formula=layer.formula,
        bound=latency.bound(layer.name) if latency else None,
        **_figures([layer], total_macs, batch, latency),
    )


def group_row(
    name: str, layers: Iterable[LayerCost], total_macs: Any, batch: int, latency: Latency | None = None
) -> Row:
    """Several layers as one line."""
    layers = list(layers)
    return Row(name, "", None, None, None, None, (), (), len(layers), **_figures(layers, total_macs, batch, latency))


def _figures(layers: list[LayerCost], total_macs: Any, batch: int, latency: Latency | None) -> dict[str, Any]:
    names = ("macs", "params", "buffers", "activation_elements", "activation_bytes", "bytes_moved")
    found = {name: sum(getattr(layer, name) for layer in layers) for name in names}
    known = all(layer.counted is not None for layer in layers)
    found["counted"] = sum(layer.counted for layer in layers) if layers and known else None
    moved = found["bytes_moved"]
    found["intensity"] = 2 * found["macs"] * batch / moved if moved else None
    found["share"] = found["macs"] / total_macs if total_macs else 0.0
    if latency:
        seconds = latency.of(layer.name for layer in layers)
        found["predicted_seconds"] = seconds
        found["time_share"] = None if seconds is None else seconds / latency.seconds
    return found
