"""The whole file: imports, helpers, classes, and a run on random input."""

from __future__ import annotations

import re

from archcost.exporters.torch.classes import Classes, classes
from archcost.exporters.torch.definition import definition
from archcost.exporters.torch.helpers import needed
from archcost.graph import Network


def source(network: Network, macs: int, params: int) -> str:
    """A network as Python code that needs PyTorch alone; its modules' names are the layers'.

    macs, params: for the text at its head. Raises ArchcostError where an operator cannot be written so.
    """
    found = classes(network)
    bodies = [definition(each, found) for each in found.found]
    code = "\n\n\n".join(bodies)
    callees = set(re.findall(r"\b[A-Z]\w*(?=\()", code))
    helpers = [text.rstrip() for text in needed(callees)]
    whole = "\n\n\n".join([*helpers, *bodies])
    parts = [_docstring(network, macs, params) + "\n\n" + _imports(whole), *helpers, *bodies, _main(network, found)]
    return "\n\n\n".join(parts) + "\n"


def _docstring(network: Network, macs: int, params: int) -> str:
    document, settings = network.document, network.settings
    said = [f"{document.name}: {macs:,} multiply-adds and {params:,} parameters."]
    if document.source:
        said.append(f"Source: {document.source}")
    sizes = ", ".join(map(str, network.input_shape))
    chosen = [f"{name} {value}" for name, value in settings.parameters.items()]
    said.append(f"Input: [batch, {sizes}]" + "".join(f"; {each}" for each in (_alpha(settings.alpha), *chosen) if each))
    said.append("Written by archcost.")
    text = "\n\n".join([said[0], "\n".join(said[1:])])
    return '"""' + text.replace("\\", "\\\\").replace('"""', r"\"\"\"") + '\n"""'


def _alpha(alpha: object) -> str:
    from archcost.dims import Ratio, as_float

    number = as_float(alpha) if isinstance(alpha, Ratio) else alpha
    return "" if number == 1 else f"α {number:g}"


def _imports(code: str) -> str:
    said = ["import torch"]
    said.append("from torch import Tensor, nn" if "Tensor" in code else "from torch import nn")
    if re.search(r"\bF\.", code):
        said.append("from torch.nn import functional as F")
    if re.search(r"\bPair\b", code):
        said += ["", "Pair = int | tuple[int, int]"]
    return "\n".join(said)


def _main(network: Network, found: Classes) -> str:
    root = found.found[-1]
    sizes = ", ".join(map(str, network.input_shape))
    return "\n".join(
        [
            'if __name__ == "__main__":',
            f"    model = {root.name}().eval()",
            "    with torch.no_grad():",
            f"        y = model(torch.randn(1, {sizes}))",
            "    print([tuple(each.shape) for each in y])" if len(root.outputs) > 1 else "    print(tuple(y.shape))",
        ]
    )
