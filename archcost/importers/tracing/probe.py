"""Which layers hold at another resolution: the model is traced a second time, and what differs is fixed.

A trace shows numbers, not where a model took them from: a margin of (0, 1) may be the model's own or follow from the
size of its input. So what the layers of two traces do not share is fixed as traced.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from archcost.errors import ArchcostError
from archcost.importers.reference import Input
from archcost.importers.tracing.graph import Trace
from archcost.importers.tracing.mapping import Mapping

Retrace = Callable[[Sequence[Input]], Trace]
_ODD = (257, 129, 513)
"""Sizes that stay odd when they are halved, where even ones stay even: what depends on that shows."""


def compared(trace: Trace, again: Retrace, inputs: Sequence[Input]) -> tuple[Mapping, str]:
    """The layers of a trace, and why the resolution cannot change at all, if so."""
    layers = Mapping(trace).run()
    if len(inputs) != 1 or len(inputs[0].sizes) != 3:
        return layers, "" if len(inputs) == 1 else "it has several inputs"
    channels, height, width = inputs[0].sizes
    odd = next(size for size in _ODD if size not in (height, width))
    for size in (odd, height + 64):
        try:
            other = Mapping(again([replace(inputs[0], sizes=(channels, size, size))])).run()
            break
        except ArchcostError:
            continue
    else:
        return layers, f"the model itself does not run at another size, such as {height + 64}×{height + 64}"
    differing = layers.differing(other)
    if differing is None:
        return layers, f"the model takes another path at {size}×{size} than at {height}×{width}"
    return (Mapping(trace, frozenset(differing)).run() if differing else layers), ""
