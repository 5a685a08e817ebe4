"""A model as its own code makes it, with weights, ready to run on the CPU."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from archcost import importers
from archcost.errors import ArchcostError
from archcost.importers.reference import Input, Source


def runnable(source: Source) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """The model in eval mode, and random inputs for it.

    Its modules may import more as late as in a forward, so the current directory stays importable.
    Raises what building it raises, ArchcostError for what is no nn.Module.
    """
    sys.path.append(str(Path.cwd()))
    plan = importers.blueprint(source)
    if plan is not None and any(each.name for each in plan.inputs):
        raise ArchcostError(f"{source}: counters are run with inputs in their order, not by name")
    model: Any = None if plan is None else plan.build()
    if plan is None or not isinstance(model, nn.Module):
        raise ArchcostError(f"{source} gives a {type(model).__name__}, no nn.Module")
    inputs = tuple(_tensor(each) for each in plan.inputs)
    if plan.resized:
        try:
            with torch.no_grad():
                model.eval()(*inputs)
        except Exception:  # it refuses this size: some models must be told
            model = plan.build(**plan.resized)
    return model.eval(), inputs


def _tensor(read: Input) -> Tensor:
    kind: torch.dtype = getattr(torch, read.dtype)
    return torch.rand(1, *read.sizes).to(kind) if kind.is_floating_point else torch.zeros(1, *read.sizes, dtype=kind)
