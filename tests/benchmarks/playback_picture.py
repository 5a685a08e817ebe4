"""The curves of playback.py as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.ticker import MaxNLocator

LOOKS = {
    "archcost": ("#0072B2", "-", "o"),
    "TPE, axes": ("#009E73", "-", "s"),
    "NSGA-II, axes": ("#D55E00", "-", "^"),
    "random order": ("#000000", ":", ""),
}
"""Okabe and Ito's colours, which colour-blind people tell apart; lines and markers differ too."""
GOAL = "#CC79A7"
BANDS = ("TPE, axes", "NSGA-II, axes")
MOST = "most possible"
LOWEST = 60
STYLE: Any = {
    "font.size": 7,
    "axes.titlesize": 7.5,
    "axes.linewidth": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "savefig.dpi": 210,
}


def draw(tables: dict[str, Any], goals: dict[str, tuple[int, float]], file: Path) -> None:
    """tables: by name, the curves: by method, (median, lower, upper quartile) in percent after 1, 2, …"""
    with plt.rc_context(STYLE):
        figure, grid = plt.subplots(1, len(tables), figsize=(170 / 25.4, 72 / 25.4), sharey=True, layout="constrained")
        for axes, (name, found) in zip(grid, tables.items(), strict=True):
            _table(axes, found)
            count, share = goals[name]
            axes.hlines(share, count - 0.8, count + 0.8, color=GOAL, linewidth=2, zorder=1, label="goal")
            axes.annotate(
                f"goal: {share:g} % after {count}",
                (count, share),
                xytext=(0, -62),
                textcoords="offset points",
                ha="center",
                arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": GOAL, "shrinkB": 3, "relpos": (0.5, 1)},
            )
            axes.set_title(name)
            axes.set_xlabel("measurements")
        grid[0].set_ylabel("hypervolume, % of the whole table's")
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
        figure.savefig(file)
        plt.close(figure)


def _table(axes: Any, found: dict[str, Any]) -> None:
    counts = range(1, len(found[MOST]) + 1)
    most = [median for median, _, _ in found[MOST]]
    axes.fill_between(counts, most, 101.5, color="#999999", alpha=0.3, linewidth=0, label="beyond any choice")
    for name, (colour, line, marker) in LOOKS.items():
        median, low, high = zip(*found[name], strict=True)
        axes.plot(counts, median, line, color=colour, marker=marker, markersize=3, linewidth=1, label=name)
        if name in BANDS:
            axes.fill_between(counts, low, high, color=colour, alpha=0.15, linewidth=0)
    axes.set(ylim=(LOWEST, 101.5), xlim=(0.5, len(most) + 0.5))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
