"""Batch norms folded into the convolutions before them, as runtimes do it for inference."""

from __future__ import annotations

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from archcost.live.build import NetworkModule

_CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


def fold_batch_norms(module: NetworkModule) -> int:
    """Folds every batch norm that alone reads a convolution's output, in place; returns how many it folded.

    module: in eval mode. Other batch norms stay as they are.
    """
    readers: dict[str, list[str]] = {}
    for name, _, inputs, _ in module.steps:
        for source in inputs:
            readers.setdefault(source, []).append(name)
    found = {name: step for name, step, _, _ in module.steps}
    norms = {
        name: inputs[0]
        for name, step, inputs, _ in module.steps
        if isinstance(step, nn.BatchNorm2d)
        and inputs[0] in found
        and isinstance(found[inputs[0]], _CONVOLUTIONS)
        and readers[inputs[0]] == [name]
    }
    folded = {source: name for name, source in norms.items()}
    steps = []
    for name, step, inputs, finished in module.steps:
        if name in folded:
            norm = found[folded[name]]
            fused: nn.Module = fuse_conv_bn_eval(step, norm, isinstance(step, nn.ConvTranspose2d))  # type: ignore[type-var,arg-type]
            _put(module, module.paths[name], fused)
            steps.append((folded[name], fused, inputs, finished))
        elif name in norms:
            _put(module, module.paths[name], None)
            module.paths[name] = module.paths[norms[name]]
        else:
            steps.append((name, step, inputs, finished))
    module.steps = steps
    return len(norms)


def _put(root: nn.Module, path: str, module: nn.Module | None) -> None:
    """Replaces the module at a path, or removes it."""
    *parents, last = path.split(".")
    for part in parents:
        root = root._modules[part]  # type: ignore[assignment]
    if module is None:
        del root._modules[last]
    else:
        root._modules[last] = module
