"""What other tools count under the names MACs and FLOPs: one convention each, as data in conventions.yaml.

A convention has a rule for each kind of operator: an integer combination of terms, each a sum of products of sizes
(the terms of `Cost`, and the few below). Where it has none, its count of a network is not known, never zero.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from archcost.analysis import sums
from archcost.cost import NOTHING, Amount, Cost
from archcost.dims import INT64_MAX, Dim, Extremes, divided
from archcost.errors import ArchcostError
from archcost.graph import Layer, Network
from archcost.ops.attention import Attention, ScaledDotProduct
from archcost.ops.convolution import ConvTranspose2d
from archcost.ops.normalization import LocalResponseNorm
from archcost.spec.names import unknown

TABLE = Path(__file__).with_name("conventions.yaml")
UNITS = ("mac", "flop")


def _window(layer: Layer) -> Amount:
    return Amount.product(*getattr(layer.op, "kernel"), *layer.output_shape)  # noqa: B009


def _rows(layer: Layer) -> Amount:
    return Amount.product(getattr(layer.op, "kernel")[0], *layer.output_shape)  # noqa: B009


def _positions(layer: Layer) -> Amount:
    """Softmax runs along the channels of a map, else along the last size, or as it says: everything but that."""
    x, said = layer.input_shapes[0], getattr(layer.op, "axis", None)
    along = (0 if x.rank == 3 else x.rank - 1) if said is None else said
    return Amount.product(*x[:along], *x[along + 1 :])


def _spread(layer: Layer) -> Amount:
    op, y = layer.op, layer.output_shape
    if not isinstance(op, ConvTranspose2d):
        return NOTHING
    return Amount((*weights[:-2], y.height, y.width) for weights in layer.cost.macs)


def _neighbours(layer: Layer) -> Amount:
    op, x = layer.op, layer.input_shapes[0]
    return Amount.product(x.channels + op.size - 1, *x[1:]) if isinstance(op, LocalResponseNorm) else NOTHING


def _transposed(layer: Layer) -> Amount:
    op, y = layer.op, layer.output_shape
    if not isinstance(op, ConvTranspose2d):
        return NOTHING
    return Amount.product(*op.kernel, divided(y.channels, op.groups), *y)


def _normalised(layer: Layer) -> Amount:
    op, x = layer.op, layer.input_shapes[0]
    return Amount.product(*(x[:-1] if getattr(op, "over", "") == "features" else x[1:]))


def _scores(layer: Layer) -> Amount:
    return layer.op.scores(layer.input_shapes) if isinstance(layer.op, Attention) else NOTHING


def _score_elements(layer: Layer) -> Amount:
    if isinstance(layer.op, ScaledDotProduct):
        return Amount.product(*layer.input_shapes[0][:-1], layer.input_shapes[1][-2])
    if not isinstance(layer.op, Attention):
        return NOTHING
    return Amount.product(layer.op.heads, layer.input_shapes[0][0], layer.input_shapes[-1][0])


def _mask_adds(layer: Layer) -> Amount:
    return _score_elements(layer) if len(layer.inputs) == 4 else NOTHING


def _keys(layer: Layer) -> Amount:
    return Amount.product(*layer.input_shapes[1 if isinstance(layer.op, ScaledDotProduct) else -1])


TERMS: dict[str, Callable[[Layer], Amount]] = {
    **{field.name: lambda layer, name=field.name: getattr(layer.cost, name) for field in fields(Cost)},  # type: ignore[misc]
    "layers": lambda layer: Amount.product(1),
    "inputs": lambda layer: Amount.product(*layer.input_shapes[0]),
    "outputs": lambda layer: Amount.product(*layer.output_shape),
    "channels": lambda layer: Amount.product(layer.input_shapes[0].channels),
    "window_elements": _window,
    "window_rows": _rows,
    "softmax_positions": _positions,
    "output_grid_macs": _spread,
    "response_elements": _neighbours,
    "output_channel_macs": _transposed,
    "norm_positions": _normalised,
    "score_macs": _scores,
    "score_elements": _score_elements,
    "query_elements": lambda layer: Amount.product(*layer.input_shapes[0]),
    "key_elements": _keys,
    "mask_adds": _mask_adds,
}
"""What a rule may count: the terms of `Cost`, and

