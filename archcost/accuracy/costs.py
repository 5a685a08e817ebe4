"""What published networks cost, counted beforehand, so that a search can name all that fit at once.

python -m archcost.accuracy.costs > archcost/accuracy/costs.csv
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from archcost.accuracy import published
from archcost.accuracy.published import Point
from archcost.analysis.analysis import DTYPES, Analysis
from archcost.latency import table
from archcost.spec import document, zoo
from archcost.spec.settings import settle

FILE = Path(__file__).parent / "costs.csv"
NAMED = ("spec", "alpha", "resolution", "parameters")
COUNTED = ("macs", "params", "buffers", "peak_elements")


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one sample: macs, params, buffers, and the most elements of activations that are alive at once."""

    macs: int
    params: int
    buffers: int
    peak_elements: int

    def columns(self, batch: int, dtype: str) -> dict[str, float]:
        """By the names of totals, for a batch in a dtype."""
        size = DTYPES[dtype]
        return {
            "macs": self.macs,
            "params": self.params,
            "weight_bytes": (self.params + self.buffers) * size,
            "peak_activation_bytes": self.peak_elements * batch * size,
        }


@cache
def known() -> dict[tuple[str, ...], Cost]:
    """The costs of every published network, by its `name`."""
    found = table.read(FILE, (*NAMED, *COUNTED))
    names = zip(*(found.column(name) for name in NAMED), strict=True)
    counts = zip(*(found.column(name) for name in COUNTED), strict=True)
    return {key: Cost(*map(int, cells)) for key, cells in zip(names, counts, strict=True)}


def name(point: Point) -> tuple[str, ...]:
    """A published network, whatever it was trained by."""
    parameters = ",".join(f"{key}={value}" for key, value in point.parameters.items())
    height = point.resolution[0] if point.resolution else ""
    return point.spec, f"{point.alpha:.12g}", str(height), parameters


def counted() -> Iterator[tuple[str, ...]]:
    """The rows of the file, from the analysis."""
    seen = set()
    for point in published.everything():
        if name(point) in seen:
            continue
        seen.add(name(point))
        own = document.read(zoo.find(point.spec))
        found = Analysis(own, settle(own, str(point.alpha), None, point.resolution, point.parameters))
        peak = found.peak_activation_bytes // DTYPES[found.dtype]
        yield *name(point), str(found.macs), str(found.params), str(found.buffers), str(peak)


if __name__ == "__main__":
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([*NAMED, *COUNTED])
    writer.writerows(counted())
