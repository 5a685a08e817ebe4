"""Other people's counters on one model: what each printed, what its convention comes to, and of what that is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from archcost.analysis import Analysis, conventions
from archcost.analysis.causes import Cause, Term, causes_of, name_of
from archcost.analysis.conventions import Convention
from archcost.analysis.hooks import Writing
from archcost.analysis.terms import TERMS
from archcost.cost import Amount
from archcost.graph import Layer, Network

Verdict = Literal["equal", "explained", "differs", "no rule", "failed"]
BIASES, SCORES = "biases", "products of attention"


@dataclass(frozen=True, slots=True)
class Count:
    """What a counter gave for one convention: a figure, or why there is none.

    note: what it said itself; asides: parts of it that are no layer's, as the tool's own listing shows them.
    """

    convention: str
    version: str
    figure: int | None
    failure: str = ""
    note: str = ""
    asides: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """One convention beside the counter that it describes.

    counted: by the convention; None where it has no rule for an operator, and terms then sum to the rest. The first
    term is the macs, twice where the unit is flop. causes: what is known to make up a difference, by how the model
    writes its layers; remarks: what may, where that is not known.
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
    def unexplained(self) -> int:
        """What no known cause accounts for."""
        return (self.difference or 0) - sum(cause.count for cause in self.causes)

    @property
    def verdict(self) -> Verdict:
        if self.count.figure is None:
            return "failed"
        if self.counted is None:
            return "no rule"
        if self.difference == 0:
            return "equal"
        return "differs" if self.unexplained else "explained"

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


def rows(network: Network, counts: Iterable[Count], writings: Mapping[str, Writing] | None = None) -> Iterator[Row]:
    """writings: how the model that was counted writes each layer; None where that is not known."""
    for count in counts:
        convention = conventions.find(count.convention)
        counted: Any = convention.total(network)
        parts = tuple(terms(convention, network))
        causes: tuple[Cause, ...] = ()
        if counted is not None and count.figure not in (None, counted):
            causes = tuple(Cause(remark, (Term("beside", each),)) for remark, each in count.asides.items() if each)
            causes += causes_of(convention, network, writings or {})
        remarks = () if writings is not None else tuple(convention.notes(network))
        yield Row(count, convention, counted, parts, causes, remarks, tuple(convention.reasons(network)))


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
        yield f"{name_of(conventions.operator_of(layer))} without a rule", -macs
        return
    biases, scores = (rule.terms.get(term, 0) * _value(TERMS[term](layer)) for term in ("bias_adds", "score_macs"))
    yield BIASES, biases
    yield SCORES, scores
    yield name_of(conventions.operator_of(layer)), _value(rule.amount(layer)) - macs - biases - scores


def _value(amount: Amount) -> int:
    value: Any = amount.value
    return int(value)
