"""Why a counter's figure is not its convention's: layer by layer, by how the model writes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archcost.analysis.conventions import Convention, operator_of
from archcost.analysis.hooks import Writing, hooks
from archcost.graph import Network

NAMES = {
    **dict.fromkeys(("conv", "depthwise", "pointwise"), "convolutions"),
    **dict.fromkeys(("add", "subtract", "multiply", "divide", "minimum", "maximum", "elementwise"), "arithmetic"),
    "conv_transpose": "transposed convolutions",
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), "convolutions"),
    "linear": "linear layers",
    "matmul": "matrix products",
    "scaled_dot_product_attention": "attention",
}
"""What terms call kinds of operators; pools are pooling, and the others go by their own names."""


@dataclass(frozen=True, slots=True)
class Term:
    """A part of a count: so much beyond the macs, or, below zero, so much of them that is left out."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Cause:
    """A part of a difference that is known: a remark, and how much of each term."""

    remark: str
    parts: tuple[Term, ...]

    @property
    def count(self) -> int:
        return sum(part.count for part in self.parts)


def name_of(kind: str) -> str:
    return "pooling" if kind.endswith("_pool") else NAMES.get(kind, kind.replace("_", " "))


def causes_of(convention: Convention, network: Network, writings: Mapping[str, Writing]) -> tuple[Cause, ...]:
    """What the tool counts in another way than the convention says, as the layers are written; the largest first.

    Nothing is said of layers whose writing is not known, or of which the tool may count anything.
    """
    found: dict[tuple[str, str], list[int]] = {}
    seeing = hooks(convention.name)
    for layer in network.layers:
        writing = writings.get(layer.name)
        counted = convention.value(layer, network)
        if writing is None or counted is None:
            continue
        seen = seeing.seen(convention, layer, network, writing)
        if seen is not None and seen != counted:
            around = seeing.hiding(writing).rpartition(".")[2]
            shown = f"{writing.shown} inside {around}, whose hook stands for all inside" if around else writing.shown
            sums = found.setdefault((shown, name_of(operator_of(layer))), [0, 0])
            sums[0] += int(counted)
            sums[1] += seen
    causes = [_cause(convention, *key, *sums) for key, sums in found.items()]
    return tuple(sorted(causes, key=lambda cause: -abs(cause.count)))


def _cause(convention: Convention, shown: str, name: str, counted: int, seen: int) -> Cause:
    said = "nothing" if not seen else f"{seen:,}, not {counted:,}"
    return Cause(f"{shown}, of which {_tool(convention)} counts {said}", (Term(name, seen - counted),))


def _tool(convention: Convention) -> str:
    return convention.name.removesuffix("_macs")
