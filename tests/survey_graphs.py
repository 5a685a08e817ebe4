"""How many models import from ONNX and from Keras, how many exactly.

`python tests/survey_graphs.py onnx|keras [NAME…] [--out FILE]`; rows as those of tests/survey.py, whose `report`
takes them.

ONNX: torchvision's models, exported by torch with their norms kept (the newer exporter where the older one has no
operator for a model), against torch's FlopCounterMode and against the parameters that the import from PyTorch finds.
Keras: keras.applications, against FlopCounterMode on the torch back end, and Keras' own trainable variables.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import sys
import tempfile
import time
import warnings
from pathlib import Path

import survey

LARGEST = 100_000_000
"""Parameters of a model that is still exported: the file holds them all."""


def onnx_names(torchvision):
    found = torchvision.models.list_models(module=torchvision.models)
    return [name for name in found if size_of(torchvision, name) <= LARGEST]


def size_of(torchvision, name):
    from archcost.importers.tracing.build import without_weights

    return sum(p.numel() for p in without_weights(survey.builder("torchvision", torchvision, name)).parameters())


def exported(torchvision, name, size, path):
    """Writes the file. Parameters are made to differ: exporters keep equal ones once, or leave out zeros."""
    import torch

    model = survey.builder("torchvision", torchvision, name)().eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter.uniform_(-0.1, 0.1)
    x = torch.zeros(1, *size)
    kept = {"training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": False}
    try:
        torch.onnx.export(model, x, path, dynamo=False, opset_version=17, **kept)
    except Exception:
        torch.onnx.export(model, (x,), path, dynamo=True, verbose=False)


def onnx_row(torchvision, name, folder):
    from archcost.api import load

    expected = load(f"torchvision:{name}").analyze()
    size = tuple(expected.network.input_shape)
    path = Path(folder) / "model.onnx"
    exported(torchvision, name, size, path)
    row = {"source": "onnx", "family": survey.family("torchvision", torchvision, name), "model": name}
    macs = survey.witness("torchvision", torchvision, name, size)[0]

    def fresh(other):
        return survey.witness("torchvision", torchvision, name, other)[0], expected.params

    return filled(row, str(path), size, macs, expected.params, fresh)


def keras_names(keras):
    found = {}
    for name, make in vars(keras.applications).items():
        if name[0].isupper() and callable(make):
            found.setdefault(id(make), name)
    return sorted(found.values())


def keras_counted(keras, name, size):
    """(macs, trainable parameters) by torch and by Keras."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with keras.device("meta"):
        model = getattr(keras.applications, name)(weights=None, input_shape=(*size[1:], size[0]))
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            model(torch.empty(1, *size[1:], size[0], device="meta"), training=False)
    return counter.get_total_flops() // 2, sum(math.prod(each.shape) for each in model.trainable_variables)


def keras_row(keras, name, folder):
    from archcost.api import load

    row = {"source": "keras", "family": getattr(keras.applications, name).__module__.rpartition(".")[2], "model": name}
    size = tuple(load(f"keras:{name}").analyze().network.input_shape)
    macs, params = keras_counted(keras, name, size)
    return filled(row, f"keras:{name}", size, macs, params, lambda other: keras_counted(keras, name, other))


def filled(row, reference, size, macs, params, fresh):
    """The row of a model; fresh: (macs, params) of it at another size."""
    from archcost.api import load
    from archcost.importers import _text

    _text.cache_clear()
    begun = time.process_time()
    model = load(reference)
    analysis = model.analyze()
    row["seconds"] = round(time.process_time() - begun, 2)
    said = model.document.imported
    fixed = [layer for layer in analysis.network.layers if layer.kind == "traced"]
    row |= {"macs": analysis.macs, "params": analysis.params, "witness_macs": macs, "witness_params": params}
    row["exact"] = (analysis.macs, analysis.params) == (macs, params)
    row |= {"layers": analysis.layer_count, "traced": len(fixed), "partial": list(said.partial), "fixed": said.fixed}
    row["first_traced"] = f"{fixed[0].name} ({fixed[0].op.operator})" if fixed else ""
    row["rescales"] = not fixed and not said.fixed
    if row["rescales"]:
        other = (size[0], size[1] - 31, size[2] - 31)
        try:
            again = model.analyze(resolution=other[1])
            row["resolution_exact"] = (again.macs, again.params) == fresh(other)
            row["widens"] = all(model.analyze(alpha=alpha).macs for alpha in ("0.5", "1.3"))
        except Exception as error:
            row["resolution_error"] = str(error)[:300]
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", choices=["onnx", "keras"])
    parser.add_argument("models", nargs="*")
    parser.add_argument("--out")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    package = survey.load("torchvision")
    if given.source == "keras":
        import os

        os.environ.setdefault("KERAS_BACKEND", "torch")
        import keras as package
    names, row_of = (onnx_names, onnx_row) if given.source == "onnx" else (keras_names, keras_row)
    out = Path(given.out).open("w") if given.out else sys.stdout  # noqa: SIM115
    for name in given.models or names(package):
        with tempfile.TemporaryDirectory() as folder:
            try:
                row = row_of(package, name, folder)
            except Exception as error:
                said = f"{type(error).__name__}: {error}".split("\n")[0][:300]
                row = {"source": given.source, "family": name, "model": name, "error": said}
            print(json.dumps(row), file=out, flush=True)


if __name__ == "__main__":
    main()
