"""Recipes become torch modules, and a network becomes one module that runs them in the file's order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from archcost.exporters.paths import module_paths
from archcost.graph import INPUT, Network
from archcost.live import arithmetic, modules
from archcost.ops.base import Recipe


class NetworkModule(nn.Module):
    """Runs a network's layers; a layer's module path is its name in the spec, as far as torch lets it be.

    steps: (name, module, the tensors it reads, those that nobody reads after it); paths: name -> module path.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.steps: list[tuple[str, nn.Module, tuple[str, ...], tuple[str, ...]]] = []
        used = {source for layer in network.layers for source in layer.inputs}
        self.outputs = tuple(layer.name for layer in network.layers if layer.name not in used)
        self.paths = module_paths(network)
        last = {source: layer.name for layer in network.layers for source in layer.inputs}
        for layer in network.layers:
            module = build_module(layer.op.recipe(layer.source))
            _attach(self, self.paths[layer.name], module)
            finished = tuple(dict.fromkeys(source for source in layer.inputs if last[source] == layer.name))
            self.steps.append((layer.name, module, layer.inputs, finished))

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        tensors = {INPUT: x}
        for name, module, inputs, finished in self.steps:
            tensors[name] = module(*(tensors[source] for source in inputs))
            for source in finished:
                del tensors[source]
        results = tuple(tensors[name] for name in self.outputs)
        return results[0] if len(results) == 1 else results


def _attach(root: nn.Module, path: str, module: nn.Module) -> None:
    """Puts a module under a dotted path, making the containers on the way."""
    *outer, last = path.split(".")
    for part in outer:
        root = root._modules.setdefault(part, nn.Module())  # type: ignore[assignment]
    root._modules[last] = module


def build_module(recipe: Recipe) -> nn.Module:
    """The module for one operator. Raises KeyError for a recipe that nobody has written down here."""
    return _BUILDERS[recipe.name](**recipe.arguments)


def build_network(network: Network, device: str = "cpu") -> NetworkModule:
    """The module for a whole network, in eval mode; on `meta` it takes no memory."""
    with torch.device(device):
        return NetworkModule(network).eval()


def _conv(margins: modules.Margins, **arguments: Any) -> nn.Module:
    (top, bottom), (left, right) = margins
    if top == bottom and left == right:
        return nn.Conv2d(padding=(top, left), **arguments)
    return modules.PaddedConv2d(margins, **arguments)


def _batch_norm(channels: int, rank: int, gamma: bool, beta: bool) -> nn.Module:
    norm: nn.Module = (nn.BatchNorm2d if rank == 3 else nn.BatchNorm1d)(channels, affine=gamma or beta)
    if not gamma:
        norm.register_parameter("weight", None)
    if not beta:
        norm.register_parameter("bias", None)
    return norm


def _layer_norm(shape: tuple[int, ...], over: str, affine: bool, beta: bool) -> nn.Module:
    if over == "channels" and len(shape) > 1:
        return modules.ChannelLayerNorm(shape[0], elementwise_affine=affine, bias=beta)
    return nn.LayerNorm(list(shape) if over == "all" else shape[-1], elementwise_affine=affine, bias=beta)


def _max_pool(margins: modules.Margins, kernel_size: Any, output_size: Any, **arguments: Any) -> nn.Module:
    padding, window = _within(margins, kernel_size), _one(kernel_size)
    if padding is not None:
        return nn.MaxPool2d(window, padding=padding, **arguments)
    lowest = modules.Padding(margins, value=float("-inf"))
    return nn.Sequential(lowest, nn.MaxPool2d(window, **arguments), modules.Crop(output_size))


def _avg_pool(
    margins: modules.Margins, kernel_size: Any, stride: Any, output_size: Any, ceil_mode: bool, count_include_pad: bool
) -> nn.Module:
    padding, window = _within(margins, kernel_size), _one(kernel_size)
    if padding is not None:
        return nn.AvgPool2d(window, stride, padding, ceil_mode, count_include_pad)
    if count_include_pad:
        pool = nn.AvgPool2d(window, stride, ceil_mode=ceil_mode)
        return nn.Sequential(modules.Padding(margins), pool, modules.Crop(output_size))
    return nn.Sequential(modules.ValidAvgPool2d(kernel_size, stride, margins, ceil_mode), modules.Crop(output_size))


