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
from archcost.importers.tracing.graph import Trace
from archcost.importers.tracing.spec import spec_text
from archcost.importers.tracing.trace import trace

Build = Callable[..., object]


def imported_spec(
    source: Source, make: Build, inputs: Sequence[Input], name: str, resized: Mapping[str, Any] | None = None
) -> str:
    """The text of a model's spec.

    make: builds it; resized: arguments for models that must be told another input size, tried where the model
    refuses the size without them.
    Raises ArchcostError for what is no model, or cannot be traced.
    """
    model = built(source, make)
    if resized:
        try:
            found = traced(source, model, inputs)
        except ArchcostError as refused:
            try:
                model = built(source, lambda: make(**resized))
            except ArchcostError:
                raise refused from None
            found = traced(source, model, inputs)
    else:
        found = traced(source, model, inputs)
    return spec_text(found, lambda other: traced(source, model, other), inputs, name, str(source), kind_of(model))


def kind_of(model: nn.Module) -> str:
    """The model's class, by its full name."""
    return f"{type(model).__module__}.{type(model).__qualname__}"


def built(source: Source, make: Build) -> nn.Module:
    """The model on the meta device, in eval mode; where the user owns it, a copy."""
    try:
        with quiet():
            found = build.on_meta(make)
    except (Exception, SystemExit) as error:  # whatever a constructor raises
        raise ArchcostError(f"{source}: building the model failed: {said(error)}") from None
    if not isinstance(found, nn.Module):
        raise ArchcostError(f"{source} gives a {type(found).__name__}, no nn.Module")
    try:
        return build.meta_copy(found)
    except Exception as error:  # whatever copying raises
        raise ArchcostError(f"{source}: the model cannot be copied to be traced: {said(error)}") from None


def traced(source: Source, model: nn.Module, inputs: Sequence[Input]) -> Trace:
    """The model's trace at these inputs. Raises ArchcostError."""
    tensors = tuple(torch.empty(1, *each.sizes, dtype=getattr(torch, each.dtype), device="meta") for each in inputs)
    try:
        # torch prints the graph of what it cannot trace; the error says more
        said_there = io.StringIO()
        with quiet(), redirect_stdout(said_there), redirect_stderr(said_there), torch.random.fork_rng(devices=[]):
            found = trace(model, tensors)
    except (Exception, SystemExit) as error:  # whatever a forward raises
        raise ArchcostError(f"{source}: {failures.explained(error, inputs)}") from None
    if not found.outputs:
        raise ArchcostError(f"{source}: its outputs are no tensors, or do not depend on its input")
    return found
