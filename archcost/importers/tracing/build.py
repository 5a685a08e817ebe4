"""Models without memory: built on the meta device, or copied there with nothing of the original changed.

What meta tensors cannot do, because it needs values, is traced on the CPU: parameters are fake there, all else that
the model holds has its values.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.weak import WeakIdKeyDictionary

Build = Callable[[], Any]
_MOST_ELEMENTS = 1 << 26
"""Parameters of a model that is built with its weights, as the last way: a quarter of a gigabyte."""


class TooLarge(Exception):
    """The model is too large to be built with its weights."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A model's copy in eval mode, ready to be traced. fake: the mode of its parameters on the CPU; None for meta."""

    model: nn.Module
    fake: FakeTensorMode | None = None

    def tensor(self, sizes: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """An input of the model."""
        with self.fake or contextlib.nullcontext():
            return torch.empty(sizes, dtype=dtype, device="meta" if self.fake is None else "cpu")


def without_weights(build: Build) -> Any:
    """What `build` makes on the meta device.

    Some models compute with tensors while they are built, which meta tensors cannot do. Those are built on the CPU,
    and each parameter goes to meta as it is registered.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with torch.device("meta"):
                return build()
        except Exception as first:
            try:
                return with_values(build)
            except Exception as second:
                raise second from first


def with_values(build: Build) -> Any:
    """What `build` makes on the CPU, its parameters on meta."""
    with warnings.catch_warnings(), _registered(_on_meta()):
        warnings.simplefilter("ignore")
        return build()


def with_weights(build: Build) -> Any:
    """What `build` makes on the CPU, weights and all, as some reparametrisations need. Raises TooLarge."""
    left = _MOST_ELEMENTS

    def counted(parameter: nn.Parameter) -> nn.Parameter:
        nonlocal left
        left -= parameter.numel()
        if left < 0:
            raise TooLarge
        return parameter

    with warnings.catch_warnings(), _registered(counted):
        warnings.simplefilter("ignore")
        return build()


def _on_meta() -> Callable[[nn.Parameter], nn.Parameter]:
    """Moves parameters to meta; one that is registered twice stays one."""
    moved = WeakIdKeyDictionary()

    def move(parameter: nn.Parameter) -> nn.Parameter:
        if parameter.device.type == "meta":
            return parameter
        if parameter not in moved:
            moved[parameter] = nn.Parameter(parameter.data.to("meta"), requires_grad=parameter.requires_grad)
        found: nn.Parameter = moved[parameter]
        return found

    return move


@contextlib.contextmanager
def _registered(change: Callable[[nn.Parameter], nn.Parameter]) -> Iterator[None]:
    """While it lasts, modules register what `change` makes of their parameters."""
    usual = nn.Module.register_parameter

    def register_parameter(self: nn.Module, name: str, param: nn.Parameter | None) -> None:
        usual(self, name, param)
        found = self._parameters.get(name)
        if found is not None and not nn.parameter.is_lazy(found):
            self._parameters[name] = change(found)

    nn.Module.register_parameter = register_parameter  # type: ignore[method-assign]
    try:
        yield
    finally:
        nn.Module.register_parameter = usual  # type: ignore[method-assign]


def on_meta(model: nn.Module) -> Stage:
    """A copy with all its tensors on meta; the model itself stays as it is. Raises what copying raises."""
    return Stage(_copied(model, lambda tensor: tensor.detach().to("meta")))


def on_cpu(model: nn.Module) -> Stage:
    """A copy on the CPU, parameters fake and other tensors with their values; the model itself stays as it is.

    Buffers of one element become plain attributes: what a forward reads from those is a number, not data.
    Raises what copying raises.
    """
    fake = FakeTensorMode(allow_non_fake_inputs=True)

    def stand_in(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.device.type == "cpu" and not isinstance(tensor, nn.Parameter):
            return tensor.detach().clone()
        with fake:
            return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="cpu")

    copied = _copied(model, stand_in)
    for module in copied.modules():
        for name, buffer in list(module._buffers.items()):
            if buffer is not None and buffer.numel() == 1:
                del module._buffers[name]
                object.__setattr__(module, name, buffer)
    return Stage(copied, fake)


def _copied(model: nn.Module, change: Callable[[torch.Tensor], torch.Tensor]) -> nn.Module:
    """A deep copy in eval mode with other tensors; what is one tensor there is one here, wherever it is kept."""
    own = torch.Tensor.__deepcopy__, nn.Parameter.__deepcopy__

    def changed(tensor: torch.Tensor, memo: dict[int, Any]) -> torch.Tensor:
        if id(tensor) not in memo:
            found = change(tensor)
            memo[id(tensor)] = nn.Parameter(found, requires_grad=False) if isinstance(tensor, nn.Parameter) else found
        copy_of: torch.Tensor = memo[id(tensor)]
        return copy_of

    torch.Tensor.__deepcopy__ = nn.Parameter.__deepcopy__ = changed  # type: ignore[method-assign]
    try:
        copied = copy.deepcopy(model).eval()
    finally:
        torch.Tensor.__deepcopy__, nn.Parameter.__deepcopy__ = own  # type: ignore[method-assign]
    if not isinstance(copied, torch.jit.ScriptModule):
        copied.register_forward_hook(lambda module, given, output: _opened(output))
    return copied


def _opened(output: Any) -> Any:
    """Dataclasses in a model's output as mappings, which torch.export opens."""
    if dataclasses.is_dataclass(output) and not isinstance(output, (type, dict)):
        return {field.name: _opened(getattr(output, field.name)) for field in dataclasses.fields(output)}
    return [_opened(each) for each in output] if type(output) in (list, tuple) else output