layers: 1 a layer. inputs, outputs: elements of the (first) input and of the output; channels: of the input.
window_elements, window_rows: those in all windows of a pool. softmax_positions, norm_positions: the vectors that a
softmax, a layer norm normalises. response_elements: the squares that a local response norm averages, padding included.
output_grid_macs: a transposed convolution's macs if each weight worked at each output position; output_channel_macs:
the same with its output channels in the place of the input's. score_macs: the part of attention that no linear layer
holds; score_elements: what its softmax takes, mask_adds: those to which a mask is added; query_elements,
key_elements: its queries, its keys.
"""


@dataclass(frozen=True, slots=True)
class Rule:
    """terms: name -> coefficient; where: what the operator's fields must be for it to hold, and `square` (its kernel is
    one number) and `after` (see `_before`)."""

    terms: Mapping[str, int]
    where: Mapping[str, str]

    def amount(self, layer: Layer) -> Amount:
        products = ((n, product) for name, n in self.terms.items() for product in TERMS[name](layer))
        return Amount((n, *product) for n, product in products)


@dataclass(frozen=True, slots=True)
class Convention:
    """What one tool counts.

    unit: mac or flop, as the tool calls it; of: the tool and the version that the rules were checked on; differs:
    what makes its figure another; remarks: by kind, what else the tool's own figure depends on, and otherwise, for some
    of these, what it counts then; unknown: by kind, why there is no rule.
    """

    name: str
    unit: str
    of: str
    differs: str
    rules: Mapping[str, tuple[Rule, ...]]
    remarks: Mapping[str, str]
    unknown: Mapping[str, str]
    otherwise: Mapping[str, Rule]

    def rule(self, layer: Layer, network: Network) -> Rule | None:
        """The rule for one layer; None where it has none."""
        rules = self.rules.get(layer.kind, ())
        return next((rule for rule in rules if _holds(rule.where, layer, network)), None)

    def amount(self, layer: Layer, network: Network) -> Amount | None:
        """What it counts in one layer; None where it has no rule."""
        rule = self.rule(layer, network)
        return None if rule is None else rule.amount(layer)

    def value(self, layer: Layer, network: Network) -> Dim | None:
        amount = self.amount(layer, network)
        return None if amount is None else amount.value

    def uncounted(self, network: Network) -> tuple[str, ...]:
        """The kinds of operators in a network that it has no rule for."""
        found = (layer.kind for layer in network.layers if self.amount(layer, network) is None)
        return tuple(dict.fromkeys(found))

    def total(self, network: Network) -> Dim | None:
        """What it counts in a network; None where it has no rule for an operator.

        Raises OverflowError where a sum over arrays could exceed 64 bits.
        """
        found = [self.amount(layer, network) for layer in network.layers]
        amounts = [amount for amount in found if amount is not None]
        if len(amounts) < len(found):
            return None
        if network.settings.arrays:
            _check_bound(amounts)
        return sums.total(amounts)

    def reasons(self, network: Network) -> list[str]:
        """Why it has no figure for a network; nothing where it has one."""
        return list(dict.fromkeys(self.unknown[kind] for kind in self.uncounted(network)))

    def notes(self, network: Network) -> list[str]:
        """What else the tool's own figure for a network depends on."""
        return list(dict.fromkeys(self.remarks[layer.kind] for layer in network.layers if layer.kind in self.remarks))


