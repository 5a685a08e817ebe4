"""Where labels stand: the choice among their places, and what meets what."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archcost.reports.plots import annealing, geometry


@pytest.mark.parametrize("seed", range(8))
def test_annealing_comes_near_the_best_choice_and_never_conflicts(seed):
    random = np.random.default_rng(seed)
    ends = np.array([0, 3, 6, 9, 12, 15])
    costs = random.uniform(0, 10, 15)
    conflicts = np.triu(random.random((15, 15)) < 0.15)
    conflicts |= conflicts.T
    for start, end in itertools.pairwise(ends):
        conflicts[start:end, start:end] = False
    without = np.full(5, 60.0)

    def price(choice):
        chosen = [each for each in choice if each is not None]
        clash = any(conflicts[a, b] for a, b in itertools.combinations(chosen, 2))
        return math.inf if clash else costs[chosen].sum() + 60 * (len(choice) - len(chosen))

    choices = itertools.product(*([None, *range(start, end)] for start, end in itertools.pairwise(ends)))
    best = min(map(price, choices))
    found = annealing.choose(costs, ends, conflicts, without)
    assert best <= price(found) <= best + 2 and found == annealing.choose(costs, ends, conflicts, without)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.integers(0, 9), min_size=4, max_size=4), st.lists(st.integers(0, 9), min_size=4, max_size=4))
def test_segments_and_boxes_meet_as_sampling_says(corners, ends):
    left, right, bottom, top = *sorted(corners[:2]), *sorted(corners[2:])
    box, line = np.array([[left, bottom, right + 1, top + 1.0]]), np.array([[*ends]], float)
    along = np.linspace(0, 1, 721)[:, None]  # enough for whole numbers below 10
    points = line[:, :2] + along * (line[:, 2:] - line[:, :2])
    inside = ((box[:, :2] + 1e-9 < points) & (points < box[:, 2:] - 1e-9)).all(axis=1).any()
    assert geometry.cut(box, line)[0] == geometry.through(box, line)[0, 0] == inside


@settings(deadline=None, max_examples=300)
@given(*[st.lists(st.integers(0, 5), min_size=4, max_size=4)] * 2)
def test_segments_meet_where_each_has_an_end_on_either_side_of_the_other(one, other):
    (x, y, x2, y2), (u, v, u2, v2) = one, other
    wide = (x2 - x) * (v2 - v) - (y2 - y) * (u2 - u)
    first = (u - x) * (v2 - v) - (v - y) * (u2 - u), (u - x) * (y2 - y) - (v - y) * (x2 - x)
    crosses = wide != 0 and all(0 < part / wide < 1 for part in first)
    assert geometry.meet(np.array([one], float), np.array([other], float))[0] == crosses
