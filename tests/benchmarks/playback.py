"""Published latency tables played back as if they were being measured: how much of a table's front a search finds with
few measurements. Prints the table of reports/search.md and draws its picture (about five minutes on one core).

    python tests/benchmarks/playback.py reports/search.png
"""

from __future__ import annotations

import statistics
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import moocore
import numpy as np
import optuna

from archcost.accuracy import published
from archcost.analysis.analysis import DTYPES
from archcost.latency import samples
from archcost.latency.kernels import FUSIONS
from archcost.latency.points import read_points
from archcost.latency.samples import Samples
from archcost.search.measuring import Measuring, chain
from archcost.search.timing import SHARE

FOLDER = Path(__file__).parents[2] / "reports" / "latency"
V1, BOTH = ("mobilenetv1",), ("mobilenetv1", "mobilenetv2")
RK3399 = [("OpenCL", "ArmNN v19.08 (OpenCL)"), ("Neon", "ArmNN v19.08 (Neon)"), ("TFLite", "TFLite v1.15.0-rc2")]
TABLES: list[tuple[str, str, dict[str, str], tuple[str, ...]]] = [
    *((f"RK3399, {name}", "rk3399.csv", {"runtime": runtime}, BOTH) for name, runtime in RK3399),
    ("Pixel 3, GPU", "pixel3.csv", {"processor": "GPU", "dtype": "float32"}, V1),
    ("Pixel 3, CPU", "pixel3.csv", {"processor": "CPU, 4 threads", "dtype": "float32"}, V1),
    ("Pixel 3, CPU, int8", "pixel3.csv", {"processor": "CPU, 4 threads", "dtype": "int8"}, V1),
    ("Pixel 3, NNAPI", "pixel3.csv", {"processor": "NNAPI", "dtype": "float32"}, V1),
    ("Pixel 3, NNAPI, int8", "pixel3.csv", {"processor": "NNAPI", "dtype": "int8"}, V1),
    ("Pixel 1, CPU", "pixel1.csv", {"dtype": "float32"}, ("mobilenetv2",)),
]
GOALS = {"RK3399, OpenCL": (15, 99.0), "Pixel 3, GPU": (6, 97.5)}
SEEDS = range(20)
BUDGETS = (6, 15)
MARGIN = 0.1
POPULATION, STARTUP = 4, 3
"""Of NSGA-II, and TPE's random trials: small, so that both learn something before the measurements are spent."""
PATIENCE = 200
"""Suggestions in a row that were measured already, after which a random candidate is taken."""

Order = list[int]
"""Candidates in the order of their measurement."""


@dataclass(frozen=True, eq=False)
class Played:
    """One table. labels: (spec, α, resolution) of each candidate; milliseconds, accuracy: arrays."""

    name: str
    labels: list[tuple[str, float, int]]
    milliseconds: Any
    accuracy: Any
    samples: dict[str, Samples]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def reference(self) -> tuple[float, float]:
        """Milliseconds and accuracy: the worst of each, and a tenth of the range beyond."""
        slow, fast = self.milliseconds.max(), self.milliseconds.min()
        low, high = self.accuracy.min(), self.accuracy.max()
        return slow + MARGIN * (slow - fast), low - MARGIN * (high - low)

    def share(self, places: Order) -> float:
        """The hypervolume of measured points, in percent of the whole table's."""
        return 100 * self._volume(places) / self._volume(range(len(self)))

    def _volume(self, places: Any) -> float:
        points = np.stack([self.milliseconds, -self.accuracy], axis=1)[list(places)]
        slow, low = self.reference
        return float(moocore.hypervolume(points, ref=[slow, -low]))


def played(name: str, file: str, where: dict[str, str], specs: tuple[str, ...]) -> Played:
    """A table with the accuracies published for its rows; rows for the same network are averaged."""
    points = read_points(FOLDER / file, measured=True, where=where)
    dtype = where.get("dtype", "float32")
    times: dict[tuple[str, float, int], list[float]] = {}
    settings = {}
    for row, (spec, found) in enumerate(zip(points.specs, points.settings, strict=True)):
        alpha, (height, _) = float(points.table.column("alpha")[row]), found.resolution
        if spec in specs:
            times.setdefault((spec, alpha, height), []).append(points.seconds[row])
            settings[spec, alpha, height] = row
    labels = sorted(times)
    return Played(
        name,
        labels,
        np.array([1e3 * statistics.mean(times[label]) for label in labels]),
        np.array([accuracies(dtype)[label] for label in labels]),
        {fusion: rows_of(points, [settings[label] for label in labels], dtype, fusion) for fusion in FUSIONS},
    )


@cache
def accuracies(dtype: str) -> dict[tuple[str, float, int], float]:
    """Top-1 of MobileNetV1 and V2 by (spec, α, resolution), as TF-slim trained them."""
    found = [p for spec in BOTH for p in published.by_recipe(published.of(spec, dtype)) if p.resolution]
    return {(p.spec, p.alpha, p.resolution[0]): p.top1 for p in found if not p.parameters}


def rows_of(points: Any, rows: list[int], dtype: str, fusion: str) -> Samples:
    """The kernels of some rows, in their order."""
    parts, places = [], []
    for spec, reference in points.references.items():
        every, settings = points.variants(spec)
        kept = [every.index(row) for row in rows if row in every]
        if kept:
            whole = samples.networks(reference.document, settings, np.ones(len(every), int), DTYPES[dtype], fusion)
            parts.append(whole.chosen(np.array(kept)))
            places += [every[place] for place in kept]
    order = [places.index(row) for row in rows]
    return samples.joined(parts).chosen(np.array(order))


