"""What other tools count under the names MACs and FLOPs: one convention each, as data in conventions.yaml.

A convention has a rule for each kind of operator: an integer combination of terms, each a sum of products of sizes
(the terms of `Cost`, and the few of terms.py). Where it has none, its count of a network is not known, never zero.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from archcost.analysis import sums
from archcost.analysis.doing import does
from archcost.analysis.terms import TERMS
from archcost.cost import Amount
from archcost.dims import INT64_MAX, Dim, Extremes
from archcost.errors import ArchcostError
from archcost.graph import Layer, Network
from archcost.spec.names import unknown

TABLE = Path(__file__).with_name("conventions.yaml")
UNITS = ("mac", "flop")


@dataclass(frozen=True, slots=True)
class Rule:
    """terms: name -> coefficient; where: what the operator's fields must be for it to hold, and `square` (its kernel is
    one number), `after` (see `before`) and `does` (see doing.py)."""

    terms: Mapping[str, int]
    where: Mapping[str, str]

    def amount(self, layer: Layer) -> Amount:
        products = ((n, product) for name, n in self.terms.items() for product in TERMS[name](layer))
        return Amount((n, *product) for n, product in products)


@dataclass(frozen=True, slots=True)
class Convention:
    """What one tool counts.

    unit: mac or flop, as the tool calls it; of: the tool and the version that the rules were checked on; differs:
    what makes its figure another; remarks: by kind, what else the tool's own figure depends on; unknown: by kind, why
    there is no rule.
    """

    name: str
    unit: str
    of: str
    differs: str
    rules: Mapping[str, tuple[Rule, ...]]
    remarks: Mapping[str, str]
    unknown: Mapping[str, str]

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
        """The operators in a network that it has no rule for, by kind; those that are known as traced alone by the
        name that torch has for them."""
        return tuple(dict.fromkeys(operator_of(layer) for layer in self._unruled(network)))

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
        return list(dict.fromkeys(self.unknown[layer.kind] for layer in self._unruled(network)))

    def _unruled(self, network: Network) -> list[Layer]:
        return [layer for layer in network.layers if self.rule(layer, network) is None]

    def notes(self, network: Network) -> list[str]:
        """What else the tool's own figure for a network depends on."""
        return list(dict.fromkeys(self.remarks[layer.kind] for layer in network.layers if layer.kind in self.remarks))


def operator_of(layer: Layer) -> str:
    return str(getattr(layer.op, "operator", "")) or layer.kind


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
            return before(layer, network)
        if name == "does":
            return does(getattr(layer.op, "operator", ""))
        value = _square(layer.op) if name == "square" else getattr(layer.op, name, None)
        return "x".join(map(str, value)) if isinstance(value, tuple) else str(value).lower()

    return all(said(name) in wanted.split("|") for name, wanted in where.items())


def _square(op: Any) -> bool:
    """Whether a kernel was written as one number."""
    rows, columns = op.kernel
    return rows is columns or (isinstance(rows, int) and isinstance(columns, int) and rows == columns)


def before(layer: Layer, network: Network) -> str:
    """Whether a convolution stands before, read by this layer alone: `conv`, `biased_conv` with a bias; else `other`.

    That is where an exporter folds a batch norm into the convolution.
    """
    source = layer.inputs[0]
    found = network.named.get(source)
    if found is None or network.readers[source] != 1 or found.kind not in ("conv", "depthwise", "pointwise"):
        return "other"
    return "biased_conv" if getattr(found.op, "bias", False) else "conv"


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
        for selector in listed(selectors):
            kind, where = _selected(selector)
            rules.setdefault(kind, []).append(Rule(terms_of(str(text)), where))
    unknown = {kind: text for kinds, text in row.get("unknown", {}).items() for kind in listed(kinds)}
    remarks = {kind: text for kinds, text in row.get("remarks", {}).items() for kind in listed(kinds)}
    ordered = {kind: tuple(found) for kind, found in rules.items()}
    return Convention(name, row["unit"], row["of"], row["differs"], ordered, remarks, unknown)


def listed(text: str) -> list[str]:
    """Names separated by commas; those inside brackets belong to a name."""
    return [part.strip() for part in re.split(r",(?![^(]*\))", text) if part.strip()]


def _selected(text: str) -> tuple[str, dict[str, str]]:
    """A kind, and what must hold of it: batch_norm(gamma=false)."""
    found = re.fullmatch(r"(\w+)(?:\((.*)\))?", text)
    if not found:
        raise ValueError(f"`{text}` selects no operator")
    pairs = (pair.split("=") for pair in (found[2] or "").split(",") if pair)
    return found[1], {name.strip(): wanted.strip() for name, wanted in pairs}


def terms_of(text: str) -> dict[str, int]:
    """A combination of terms.

    >>> terms_of("2 macs + bias_adds - outputs"), terms_of("0")
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
