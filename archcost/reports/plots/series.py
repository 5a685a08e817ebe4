"""What a plot shows: networks with their accuracy and what they cost, as columns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from archcost.analysis.analysis import Analysis
from archcost.dims import as_float
from archcost.errors import ArchcostError
from archcost.spec.parts import Document
from archcost.spec.settings import Settings, settle

if TYPE_CHECKING:
    from archcost.accuracy.model import Accuracy
    from archcost.accuracy.surface import Surface


class Axis(NamedTuple):
    """A cost: its column, its label, and how many of the column's units are one of the label's."""

    column: str
    label: str
    unit: float


AXES = {
    "macs": Axis("macs", "Mult-adds (millions)", 1e6),
    "params": Axis("params", "Parameters (millions)", 1e6),
    "latency": Axis("seconds", "latency (ms)", 1e-3),
    "memory": Axis("peak_activation_bytes", "Peak activation memory (MiB)", 2.0**20),
    "weights": Axis("weight_bytes", "Weights (MiB)", 2.0**20),
}
"""By the words of `--x`; AXES["latency"] also says whether it was measured."""
COSTS = ("macs", "params", "weight_bytes", "peak_activation_bytes")
TITLES = {
    "convnext_tiny": "ConvNeXt-T",
    "densenet121": "DenseNet-121",
    "efficientnet_b0": "EfficientNet",
    "googlenet": "GoogLeNet",
    "inceptionv3": "InceptionV3",
    "mnasnet1_0": "MnasNet",
    "mobilenetv1": "MobileNetV1",
    "mobilenetv2": "MobileNetV2",
    "mobilenetv3_large": "MobileNetV3-Large",
    "mobilenetv3_small": "MobileNetV3-Small",
    "resnet18": "ResNet-18",
    "resnet34": "ResNet-34",
    "resnet50": "ResNet-50",
    "resnet101": "ResNet-101",
    "resnet50_v1_5": "ResNet-50 v1.5",
    "resnet152_v1_5": "ResNet-152 v1.5",
    "shufflenet_v2_x1_0": "ShuffleNetV2",
    "squeezenet1_1": "SqueezeNet 1.1",
    "vgg16": "VGG-16",
    "vgg19": "VGG-19",
    "vit_b_16": "ViT-B/16",
    "xception": "Xception",
}
"""How papers write the names of the zoo's specs."""
NEAR = 1e-9


@dataclass(eq=False)
class Curve:
    """A line of the fitted surface: networks of one width, through the resolutions. Columns as of Series."""

    columns: Mapping[str, Any]


@dataclass(eq=False)
class Series:
    """Networks of one spec from one source.

    columns: name -> array of floats, all of one length, NaN where nobody knows: accuracy, accuracy_low, accuracy_high
    (percent), alpha, height, width, COSTS, seconds. parameters: of each network, those that differ from the spec's own.
    measured: whether seconds were measured rather than predicted, None where there are none. published: whether the
    accuracies are; else they are estimates. winner: a row. limits: by column, what a search had to keep to.
    """

    spec: str
    columns: dict[str, Any]
    parameters: Sequence[Mapping[str, str]]
    published: bool = False
    measured: bool | None = None
    winner: int | None = None
    limits: Mapping[str, float] = field(default_factory=dict)
    curves: list[Curve] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    imagenet: bool = True

    def __len__(self) -> int:
        return len(self.columns["accuracy"])

    @property
    def title(self) -> str:
        return TITLES.get(self.spec, self.spec)

    def chosen(self, rows: Any) -> Series:
        """Some of its networks, the winner not among what is kept in mind."""
        columns = {name: column[rows] for name, column in self.columns.items()}
        return Series(self.spec, columns, [self.parameters[row] for row in rows], self.published, self.measured)

    def text(self, row: int, names: Sequence[str]) -> str:
        """A network's settings, of those named: `0.75, 192`."""
        return ", ".join(filter(None, (self._said(row, name) for name in names)))

    def _said(self, row: int, name: str) -> str:
        if name in ("alpha", "resolution"):
            numbers = [self.columns[each][row] for each in (("alpha",) if name == "alpha" else ("height", "width"))]
            numbers = [number for number in numbers if not math.isnan(number)]
            return "×".join(f"{number:g}" for number in dict.fromkeys(numbers))
        value = self.parameters[row].get(name)
        return "" if value is None else f"{name}={value}"

    @property
    def varying(self) -> list[str]:
        """The settings that tell its networks apart."""
        import numpy as np

        columns = {"alpha": ["alpha"], "resolution": ["height", "width"]}
        found = [
            name
            for name, parts in columns.items()
            if any(len(np.unique(self.columns[part][~np.isnan(self.columns[part])])) > 1 for part in parts)
        ]
        names = dict.fromkeys(name for given in self.parameters for name in given)
        return found + [name for name in names if len({given.get(name) for given in self.parameters}) > 1]


