"""`model.onnx`: a graph of ONNX, its weights unread."""

from __future__ import annotations

from pathlib import Path

from archcost.errors import ArchcostError
from archcost.importers.packages import imported
from archcost.importers.reference import Source


def text(source: Source) -> str:
    """The spec of an ONNX file, at its own input size unless the source says otherwise, with a batch of one."""
    path = Path(source.name)
    if not path.is_file():
        raise ArchcostError(f"{path} is no file" if path.exists() else f"there is no file {path}")
    if source.arguments:
        raise ArchcostError(f"{source}: a file holds a model as it was built; --kwargs are for building one")
    imported("onnx", "'archcost[onnx]'")
    from archcost.importers.onnx.model import Model
    from archcost.importers.onnx.reading import read
    from archcost.importers.tracing.spec import spec_text

    model = Model(str(path), read(path))
    trace, inputs = model.traced(source.inputs)
    return spec_text(trace, lambda other: model.traced(other)[0], inputs, path.stem, str(source))
