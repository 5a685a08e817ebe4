"""The figures of a page's layers: shapes, amounts and times as sums of products, each distinct row of them once."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from archcost import dims
from archcost.analysis import conventions
from archcost.analysis.conventions import before
from archcost.analysis.terms import TERMS
from archcost.dims import is_array
from archcost.graph import Layer, Network
from archcost.latency.kernels import Kernel, kernel_of
from archcost.reports.page import times
from archcost.reports.page.pool import Encoder

WIDEST = 8
"""Bytes that an element takes at most, with room for a sum of bytes moved."""
OWN = ("macs", "params", "buffers")
"""Terms of conventions that every row has."""


@dataclass(slots=True)
class Most:
    """The largest figures of a layer or of a structure, wherever it can exist. elements: read and held, of one sample;
    macs: of one sample; counted: by the convention that counts most."""

    elements: int = 0
    macs: int = 0
    counted: int = 0

    def add(self, other: Most) -> None:
        self.elements += other.elements
        self.macs += other.macs
        self.counted += other.counted

    def widen(self, other: Most) -> None:
        """Each figure as the larger of both."""
        self.elements = max(self.elements, other.elements)
        self.macs = max(self.macs, other.macs)
        self.counted = max(self.counted, other.counted)

    @property
    def shown(self) -> int:
        """The largest number that a page shows of it at batch 1."""
        return max(2 * self.macs, WIDEST * self.elements, self.counted)


@dataclass(eq=False)
class Figures:
    """Rows of figures, and the rules of conventions that they name. size: characters of the rows' text."""

    rows: list[Any] = field(default_factory=list)
    rules: list[dict[str, int]] = field(default_factory=list)
    size: int = 0
    _written: dict[str, int] = field(default_factory=dict)
    _known: dict[tuple[Any, ...], tuple[int, Most]] = field(default_factory=dict)

    def of(
        self, layer: Layer, network: Network, encoder: Encoder, fusions: tuple[str, ...], allocates: bool
    ) -> tuple[int, Most]:
        """The place of a layer's row, and its largest figures. fusions: in which it runs as a kernel of its own."""
        shapes = [[encoder.factors(size) for size in shape] for shape in layer.input_shapes]
        out = [encoder.factors(size) for size in layer.output_shape]
        fields = [_coded(encoder, getattr(layer.op, each.name)) for each in dataclasses.fields(layer.op)]
        # All that a row's figures are made of.
        key = (encoder.place, layer.kind, repr((fields, shapes, out)), fusions, allocates, before(layer, network))
        if key not in self._known:
            row = self._row(layer, network, encoder, fusions)
            row |= {"shapes": shapes, "out": out, "allocates": allocates}
            self._known[key] = self._place(row), self._most(encoder, row)
        return self._known[key]

    def _row(self, layer: Layer, network: Network, encoder: Encoder, fusions: tuple[str, ...]) -> dict[str, Any]:
        """What a layer is, but for its name, and its figures as sums of products."""
        cost, op = layer.cost, layer.op
        rules = [convention.rule(layer, network) for convention in conventions.table().values()]
        needed = dict.fromkeys(name for rule in rules if rule for name in rule.terms if name not in OWN)
        found: dict[str, Any] = {
            "kind": layer.kind,
            "moves": op.moves_data,
            "in": [encoder.product(shape) for shape in layer.input_shapes],
            "macs": encoder.amount(cost.macs),
            "params": encoder.amount(cost.params),
            "buffers": encoder.amount(cost.buffers),
            "kernel": _pair(encoder, getattr(op, "kernel", None)),
            "stride": _pair(encoder, getattr(op, "step", getattr(op, "stride", None))),
            "groups": _groups(encoder, layer),
            "rules": [None if rule is None else self._rule(rule.terms) for rule in rules],
            "terms": {name: encoder.amount(TERMS[name](layer)) for name in needed},
        }
        if fusions:
            found |= {"runs": fusions, "time": _time(encoder, layer, kernel_of(layer), found)}
        return found

    def _place(self, row: dict[str, Any]) -> int:
        text = json.dumps(row, ensure_ascii=False)
        if text not in self._written:
            self._written[text] = len(self.rows)
            self.size += len(text)
            self.rows.append(row)
        return self._written[text]

    def _rule(self, terms: Mapping[str, int]) -> int:
        """The place of a convention's rule."""
        found = dict(terms)
        if found not in self.rules:
            self.rules.append(found)
        return self.rules.index(found)

    def _most(self, encoder: Encoder, row: Mapping[str, Any]) -> Most:
        most = {name: encoder.largest(row[name]) for name in (*OWN, "in")}
        most |= {name: encoder.largest(amount) for name, amount in row["terms"].items()}
        named = [self.rules[rule] for rule in set(row["rules"]) if rule is not None]
        counted = [sum(abs(factor) * most[name] for name, factor in rule.items()) for rule in named]
        return Most(most["params"] + most["in"] + most["buffers"], most["macs"], max(counted, default=0))


def _coded(encoder: Encoder, value: Any) -> Any:
    """A field of an operator: two that are written alike are alike all over the grid."""
    if isinstance(value, (tuple, list)):
        return [_coded(encoder, each) for each in value]
    if isinstance(value, dims.Ratio):
        return [_coded(encoder, part) for part in dims.parts(value)]
    if is_array(value):
        return encoder.factors(value) if value.dtype.kind == "i" else encoder.grid(value).tolist()
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _pair(encoder: Encoder, pair: Any) -> Any:
    if pair is None or isinstance(pair, str):
        return None
    pair = pair if isinstance(pair, tuple) else (pair, pair)
    return [encoder.factors(size) for size in pair]


def _groups(encoder: Encoder, layer: Layer) -> Any:
    source = layer.input_shapes[0]
    found = source.channels if layer.kind == "depthwise" else getattr(layer.op, "groups", None)
    return None if found is None else encoder.factors(found)


def _time(encoder: Encoder, layer: Layer, kernel: Kernel, row: Mapping[str, Any]) -> dict[str, Any]:
    """What the formulas of times read; each is held against the kernel all over the grid."""
    short = {"macs": row["macs"], "reads": row["in"], "weights": [*row["params"], *row["buffers"]]}
    short["writes"] = [encoder.product(layer.output_shape)]
    sizes = {}
    for name in times.SIZES:
        size = getattr(kernel, name)
        known = short.get(name)
        sizes[name] = known if known is not None and encoder.equal(known, size) else [encoder.factors(size)]
    if kernel.tiles is not None:
        sizes |= {name: [encoder.factors(size)] for name, size in zip(times.TILES, kernel.tiles, strict=True)}
    kind = times.TILED if kernel.tiles is not None else kernel.kind
    return {"kind": kind, **_split(encoder, layer, kernel), "sizes": sizes}


def _split(encoder: Encoder, layer: Layer, kernel: Kernel) -> dict[str, Any]:
    """Where a convolution has one filter a channel at some α only: at which."""
    channels = layer.input_shapes[0].channels
    if kernel.kind not in ("dense", "pointwise") or not dims.is_array(channels):
        return {}
    single = (channels == kernel.groups) & (channels != 1)
    return {"depthwise": encoder.factors(single.astype(np.int64))} if single.any() else {}