def empty(count: int) -> dict[str, Any]:
    """Columns of so many networks of which nothing is known."""
    import numpy as np

    names = ("accuracy", "accuracy_low", "accuracy_high", "alpha", "height", "width", *COSTS, "seconds")
    return {name: np.full(count, np.nan) for name in names}


def costs(document: Document, settings: Sequence[Settings], dtype: str = "float32") -> dict[str, Any]:
    """Columns of what networks cost, and of their settings; one sample at a time.

    Raises SpecError where one cannot exist.
    """
    columns = empty(len(settings))
    for row, chosen in enumerate(settings):
        analysis = Analysis(document, chosen, 1, dtype)
        columns["alpha"][row] = as_float(chosen.alpha)
        if chosen.resolution is not None:
            columns["height"][row], columns["width"][row] = chosen.resolution
        for name in COSTS:
            columns[name][row] = getattr(analysis, name)
    return columns


def published(document: Document, known: Accuracy, dtype: str = "float32", surface: bool = False) -> Series:
    """The published points of a spec, and the curves of the surface through them where asked for.

    Raises ArchcostError where nothing is published, or no surface was fitted.
    """
    import numpy as np

    if not known.points:
        raise ArchcostError(
            f"{document.name}: no accuracy is published in {dtype}; `archcost search` plots what you know yourself"
        )
    settings = [settle(document, point.alpha, None, point.resolution, point.parameters) for point in known.points]
    found = Series(document.name, costs(document, settings, dtype), [], published=True)
    found.parameters = [{name: str(value) for name, value in point.parameters.items()} for point in known.points]
    found.columns["accuracy"] = np.array([point.top1 for point in known.points])
    found.notes.append(known.statement)
    if surface:
        found.curves = [
            curve
            for group in known.groups
            if group.surface is not None
            for curve in curves(document, group.surface, sorted({point.alpha for point in group.points}), dtype)
        ]
        if not found.curves:
            raise ArchcostError(f"{document.name}: its {len(known.points)} points are too few for a surface")
    return found


def curves(document: Document, surface: Surface, alphas: Sequence[float], dtype: str, steps: int = 33) -> list[Curve]:
    """The surface along the resolutions it was fitted to, at each of some widths.

    Costs are exact where all maps have whole sizes, and interpolated between: at other resolutions maps are rounded up,
    and the line would be a staircase.
    """
    import numpy as np

    smallest, largest = surface.resolutions
    own = Analysis(document, settle(document)).stride
    stride = int(max(own) if isinstance(own, tuple) else own)
    exact = [*range(math.floor(smallest / stride) * stride, math.ceil(largest / stride) * stride + 1, stride)]
    sizes = np.geomspace(smallest, largest, steps)
    found = []
    for alpha in alphas:
        known = costs(document, [settle(document, alpha, None, size) for size in exact], dtype)
        columns = {name: np.exp(np.interp(np.log(sizes), np.log(exact), np.log(known[name]))) for name in COSTS}
        value, low, high, _ = surface(np.full(steps, alpha), sizes)
        unknown = np.full(steps, np.nan)
        found.append(
            Curve({**columns, "seconds": unknown, "accuracy": value, "accuracy_low": low, "accuracy_high": high})
        )
    return found
