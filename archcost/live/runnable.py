"""A subject made ready to run: its module with weights, its input, and how it is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from archcost.latency.subject import SingleLayer, Task
from archcost.live.build import build_module, build_network
from archcost.live.fold import fold_batch_norms
from archcost.live.machine import first_line
from archcost.shape import TensorShape

SEED = 0
_SAMPLES = 4
_WEIGHTED = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def runnable(task: Task, device: torch.device) -> tuple[Callable[[], object], int]:
    """A call that does one forward on a static random input, and about how many kernels it starts.

    Call it in inference mode. Raises RuntimeError for what torch cannot do on this device.
    """
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(SEED)
        module, shapes = _module(task, device)
        settle(module, shapes, device)
        if task.folded and not isinstance(task.subject, SingleLayer):
            fold_batch_norms(module)  # type: ignore[arg-type]
        kind: torch.dtype = getattr(torch, task.dtype)
        inputs = [torch.randn(task.batch, *shape, device=device).to(kind) for shape in shapes]
    module = module.to(kind).requires_grad_(False)
    if task.layout == "channels_last":
        module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        inputs = [x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x for x in inputs]
    kernels = len(task.subject.layers) if not isinstance(task.subject, SingleLayer) else 1
    called = _compiled(module, inputs) if task.mode == "compile" else module
    return lambda: called(*inputs), kernels


def _compiled(module: nn.Module, inputs: list[Tensor]) -> Callable[..., Any]:
    """The module as torch.compile makes it, on its first call. Raises RuntimeError where the compiler fails."""
    torch.compiler.reset()
    try:
        called: Callable[..., Any] = torch.compile(module, dynamic=False)
        with torch.inference_mode():
            called(*inputs)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # whatever a compiler and the tools that it starts can raise
        raise RuntimeError(f"torch.compile failed: {type(error).__name__}: {first_line(error)}") from None
    return called


def _module(task: Task, device: torch.device) -> tuple[nn.Module, tuple[TensorShape, ...]]:
    if isinstance(task.subject, SingleLayer):
        with torch.device(device):
            return build_module(task.subject.recipe).eval(), task.subject.input_shapes
    return build_network(task.subject, str(device)), (task.subject.input_shape,)


@torch.no_grad()
def settle(module: nn.Module, shapes: tuple[TensorShape, ...], device: torch.device) -> None:
    """Gives weights and batch norms such values that numbers keep their size from layer to layer, as trained ones do.

    With torch's own, deep networks end in zeros and denormals, which draw less power on a GPU and take longer on a CPU.
    """
    for part in module.modules():
        if isinstance(part, _WEIGHTED):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
    norms = [part for part in module.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    if not norms:
        return
    usual = norms[0].momentum
    for norm in norms:
        norm.train()
        norm.momentum = 1.0
    sample: list[Tensor] = [torch.randn(_SAMPLES, *shape, device=device) for shape in shapes]
    module(*sample)
    for norm in norms:
        norm.eval()
        norm.momentum = usual
