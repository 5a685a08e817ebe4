"""What an answer says of what was found: winner, ties, equals, the limit that binds; and spaces without networks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from archcost.accuracy import model
from archcost.analysis.analysis import Analysis
from archcost.dims import as_float
from archcost.errors import SpecError
from archcost.search import pareto
from archcost.search.answer import answer
from archcost.search.constraints import Constraints
from archcost.search.enumeration import COSTS, Scale
from archcost.search.question import Question
from archcost.search.space import Space
from archcost.spec import document as documents
from archcost.spec import ranges, zoo

M = 1_000_000


def space(name, alphas, sizes):
    document = documents.read(zoo.find(name))
    return Space.of(name, document, ranges.values(alphas, "α"), ranges.values(sizes, "size"), {})


def question(several, objectives=("accuracy", "macs"), scale=None, **limits):
    known = [model.of(each.document) for each in several]
    return Question(several, known, Constraints(**limits), objectives, scale or Scale())


@pytest.fixture(scope="module")
def v1():
    return [space("mobilenetv1", "0.25:1:0.01", "128:224:32")]


def test_a_space_where_nothing_exists():
    text = "name: x\ninput: [3, 9, 9]\nlayers: [{conv: {out: 4, kernel: 9, padding: valid}}]"
    document = documents.parse(text)
    some = Space.of("x", document, ["1"], ["4", "9", "12"], {})
    found = answer(question([some], ("macs",)))
    assert found.found.distinct == 2 and [found.settings(n).resolution for n in (0, 1)] == [(9, 9), (12, 12)]
    none = Space.of("x", document, ["1", "2"], ["4", "5"], {})
    with pytest.raises(SpecError):
        answer(question([none], ("macs",)))


@pytest.mark.parametrize("scale", [Scale(8, "float16", True), Scale(2, "int8", False)], ids=["half", "int8"])
def test_costs_are_for_the_batch_and_dtype_asked_for(v1, scale):
    found = answer(question(v1, scale=scale, macs=300 * M))
    row = found.candidates.row(found.winner)
    alone = Analysis(v1[0].document, found.settings(found.winner), scale.batch, scale.dtype, scale.inplace)
    assert {name: row[name] for name in COSTS} == {name: getattr(alone, name) for name in COSTS}


def test_the_binding_limit_is_the_one_used_most(v1):
    found = answer(question(v1, macs=300 * M, params=100 * M))
    row = found.candidates.row(found.winner)
    assert found.binding == "macs"
    assert found.question.constraints.used(row) == {"macs": row["macs"] / (300 * M), "params": row["params"] / 1e8}
    assert answer(question(v1)).binding is None


def test_equals_are_those_whose_intervals_overlap(v1):
    found = answer(question(v1, macs=300 * M))
    low, high = (getattr(found.candidates, f"accuracy_{end}") for end in ("low", "high"))
    first = found.winner
    expected = [
        i for i in range(len(found.candidates)) if i != first and high[i] >= low[first] and low[i] <= high[first]
    ]
    assert sorted(found.equals) == expected and first not in found.equals
    accuracy = found.candidates.accuracy[found.equals]
    assert (np.diff(accuracy) <= 0).all()


def test_ties_go_to_accuracy_then_macs_then_params_then_the_first():
    document = documents.parse("name: x\ninput: [4]\nlayers: [{linear: {out: 4}}]")
    some = Space.of("x", document, ["1", "1.5", "2"], [], {})
    table = answer(question([some], ("macs",))).candidates
    rows = itertools.product([1.0, 2.0], [60.0, 70.0], [5, 6], [7, 8], [0, 1], [0, 1])
    columns = np.array(list(rows))[np.random.default_rng(0).permutation(64)].T
    names = ("seconds", "accuracy", "macs", "params", "space", "number")
    many = table.chosen(np.zeros(64, int))
    for name, column in zip(names, columns, strict=True):
        setattr(many, name, column)
    order = many.ranked("seconds")
    keys = [
        (r["seconds"], -r["accuracy"], r["macs"], r["params"], r["space"], r["number"]) for r in map(many.row, order)
    ]
    assert keys == sorted(keys)
    assert pareto.front([many.minimised("seconds"), many.minimised("accuracy")]).sum() == 16


def test_the_smallest_alpha_stands_for_a_network_in_any_order():
    found = answer(question([space("mobilenetv2", "0.723,0.72,0.721", "160")]))
    assert [float(as_float(found.settings(place).alpha)) for place in range(len(found.candidates))] == [0.72]


def test_what_nobody_knows_cannot_win():
    """A spec without accuracies stands behind one with them, whatever its costs; alone it wins by what is known."""
    document = documents.parse("name: x\ninput: [3, 224, 224]\nlayers: [global_avg_pool, {linear: {out: 4}}]")
    cheap = Space.of("x", document, ["1"], ["224"], {})
    found = answer(question([cheap, space("mobilenetv1", "1", "224")]))
    assert found.candidates.row(found.winner)["space"] == 1
    assert [found.candidates.row(place)["space"] for place in found.front] == [1]
    assert answer(question([cheap], ("macs",))).winner == 0
