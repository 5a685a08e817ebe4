"""The networks behind a page's knobs: for each choice of parameters its layers, every figure as products of sizes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from archcost import dims
from archcost.analysis import conventions
from archcost.analysis.identity import numbered
from archcost.analysis.memory import last_uses, owners, schedule
from archcost.analysis.receptive import receptive_field
from archcost.analysis.rows import Part, parts
from archcost.analysis.terms import TERMS
from archcost.errors import SpecError
from archcost.graph import INPUT, Layer, Network
from archcost.latency.kernels import FUSIONS, Kernel, kernel_of, running
from archcost.reports.page import times
from archcost.reports.page.pool import Encoder, Factor, Pool, refuse
from archcost.spec.parts import Document
from archcost.spec.settings import Settings

ROOM = 64
"""What the largest figures grow by on a page, at most: coefficients of conventions, and bytes of an element."""
NOTED = ("macs", "params", "buffers", "in")
"""The figures whose largest value is looked at."""


@dataclass(eq=False)
class Tables:
    """All that a page holds of a spec: vectors, rows of layers that structures share, structures, and for each
    combination of parameters its structure, by cell of the grid where it depends on that. elements, macs: of one
    sample, the sums of the layers' largest in the structure at hand; most: the most elements of any."""

    pool: Pool
    inplace: bool = True
    layers: list[Any] = field(default_factory=list)
    structures: list[dict[str, Any]] = field(default_factory=list)
    combinations: list[dict[str, Any] | None] = field(default_factory=list)
    rules: list[dict[str, int]] = field(default_factory=list)
    elements: int = 0
    macs: int = 0
    most: int = 0
    _known: dict[str, int] = field(default_factory=dict)

    def add(self, document: Document, settings: Settings) -> None:
        """The networks of one combination: settings are a grid, (A, 1) against (1, R). Where none can exist, None."""
        try:
            every = parts(document, settings)
            found = [part for part in every if part.network is not None]
        except SpecError:
            self.combinations.append(None)
            return
        there = np.zeros((self.pool.widths, self.pool.sizes), np.int64)
        first = len(self.structures)
        for place, part in enumerate(found):
            encoder = Encoder(self.pool, part)
            there[encoder.there] = place + 1
            assert part.network is not None
            self.structures.append(self._structure(part.network, encoder))
        # Of each cell 0 where nothing can exist, else 1 + the place of its structure after `first`.
        cells = self.pool.vector("g", there.ravel())
        self.combinations.append({"first": first, "cells": cells, "same": self._same(every, there > 0)})

    def _same(self, every: list[Part], there: Any) -> Factor:
        """Numbers along α, alike for neighbours that make the same network at every resolution."""
        numbers = numbered(every).reshape(there.shape)
        differs = ((numbers[1:] != numbers[:-1]) & there[1:] & there[:-1]) | (there[1:] != there[:-1])
        return self.pool.vector("a", np.append(0, np.cumsum(differs.any(axis=1))))

    def written(self) -> dict[str, Any]:
        return {
            "vectors": self.pool.written(),
            "layers": self.layers,
            "structures": self.structures,
            "combinations": self.combinations,
            "rules": self.rules,
        }

    def _structure(self, network: Network, encoder: Encoder) -> dict[str, Any]:
        runs = {fusion: {layer.name for layer in running(network, fusion)} for fusion in FUSIONS}
        allocates = schedule(network, self.inplace)
        row = _Rows(self, network, encoder, runs, set(allocates.allocates))
        position = {INPUT: 0} | {layer.name: i for i, layer in enumerate(network.layers, 1)}
        last, owner = _lives(network, self.inplace)
        self.elements = self.macs = 0
        with np.errstate(divide="ignore", invalid="ignore"):
            rows = [self._row(row.of(layer)) for layer in network.layers]
            fields = [_axes(encoder, each) for each in receptive_field(network)]
        self.most = max(self.most, self.elements)
        return {
            "input": encoder.product(network.input_shape),
            "layers": rows,
            "inputs": [[position[name] for name in layer.inputs] for layer in network.layers],
            # Whose memory each tensor lives in, and after which layer that is freed; -1 for never.
            "owner": [position[owner[name]] for name in position],
            "last": [last.get(name, -1) for name in position],
            "receptive_field": fields[0],
            "stride": fields[1],
            "longest_path": _longest(network),
        }

    def _row(self, row: dict[str, Any]) -> int:
        key = json.dumps(row, ensure_ascii=False)
        if key not in self._known:
            self._known[key] = len(self.layers)
            self.layers.append(row)
        return self._known[key]

    def rule(self, terms: Mapping[str, int]) -> int:
        """The place of a convention's rule."""
        found = dict(terms)
        if found not in self.rules:
            self.rules.append(found)
        return self.rules.index(found)


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    tables: Tables
    network: Network
    encoder: Encoder
    runs: Mapping[str, set[str]]
    allocates: set[str]

    def of(self, layer: Layer) -> dict[str, Any]:
        """One layer: names, shapes, and its figures as sums of products."""
        encode, cost, op = self.encoder, layer.cost, layer.op
        found: dict[str, Any] = {
            "name": layer.name,
            "kind": layer.kind,
            "block": layer.block,
            "in": [encode.product(shape) for shape in layer.input_shapes],
            "out": [encode.factors(size) for size in layer.output_shape],
            "shapes": [[encode.factors(size) for size in shape] for shape in layer.input_shapes],
            "macs": encode.amount(cost.macs),
            "params": encode.amount(cost.params),
            "buffers": encode.amount(cost.buffers),
            "allocates": layer.name in self.allocates,
            "moves": op.moves_data,
            "kernel": self._pair(getattr(op, "kernel", None)),
            "stride": self._pair(getattr(op, "step", getattr(op, "stride", None))),
            "groups": self._groups(layer),
        }
        self._note(found)
        self._conventions(layer, found)
        fusions = [fusion for fusion in FUSIONS if layer.name in self.runs[fusion]]
        if fusions:
            found["runs"] = fusions
            found["time"] = self._kernel(layer, kernel_of(layer), found)
        return found

    def _note(self, row: dict[str, Any]) -> None:
        """Keeps the sums of the largest figures, and refuses what a page cannot hold."""
        most = {name: self.encoder.largest(row[name]) for name in NOTED}
        self.tables.elements += most["params"] + most["in"] + most["buffers"]
        self.tables.macs += most["macs"]
        refuse(max(self.tables.macs, self.tables.elements) * ROOM, self.network.document.name)

    def _pair(self, pair: Any) -> Any:
        if pair is None or isinstance(pair, str):
            return None
        pair = pair if isinstance(pair, tuple) else (pair, pair)
        return [self.encoder.factors(size) for size in pair]

    def _groups(self, layer: Layer) -> Any:
        source = layer.input_shapes[0]
        found = source.channels if layer.kind == "depthwise" else getattr(layer.op, "groups", None)
        return None if found is None else self.encoder.factors(found)

    def _conventions(self, layer: Layer, into: dict[str, Any]) -> None:
        """Of each convention its rule, and the terms that all of them need."""
        needed: dict[str, None] = {}
        rules: list[int | None] = []
        for convention in conventions.table().values():
            rule = convention.rule(layer, self.network)
            rules.append(None if rule is None else self.tables.rule(rule.terms))
            needed |= dict.fromkeys(rule.terms if rule else ())
        own = ("macs", "params", "buffers")
        into["rules"] = rules
        into["terms"] = {name: self.encoder.amount(TERMS[name](layer)) for name in needed if name not in own}

    def _kernel(self, layer: Layer, kernel: Kernel, row: dict[str, Any]) -> dict[str, Any]:
        """What the formulas of times read; each is held against the kernel all over the grid."""
        encode = self.encoder
        short = {"macs": row["macs"], "reads": row["in"], "weights": [*row["params"], *row["buffers"]]}
        short["writes"] = [encode.product(layer.output_shape)]
        sizes = {}
        for name in times.SIZES:
            size = getattr(kernel, name)
            known = short.get(name)
            sizes[name] = known if known is not None and encode.equal(known, size) else [encode.factors(size)]
        if kernel.tiles is not None:
            sizes |= {name: [encode.factors(size)] for name, size in zip(times.TILES, kernel.tiles, strict=True)}
        kind = times.TILED if kernel.tiles is not None else kernel.kind
        return {"kind": kind, **self._split(layer, kernel), "sizes": sizes}

    def _split(self, layer: Layer, kernel: Kernel) -> dict[str, Any]:
        """Where a convolution has one filter a channel at some α only: at which."""
        channels = layer.input_shapes[0].channels
        if kernel.kind not in ("dense", "pointwise") or not dims.is_array(channels):
            return {}
        single = (channels == kernel.groups) & (channels != 1)
        return {"depthwise": self.encoder.factors(single.astype(np.int64))} if single.any() else {}


def _axes(encoder: Encoder, both: Sequence[Any]) -> Any:
    """Pixels along both axes; None for what is no whole number everywhere."""
    whole = all(isinstance(size, int) or (dims.is_array(size) and size.dtype.kind == "i") for size in both)
    return [encoder.factors(size) for size in both] if whole else None


def _longest(network: Network) -> int:
    """Layers on the longest way from input to output."""
    length = {INPUT: 0}
    for layer in network.layers:
        length[layer.name] = 1 + max(length[name] for name in layer.inputs)
    return max(length.values())


def _lives(network: Network, inplace: bool) -> tuple[dict[str, int], dict[str, str]]:
    owner = owners(network, inplace)
    return last_uses(network, owner), owner