def ours(table: Played, budget: int, ahead: int = 1) -> Order:
    """As `archcost search --ahead` measures; nothing in it is random."""
    measuring = Measuring(table.accuracy, table.samples, budget=budget, every=max(1, ahead // SHARE))
    while True:
        while len(measuring.open) < ahead and (place := measuring.propose()) is not None:
            measuring.ask(place)
        if not measuring.open:
            return list(measuring.measured)
        place = next(iter(measuring.open))
        measuring.tell(place, table.milliseconds[place] / 1e3)


def at_random(table: Played, seed: int) -> Order:
    return np.random.default_rng(seed).permutation(len(table)).tolist()


def by_optuna(table: Played, sampler: Any, axes: bool, seed: int, most: int) -> Order:
    """Ask and tell, over the candidates as one categorical choice, or over spec, α and resolution, each categorical.

    What was measured already is told again and costs nothing; nor does a combination that the table lacks, which is
    told to have failed.
    """
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=sampler)
    choices = [sorted({label[i] for label in table.labels}) for i in range(3)]
    rest = at_random(table, 1000 + seed)
    order: Order = []
    repeated = 0
    while len(order) < most:
        trial = study.ask()
        if axes:
            label = tuple(trial.suggest_categorical(f"axis {i}", each) for i, each in enumerate(choices))
            place = table.labels.index(label) if label in table.labels else None
        else:
            place = trial.suggest_categorical("candidate", list(range(len(table))))
        if place is None:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(trial, [table.milliseconds[place], table.accuracy[place]])
        repeated = repeated + 1 if place is None or place in order else 0
        if repeated > PATIENCE:
            place, repeated = next(each for each in rest if each not in order), 0
        if place is not None and place not in order:
            order.append(place)
    return order


def nsga2(seed: int) -> Any:
    return optuna.samplers.NSGAIISampler(population_size=POPULATION, seed=seed)


def tpe(seed: int) -> Any:
    return optuna.samplers.TPESampler(n_startup_trials=STARTUP, multivariate=True, seed=seed)


def peers(most: int) -> Iterator[tuple[str, Callable[[Played, int], Order]]]:
    yield "random order", at_random
    for name, sampler in (("NSGA-II", nsga2), ("TPE", tpe)):
        for axes, over in ((False, "candidates"), (True, "axes")):
            yield (
                f"{name}, {over}",
                lambda table, seed, s=sampler, a=axes: by_optuna(table, s(seed), a, seed, min(most, len(table))),
            )


def curves(table: Played, most: int) -> dict[str, list[tuple[float, float, float]]]:
    """By method, after 1, 2, … measurements: the median share in percent, and the quartiles over the seeds."""
    counts = range(1, min(most, len(table)) + 1)
    found = {"archcost": [(table.share(ours(table, count)),) * 3 for count in counts]}
    for name, method in peers(most):
        orders = [method(table, seed) for seed in SEEDS]
        shares = np.array([[table.share(order[:count]) for count in counts] for order in orders])
        found[name] = [tuple(np.percentile(column, [50, 25, 75])) for column in shares.T]
    front = chain_shares(table, counts)
    found["most possible"] = [(share,) * 3 for share in front]
    return found


def chain_shares(table: Played, counts: range) -> list[float]:
    """The most that any so many measurements can give."""
    best = (chain(table.milliseconds, table.accuracy, 0, count, table.reference) for count in counts)
    return [table.share(places.tolist()) for places in best]


def row(table: Played, found: dict[str, list[tuple[float, float, float]]], count: int) -> str:
    cells = [f"{found[name][count - 1][0]:.2f}" for name in found]
    goal = GOALS.get(table.name)
    aim = f"{goal[1]:g}" if goal and goal[0] == count else ""
    return f"| {table.name} | {len(table)} | {count} | " + " | ".join(cells) + f" | {aim} |"


def ahead(tables: list[Played]) -> None:
    """The means over tables of what is found by so many measurements, with so many under way at once."""
    print("\n| under way at once | " + " | ".join(f"{count} measured" for count in BUDGETS) + " |")
    print("| ---: |" + " ---: |" * len(BUDGETS))
    for many in (1, 4, 16):
        shares = [[t.share(ours(t, count, many)) for t in tables if len(t) > count + 1] for count in BUDGETS]
        print(f"| {many} | " + " | ".join(f"{statistics.mean(each):.2f}" for each in shares) + " |", flush=True)


def main(picture: str) -> None:
    from playback_picture import draw

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    kept = {}
    for place, (name, *which) in enumerate(TABLES):
        table = played(name, *which)
        found = curves(table, 20)
        if not place:
            print("| table | candidates | measured | " + " | ".join(found) + " | goal |")
            print("| --- | ---: | ---: |" + " ---: |" * (len(found) + 1))
        for count in BUDGETS if len(table) > 16 else BUDGETS[:1]:
            print(row(table, found, count), flush=True)
        kept[name] = found
    ahead([played(name, *which) for name, *which in TABLES])
    draw({name: kept[name] for name in GOALS}, GOALS, Path(picture))


if __name__ == "__main__":
    main(*sys.argv[1:])
