"""Draws the pictures of ../latency.md from the tables beside this file: python reports/latency/pictures.py [FOLDER]

Every prediction in them is of a row that its fit had not seen.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

from archcost.latency import evidence
from archcost.latency.calibration import fitted
from archcost.latency.points import read_layers, read_points
from archcost.latency.prediction import Predicted, Predictor
from archcost.latency.profile import Fit, Profile

TABLES = Path(__file__).parent
FIVE = {(1, 224), (1, 128), (0.25, 224), (0.25, 128), (0.5, 192)}
"""(α, resolution) of the variants of MobileNetV1 that the few-point fits see."""
DEVICES = (
    ("Pixel 3, CPU", "pixel3.csv", {"processor": "CPU, 4 threads"}),
    ("RK3399, ArmNN Neon", "rk3399.csv", {"runtime": "ArmNN v19.08 (Neon)"}),
    ("Pixel 3, GPU", "pixel3.csv", {"processor": "GPU"}),
    ("RK3399, ArmNN OpenCL", "rk3399.csv", {"runtime": "ArmNN v19.08 (OpenCL)"}),
    ("Pixel 3, NNAPI", "pixel3.csv", {"processor": "NNAPI"}),
    ("RK3399, TFLite", "rk3399.csv", {"runtime": "TFLite v1.15.0-rc2"}),
)
FEW, DRAWN = 300, 30
"""Rows that the fit of single convolutions sees, and how many of the others make a sum."""
WIDTH = 80 / 25.4
BLUE, ORANGE, BLACK = "#0072B2", "#D55E00", "#000000"
"""Okabe and Ito's, which colour-blind people tell apart."""
MARKERS: dict[str, Any] = {"markersize": 3, "markeredgecolor": "white", "markeredgewidth": 0.25}
TICKS = [digit * 10.0**power for power in range(-2, 4) for digit in (1, 2, 5)]
STYLE: Any = {
    "font.size": 6.5,
    "axes.titlesize": 6.5,
    "axes.linewidth": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.size": 2,
    "ytick.major.size": 2,
    "savefig.dpi": 210,
    "axes.titlepad": 3,
    "axes.labelpad": 2,
}


class HeldOut(NamedTuple):
    """Rows that a fit had not seen: measured and predicted seconds, and half of each one's interval of log(time)."""

    measured: Any
    predicted: Any
    widths: Any

    @property
    def error(self) -> float:
        return float(np.abs(self.predicted / self.measured - 1).mean())

    @property
    def inside(self) -> Any:
        return np.abs(np.log(self.measured / self.predicted)) <= self.widths


def predictor(fit: Fit) -> Predictor:
    return Predictor(Profile("", "", "", True, {"float32": fit}))


def held_out(seconds: Any, predicted: Predicted, rows: Any) -> HeldOut:
    """Some rows of all that were measured and predicted."""
    widths = np.log(predicted.high / predicted.seconds)
    return HeldOut(np.asarray(seconds)[rows], predicted.seconds[rows], widths[rows])


def networks(file: str, where: dict[str, str]) -> tuple[HeldOut, HeldOut | None]:
    """MobileNetV1's other variants after a fit on five; MobileNetV2's after a fit on V1, where it was measured."""
    points = read_points(TABLES / file, measured=True, where=where)
    rows = evidence.by_dtype(points.table, None)["float32"]
    settings = zip(*(points.table.column(name) for name in ("alpha", "resolution")), strict=True)
    variant = [(float(alpha), int(size)) for alpha, size in settings]
    first = [row for row in rows if points.specs[row] == "mobilenetv1"]
    five = [row for row in first if variant[row] in FIVE]
    others = [row for row in first if row not in five]
    second = [row for row in rows if points.specs[row] == "mobilenetv2"]

    def predicted(seen: list[int]) -> Predicted:
        return predictor(fitted(evidence.of_points(points, "float32", seen))).points(points)

    return (
        held_out(points.seconds, predicted(five), others),
        held_out(points.seconds, predicted(first), second) if len(second) > 5 else None,
    )


def convolutions(file: str) -> tuple[HeldOut, HeldOut]:
    """Single convolutions after a fit on some random ones of them, and sums of others."""
    layers = read_layers(TABLES / file, measured=True)
    order = np.random.default_rng(0).permutation(len(layers))
    seen, rest = order[:FEW].tolist(), order[FEW:]
    predicted = predictor(fitted(evidence.of_layers(layers, "float32", seen))).single(layers.shapes)
    single = held_out(layers.seconds, predicted, rest)
    whole = len(rest) // DRAWN * DRAWN
    measured, predicted_sum = (column[:whole].reshape(-1, DRAWN).sum(axis=1) for column in single[:2])
    return single, HeldOut(measured, predicted_sum, np.nan)


