"""What a plot shows: networks with their accuracy and what they cost, as columns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from archcost import dims
from archcost.analysis.analysis import Analysis
from archcost.errors import ArchcostError
from archcost.reports.plots.style import legible
from archcost.spec.parts import Document
from archcost.spec.settings import Settings, settle

if TYPE_CHECKING:
    from archcost.accuracy.model import Accuracy


class Axis(NamedTuple):
    """A figure of networks: its column, its label, and how many of the column's units are one of the label's."""

    column: str
    label: str
    unit: float


class _Axes(dict[str, Axis]):
    """Of several devices each has an axis of its own."""

    def __missing__(self, name: str) -> Axis:
        word, _, device = name.partition(" ")
        if word != LATENCY or not device:
            raise KeyError(name)
        return Axis(f"{SECONDS} {device}", f"latency on {shortened(legible(device), LONGEST)} (ms)", 1e-3)


ACCURACY, LATENCY, SECONDS = "accuracy", "latency", "seconds"
AXES = _Axes(
    {
        ACCURACY: Axis("accuracy", "Accuracy (%)", 1),
        "macs": Axis("macs", "Mult-adds (millions)", 1e6),
        "params": Axis("params", "Parameters (millions)", 1e6),
        LATENCY: Axis(SECONDS, "latency (ms)", 1e-3),
        "memory": Axis("peak_activation_bytes", "Peak activation memory (MiB)", 2.0**20),
        "weights": Axis("weight_bytes", "Weights (MiB)", 2.0**20),
    }
)
"""By the words of `--x` and `--y`; `latency NAME` is that on one of several devices."""
COSTS = ("macs", "params", "weight_bytes", "peak_activation_bytes")
ACCURACIES = ("accuracy", "accuracy_low", "accuracy_high")
"""A figure with the ends of its interval."""
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
LONGEST = 36
"""Characters of a name; the middle of longer ones is left out."""


@dataclass(eq=False)
class Curve:
    """A line of the fitted surface: networks of one width, through the resolutions. Columns as of Series."""

    columns: Mapping[str, Any]


@dataclass(eq=False)
class Series:
    """Networks of one spec from one source.

    columns: name -> array of floats, all of one length, NaN where nobody knows: accuracy, accuracy_low, accuracy_high
    (percent), alpha, height, width, COSTS, seconds, or of several devices `seconds NAME`. parameters: of each network,
    those that differ from the spec's own.
    measured: whether seconds were measured rather than predicted, None where there are none. published: whether the
    accuracies are; else they are estimates. winner: a row. limits: by column, what a search had to keep to. curves: of
    the fitted surface, at each published width; envelope: the best that it has anywhere, from the cheapest on.
    """

    spec: str
    columns: dict[str, Any]
    parameters: Sequence[Mapping[str, str]]
    published: bool = False
    measured: bool | None = None
    winner: int | None = None
    limits: Mapping[str, float] = field(default_factory=dict)
    curves: list[Curve] = field(default_factory=list)
    envelope: Curve | None = None
    notes: list[str] = field(default_factory=list)
    imagenet: bool = True

    def __len__(self) -> int:
        return len(self.columns["accuracy"])

    @property
    def title(self) -> str:
        return TITLES.get(self.spec) or shortened(legible(self.spec), LONGEST)

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
        return "" if value is None else shortened(legible(f"{name}={value}" if name else value), LONGEST)

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


def shortened(text: str, most: int) -> str:
    """A text of at most so many characters; the end of names tells as much as their beginning."""
    return text if len(text) <= most else f"{text[: most - most // 2 - 1]}…{text[len(text) - most // 2 :]}"


def empty(count: int) -> dict[str, Any]:
    """Columns of so many networks of which nothing is known."""
    import numpy as np

    names = (*ACCURACIES, "alpha", "height", "width", *COSTS, "seconds")
    return {name: np.full(count, np.nan) for name in names}


def batches(settings: Sequence[Settings]) -> Iterator[tuple[list[int], Settings]]:
    """Settings that differ in α and resolution only, as one of arrays; with their places."""
    import numpy as np

    alike: dict[str, list[int]] = {}
    for place, each in enumerate(settings):
        alike.setdefault(f"{each.parameters} {each.resolution is None}", []).append(place)
    for places in alike.values():
        chosen = [settings[place] for place in places]
        fractions = (dims.parts(each.alpha) for each in chosen)
        alpha = dims.Ratio(np.array([n * (dims.UNIT // d) for n, d in fractions], np.int64), dims.UNIT)
        height, width = np.array([each.resolution or (0, 0) for each in chosen], np.int64).T
        sizes = (height, height if (height == width).all() else width)
        yield places, Settings(alpha, sizes if chosen[0].resolution else None, chosen[0].parameters)


def costs(document: Document, settings: Sequence[Settings], dtype: str = "float32") -> dict[str, Any]:
    """Columns of what networks cost, and of their settings; one sample at a time.

    Raises SpecError where one cannot exist.
    """
    import numpy as np

    columns = empty(len(settings))
    for places, chosen in batches(settings):
        analysis = Analysis(document, chosen, 1, dtype)
        columns["alpha"][places] = dims.as_float(chosen.alpha)
        if chosen.resolution is not None:
            columns["height"][places], columns["width"][places] = chosen.resolution
        for name in COSTS:
            figures = np.ma.asarray(np.broadcast_to(getattr(analysis, name), len(places)))
            columns[name][places] = figures
            for wrong in np.flatnonzero(np.ma.getmaskarray(figures))[:1]:
                Analysis(document, settings[places[wrong]], 1, dtype).macs  # noqa: B018 - it says what is wrong
    return columns


def published(document: Document, known: Accuracy, dtype: str = "float32") -> Series:
    """The published points of a spec. Raises ArchcostError where there are none."""
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
    return found


def latencies(series: Sequence[Series]) -> list[str]:
    """Of AXES, those of latency: one, or one for each of several devices, which all series have then a column of."""
    import numpy as np

    columns = dict.fromkeys(name for each in series for name in each.columns if name.startswith(f"{SECONDS} "))
    for each in series:
        for name in columns:
            each.columns.setdefault(name, np.full(len(each), np.nan))
    return [name.replace(SECONDS, LATENCY, 1) for name in columns] or [LATENCY]
