"""From a trace to the text of a spec, its resolution probed by a second trace."""

from __future__ import annotations

from collections.abc import Sequence

from archcost.errors import ArchcostError, SpecError
from archcost.graph import build
from archcost.importers.packages import said
from archcost.importers.reference import Input
from archcost.importers.tracing.graph import Trace
from archcost.importers.tracing.mapping import Mapping
from archcost.importers.tracing.probe import Retrace, compared
from archcost.importers.tracing.writing import Written, written
from archcost.spec import document
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
    layers, fixed = compared(trace, again, inputs)
    unused = sum(elements for identity, elements in trace.parameters.items() if identity not in layers.used)
    header = Written(name, origin, unused, tuple(layers.partial), fixed, kind)
    text = written(layers, header)
    return text if _holds(text, layers) else written(layers, header, plain=True)


def _holds(text: str, layers: Mapping) -> bool:
    """Whether what is computed from other sizes comes to what was traced; else plain numbers must do."""
    found = document.parse(text, layers.trace.inputs[0])
    try:
        network = build(found, settle(found))
    except SpecError:
        return False
    shapes = [tuple(layer.output_shape) for layer in network.layers]
    return shapes == [entry.shape for entry in layers.entries.values()]
