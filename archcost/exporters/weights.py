"""The tensors that a layer holds, under the names that PyTorch gives them: shapes, and values where none are given."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from archcost.errors import ArchcostError
from archcost.exporters.paths import module_paths
from archcost.graph import Network
from archcost.ops.base import Recipe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a layer. spread: the standard deviation of random values around `mean`."""

    name: str
    shape: tuple[int, ...]
    mean: float = 0.0
    spread: float = 0.0


def tensors(recipe: Recipe) -> tuple[Tensor, ...]:
    """What a module of this recipe holds, running means and variances among it; nothing for most."""
    hold = _HOLDERS.get(recipe.name)
    return tuple(hold(**recipe.arguments)) if hold else ()


def _weight(name: str, shape: tuple[int, ...], inputs: int) -> Tensor:
    """Weights that let no number grow, however deep the network: the variance is 1 / inputs (LeCun et al. 1998)."""
    return Tensor(name, shape, spread=math.sqrt(1 / inputs))


def _conv(
    in_channels: int, out_channels: int, kernel_size: tuple[int, int], groups: int, bias: bool, **_: Any
) -> Iterator[Tensor]:
    shape = (out_channels, in_channels // groups, *kernel_size)
    yield _weight("weight", shape, math.prod(shape[1:]))
    if bias:
        yield Tensor("bias", (out_channels,))


def _conv_transpose(
    in_channels: int, out_channels: int, kernel_size: tuple[int, int], groups: int, bias: bool, **_: Any
) -> Iterator[Tensor]:
    yield _weight("weight", (in_channels, out_channels // groups, *kernel_size), in_channels // groups)
    if bias:
        yield Tensor("bias", (out_channels,))


def _linear(in_features: int, out_features: int, bias: bool) -> Iterator[Tensor]:
    yield _weight("weight", (out_features, in_features), in_features)
    if bias:
        yield Tensor("bias", (out_features,))


def _attention(features: int, heads: int, bias: bool) -> Iterator[Tensor]:
    for part in ("query", "key", "value", "out"):
        for tensor in _linear(features, features, bias):
            yield replace(tensor, name=f"{part}.{tensor.name}")


def _batch_norm(channels: int, rank: int, gamma: bool, beta: bool) -> Iterator[Tensor]:
    if gamma:
        yield Tensor("weight", (channels,), mean=1.0)
    if beta:
        yield Tensor("bias", (channels,))
    yield Tensor("running_mean", (channels,))
    yield Tensor("running_var", (channels,), mean=1.0)


def _affine(shape: tuple[int, ...], affine: bool, beta: bool = True) -> Iterator[Tensor]:
    if affine:
        yield Tensor("weight", shape, mean=1.0)
        if beta:
            yield Tensor("bias", shape)


def _layer_norm(shape: tuple[int, ...], over: str, affine: bool, beta: bool) -> Iterator[Tensor]:
    return _affine({"features": shape[-1:], "channels": shape[:1], "all": shape}[over], affine, beta)


_HOLDERS: dict[str, Callable[..., Iterator[Tensor]]] = {
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "linear": _linear,
    "attention": _attention,
    "class_token": lambda count, features: iter([Tensor("tokens", (count, features), spread=0.02)]),
    "position_embedding": lambda shape: iter([Tensor("table", tuple(shape), spread=0.02)]),
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "group_norm": lambda groups, channels, affine: _affine((channels,), affine),
    "rms_norm": lambda features, affine: _affine((features,), affine, False),
    "layer_scale": lambda sizes: iter([Tensor("gamma", tuple(sizes), mean=1.0)]),
    "prelu": lambda slopes: iter([Tensor("weight", (slopes,), mean=0.25)]),
}


def read(file: str | Path) -> dict[str, Any]:
    """The arrays of an .npz file by their names.

    Raises ArchcostError where it is none.
    """
    import numpy as np

    try:
        with Path(file).open("rb") as opened, np.load(opened) as held:
            return dict(held)
    except OSError as error:
        raise ArchcostError(f"{file}: cannot be read: {error.strerror or error}") from None
    except (ValueError, AttributeError, TypeError, EOFError, BadZipFile):
        raise ArchcostError(f"{file}: no .npz of plain arrays; numpy.savez(file, **weights) makes one") from None


def weights(network: Network, given: Mapping[str, Any] | None, seed: int) -> dict[str, dict[str, Array]]:
    """The tensors of each layer by their names in it, as float32 arrays.

    given: by module path and name, as a state_dict has them (`stage1.conv.weight`), arrays or anything that becomes
    one; what else it holds is left alone. Without it they are random. Raises ArchcostError for what is missing or of
    another shape.
    """
    import numpy as np

    paths = module_paths(network)
    generator = np.random.default_rng(seed)
    found: dict[str, dict[str, Array]] = {}
    wrong: list[str] = []
    for layer in network.layers:
        found[layer.name] = {}
        for tensor in tensors(layer.op.recipe(layer.source)):
            if given is None:
                array = generator.standard_normal(tensor.shape, dtype=np.float32) if tensor.spread else np.float32(0)
                array = np.broadcast_to(array * np.float32(tensor.spread) + np.float32(tensor.mean), tensor.shape)
            else:
                name = f"{paths[layer.name]}.{tensor.name}"
                if name not in given:
                    wrong.append(f"{name} is missing")
                    continue
                array = np.asarray(given[name], dtype=np.float32)
                if array.shape != tensor.shape:
                    wrong.append(f"{name} is {list(array.shape)}, not {list(tensor.shape)}")
            found[layer.name][tensor.name] = np.ascontiguousarray(array)
    if wrong:
        more = f" and {len(wrong) - 5:,} more" if len(wrong) > 5 else ""
        raise ArchcostError("the weights do not fit the network: " + "; ".join(wrong[:5]) + more)
    return found
