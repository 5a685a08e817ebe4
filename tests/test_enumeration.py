"""The exact search against brute force: every variant by itself, and a choice written out as a user would make it."""

from __future__ import annotations

import numpy as np
import pytest

from archcost.accuracy import model
from archcost.analysis.analysis import Analysis
from archcost.dims import as_float
from archcost.errors import SpecError
from archcost.graph import build
from archcost.latency.subject import digest
from archcost.search import enumeration
from archcost.search import space as spaces
from archcost.search.answer import answer
from archcost.search.constraints import Constraints
from archcost.search.enumeration import COSTS, Scale
from archcost.search.question import Question
from archcost.search.space import ALPHAS, RESOLUTIONS, Space
from archcost.spec import document as documents
from archcost.spec import ranges, zoo
from archcost.spec.settings import settle

M = 1_000_000
V2 = documents.read(zoo.find("mobilenetv2"))
MEASURES = (*COSTS, "accuracy")


def space(name, alphas=ALPHAS, sizes=RESOLUTIONS, **parameters):
    document = documents.read(zoo.find(name))
    return Space.of(name, document, ranges.values(alphas, "α"), ranges.values(sizes, "size"), parameters)


def question(several, objectives=("accuracy", "macs"), **limits):
    known = [model.of(each.document) for each in several]
    return Question(several, known, Constraints(**limits), objectives, Scale())


def brute(several):
    """Every network of the spaces, costed alone; of variants that are one network the published, else the first."""
    rows = {}
    for which, each in enumerate(several):
        accuracy, published = estimates(each)
        for number in range(len(each)):
            chosen = each.settings(number)
            try:
                costs = Analysis(each.document, chosen, 1, "float32", True)
                key = (which, digest(build(each.document, chosen)))
            except SpecError:
                continue
            found = {name: int(getattr(costs, name)) for name in COSTS}
            found |= {"accuracy": accuracy[number], "published": published[number]}
            found |= {"which": which, "number": number, "alpha": float(as_float(chosen.alpha))}
            if key not in rows or (found["published"] and not rows[key]["published"]):
                rows[key] = found
    return list(rows.values())


def estimates(each):
    """By number, each variant's accuracy, and whether it was published."""
    accuracy, published = [], []
    for _, chosen in each.chunks():
        found = model.of(each.document).settings(chosen)
        accuracy += found.value.ravel().tolist()
        published += (~np.isnan(found.published)).ravel().tolist()
    return accuracy, published


def best(rows, **limits):
    """The most accurate that keeps to all limits; of equals that with fewer macs, then params, then the smaller α."""
    winner = None
    for row in rows:
        if any(row[name] > limit for name, limit in limits.items()):
            continue
        key = (-row["accuracy"], row["macs"], row["params"], row["which"], row["alpha"])
        if winner is None or key < winner[0]:
            winner = key, row
    return winner and winner[1]


def place(row):
    return row and (row["which"], row["number"])


def won(found):
    if found.found.candidates is None:
        return None
    row = found.candidates.row(found.winner)
    return row["space"], row["number"]


@pytest.fixture(scope="module")
def v1():
    return [space("mobilenetv1")]


@pytest.fixture(scope="module")
def v1_rows(v1):
    return brute(v1)


@pytest.fixture(scope="module")
def both():
    return [space("mobilenetv2", "0.75:1.4:0.005", "160,224"), space("mobilenetv1", "0.25:1:0.05", "128,192x160,224")]


@pytest.fixture(scope="module")
def both_rows(both):
    return brute(both)


def test_every_budget_of_the_default_space(v1, v1_rows, monkeypatch):
    """20 M to 600 M in steps of 1 M; the costs, which no budget changes, are worked out once."""
    part = {}
    costed = enumeration.candidates_of

    def once(which, first, *rest):
        if (which, first) not in part:
            part[which, first] = costed(which, first, *rest)
        return part[which, first]

    monkeypatch.setattr(enumeration, "candidates_of", once)
    assert len(v1[0]) == 76 * 7 and len(v1_rows) == 532
    wrong = []
    for budget in range(20, 601):
        found = answer(question(v1, macs=budget * M))
        expected = best(v1_rows, macs=budget * M)
        feasible = sum(row["macs"] <= budget * M for row in v1_rows)
        assert (found.exact, found.found.feasible, found.found.distinct) == (True, feasible, 532)
        if won(found) != place(expected):
            wrong.append(budget)
    assert not wrong and len(part) == 1


@pytest.mark.parametrize(
    "limits",
    [
        {"macs": 300 * M},
        {"params": 2 * M},
        {"peak_activation_bytes": 2 * M},
        {"weight_bytes": 9 * M},
        {"macs": 250 * M, "params": 2.5 * M, "peak_activation_bytes": 3 * M, "weight_bytes": 20 * M},
        {},
    ],
    ids=str,
)
@pytest.mark.parametrize("several", ["v1", "both"])
def test_limits_alone_and_together(request, several, limits):
    asked, rows = request.getfixturevalue(several), request.getfixturevalue(f"{several}_rows")
    found = answer(question(asked, **limits))
    assert won(found) == place(best(rows, **limits))
    kept = [row for row in rows if all(row[name] <= limit for name, limit in limits.items())]
    assert found.found.feasible == len(kept)
    seen = found.candidates.row(found.winner)
    assert {name: seen[name] for name in COSTS} == {name: best(rows, **limits)[name] for name in COSTS}
    assert all(found.candidates.row(i)[name] <= limit for i in found.front for name, limit in limits.items())


