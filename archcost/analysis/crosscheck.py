"""Other people's counters on one model: what each printed, what its convention comes to, and of what that is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, product
from typing import Any, Literal

from archcost.analysis import Analysis, conventions
from archcost.analysis.conventions import Convention
from archcost.cost import Amount
from archcost.graph import Layer, Network

Verdict = Literal["equal", "explained", "differs", "no rule", "failed"]
NAMES = {
    **dict.fromkeys(("conv", "depthwise", "pointwise"), "convolutions"),
    **dict.fromkeys(("add", "subtract", "multiply", "divide", "minimum", "maximum", "elementwise"), "arithmetic"),
    "conv_transpose": "transposed convolutions",
    "linear": "linear layers",
    "matmul": "matrix products",
    "scaled_dot_product_attention": "attention",
}
"""What terms call kinds of operators; pools are pooling, and the others go by their own names."""
BIASES, SCORES = "biases", "products of attention"
MOST_REMARKS = 6


@dataclass(frozen=True, slots=True)
class Count:
    """What a counter gave for one convention: a figure, or why there is none; note: what it said itself."""

    convention: str
    version: str
    figure: int | None
    failure: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Term:
    """A part of a count: so much beyond the macs, or, below zero, so much of them that is left out."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Cause:
    """What accounts for a difference, to the unit: a remark, and how much of each term."""

    remark: str
    parts: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One convention beside the counter that it describes.

    counted: by the convention; None where it has no rule for an operator, and terms then sum to the rest. The first
    term is the macs, twice where the unit is flop. causes: what makes up a difference; remarks: what may.
    """

    count: Count
    convention: Convention
    counted: int | None
    terms: tuple[Term, ...]
    causes: tuple[Cause, ...]
    remarks: tuple[str, ...]
    reasons: tuple[str, ...]

    @property
    def known(self) -> int:
        """What the convention has rules for."""
        return sum(term.count for term in self.terms)

    @property
    def difference(self) -> int | None:
        """The counter's figure less the convention's."""
        if self.count.figure is None or self.counted is None:
            return None
        return self.count.figure - self.counted

    @property
    def verdict(self) -> Verdict:
        if self.count.figure is None:
            return "failed"
        if self.counted is None:
            return "no rule"
        if self.difference == 0:
            return "equal"
        return "explained" if self.causes else "differs"

    @property
    def other_version(self) -> bool:
        """Whether the counter is of another version than the rules were checked on."""
        return self.count.version.partition("+")[0] not in self.convention.of


@dataclass(frozen=True, slots=True)
class Crosscheck:
    """source: the model that the counters ran; without one, it was the module that archcost builds of the spec.

    rows: one for each figure; absent: counters that are not installed; install: the command for these.
    """

    analysis: Analysis
    source: str
    rows: tuple[Row, ...]
    absent: tuple[str, ...] = ()
    install: str = ""

    @property
    def ok(self) -> bool:
        """Whether every counter gave a figure, and each is explained to the unit where its convention has rules."""
        return not any(row.verdict in ("failed", "differs") for row in self.rows)


def rows(network: Network, counts: Iterable[Count]) -> Iterator[Row]:
    for count in counts:
        convention = conventions.find(count.convention)
        counted: Any = convention.total(network)
        parts = tuple(terms(convention, network))
        causes: tuple[Cause, ...] = ()
        if counted is not None and count.figure not in (None, counted):
            causes = tuple(_causes(convention, network, count.figure - counted))  # type: ignore[operator]
        remarks, reasons = tuple(convention.notes(network)), tuple(convention.reasons(network))
        yield Row(count, convention, counted, parts, causes, remarks, reasons)


def terms(convention: Convention, network: Network) -> list[Term]:
    """What a convention's count is made of, the largest first after the macs; they sum to it.

    Operators without a rule count with a term of their own that takes their macs out.
    """
    factor = conventions.UNITS.index(convention.unit) + 1
    macs = factor * sum(_value(layer.cost.macs) for layer in network.layers)
    found: dict[str, int] = {}
    for layer in network.layers:
        for name, count in _beyond(convention, layer, network, factor):
            found[name] = found.get(name, 0) + count
    others = [Term(name, count) for name, count in found.items() if count]
    base = Term("macs" if factor == 1 else f"{factor} × macs", macs)
    return [base, *sorted(others, key=lambda term: -abs(term.count))]


def _beyond(convention: Convention, layer: Layer, network: Network, factor: int) -> Iterator[tuple[str, int]]:
    """What a convention counts in a layer beyond its macs, by name."""
    rule = convention.rule(layer, network)
    macs = factor * _value(layer.cost.macs)
    if rule is None:
        yield f"{name_of(layer.kind)} without a rule", -macs
        return
    biases, scores = (
        rule.terms.get(term, 0) * _value(conventions.TERMS[term](layer)) for term in ("bias_adds", "score_macs")
    )
    yield BIASES, biases
    yield SCORES, scores
    yield name_of(layer.kind), _value(rule.amount(layer)) - macs - biases - scores


def name_of(kind: str) -> str:
    return "pooling" if kind.endswith("_pool") else NAMES.get(kind, kind.replace("_", " "))


def _value(amount: Amount) -> int:
    value: Any = amount.value
    return int(value)


def _causes(convention: Convention, network: Network, difference: int) -> Iterator[Cause]:
    """The remarks that account for a difference to the unit: kinds of operators that the counter saw not at all, or
    once where the convention says twice. The fewest; none where the figures do not come out."""
    kinds = _remarked(convention, network)
    shares = (Fraction(1), Fraction(1, 2))
    for size in range(1, len(kinds) + 1):
        for chosen in combinations(kinds, size):
            for parts in product(shares, repeat=size):
                if -sum(part * kinds[kind] for kind, part in zip(chosen, parts, strict=True)) == difference:
                    yield from _grouped(convention, kinds, dict(zip(chosen, parts, strict=True)))
                    return


def _remarked(convention: Convention, network: Network) -> dict[str, int]:
    """What a convention counts in the kinds of operators that it has a remark on."""
    found: dict[str, int] = {}
    for layer in network.layers:
        if layer.kind in convention.remarks:
            value: Any = convention.value(layer, network)
            found[layer.kind] = found.get(layer.kind, 0) + int(value)
    largest = sorted((kind for kind, count in found.items() if count), key=lambda kind: -found[kind])
    return {kind: found[kind] for kind in largest[:MOST_REMARKS]}


def _grouped(convention: Convention, kinds: dict[str, int], chosen: dict[str, Fraction]) -> Iterator[Cause]:
    by_remark: dict[str, list[Term]] = {}
    for kind, part in chosen.items():
        by_remark.setdefault(convention.remarks[kind], []).append(Term(name_of(kind), int(-part * kinds[kind])))
    for remark, parts in by_remark.items():
        yield Cause(remark, tuple(parts))
