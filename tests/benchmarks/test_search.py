"""Spaces of ten million variants gone through one by one, and how far that is from the floor; a search as a process."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from archcost.api.search import question_of
from archcost.search.answer import answer
from archcost.search.space import CHUNK

SPACES = {
    "nine in ten are doubles": (10_006_334, {"alpha": "0.25:1:0.0001", "resolution": "1:1334"}),
    "all distinct": (
        12_022_008,
        {"alpha": "0.25:1:0.001", "resolution": "1:1334", "depth": "0:5", "conv": ["separable", "conv_bn_relu"]},
    ),
}
BUDGET = 300_000_000
MEMORY = """
import resource
from archcost.api.search import question_of
from archcost.search.answer import answer
answer(question_of(["mobilenetv1"], {"budget": "300M"}, axes=%r)).front
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def floor(count: int):
    """What no implementation can leave out, in parts as large as archcost's: of each variant four costs and an accuracy
    are written, each at one multiplication, and compared with the budget; of those within it the lowest of one figure
    so far is kept, as a front in order of the other needs. Nothing is counted, estimated, sorted or told apart."""
    rng = np.random.default_rng(0)
    down = [rng.uniform(0, 2e4, CHUNK // 1024)[:, None] for _ in range(5)]
    across = rng.uniform(0, 1e5, 1024)[None, :]

    def run():
        for _ in range(0, count, CHUNK):
            macs, *_, accuracy = [(each * across).ravel() for each in down]
            np.minimum.accumulate(accuracy[macs <= BUDGET])

    return run


@pytest.mark.parametrize("name", SPACES)
def test_ten_million_variants(ratio, name):
    """Over 10,000,000 variants of MobileNetV1 enumerated, filtered by a budget, Pareto-sorted; over the floor."""
    count, axes = SPACES[name]

    def search():
        found = answer(question_of(["mobilenetv1"], {"budget": BUDGET}, axes=axes))
        return found, found.front

    found, front = search()
    assert found.exact and found.found.size == count
    assert found.found.feasible > 200_000 and len(front) > 100
    used = int(subprocess.run([sys.executable, "-c", MEMORY % axes], check=True, capture_output=True).stdout)
    ratio(
        search,
        floor(count),
        rounds=5,
        variants=count,
        goal="under 15 s, under 4 GiB",
        peak_memory_MiB=used // 1024,
    )


def test_the_process(ratio):
    """`archcost search --budget 300M` over `archcost analyze specs/mobilenetv1.yaml`."""

    def process(*words):
        return lambda: subprocess.run([sys.executable, "-m", "archcost", *words], check=True, capture_output=True)

    ratio(process("search", "--budget", "300M"), process("analyze", "specs/mobilenetv1.yaml"), goal="under 2")
