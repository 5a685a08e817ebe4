"""Draws what a model's layers cost: python reports/pictures.py kinds|roofline|memory FILE.(png|svg|pdf)"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

import archcost
from archcost.analysis import DTYPES
from archcost.analysis.memory import schedule
from archcost.latency.profile import find
from archcost.reports.plots import style
from archcost.reports.plots.series import TITLES

BLUE, ORANGE, GREEN, PINK = style.COLOURS[:4]
LIGHT = "#bdbdbd"
KINDS = {"pointwise": BLUE, "depthwise": ORANGE, "conv": GREEN, "linear": PINK}
"""Kinds of layers with a colour of their own; all else is light grey."""
NAMES = {
    "pointwise": "pointwise convolutions",
    "depthwise": "depthwise convolutions",
    "conv": "first convolution",
    "linear": "linear layer",
    "other": "all else",
}
CPU = "rk3399-tflite"
GPU = "nvidia-a100"


def kinds(model: str = "mobilenetv1") -> Any:
    """Shares of mult-adds, parameters and time by kind of layer."""
    analysis = archcost.analyze(model, device=CPU)
    latency = analysis.latency
    assert latency is not None
    bars: dict[str, Counter[str]] = {name: Counter() for name in ("Mult-adds", "Parameters", "Time")}
    for layer in analysis.layers:
        kind = layer.kind if layer.kind in KINDS else "other"
        bars["Mult-adds"][kind] += layer.macs
        bars["Parameters"][kind] += layer.params
        bars["Time"][kind] += latency.of([layer.name]) or 0
    bars["Time"]["other"] += latency.network_seconds
    figure = style.figure(style.WIDTH, 42)
    axes = figure.subplots()
    axes.grid(False)
    for row, amounts in enumerate(reversed(bars.values())):
        total = sum(amounts.values())
        left = 0.0
        for kind, colour in {**KINDS, "other": LIGHT}.items():
            share = 100 * amounts[kind] / total
            axes.barh(row, share, left=left, height=0.62, color=colour, edgecolor="white", linewidth=0.4)
            if share >= 5.5:
                ink = style.BLACK if colour in (LIGHT, PINK) else "white"
                axes.text(left + share / 2, row, f"{share:.0f} %", ha="center", va="center", color=ink, fontsize=6.5)
            left += share
    said = {
        "Mult-adds": f"{analysis.macs / 1e6:.0f} M",
        "Parameters": f"{analysis.params / 1e6:.2f} M",
        "Time": f"{1e3 * latency.seconds:.0f} ms, RK3399",
    }
    axes.set(xlim=(0, 100), xlabel="Share of the whole (%)", yticks=range(3))
    axes.set_yticklabels([f"{name}\n{said[name]}" for name in reversed(bars)])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    handles = [_patch(colour, NAMES[kind]) for kind, colour in {**KINDS, "other": LIGHT}.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, columnspacing=1.2)
    return figure


def roofline(model: str = "mobilenetv1", other: str = "vgg16") -> Any:
    """What a layer could reach on a device by its datasheet, with the model's layers where they stand."""
    rates = find(GPU).fit("float32").rates
    peak, bandwidth = 2 * rates.macs_per_second, rates.activation_bytes_per_second
    figure = style.figure(style.WIDTH, 66)
    axes = figure.subplots()
    low, high = 0.3, 600.0
    x = np.array([low, peak / bandwidth, high])
    axes.plot(x, np.minimum(peak, bandwidth * x) / 1e12, color=style.BLACK, linewidth=1, zorder=2)
    for name, marker in ((other, "s"), (model, "o")):
        for layer in archcost.analyze(name).layers:
            if not layer.macs or not layer.bytes_moved:
                continue
            intensity = layer.flops / layer.bytes_moved
            reached = min(peak, bandwidth * intensity) / 1e12
            colour = KINDS[layer.kind] if name == model else "white"
            edge = {"markeredgecolor": style.GREY if name == other else "white"}
            axes.plot(intensity, reached, marker, color=colour, markersize=4.4, markeredgewidth=0.5, **edge, zorder=4)
    axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(0.4, 34))
    style.plain_ticks(axes.xaxis, low, high)
    style.plain_ticks(axes.yaxis, 0.4, 34)
    axes.set(xlabel="Arithmetic intensity (FLOP per byte)", ylabel="Attainable (TFLOP/s)")
    roof: Any = {"fontsize": style.SMALL, "color": style.BLACK}
    axes.text(high / 1.1, peak / 1e12 * 1.1, f"peak {peak / 1e12:.1f} TFLOP/s", ha="right", va="bottom", **roof)
    slope = np.diff(axes.transData.transform([(1, bandwidth / 1e12), (2, 2 * bandwidth / 1e12)]), axis=0)[0]
    angle = float(np.degrees(np.arctan2(slope[1], slope[0])))
    axes.text(0.02, 0.97, "A100, float32, batch 1", ha="left", va="top", transform=axes.transAxes, **roof)
    said = f"memory {bandwidth / 1e9:,.0f} GB/s"
    text = axes.text(0.62, 0.62 * bandwidth / 1e12 * 1.22, said, ha="left", va="bottom", rotation_mode="anchor", **roof)
    text.set_rotation(angle)
    text.set_transform_rotates_text(False)
    handles = [_dot(colour, "o", f"{TITLES[model]}, {NAMES[kind]}") for kind, colour in KINDS.items()]
    figure.legend(
        handles=[*handles, _dot("white", "s", f"{TITLES[other]}, all layers", style.GREY)],
        loc="outside lower center",
        ncols=2,
        columnspacing=1.0,
    )
    figure.draw_without_rendering()  # the axes' place, and so the line's angle, is known only now
    slope = np.diff(axes.transData.transform([(1, 1), (2, 2)]), axis=0)[0]
    text.set_rotation(float(np.degrees(np.arctan2(slope[1], slope[0]))))
    return figure


