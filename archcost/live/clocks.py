"""Clocks: what one unit of work is, and how long some of them take."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, Protocol

import torch

Forward = Callable[[], object]


class Clock(Protocol):
    """forwards: how many make a unit."""

    forwards: int

    def elapsed(self, units: int) -> float:
        """Runs so many units and returns the seconds they took."""
        ...


class HostClock:
    """The host's clock around forwards, until the device has finished them: what a user waits for."""

    forwards = 1

    def __init__(self, forward: Forward, wait: Callable[[], None]) -> None:
        self.forward, self.wait = forward, wait

    def elapsed(self, units: int) -> float:
        self.wait()
        start = time.perf_counter()
        for _ in range(units):
            self.forward()
        self.wait()
        return time.perf_counter() - start


class GraphClock:
    """The GPU's own time: replays of a CUDA graph of several forwards, between two events. A unit is a replay."""

    def __init__(self, forward: Forward, forwards: int) -> None:
        self.forwards = forwards
        event: Any = torch.cuda.Event
        self.start, self.end = event(enable_timing=True), event(enable_timing=True)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            for _ in range(forwards):
                forward()  # its output is dropped, so that the next one has its memory

    def elapsed(self, units: int) -> float:
        self.start.record()
        for _ in range(units):
            self.graph.replay()
        self.end.record()
        self.end.synchronize()
        milliseconds: float = self.start.elapsed_time(self.end)
        return milliseconds / 1000

    def close(self) -> None:
        """Gives the graph's memory back."""
        self.graph.reset()


def graph_clock(forward: Forward, least: int, most: int, seconds: float) -> GraphClock:
    """A clock whose replays take about `seconds`, with at least `least` and at most `most` forwards in each.

    A first graph tells how long a forward takes without the host. A longer one is captured twice.
    """
    side: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        # What is set up on first use (workspaces, chosen algorithms) must be there before a capture.
        for _ in range(3):
            forward()
    torch.cuda.current_stream().wait_stream(side)
    torch.cuda.synchronize()
    few = GraphClock(forward, 2)
    few.elapsed(1)
    each = max(few.elapsed(2) / 4, 1e-9)
    few.close()
    if each >= seconds:
        return GraphClock(forward, 2)
    return GraphClock(forward, max(least, min(most, math.ceil(seconds / each))))
