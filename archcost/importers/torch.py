"""Any PyTorch model as a spec: built without memory, traced, mapped, and written down."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import torch
from torch import nn

from archcost.errors import ArchcostError
from archcost.importers.packages import quiet, said
from archcost.importers.reference import Input, Source
from archcost.importers.tracing import build, failures
from archcost.importers.tracing.build import Stage
from archcost.importers.tracing.graph import Trace
from archcost.importers.tracing.spec import spec_text
from archcost.importers.tracing.trace import trace

Build = Callable[..., object]
_WAYS: tuple[tuple[Callable[[Build], Any], Callable[[nn.Module], Stage]], ...] = (
    (build.without_weights, build.on_meta),
    (build.with_values, build.on_cpu),
    (build.with_weights, build.on_cpu),
)
"""How a model is built, and made ready to be traced: each way can do more than those before it, and takes more."""


def imported_spec(
    source: Source, make: Build, inputs: Sequence[Input], name: str, resized: Mapping[str, Any] | None = None
) -> str:
    """The text of a model's spec.

    make: builds it; resized: arguments for models that must be told another input size, tried where the model
    refuses the size without them.
    Raises ArchcostError for what is no model, or cannot be traced.
    """
    stage, found = first_trace(source, make, inputs, resized)
    kind = kind_of(stage.model)
    return spec_text(found, lambda other: traced(source, stage, other), inputs, name, str(source), kind)


def kind_of(model: nn.Module) -> str:
    """The model's class, by its full name."""
    return f"{type(model).__module__}.{type(model).__qualname__}"


def first_trace(
    source: Source, make: Build, inputs: Sequence[Input], resized: Mapping[str, Any] | None
) -> tuple[Stage, Trace]:
    """The first way that leads to a trace."""
    refused: list[ArchcostError] = []
    makes = [make, lambda: make(**resized)] if resized else [make]
    for way in _WAYS:
        for each in makes:
            try:
                stage = built(source, each, *way)
                return stage, traced(source, stage, inputs)
            except build.TooLarge:
                break
            except ArchcostError as error:
                refused.append(error)
    # Meta tensors have no values: what the second way says of data is truer than the first.
    raise refused[len(makes) if len(refused) > len(makes) else 0] from None


def built(source: Source, make: Build, way: Callable[[Build], Any], ready: Callable[[nn.Module], Stage]) -> Stage:
    """The model in eval mode, ready to be traced; where the user owns it, a copy."""
    try:
        with quiet():
            found = way(make)
    except build.TooLarge:
        raise
    except (Exception, SystemExit) as error:  # whatever a constructor raises
        raise ArchcostError(f"{source}: building the model failed: {said(error)}") from None
    if not isinstance(found, nn.Module):
        raise ArchcostError(f"{source} gives a {type(found).__name__}, no nn.Module")
    try:
        return ready(found)
    except Exception as error:  # whatever copying raises
        raise ArchcostError(f"{source}: the model cannot be copied to be traced: {said(error)}") from None


def traced(source: Source, stage: Stage, inputs: Sequence[Input]) -> Trace:
    """The model's trace at these inputs. Raises ArchcostError."""
    tensors = [(each.name, stage.tensor((1, *each.sizes), getattr(torch, each.dtype))) for each in inputs]
    listed = tuple(tensor for name, tensor in tensors if not name)
    named = {name: tensor for name, tensor in tensors if name}
    try:
        # torch prints the graph of what it cannot trace; the error says more
        said_there = io.StringIO()
        with quiet(), redirect_stdout(said_there), redirect_stderr(said_there), torch.random.fork_rng(devices=[]):
            found = trace(stage.model, listed, named)
    except (Exception, SystemExit) as error:  # whatever a forward raises
        raise ArchcostError(f"{source}: {failures.explained(error, inputs)}") from None
    if not found.outputs:
        raise ArchcostError(f"{source}: its outputs are no tensors, or do not depend on its input")
    return found
