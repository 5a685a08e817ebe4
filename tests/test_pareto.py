"""The front against its definition, written out: every row compared with every other."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archcost.errors import ArchcostError
from archcost.search import pareto

INF = float("inf")


def naive(rows):
    """Which rows no other is at least as good as everywhere, and better than somewhere."""

    def dominates(a, b):
        return all(x <= y for x, y in zip(a, b, strict=True)) and any(x < y for x, y in zip(a, b, strict=True))

    return [not any(dominates(other, row) for other in rows) for row in rows]


def fast(rows, count):
    table = np.array(rows, float).reshape(len(rows), count)
    return pareto.front([table[:, i] for i in range(count)]).tolist()


TIED = st.integers(-2, 2).map(float)
ANY = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=300, deadline=None)
@given(st.data(), st.integers(1, 4), st.sampled_from([TIED, ANY, TIED | ANY]))
def test_the_front_is_the_naive_one(data, count, values):
    rows = data.draw(st.lists(st.tuples(*[values] * count), max_size=40))
    assert fast(rows, count) == naive(rows)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("distinct", [1, 2, 5, 1000])
def test_larger_tables_with_ties(count, distinct):
    rng = np.random.default_rng(distinct)
    table = rng.integers(0, distinct, (300, count))
    rows = list(map(tuple, table.tolist()))
    assert fast(rows, count) == naive(rows)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_an_empty_table(count):
    found = pareto.front([np.zeros(0)] * count)
    assert found.shape == (0,) and found.dtype == bool


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_equal_rows_all_stay(count):
    assert fast([(1,) * count] * 5 + [(2,) * count], count) == [True] * 5 + [False]


@settings(deadline=None)
@given(st.lists(st.tuples(TIED, TIED, TIED), min_size=1, max_size=25), st.randoms())
def test_order_and_scale_do_not_matter(rows, random):
    """A front is a matter of comparisons: of objectives in any order, and of whatever grows with them."""
    expected = fast(rows, 3)
    places = list(range(len(rows)))
    random.shuffle(places)
    moved = [tuple(np.exp(v) for v in reversed(rows[place])) for place in places]
    assert fast(moved, 3) == [expected[place] for place in places]


@settings(deadline=None)
@given(st.lists(st.tuples(TIED, TIED), max_size=25))
def test_an_objective_that_is_the_same_for_all_changes_nothing(rows):
    assert fast([(*row, 7.0) for row in rows], 3) == fast(rows, 2)


def test_whole_numbers_do_not_become_others():
    """2^53 + 1 is no float, but counts of that size are no networks either; below, neighbours stay apart."""
    first = np.array([2**52, 2**52 + 1], np.int64)
    assert pareto.front([first, first]).tolist() == [True, False]


def test_three_objectives_say_what_they_need(monkeypatch):
    monkeypatch.setitem(sys.modules, "moocore", None)
    one = np.array([1.0])
    assert pareto.front([one, one]).all()
    with pytest.raises(ArchcostError, match=r"needs moocore: pip install 'archcost\[search\]'"):
        pareto.front([one, one, one])


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_infinity_is_a_value_like_any_other(count):
    rows = [(1.0,) * (count - 1) + (INF,), (INF,) * count, (2.0,) + (INF,) * (count - 1)]
    assert fast(rows, count) == naive(rows)


@pytest.mark.parametrize("rows", [[(1.0, INF)], [(INF, INF)], [(1.0, INF), (1.0, INF), (2.0, INF)]])
def test_infinity_in_the_second_of_two(rows):
    assert fast(rows, 2) == naive(rows)