def _one(pair: tuple[int, int]) -> int | tuple[int, int]:
    """One number for both axes where they agree, as people write it; some counters tell the two apart."""
    return pair[0] if pair[0] == pair[1] else pair


def _within(margins: modules.Margins, kernel: tuple[int, int]) -> tuple[int, int] | None:
    """The padding as torch's pools take it: equal on both sides, at most half the window; None where it is not."""
    (top, bottom), (left, right) = margins
    fits = top == bottom and left == right and 2 * top <= kernel[0] and 2 * left <= kernel[1]
    return (top, left) if fits else None


def _global_pool(pool: type[nn.Module]) -> Callable[..., nn.Module]:
    def build(keep_dims: bool) -> nn.Module:
        return pool(1) if keep_dims else nn.Sequential(pool(1), nn.Flatten())

    return build


_BUILDERS: dict[str, Callable[..., nn.Module]] = {
    "conv": _conv,
    "conv_transpose": nn.ConvTranspose2d,
    "linear": nn.Linear,
    "matmul": modules.MatMul,
    "attention": modules.Attention,
    "class_token": modules.ClassToken,
    "position_embedding": modules.PositionEmbedding,
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "group_norm": lambda groups, channels, affine: nn.GroupNorm(groups, channels, affine=affine),
    "local_response_norm": nn.LocalResponseNorm,
    "layer_scale": modules.LayerScale,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "hard_swish": nn.Hardswish,
    "hard_sigmoid": nn.Hardsigmoid,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "softmax": lambda axis: nn.Softmax(dim=axis),
    "max_pool": _max_pool,
    "avg_pool": _avg_pool,
    "adaptive_avg_pool": nn.AdaptiveAvgPool2d,
    "adaptive_max_pool": nn.AdaptiveMaxPool2d,
    "global_avg_pool": _global_pool(nn.AdaptiveAvgPool2d),
    "global_max_pool": _global_pool(nn.AdaptiveMaxPool2d),
    "add": modules.Add,
    "multiply": modules.Multiply,
    "concat": modules.Concat,
    "split": modules.Split,
    "select": modules.Select,
    "flatten": lambda start: nn.Flatten(start + 1),
    "reshape": modules.Reshape,
    "transpose": modules.Transpose,
    "entry": modules.Entry,
    "rearrange": lambda axes, sizes: nn.Sequential(modules.Transpose(axes), modules.Reshape(sizes)),
    "channel_shuffle": modules.ChannelShuffle,
    "pad": modules.Padding,
    "resize": modules.Resize,
    "dropout": nn.Dropout,
    "stochastic_depth": modules.StochasticDepth,
    "traced": arithmetic.Traced,
    "constant": arithmetic.Constant,
    "elementwise": arithmetic.Function,
    "mish": nn.Mish,
    "softplus": nn.Softplus,
    "selu": nn.SELU,
    "log_sigmoid": nn.LogSigmoid,
    "hard_tanh": nn.Hardtanh,
    "prelu": lambda slopes: nn.PReLU(slopes),
    "subtract": lambda: arithmetic.Fold(torch.sub),
    "divide": lambda: arithmetic.Fold(torch.div),
    "minimum": lambda: arithmetic.Fold(torch.minimum),
    "maximum": lambda: arithmetic.Fold(torch.maximum),
    "reduce": arithmetic.Reduce,
    "rms_norm": lambda features, affine: nn.RMSNorm(features, elementwise_affine=affine),
    "slice": arithmetic.Slice,
    "scaled_dot_product_attention": arithmetic.ScaledDotProduct,
}

__all__ = ["NetworkModule", "build_module", "build_network"]
