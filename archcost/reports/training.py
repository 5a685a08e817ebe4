"""Training in reports: its columns, its totals, what it assumes, and its data."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from archcost.reports import units
from archcost.reports.columns import Column, Row

if TYPE_CHECKING:
    from archcost.analysis.training import Training

COLUMNS = (
    Column("backward macs", "backward_macs", lambda row: units.count(row.backward_macs), importance=1),
    Column("kept, bytes", "kept_bytes", lambda row: units.count(row.kept_bytes), importance=2),
)
FIGURES = (
    *("forward_macs", "backward_macs", "macs", "update_flops", "step_flops", "weight_bytes", "buffer_bytes"),
    *("gradient_bytes", "optimizer_bytes", "cast_bytes", "kept_bytes", "input_kept_bytes", "memory_bytes"),
    "peak_bytes",
)
LAYER_FIGURES = ("name", "forward_macs", "input_gradient_macs", "weight_gradient_macs", "kept_bytes")


def data(training: Training) -> dict[str, Any]:
    """Under stable names, as JSON has it."""
    return {
        "optimizer": training.optimizer,
        "amp": training.amp,
        **{name: getattr(training, name) for name in FIGURES},
        "layers": [{name: getattr(layer, name) for name in LAYER_FIGURES} for layer in training.layers],
    }


def trained(row: Row, names: Collection[str], training: Training) -> Row:
    """A row with the figures of its layers."""
    members = [layer for layer in training.layers if layer.name in names]
    macs, kept = (sum(getattr(layer, name) for layer in members) for name in ("backward_macs", "kept_bytes"))
    return replace(row, backward_macs=macs, kept_bytes=kept)


def facts(training: Training) -> list[tuple[str, str]]:
    """The totals of a step with their labels."""

    def counted(number: int) -> str:
        return f"{units.count(number)} ({units.short(number)})" if number >= 1000 else units.count(number)

    def sized(number: int) -> str:
        return f"{units.count(number)} ({units.bytes_(number)})"

    times = training.backward_macs / training.forward_macs if training.forward_macs else 0.0
    found = [
        ("training: backward macs", f"{counted(training.backward_macs)}, {times:.2f} × forward"),
        (f"training: update by {training.optimizer}, flops", counted(training.update_flops)),
        ("training: a step on the batch, flops", counted(training.step_flops)),
        ("training: weights and buffers, bytes", sized(training.weight_bytes + training.buffer_bytes)),
        ("training: gradients of weights, bytes", sized(training.gradient_bytes)),
        (f"training: state of {training.optimizer}, bytes", sized(training.optimizer_bytes)),
        ("training: kept for the backward pass, bytes", sized(training.kept_bytes)),
    ]
    if training.amp:
        found.append(("training: weights in 16 bits, bytes", sized(training.cast_bytes)))
    return [*found, ("training: peak of a step, bytes", sized(training.peak_bytes))]


def notes(training: Training) -> list[str]:
    """What the figures rest on."""
    said = (
        "Training: backward macs are the gradients of weights and of inputs (none of the network's own input). "
        "Kept is what PyTorch's autograd holds between the passes, each tensor once; the peak is that of a step after "
        "the first, with gradients freed before it, without the insides of kernels."
    )
    if training.amp:
        said += (
            " Mixed precision: activations and their gradients in 16 bits throughout, also after norms and softmax; "
            "statistics of norms, weights, their gradients and the optimizer's state in 32; of weights that multiply "
            "a copy in 16."
        )
    return [said]
