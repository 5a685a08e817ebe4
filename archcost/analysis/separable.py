"""Depthwise-separable pairs: a depthwise convolution and the pointwise one that combines its channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archcost.cost import Amount
from archcost.graph import Layer, Network
from archcost.ops.convolution import Convolution


@dataclass(frozen=True, slots=True)
class SeparablePair:
    """The pair, and the standard convolution that it stands for: same kernel, same channels, same positions."""

    depthwise: Layer
    pointwise: Layer

    @property
    def kernel(self) -> Any:
        """D_K × D_K"""
        assert isinstance(self.depthwise.op, Convolution)
        return self.depthwise.op.kernel

    @property
    def standard(self) -> Amount:
        """k · k · M · N · D_G · D_G"""
        _, height, width = self.depthwise.output_shape
        channels, filters = self.depthwise.input_shapes[0].channels, self.pointwise.output_shape.channels
        return Amount.product(*self.kernel, channels, filters, height, width)

    @property
    def macs(self) -> Any:
        return self.depthwise.cost.macs.value + self.pointwise.cost.macs.value

    @property
    def predicted(self) -> float:
        """1 / N + 1 / D_K²"""
        filters: Any = self.pointwise.output_shape.channels
        return float(1 / filters + 1 / (self.kernel[0] * self.kernel[1]))

    @property
    def actual(self) -> float:
        """The pair's macs over those of the standard convolution."""
        standard: Any = self.standard.value
        return float(self.macs / standard)


def separable_pairs(network: Network) -> list[SeparablePair]:
    """All pairs in the file's order; norms, activations and dropout may stand between the two."""
    graph, layers = network.graph, {layer.name: layer for layer in network.layers}
    found = []
    for layer in network.layers:
        if not _is_depthwise(layer):
            continue
        follower = layer
        while graph.out_degree(follower.name) == 1:
            follower = layers[next(graph.successors(follower.name))]
            if follower.op.storage != "in_place":
                break
        if follower is not layer and _is_pointwise(follower):
            found.append(SeparablePair(layer, follower))
    return found


def _is_depthwise(layer: Layer) -> bool:
    if not isinstance(layer.op, Convolution):
        return False
    channels = layer.input_shapes[0].channels
    groups = layer.op.channels(layer.input_shapes[0])[1]
    return bool(groups == channels and channels > 1 and layer.op.kernel != (1, 1))


def _is_pointwise(layer: Layer) -> bool:
    op = layer.op
    return isinstance(op, Convolution) and op.kernel == (1, 1) and op.channels(layer.input_shapes[0])[1] == 1
