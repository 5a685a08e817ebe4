"""What a search's loop costs between two results, beside a fit that each of them would need."""

from __future__ import annotations

import time
from functools import cache

import numpy as np
import pytest

from archcost.accuracy import model
from archcost.latency.fit import HOST, PARALLEL
from archcost.search.candidates import joined
from archcost.search.constraints import Constraints
from archcost.search.enumeration import Scale, candidates_of
from archcost.search.measuring import Measuring
from archcost.search.question import Question
from archcost.search.space import Space
from archcost.search.timing import FORMS, SHARE, kernels
from archcost.spec import document, ranges, zoo

COUNT = 2000
NOISE = 0.3
"""Of log(time): so much that the search never ends by itself."""


@cache
def candidates():
    """So many variants of MobileNetV1, their values without order, and their kernels."""
    spec = document.read(zoo.find("mobilenetv1"))
    space = Space.of("mobilenetv1", spec, ranges.values("0.25:1:0.01", "α"), ranges.values("96:224:4", "size"), {})
    asked = Question([space], [model.of(spec)], Constraints(), ("macs", "params"), Scale())
    tables = [
        candidates_of(0, first, settings, space, asked.scale, asked.estimate) for first, settings in space.chunks()
    ]
    table = joined(tables).chosen(slice(0, COUNT))
    return table, kernels(asked, table)


@pytest.mark.parametrize(("kind", "form"), [("cpu", HOST), ("cuda", PARALLEL)])
@pytest.mark.parametrize("ahead", [16])
def test_a_result(benchmark, kind, form, ahead):
    """Seconds of one core for telling one result and proposing the next, over all of so many."""
    table, samples = candidates()
    rng = np.random.default_rng(0)
    logs = np.array([np.log(4e9), *(mean + 0.3 for mean, _ in form.priors.values())])
    times = samples.seconds(form.rates(logs, 4)) * np.exp(rng.normal(0, NOISE, len(table)))
    value = np.log(times) + rng.normal(0, 2 * NOISE, len(table))

    def search():
        loop = Measuring(value, {"none": samples}, forms=FORMS[kind], every=max(1, ahead // SHARE))
        started, results = time.process_time(), 0
        while results < len(table):
            while len(loop.open) < ahead and (place := loop.propose()) is not None:
                loop.ask(place)
            if not loop.open:  # nothing could beat the front: whatever is left stands for more of such
                left = np.setdiff1d(np.arange(len(table)), [*loop.measured])
                loop.ask(int(left[0]))
            place = next(iter(loop.open))
            loop.tell(place, float(times[place]))
            results += 1
        return (time.process_time() - started) / results

    found = benchmark.pedantic(search, rounds=1, warmup_rounds=0)
    benchmark.extra_info |= {"candidates": len(table), "milliseconds_a_result": round(1e3 * found, 2)}
    print(f"\n{kind}, {ahead} ahead, {len(table)} candidates: {1e3 * found:.2f} ms a result")
