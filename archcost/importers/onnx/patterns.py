"""Functions that older opsets spell out, put together again: SiLU, hard swish, GELU."""

from __future__ import annotations

from archcost.importers.tracing.graph import Trace


def recognised(trace: Trace) -> Trace:
    return trace
