"""How a model of PyTorch writes each layer of its spec: by which module and which function."""

from __future__ import annotations

from torch import nn

from archcost import importers
from archcost.analysis.hooks import Writing
from archcost.errors import ArchcostError
from archcost.importers.reference import Source
from archcost.importers.torch import first_trace, traced
from archcost.importers.tracing.graph import Call
from archcost.importers.tracing.mapping import Mapping
from archcost.importers.tracing.probe import compared
from archcost.importers.tracing.spelling import listening
from archcost.importers.tracing.writing import named

_SIGNS = {"mul": "×", "add": "+", "sub": "−", "div": "÷", "matmul": "@", "rsub": "−", "pow": "**"}
_BUILTIN = "builtin_function_or_method"


def writings(source: Source) -> dict[str, Writing]:
    """By the names of the layers in the spec that a model imports to.

    Raises ArchcostError where the model cannot be traced.
    """
    plan = importers.blueprint(source)
    if plan is None:
        raise ArchcostError(f"{source} is no module of PyTorch")
    stage, _ = first_trace(source, plan.build, plan.inputs, plan.resized)
    with listening():
        found = traced(source, stage, plan.inputs)
    layers = compared(found, lambda other: traced(source, stage, other), plan.inputs)[0]
    keys = list(layers.entries)
    names = named([layers.entries[key] for key in keys], keys)
    modules = dict(stage.model.named_modules(remove_duplicate=False))
    return {names[key]: _writing(layers, layers.entries[key].call, modules) for key in keys}


def _writing(layers: Mapping, call: Call, modules: dict[str, nn.Module]) -> Writing:
    if call.operator == "getitem" and call.namespace == "python":  # one of several outputs
        call = layers.calls[call.arguments["source"].name]
    module = modules.get(call.path)
    around = [modules[path] for path in _above(call.path) if path in modules]
    classes = _classes(module) if module is not None else (_short(call.module),)
    leaf = module is not None and not any(True for _ in module.children())
    pair = isinstance(getattr(module, "kernel_size", None), (tuple, list))
    outer = tuple(_name(type(each)) for each in around)
    operands = tuple(layers.shape(name) for name in call.reads)
    return Writing(call.operator, call.called, classes, _shown(call, classes, leaf), leaf, pair, outer, operands)


def _above(path: str) -> list[str]:
    """The paths of the modules around one, the model itself first."""
    parts = path.split(".") if path else []
    return [".".join(parts[:n]) for n in range(len(parts))]


def _classes(module: nn.Module) -> tuple[str, ...]:
    return tuple(_name(each) for each in type(module).__mro__ if each not in (nn.Module, object))


def _name(kind: type) -> str:
    return _short(f"{kind.__module__}.{kind.__qualname__}")


def _short(name: str) -> str:
    """A class's full name; torch's own as people write them, nn.Conv2d."""
    return f"nn.{name.rpartition('.')[2]}" if name.startswith("torch.nn.modules.") else name


def _shown(call: Call, classes: tuple[str, ...], leaf: bool) -> str:
    """How people would say it: nn.ReLU, F.relu, x.mean, ×."""
    own = classes[0] if classes else ""
    if own == "nn.MultiheadAttention":
        return "inside nn.MultiheadAttention"
    if own.startswith("nn.") and leaf:
        return f"written as {own}"
    derived = next((name for name in classes[1:] if name in _LAYERS), "")
    if derived:
        return f"written as {own.rpartition('.')[2]}, a subclass of {derived}"
    return f"written as {_spelled(call)}"


def _spelled(call: Call) -> str:
    if call.called:
        place, _, name = call.called[0].partition(".")
        if name == "__matmul__":
            return "@"
        if place == "torch" and call.function == f"function.{name}":
            return f"F.{name}, looked up before a counter could replace it"
        return f"x.{name}" if place == "Tensor" else call.called[0]
    kind, _, name = call.function.rpartition(".")
    plain = name.strip("_")
    if plain in _SIGNS and kind != _BUILTIN:
        return _SIGNS[plain]
    if kind in ("function", _BUILTIN):
        return f"F.{name}" if kind == "function" else f"torch.{name}"
    return f"x.{name or call.operator}"


_LAYERS = {f"nn.{name}" for name in dir(nn) if name not in ("Sequential", "ModuleList", "ModuleDict", "Module")}