def diagonal(axes: Axes, low: float, high: float) -> None:
    """Square, in milliseconds on both sides, with the line where prediction and measurement agree."""
    axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high), aspect="equal")
    axes.plot([low, high], [low, high], color=BLACK, linewidth=0.5, zorder=1)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(FixedLocator([tick for tick in TICKS if low <= tick <= high]))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
        axis.set_minor_locator(FixedLocator([]))


def band(axes: Axes, width: float, colour: str, filled: bool = True) -> None:
    """Where a prediction's interval holds the measurement; width: half of it, in log(time)."""
    ends = np.array(axes.get_xlim())
    low, high = ends * np.exp(-width), ends * np.exp(width)
    if filled:
        axes.fill_between(ends, low, high, color=colour, alpha=0.2, linewidth=0, zorder=0)
    else:
        axes.plot(ends, np.stack([low, high], axis=1), "--", color=colour, linewidth=0.5, zorder=0)


def text(axes: Axes, row: float, said: str, colour: str = BLACK) -> None:
    """In the upper left corner."""
    axes.text(0.05, 0.94 - 0.1 * row, said, color=colour, transform=axes.transAxes, va="top")


def draw_networks(file: Path) -> None:
    figure, grid = plt.subplots(3, 2, figsize=(WIDTH, 1.7 * WIDTH), layout="constrained")
    looks = (("V1", BLUE, "o"), ("V2", ORANGE, "^"))
    for axes, (name, table, where) in zip(grid.flat, DEVICES, strict=True):
        kinds = [(kind, *look) for kind, look in zip(networks(table, where), looks, strict=True) if kind]
        shown = np.concatenate([1e3 * column for kind, *_ in kinds for column in kind[:2]])
        diagonal(axes, shown.min() / 1.4, shown.max() * 1.4)
        for row, (kind, label, colour, marker) in enumerate(kinds):
            band(axes, float(np.median(kind.widths)), colour, filled=row == 0)
            axes.plot(1e3 * kind.measured, 1e3 * kind.predicted, marker, color=colour, **MARKERS)
            text(axes, row, f"{label}: error {percent(kind.error)}", colour)
        axes.set_title(name)
    for axes in grid[-1]:
        axes.set_xlabel("measured, ms")
    for axes in grid[:, 0]:
        axes.set_ylabel("predicted, ms")
    figure.suptitle("MobileNet variants that the fit had not seen", fontsize=7.5, fontweight="bold")
    dots = [Line2D([], [], color=colour, marker=marker, linewidth=0, **MARKERS) for _, colour, marker in looks]
    bands = [Patch(color=BLUE, alpha=0.2, linewidth=0), Line2D([], [], color=ORANGE, linestyle="--", linewidth=0.5)]
    labels = ["V1, fitted on five others; shaded: 80 % interval", "V2, fitted on V1; dashed: 80 % interval"]
    handles: Any = list(zip(bands, dots, strict=True))
    figure.legend(handles, labels, loc="outside lower center", frameon=False, fontsize=6)
    figure.savefig(file)
    plt.close(figure)


def draw_convolutions(file: Path) -> None:
    single, sums = convolutions("nvidia-t4.csv")
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(WIDTH, 1.5 * WIDTH), layout="constrained", height_ratios=(2.4, 1)
    )
    shown = 1e3 * np.concatenate(single[:2])
    diagonal(above, shown.min() / 1.3, shown.max() * 1.3)
    band(above, float(np.median(single.widths)), ORANGE)
    above.plot(
        1e3 * single.measured, 1e3 * single.predicted, ".", color=BLUE, markersize=1.6, alpha=0.35, mew=0, zorder=0.5
    )
    text(above, 0, f"{len(single.measured):,} convolutions, fitted on {FEW} others")
    text(above, 0.6, f"mean error {percent(single.error)}", BLUE)
    text(above, 1.2, f"the 80 % interval holds {100 * single.inside.mean():.0f} %", ORANGE)
    above.set(xlabel="measured, ms", ylabel="predicted, ms")
    edges = np.linspace(0.5, 1.5, 81)
    for row, (kind, colour, label) in enumerate(
        ((sums, ORANGE, f"sums of {DRAWN}: {percent(sums.error)}"), (single, BLUE, f"single: {percent(single.error)}"))
    ):
        ratio = np.clip(kind.predicted / kind.measured, 0.5, 1.5)
        below.hist(ratio, edges, density=True, histtype="stepfilled", color=colour, alpha=0.5)
        text(below, 1.5 * row, label, colour)
    below.axvline(1, color=BLACK, linewidth=0.5)
    below.set(xlabel="predicted / measured (the rest in the last bins)", yticks=[], xlim=(0.5, 1.5))
    below.spines["left"].set_visible(False)
    figure.suptitle("Single convolutions on a T4", fontsize=7.5, fontweight="bold")
    figure.savefig(file)
    plt.close(figure)


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def main(folder: str = str(TABLES)) -> None:
    plt.rcParams.update(STYLE)
    draw_networks(Path(folder, "networks.png"))
    draw_convolutions(Path(folder, "convolutions.png"))


if __name__ == "__main__":
    main(*sys.argv[1:])
