"""From a trace to the text of a spec, its resolution probed by a second trace."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from archcost.errors import ArchcostError, SpecError, printable
from archcost.graph import build
from archcost.importers.packages import said
from archcost.importers.reference import Input
from archcost.importers.tracing.graph import Trace
from archcost.importers.tracing.mapping import Mapping
from archcost.importers.tracing.probe import Retrace, compared
from archcost.importers.tracing.writing import Written, headed, written
from archcost.spec import document
from archcost.spec.parts import Document
from archcost.spec.settings import settle


def spec_text(trace: Trace, again: Retrace, inputs: Sequence[Input], name: str, origin: str, kind: str = "") -> str:
    """The text of a traced model's spec.

    again: traces it at other inputs; kind: the model's class, for families that round widths in their own way.
    Raises ArchcostError.
    """
    try:
        return _spec_text(trace, again, inputs, name, origin, kind)
    except ArchcostError:
        raise
    except Exception as error:  # whatever a translation did not foresee in a model of somebody's
        raise ArchcostError(
            f"{origin}: the model was traced, but the importer cannot translate it: {said(error)}; please report it"
        ) from error


def _spec_text(trace: Trace, again: Retrace, inputs: Sequence[Input], name: str, origin: str, kind: str) -> str:
    layers = Mapping(trace).run()
    if not layers.entries:
        raise ArchcostError(f"{origin}: the model computes nothing: its outputs are its inputs")
    fixed = ""
    if layers.first_fixed():  # where that settles it, there is nothing to probe
        fixed = _rescaling(written(layers, Written(name, origin, kind)))[0]
    if not fixed:
        layers, fixed = compared(trace, again, inputs)
    unused = sum(elements for identity, elements in trace.parameters.items() if identity not in layers.used)
    header = Written(name, origin, kind, unused, tuple(layers.partial), fixed)
    text = written(layers, header)
    text = text if _holds(text, layers) else written(layers, header, plain=True)
    found = document.parse(text, origin)
    build(found, settle(found))  # what is refused here must not be written
    resolution, width = _rescaling(text)
    return headed(text, dataclasses.replace(header, fixed=fixed or resolution, fixed_width=width))


def _rescaling(text: str) -> tuple[str, str]:
    """(why a spec's resolution cannot change, why its width cannot); empty where it can: twice of each is tried."""
    found = document.parse(text, "")
    own = [int(node.value) for node in found.input]
    if len(own) == 3:
        resolution = _stopped(found, resolution=tuple(2 * size for size in own[1:]))
    else:
        resolution = "its input has no height and width"
    width = _stopped(found, alpha=2)
    if not width and _sums(found, alpha=2) == _sums(found):
        width = "no layer's width follows α"
    return resolution, width


def _stopped(found: Document, **settings: Any) -> str:
    """The first layer that is refused at these settings; empty where all are taken."""
    try:
        build(found, settle(found, **settings))
    except SpecError as error:
        lines = {item.mark.line: item for item in found.items}
        places = (lines.get(problem.mark.line) for problem in error.problems if problem.mark is not None)
        item = next((item for item in places if item is not None), None)
        if item is None:
            return printable(str(error.problems[0].message))
        said = item.fields.get("operator") if item.kind == "traced" else None
        return f"from {item.beside['name'].plain} on ({item.kind if said is None else said.plain})"
    except ArchcostError as error:
        return printable(str(error))
    return ""


def _sums(found: Document, **settings: Any) -> tuple[Any, Any]:
    costs = [layer.cost for layer in build(found, settle(found, **settings)).layers]
    return sum(cost.macs.value for cost in costs), sum(cost.params.value for cost in costs)


def _holds(text: str, layers: Mapping) -> bool:
    """Whether what is computed from other sizes comes to what was traced; else plain numbers must do."""
    found = document.parse(text, layers.trace.inputs[0])
    try:
        network = build(found, settle(found))
    except SpecError:
        return False
    shapes = [tuple(layer.output_shape) for layer in network.layers]
    return shapes == [entry.shape for entry in layers.entries.values()]