def test_several_specs_at_every_tenth_budget(both, both_rows):
    assert {place(best(both_rows, macs=budget * M))[0] for budget in range(50, 601, 50)} == {0, 1}
    for budget in range(20, 601, 10):
        assert won(answer(question(both, macs=budget * M))) == place(best(both_rows, macs=budget * M)), budget


def test_a_budget_that_a_network_meets_exactly(v1, v1_rows):
    for row in v1_rows[::97]:
        for limit in (row["macs"], row["macs"] - 1):
            assert won(answer(question(v1, macs=limit))) == place(best(v1_rows, macs=limit))


def test_variants_that_round_to_one_network_count_once(both, both_rows):
    """V2's channels are multiples of 8: fewer networks than α."""
    found = answer(question(both))
    networks = sum(row["which"] == 0 for row in both_rows)
    assert networks < len(both[0]) == 131 * 2
    assert found.found.distinct == len(both_rows)
    shown = [(row["space"], row["number"]) for row in map(found.candidates.row, range(len(found.candidates)))]
    assert sorted(shown) == sorted(map(place, both_rows))


def test_a_published_variant_stands_for_its_network():
    """1.3 is one network of V2 with its neighbours; the figure is for 1.3."""
    found = answer(question([space("mobilenetv2", "1.29:1.31:0.001", "224")])).candidates
    shown = [(1290 + n, known) for n, known in zip(found.number, found.published, strict=True)]
    assert [alpha for alpha, known in shown if not np.isnan(known)] == [1300]
    one = digest(build(V2, settle(V2, "1.3")))
    alone = {1290 + n: digest(build(V2, settle(V2, f"{1.29 + n / 1000:.3f}"))) for n in range(21)}
    assert sum(each == one for each in alone.values()) > 1
    assert [alone[alpha] for alpha, _ in shown].count(one) == 1 and len(shown) == len(set(alone.values()))


@pytest.mark.parametrize("objectives", [("accuracy", "macs"), ("accuracy", "macs", "params"), ("macs", "accuracy")])
def test_the_front_is_the_brute_one(both, both_rows, objectives):
    found = answer(question(both, objectives, macs=400 * M))
    kept = [row for row in both_rows if row["macs"] <= 400 * M]

    def signed(row):
        return tuple(-row[name] if name == "accuracy" else row[name] for name in objectives)

    def beaten(row):
        a = signed(row)
        others = (signed(other) for other in kept)
        return any(all(x <= y for x, y in zip(b, a, strict=True)) and b != a for b in others)

    expected = {signed(row) for row in kept if not beaten(row)}
    shown = [signed(found.candidates.row(i)) for i in found.front]
    assert set(shown) == expected and len(shown) == len(expected)
    assert found.front[0] == found.winner and shown == sorted(shown)


@pytest.mark.parametrize("chunk", [1, 50])
def test_a_space_in_parts_is_the_whole_one(monkeypatch, v1, chunk):
    assert_parts_are_the_whole(monkeypatch, v1, chunk)


@pytest.mark.parametrize("chunk", [1, 7])
def test_a_space_in_parts_whose_networks_cross_a_border(monkeypatch, both, chunk):
    assert_parts_are_the_whole(monkeypatch, both, chunk)


def assert_parts_are_the_whole(monkeypatch, several, chunk):
    whole = answer(question(several, macs=300 * M))
    monkeypatch.setattr(spaces, "CHUNK", chunk)
    parts = answer(question(several, macs=300 * M))
    assert won(parts) == won(whole)
    assert sorted(values(parts, parts.front)) == sorted(values(whole, whole.front))
    assert (parts.found.distinct, parts.found.feasible) == (whole.found.distinct, whole.found.feasible)
    assert parts.found.extremes["macs"].macs[0] == whole.found.extremes["macs"].macs[0]


def values(found, places):
    rows = map(found.candidates.row, places)
    return [(row["space"], row["number"], *(row[name] for name in MEASURES)) for row in rows]


def test_only_the_best_and_the_front_are_kept_of_many(monkeypatch, v1):
    whole = answer(question(v1))
    monkeypatch.setattr(enumeration, "KEPT", 3)
    few = answer(question(v1))
    assert len(few.candidates) < len(whole.candidates) == few.found.feasible == 532
    assert won(few) == won(whole) and values(few, few.front) == values(whole, whole.front)


def test_parameters_are_part_of_the_space():
    asked = [space("mobilenetv1", "0.5:1:0.25", "160,224", depth=["0", "2", "5"], conv=["separable", "conv_bn_relu"])]
    rows = brute(asked)
    found = answer(question(asked, ("params", "macs"), macs=900 * M))
    least = min((row for row in rows if row["macs"] <= 900 * M), key=lambda r: (r["params"], -r["accuracy"], r["macs"]))
    assert found.candidates.row(found.winner)["params"] == least["params"]
    assert found.found.size == len(asked[0]) == 36 and found.found.distinct == len(rows)


def test_the_cheapest_that_is_accurate_enough(v1, v1_rows):
    for asked in (55.0, 65.0, 70.0):
        found = answer(question(v1, ("macs", "accuracy"), accuracy=asked))
        cheapest = min(row["macs"] for row in v1_rows if row["accuracy"] >= asked)
        assert found.candidates.row(found.winner)["macs"] == cheapest


def test_what_nothing_fits_says_what_comes_nearest(v1, v1_rows):
    found = answer(question(v1, macs=1 * M, accuracy=99.0)).found
    assert (found.candidates, found.feasible, found.distinct) == (None, 0, 532)
    assert found.extremes["macs"].macs[0] == min(row["macs"] for row in v1_rows)
    assert found.extremes["accuracy"].accuracy[0] == max(row["accuracy"] for row in v1_rows)
