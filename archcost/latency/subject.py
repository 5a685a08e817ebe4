"""What is measured: a network or one operator, the digest that it is known by, and how it is run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from archcost import dims
from archcost.dims import Ratio
from archcost.errors import Mark
from archcost.graph import INPUT, Layer, Network
from archcost.latency.points import ConvShape
from archcost.ops.base import Nary, Recipe, Unary
from archcost.shape import TensorShape
from archcost.spec.parts import Document
from archcost.spec.settings import Settings


@dataclass(frozen=True, slots=True, eq=False)
class SingleLayer:
    """One operator on inputs of given shapes, run by itself."""

    op: Unary | Nary
    input_shapes: tuple[TensorShape, ...]

    @classmethod
    def of(cls, layer: Layer) -> SingleLayer:
        return cls(layer.op, layer.input_shapes)

    @classmethod
    def convolution(cls, shape: ConvShape) -> SingleLayer:
        return cls(shape.operator, (shape.input_shape,))

    @property
    def source(self) -> Any:
        """What the operator's rules take: one shape, or a tuple of several."""
        return self.input_shapes if isinstance(self.op, Nary) else self.input_shapes[0]

    @property
    def layer(self) -> Layer:
        """It as a layer of a network, without a name."""
        return Layer("", None, self.op, (), self.input_shapes, self.op.shape(self.source), Mark(1, 1))

    @property
    def recipe(self) -> Recipe:
        return self.op.recipe(self.source)

    def conv_shape(self, batch: int) -> ConvShape | None:
        """The convolution that this is; None where it is something else, or dilated."""
        recipe = self.recipe
        given = recipe.arguments
        if recipe.name != "conv" or given["dilation"] != (1, 1):
            return None
        size = self.input_shapes[0][1:]
        ends: Any = (given["kernel_size"], size, given["stride"], given["margins"], given["groups"])
        return ConvShape(batch, given["in_channels"], given["out_channels"], *ends)

    def __str__(self) -> str:
        """A convolution as `conv 3x3/1 64→128 @56x56 g1`, another operator as `linear @256→1000`."""
        shape = self.conv_shape(1)
        if shape is None:
            output = self.op.shape(self.source)
            inputs = "+".join("x".join(map(str, each)) for each in self.input_shapes)
            return f"{self.op.kind} @{inputs}→{'x'.join(map(str, output))}"
        (kh, kw), (sh, sw), (height, width) = shape.kernel, shape.stride, shape.input_size
        stride = f"{sh}" if sh == sw else f"{sh}x{sw}"
        channels = f"{shape.in_channels}→{shape.out_channels}"
        return f"{self.op.kind} {kh}x{kw}/{stride} {channels} @{height}x{width} g{shape.groups}"


Subject = Network | SingleLayer


def digest(subject: Subject) -> str:
    """sha256 (hex) of what runs: input shapes, and of each operator its recipe and the positions of its inputs.

    Names, comments and multipliers do not enter it, so two α that round to the same channels share one.
    """
    if isinstance(subject, SingleLayer):
        shapes: Iterable[TensorShape] = subject.input_shapes
        nodes = [(subject.recipe, range(len(subject.input_shapes)))]
    else:
        shapes = (subject.input_shape,)
        position = {INPUT: 0} | {layer.name: i for i, layer in enumerate(subject.layers, 1)}
        nodes = [(layer.op.recipe(layer.source), [position[n] for n in layer.inputs]) for layer in subject.layers]  # type: ignore[misc]
    structure = {
        "inputs": [list(shape) for shape in shapes],
        "nodes": [[recipe.name, recipe.arguments, list(sources)] for recipe, sources in nodes],
    }
    return hash_of(structure)


def hash_of(content: Any) -> str:
    """sha256 (hex) of plain content, the same on every machine."""
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def canonical(content: Any) -> str:
    """JSON in one way only: sorted keys, no spaces, ASCII."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain)


def _plain(value: object) -> Any:
    if isinstance(value, Ratio):
        return {"numerator": value.numerator, "denominator": value.denominator}
    raise TypeError(f"{value!r} has no canonical form")


@dataclass(frozen=True, slots=True)
class Label:
    """What a user calls a subject: a spec (with its parameters after an @), α, the resolution as 224 or 160x192."""

    spec: str
    alpha: float | None = None
    resolution: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, network: Network, name: str | None = None) -> Label:
        """name: what the spec was asked for as, settings aside; else its own."""
        return cls.named(network.document, network.settings, name)

    @classmethod
    def named(cls, document: Document, chosen: Settings, name: str | None = None) -> Label:
        """As `of`, of settings whose network need not be built."""
        parameters = {key: _number(value) for key, value in chosen.parameters.items()}
        own = {key: _number(parameter.default) for key, parameter in document.parameters.items()}
        changed = ",".join(f"{key}={_text(value)}" for key, value in parameters.items() if value != own[key])
        spec = name or document.name
        size = chosen.resolution
        resolution = "" if size is None else str(size[0]) if size[0] == size[1] else f"{size[0]}x{size[1]}"
        return cls(f"{spec}@{changed}" if changed else spec, dims.as_float(chosen.alpha), resolution, parameters)


def _number(value: Any) -> Any:
    return dims.as_float(value) if isinstance(value, Ratio) else value


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """One thing to measure, and how. tf32: whether float32 products may use it; BN folded into convolutions or not."""

    subject: Subject
    label: Label
    batch: int = 1
    dtype: str = "float32"
    layout: str = "contiguous"
    mode: str = "eager"
    folded: bool = False
    tf32: bool = False