def _check_bound(amounts: Iterable[Amount]) -> None:
    extremes = Extremes()
    largest = sum(
        math.prod(max(map(abs, extremes.of(size))) for size in product) for amount in amounts for product in amount
    )
    if largest > INT64_MAX:
        raise OverflowError("this convention's count grows too large for 64-bit arithmetic")


def _holds(where: Mapping[str, str], layer: Layer, network: Network) -> bool:
    def said(name: str) -> str:
        if name == "after":
            return _before(layer, network)
        value = _square(layer.op) if name == "square" else getattr(layer.op, name, None)
        return "x".join(map(str, value)) if isinstance(value, tuple) else str(value).lower()

    return all(said(name) == wanted for name, wanted in where.items())


def _square(op: Any) -> bool:
    """Whether a kernel was written as one number."""
    rows, columns = op.kernel
    return rows is columns or (isinstance(rows, int) and isinstance(columns, int) and rows == columns)


def _before(layer: Layer, network: Network) -> str:
    """Whether a convolution stands before, read by this layer alone: `conv`, `biased_conv` with a bias; else `other`.

    That is where an exporter folds a batch norm into the convolution.
    """
    source = layer.inputs[0]
    before = network.named.get(source)
    if before is None or network.readers[source] != 1 or before.kind not in ("conv", "depthwise", "pointwise"):
        return "other"
    return "biased_conv" if getattr(before.op, "bias", False) else "conv"


@cache
def table() -> dict[str, Convention]:
    """All conventions by name, in the file's order."""
    import yaml

    rows = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    return {name: _convention(name, row) for name, row in rows.items()}


def find(name: str) -> Convention:
    """Raises ArchcostError for a name that nobody has written down."""
    known = table()
    key = str(name).strip().lower().replace("-", "_")
    if key not in known:
        raise ArchcostError(unknown("convention", str(name), known))
    return known[key]


def _convention(name: str, row: Mapping[str, Any]) -> Convention:
    rules: dict[str, list[Rule]] = {}
    for selectors, text in [*row["rules"].items(), (row["nothing"], "0")]:
        for selector in _listed(selectors):
            kind, where = _selected(selector)
            rules.setdefault(kind, []).append(Rule(_terms(str(text)), where))
    unknown = {kind: text for kinds, text in row.get("unknown", {}).items() for kind in _listed(kinds)}
    remarks = {kind: text for kinds, text in row.get("remarks", {}).items() for kind in _listed(kinds)}
    otherwise = {kind: Rule(_terms(str(text)), {}) for kind, text in row.get("otherwise", {}).items()}
    ordered = {kind: tuple(found) for kind, found in rules.items()}
    return Convention(name, row["unit"], row["of"], row["differs"], ordered, remarks, unknown, otherwise)


def _listed(text: str) -> list[str]:
    """Names separated by commas; those inside brackets belong to a name."""
    return [part.strip() for part in re.split(r",(?![^(]*\))", text) if part.strip()]


def _selected(text: str) -> tuple[str, dict[str, str]]:
    """A kind, and what must hold of it: batch_norm(gamma=false)."""
    found = re.fullmatch(r"(\w+)(?:\((.*)\))?", text)
    if not found:
        raise ValueError(f"`{text}` selects no operator")
    pairs = (pair.split("=") for pair in (found[2] or "").split(",") if pair)
    return found[1], {name.strip(): wanted.strip() for name, wanted in pairs}


def _terms(text: str) -> dict[str, int]:
    """A combination of terms.

    >>> _terms("2 macs + bias_adds - outputs"), _terms("0")
    ({'macs': 2, 'bias_adds': 1, 'outputs': -1}, {})
    """
    if text == "0":
        return {}
    terms: dict[str, int] = {}
    for sign, factor, name in re.findall(r"\s*([+-]?)\s*(\d*)\s*([a-z_]+|\S)", text):
        if name not in TERMS:
            raise ValueError(f"`{text}`: {unknown('term', name, TERMS)}")
        terms[name] = int(f"{sign}{factor or 1}")
    return terms
