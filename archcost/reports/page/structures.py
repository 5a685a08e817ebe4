"""The networks behind a page's knobs: for each choice of parameters its layers, every figure as products of sizes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from archcost import dims
from archcost.analysis.identity import numbered
from archcost.analysis.memory import last_uses, owners, schedule
from archcost.analysis.receptive import receptive_field
from archcost.analysis.rows import Part, parts
from archcost.errors import SpecError
from archcost.graph import INPUT, Network
from archcost.latency.kernels import FUSIONS, running
from archcost.reports.page.figures import Figures, Most
from archcost.reports.page.pool import Encoder, Factor, Pool, refuse
from archcost.spec.parts import Document
from archcost.spec.settings import Settings


@dataclass(eq=False)
class Tables:
    """All that a page holds of a spec: vectors, rows of figures that layers share, layers that structures share,
    structures, and for each combination of parameters its structures, by cell of the grid. most: the largest figures
    of any structure; built: layers of the structures that were gone through."""

    pool: Pool
    inplace: bool = True
    figures: Figures = field(default_factory=Figures)
    layers: list[tuple[str, str | None, int]] = field(default_factory=list)
    structures: list[dict[str, Any]] = field(default_factory=list)
    combinations: list[dict[str, Any] | None] = field(default_factory=list)
    most: Most = field(default_factory=Most)
    built: int = 0
    _size: int = 0
    _layers: dict[tuple[str, str | None, int], int] = field(default_factory=dict)
    _structures: dict[str, int] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Characters that all of it takes as text, about."""
        return self._size + self.figures.size + self.pool.size

    def add(self, document: Document, settings: Settings) -> None:
        """The networks of one combination: settings are a grid, (A, 1) against (1, R). Where none can exist, None.

        Raises TooLarge where a number is beyond what a page can show.
        """
        try:
            every = parts(document, settings)
        except SpecError:
            self.combinations.append(None)
            return
        there = np.zeros((self.pool.widths, self.pool.sizes), np.int64)
        found = []
        for part in every:
            if part.network is not None:
                encoder = Encoder(self.pool, part)
                found.append(self._structure(part.network, encoder))
                there[encoder.there] = len(found)
        # Of each cell 0 where nothing can exist, else 1 + the place among these structures.
        (cells,) = self.pool.parted(there)
        self.combinations.append({"structures": found, "cells": cells, "same": self._same(every, there > 0)})

    def _same(self, every: list[Part], there: Any) -> Factor:
        """Numbers along α, alike for neighbours that make the same network at every resolution, and one at some."""
        numbers = numbered(every).reshape(there.shape)
        alike = np.where(there[1:] & there[:-1], numbers[1:] == numbers[:-1], there[1:] == there[:-1]).all(axis=1)
        alike &= there[1:].any(axis=1)
        return self.pool.vector("a", np.append(0, np.cumsum(~alike)))

    def written(self) -> dict[str, Any]:
        return {
            "vectors": self.pool.written(),
            "figures": self.figures.rows,
            "layers": self.layers,
            "structures": self.structures,
            "combinations": self.combinations,
            "rules": self.figures.rules,
        }

    def _structure(self, network: Network, encoder: Encoder) -> int:
        """The place of a structure."""
        runs = {fusion: {layer.name for layer in running(network, fusion)} for fusion in FUSIONS}
        allocates = set(schedule(network, self.inplace).allocates)
        position = {INPUT: 0} | {layer.name: i for i, layer in enumerate(network.layers, 1)}
        last, owner = _lives(network, self.inplace)
        self.built += len(network.layers)
        most, rows = Most(), []
        with np.errstate(divide="ignore", invalid="ignore"):
            for layer in network.layers:
                fusions = tuple(fusion for fusion in FUSIONS if layer.name in runs[fusion])
                row, own = self.figures.of(layer, network, encoder, fusions, layer.name in allocates)
                most.add(own)
                rows.append(self._layer((layer.name, layer.block, row)))
            fields = [_axes(encoder, each) for each in receptive_field(network)]
        refuse(most.shown, network.document.name)
        self.most.widen(most)
        return self._known(
            {
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
        )

    def _layer(self, layer: tuple[str, str | None, int]) -> int:
        if layer not in self._layers:
            self._layers[layer] = len(self.layers)
            self._size += len(layer[0]) + len(layer[1] or "") + 16
            self.layers.append(layer)
        return self._layers[layer]

    def _known(self, structure: dict[str, Any]) -> int:
        text = json.dumps(structure)
        if text not in self._structures:
            self._structures[text] = len(self.structures)
            self._size += len(text)
            self.structures.append(structure)
        return self._structures[text]


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