def memory(*models: str) -> Any:
    """Bytes of activations alive while each layer runs that takes memory."""
    figure = style.figure(style.WIDTH, 74)
    panels = figure.subplots(2, 1, sharey=True)
    for axes, model, colour in zip(panels, models or ("mobilenetv1", "mobilenetv2"), (BLUE, ORANGE), strict=True):
        steps = schedule(archcost.analyze(model).network).steps
        alive = np.array([total.value for _, total in steps]) * DTYPES["float32"] / 2**20
        axes.bar(np.arange(len(alive)) + 1, alive, width=0.86, color=colour, linewidth=0)
        top = int(alive.argmax())
        name = steps[top][0].replace(".", " ")
        axes.bar(top + 1, alive[top], width=0.86, color=style.BLACK, linewidth=0)
        axes.annotate(
            f"peak {alive[top]:.2f} MiB at {name}",
            (top + 1, alive[top]),
            (8, -3),
            textcoords="offset points",
            va="center",
            fontsize=style.SMALL,
            arrowprops={"arrowstyle": "-", "linewidth": 0.4, "shrinkA": 0, "shrinkB": 1},
        )
        axes.set(title=TITLES[model], xlim=(0.3, len(alive) + 0.7))
        axes.grid(False, axis="x")
    panels[1].set_xlabel("Layers that take memory, in order")
    figure.supylabel("Activations alive (MiB)", fontsize=7)
    return figure


def _patch(colour: str, label: str) -> Any:
    from matplotlib.patches import Patch

    return Patch(color=colour, linewidth=0, label=label)


def _dot(colour: str, marker: str, label: str, edge: str = "white") -> Any:
    from matplotlib.lines import Line2D

    look: Any = {"markersize": 4.4, "markeredgewidth": 0.5, "markeredgecolor": edge}
    return Line2D([], [], color=colour, marker=marker, linestyle="", label=label, **look)


def main(picture: str, file: str) -> None:
    with style.styled():
        figure = {"kinds": kinds, "roofline": roofline, "memory": memory}[picture]()
        Path(file).write_bytes(style.rendered(figure, Path(file).suffix[1:]))


if __name__ == "__main__":
    main(*sys.argv[1:])
