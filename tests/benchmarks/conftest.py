"""Ratios: a subject against a peer, in turns within one run, because machines are noisy."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import pytest


class Ratio:
    """Times both in turns, and keeps the median of the ratios of neighbours."""

    def __init__(self, benchmark) -> None:
        self.benchmark = benchmark

    def __call__(
        self, subject: Callable[[], object], peer: Callable[[], object], rounds: int = 15, **extra: object
    ) -> float:
        subject(), peer()
        pairs = [(seconds(subject), seconds(peer)) for _ in range(rounds)]
        info = self.benchmark.extra_info
        info["ratio"] = statistics.median(a / b for a, b in pairs)
        info["subject_seconds"] = statistics.median(a for a, _ in pairs)
        info["peer_seconds"] = statistics.median(b for _, b in pairs)
        info.update(extra)
        self.benchmark.pedantic(subject, rounds=3)
        return info["ratio"]


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


@pytest.fixture
def ratio(benchmark) -> Ratio:
    return Ratio(benchmark)
