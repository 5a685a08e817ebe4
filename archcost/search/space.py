"""The variants of one spec: every combination of widths, resolutions and parameter values, each with its number."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archcost import dims
from archcost.analysis.analysis import Analysis
from archcost.analysis.grids import at, combinations, grid, grids, joint, settled
from archcost.errors import ArchcostError, SpecError
from archcost.spec.parts import Document
from archcost.spec.settings import Settings, settle

ALPHAS = "0.25:1:0.01"
RESOLUTIONS = "128:224:16"
LARGEST = 10**8
"""Variants that can still be enumerated; beyond, a search evolves."""
CHUNK = 2**20
"""Variants costed at once."""


@dataclass(eq=False)
class Space:
    """name: the spec as it was asked for. Variants are numbered through the parameters' values, then α, then the
    resolution. A resolution is (height, width), or None for inputs that have neither."""

    name: str
    document: Document
    alphas: Sequence[Any]
    resolutions: Sequence[tuple[int, int] | None]
    parameters: Mapping[str, Sequence[Any]]

    @classmethod
    def of(
        cls,
        name: str,
        document: Document,
        alphas: Sequence[Any],
        resolutions: Sequence[Any],
        parameters: Mapping[str, Sequence[Any]],
    ) -> Space:
        """From values as a user gives them; each value once. Raises ArchcostError for what the spec cannot have."""
        chosen = settled(document, parameters)
        widths = [settle(document, alpha=alpha).alpha for alpha in alphas]
        sizes: list[Any] = [None]
        if len(document.input) == 3:
            sizes = [settle(document, resolution=size).resolution for size in resolutions]
        found = cls(
            name,
            document,
            sorted(_once(widths), key=dims.as_float),
            _once(sizes),
            {key: _once(each) for key, each in chosen.items()},
        )
        if not len(found):
            raise ArchcostError(f"{name}: an empty space; each of alpha, resolution and the parameters needs a value")
        return found

    def __len__(self) -> int:
        return math.prod(map(len, (self.alphas, self.resolutions, *self.parameters.values())))

    @property
    def axes(self) -> dict[str, Sequence[Any]]:
        """What can be chosen, with its values, from the slowest to the fastest in the numbering."""
        return {**self.parameters, "alpha": self.alphas, "resolution": self.resolutions}

    def number(self, places: Mapping[str, int]) -> int:
        """The number of the variant at these places of the axes."""
        number = 0
        for name, values in self.axes.items():
            number = number * len(values) + places[name]
        return number

    def settings(self, number: int) -> Settings:
        """The variant with this number."""
        chosen = {}
        for name, values in reversed(self.axes.items()):
            number, place = divmod(int(number), len(values))
            chosen[name] = values[place]
        alpha, size = chosen.pop("alpha"), chosen.pop("resolution")
        return settle(self.document, alpha, None, size, chosen)

    def grouped(self, numbers: Any) -> Iterator[tuple[Any, Settings]]:
        """Variants in groups that arrays can hold: places among the numbers given, and settings whose α, resolution and
        parameters are arrays, an entry a place."""
        import numpy as np

        rest, sizes = np.divmod(np.asarray(numbers), len(self.resolutions))
        rest, widths = np.divmod(rest, len(self.alphas))
        together = joint(self.parameters)
        outer, inner = np.divmod(rest, combinations(together))
        for group in np.unique(outer):
            places = np.flatnonzero(outer == group)
            one = self.settings(int(numbers[places[0]]))
            varied = at(together, inner[places])
            parts = [dims.parts(self.alphas[i]) for i in widths[places]]
            alpha = dims.Ratio(np.array([n * (dims.UNIT // d) for n, d in parts], np.int64), dims.UNIT)
            resolution: Any = None
            if one.resolution is not None:
                table = np.array([self.resolutions[i] for i in sizes[places]], np.int64)
                height, width = table.T
                resolution = (height, height if (height == width).all() else width)
            yield places, Settings(alpha, resolution, {**one.parameters, **varied})

    def chunks(self) -> Iterator[tuple[int, Settings]]:
        """All variants, in parts: the number of a part's first, and its settings as a grid of rows × resolutions.

        No network has variants of two α in two parts, so that each is counted once.
        """
        high = max(1, CHUNK // len(self.resolutions))
        first = 0
        if len(self.alphas) <= high:
            for count, settings in grids(self.document, self.alphas, self.resolutions, self.parameters):
                yield first, settings
                first += count * len(self.alphas) * len(self.resolutions)
            return
        for values in itertools.product(*self.parameters.values()):
            chosen = dict(zip(self.parameters, values, strict=True))
            start = 0
            while start < len(self.alphas):
                end = self._border(start + high, chosen)
                yield first, grid(self.document, self.alphas[start:end], self.resolutions, chosen)
                first += (end - start) * len(self.resolutions)
                start = end

    def _border(self, end: int, chosen: Mapping[str, Any]) -> int:
        """Where a part ends that shall hold at least the α before `end`: before the first that gives another network.

        Widths grow with α, and so these lie side by side.
        """
        if end >= len(self.alphas):
            return len(self.alphas)

        def same(place: int) -> bool:
            both = [self.alphas[end - 1], self.alphas[place]]
            try:
                networks = Analysis(self.document, grid(self.document, both, self.resolutions, chosen)).networks
            except SpecError:  # none can exist
                return False
            return bool((networks[0] == networks[1]).all())

        return bisect.bisect_left(range(len(self.alphas)), True, lo=end, key=lambda place: not same(place))


def _once(values: Sequence[Any]) -> list[Any]:
    """Each value once, in the order given."""
    found: dict[Any, Any] = {}
    for value in values:
        found.setdefault(str(value), value)
    return list(found.values())
