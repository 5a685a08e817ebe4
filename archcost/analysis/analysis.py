"""What a network costs: totals and layers, for one model or for a batch of them, by the same code."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from archcost import dims
from archcost.analysis import conventions, sums
from archcost.analysis.conventions import Convention
from archcost.analysis.identity import fingerprints, numbered
from archcost.analysis.layers import LayerCost, layer_cost
from archcost.analysis.memory import Schedule, schedule
from archcost.analysis.receptive import receptive_field
from archcost.analysis.rows import Part, masked, parts
from archcost.dims import is_array
from archcost.errors import ArchcostError
from archcost.graph import Network
from archcost.spec.names import unknown
from archcost.spec.parts import Document
from archcost.spec.settings import Settings

if TYPE_CHECKING:
    from archcost.analysis.training import Training

SCHEMA_VERSION = 1
DTYPES = {"float32": 4, "tf32": 4, "float16": 2, "bfloat16": 2, "int8": 1}
"""Bytes of one element; tf32 is float32 in memory, multiplied with fewer bits."""
DTYPE_ALIASES = {"fp32": "float32", "fp16": "float16", "half": "float16", "bf16": "bfloat16"}
LARGEST_BATCH = 1_000_000
TOTALS = (
    "macs",
    "flops",
    "params",
    "buffers",
    "weight_bytes",
    "activation_bytes",
    "peak_activation_bytes",
    "peak_at",
    "receptive_field",
    "stride",
    "longest_path",
    "layers",
)
"""Names of all totals, in the order of every report."""


@dataclass(eq=False)
class Analysis:
    """The cost of one model, or of a batch of models: then each field is an array, one entry a model.

    macs, flops (2 × macs), params, buffers: of one sample. Bytes: of `batch` samples in `dtype`. convention: whose
    count stands in the totals and layers beside the macs.
    """

    document: Document
    settings: Settings
    batch: int = 1
    dtype: str = "float32"
    inplace: bool = True
    convention: str | None = None
    _parts: list[Part] = field(default_factory=list, repr=False)
    _only_schedule: Schedule | None = field(default=None, repr=False)
    _fields: dict[int, tuple[tuple[Any, Any], tuple[Any, Any]]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.dtype, str) or self.dtype not in DTYPES:
            raise ArchcostError(unknown("dtype", str(self.dtype), DTYPES))
        if not isinstance(self.batch, bool) and hasattr(self.batch, "__index__"):
            self.batch = operator.index(self.batch)
        if isinstance(self.batch, bool) or not isinstance(self.batch, int) or not 1 <= self.batch <= LARGEST_BATCH:
            raise ArchcostError(f"batch must be a whole number from 1 to {LARGEST_BATCH:,}, not {self.batch}")
        if self.convention is not None:
            self.convention = conventions.find(self.convention).name
        self._parts = parts(self.document, self.settings)

    @property
    def network(self) -> Network:
        """The graph behind one model, or behind a batch whose models share a structure (sizes are then arrays)."""
        network = self._parts[0].network
        if len(self._parts) != 1 or network is None:
            raise ArchcostError("the models of this batch differ in structure; each has a network of its own")
        return network

    @cached_property
    def macs(self) -> Any:
        """Multiply-adds of convolutions, linear layers and matrix products."""
        return self._each(lambda network: sums.total(layer.cost.macs for layer in network.layers))

    @property
    def flops(self) -> Any:
        """Twice the macs."""
        return 2 * self.macs

    @cached_property
    def params(self) -> Any:
        """Trainable parameters."""
        return self._each(lambda network: sums.total(layer.cost.params for layer in network.layers))

    @cached_property
    def buffers(self) -> Any:
        """Running means and variances."""
        return self._each(lambda network: sums.total(layer.cost.buffers for layer in network.layers))

    @property
    def weight_bytes(self) -> Any:
        return (self.params + self.buffers) * DTYPES[self.dtype]

    @cached_property
    def activation_bytes(self) -> Any:
        """All outputs that allocate, the input excluded."""
        return self._each(lambda network: self._bytes(sums.total(self._schedule(network).allocates.values())))

    @cached_property
    def peak_activation_bytes(self) -> Any:
        """The most that is alive at once, weights excluded."""
        return self._each(
            lambda network: self._bytes(sums.maximum(alive for _, alive in self._schedule(network).steps))
        )

    @cached_property
    def peak_at(self) -> Any:
        """The first layer at which the most is alive."""
        return self._each(self._peak_layer)

    @cached_property
    def receptive_field(self) -> Any:
        """Pixels that one position of the last map sees: a number, or (rows, columns) where they differ."""
        return self._both_axes(0)

    @cached_property
    def stride(self) -> Any:
        """Pixels between neighbouring positions of the last map: a number, or (vertical, horizontal)."""
        return self._both_axes(1)

    @cached_property
    def longest_path(self) -> Any:
        """Layers on the longest way from input to output."""

        def longest(network: Network) -> int:
            import networkx as nx

            return int(nx.dag_longest_path_length(network.graph, weight=None))

        return self._each(longest)

    @cached_property
    def layer_count(self) -> Any:
        return self._each(lambda network: len(network.layers))

    @cached_property
    def feasible(self) -> Any:
        """Whether each model of a batch can exist; where not, its figures are masked."""
        return dims.negated(self._infeasible)

    @cached_property
    def networks(self) -> Any:
        """A number for each model's network; models of a batch with one number are the same network, such as under two
        α that round to the same widths."""
        import numpy as np

        (part, *others) = self._parts
        if part.rows is None:
            return 0
        varied = any(is_array(each) for value in self.settings.parameters.values() for each in dims.parts(value))
        if others or varied:
            return numbered(self._parts)
        return Part.joined([(part, np.arange(math.prod(part.rows.grid)).reshape(part.rows.grid))])

    @cached_property
    def fingerprints(self) -> Any:
        """64 bits for each model of a batch, the same within this process for the same network of any batch."""
        return fingerprints(self._parts)[0]

    @cached_property
    def totals(self) -> dict[str, Any]:
        """Every total under the name that reports use; with a convention, what it counts too."""
        found = {name: self.layer_count if name == "layers" else getattr(self, name) for name in TOTALS}
        if self.convention is not None:
            convention = conventions.find(self.convention)
            found |= {
                "counted": self.counted(convention.name),
                "convention": convention.name,
                "unit": convention.unit,
                "uncounted": list(self.uncounted(convention.name)),
            }
        return found

    def counted(self, convention: str) -> Any:
        """What another counter counts in one sample, in the unit of `archcost.analysis.conventions.find(name)`.

        None where the convention has no rule for an operator (see `uncounted`); in a batch such rows are masked.
        Raises ArchcostError for a convention that nobody has written down.
        """
        found = conventions.find(convention)
        if self._parts[0].rows is None:
            return found.total(self.network)
        # Where a structure has no figure, zero stands there, masked.
        missing = Part.joined((part, bool(part.network and found.uncounted(part.network))) for part in self._parts)
        return masked(self._each(lambda network: self._bounded(found, network)), missing)

    def uncounted(self, convention: str) -> tuple[str, ...]:
        """The kinds of operators, in any model of the batch, that a convention has no rule for."""
        found = conventions.find(convention)
        networks = [part.network for part in self._parts if part.network]
        return tuple(dict.fromkeys(kind for network in networks for kind in found.uncounted(network)))

    def _bounded(self, convention: Convention, network: Network) -> Any:
        try:
            total = convention.total(network)
        except OverflowError as error:
            raise ArchcostError(f"{error}; analyse these settings one model at a time") from None
        return 0 if total is None else total

    @cached_property
    def layers(self) -> list[LayerCost]:
        """A row for each layer, in the file's order. For a batch, see `network`."""
        if is_array(self.macs):
            raise ArchcostError("layers are listed for one model; this is a batch")
        network = self.network
        allocates = self._schedule(network).allocates
        size = DTYPES[self.dtype]
        rows = [layer_cost(layer, allocates.get(layer.name), self.batch, size) for layer in network.layers]
        if self.convention is not None:
            convention = conventions.find(self.convention)
            for row, layer in zip(rows, network.layers, strict=True):
                row.counted = convention.value(layer, network)
        return rows

    def training(self, optimizer: str = "sgd", amp: bool = False) -> Training:
        """What a step of training one model costs, on the batch and in the dtype of this analysis.

        optimizer: sgd, momentum or adam. amp: activations and their gradients take 16 bits, weights, their gradients
        and the optimizer's state 32. Raises ArchcostError for a batch of models and for what cannot be trained.
        """
        from archcost.analysis.training import training

        if self._parts[0].rows is not None:
            raise ArchcostError("training is costed for one model; this is a batch")
        if self.dtype == "int8":
            raise ArchcostError("int8 cannot be trained; take float32, or bfloat16")
        size = DTYPES["float32" if amp else self.dtype]
        return training(self.network, self.batch, size, optimizer, amp, self.inplace)

    def _bytes(self, elements: Any) -> Any:
        try:
            return dims.product(elements, DTYPES[self.dtype] * self.batch)
        except OverflowError as error:
            raise ArchcostError(f"{error}; analyse these settings one model at a time") from None

    def _schedule(self, network: Network) -> Schedule:
        if self._parts[0].rows is not None:
            return schedule(network, self.inplace)  # a batch's is large, and soon used up
        if self._only_schedule is None:
            self._only_schedule = schedule(network, self.inplace)
        return self._only_schedule

    def _each(self, measure: Callable[[Network], Any]) -> Any:
        """One figure of each model: measured on the distinct ones, then spread over the rows."""
        if self._parts[0].rows is None:
            return measure(self.network)
        built = [(part, measure(part.network)) for part in self._parts if part.network]
        # What cannot be built has no figure: any of the others' stands there, masked.
        missing = [(part, _filler(built[0])) for part in self._parts if part.network is None]
        return masked(Part.joined([*built, *missing]), self._infeasible)

    @cached_property
    def _infeasible(self) -> Any:
        if self._parts[0].rows is None:
            return False
        return Part.joined((part, part.network.infeasible if part.network else True) for part in self._parts)

    def _peak_layer(self, network: Network) -> Any:
        steps = self._schedule(network).steps
        peak: Any = 0
        at: Any = 0
        for index, (_, alive) in enumerate(steps):
            elements = alive.value
            more = elements > peak
            at = dims.choose(more, index, at)
            peak = dims.larger(peak, elements)
        names = [name for name, _ in steps]
        if not is_array(at):
            return names[at]
        import numpy as np

        return np.array(names)[at]

    def _receptive_field(self, network: Network) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
        if id(network) not in self._fields:
            self._fields[id(network)] = receptive_field(network)
        return self._fields[id(network)]

    def _both_axes(self, which: int) -> Any:
        def along(axis: int) -> Any:
            return self._each(lambda network: self._receptive_field(network)[which][axis])

        rows, columns = along(0), along(1)
        same = (rows == columns).all() if is_array(rows) else rows == columns
        return rows if same else (rows, columns)


def _filler(built: tuple[Part, Any]) -> Any:
    part, figure = built
    return part.spread(figure)[0]
