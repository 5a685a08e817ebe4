"""Which candidate to measure next: the geometry against brute force, and the rules that hold whatever is measured."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archcost import dims
from archcost.latency import samples
from archcost.latency.fit import GENERIC, HOST, PARALLEL
from archcost.search import measuring, pareto
from archcost.search.measuring import Measuring, area, chain, guessed, layers
from archcost.spec import document as documents
from archcost.spec import zoo
from archcost.spec.settings import Settings

ALPHAS, SIZES = (25, 40, 50, 75, 100), (96, 128, 224)
COUNT = len(ALPHAS) * len(SIZES)

small = st.integers(1, 9).map(float)
points = st.lists(st.tuples(small, small), max_size=9)
references = st.tuples(st.integers(1, 10).map(float), st.integers(0, 9).map(float))


def columns(rows):
    return np.array([a for a, _ in rows], float), np.array([b for _, b in rows], float)


# Geometry


def cells(rows, reference):
    """The unit squares that some point covers, counted one by one."""
    slow, low = map(int, reference)
    squares = itertools.product(range(slow), range(low, 10))
    return sum(any(s <= x and v >= y + 1 for s, v in rows) for x, y in squares)


@given(points, references)
def test_area_counts_the_squares_of_a_grid(rows, reference):
    assert area(*columns(rows), reference) == cells(rows, reference)


@given(st.lists(st.tuples(*[st.floats(0.1, 9)] * 2), max_size=6))
def test_area_is_what_inclusion_and_exclusion_give(rows):
    total = 0.0
    for count in range(1, len(rows) + 1):
        for some in itertools.combinations(rows, count):
            overlap = max(0, 5 - max(s for s, _ in some)) * max(0, min(v for _, v in some) - 2)
            total += -overlap if count % 2 == 0 else overlap
    assert area(*columns(rows), (5.0, 2.0)) == pytest.approx(total, abs=1e-9)


@settings(deadline=None, max_examples=300)
@given(points, st.integers(0, 4), st.integers(1, 4), references)
def test_a_chain_is_the_best_of_all_subsets(rows, free, most, reference):
    free = min(free, len(rows))
    seconds, value = columns(rows)

    def covered(chosen):
        places = [*range(free), *chosen]
        return area(seconds[places], value[places], reference)

    found = chain(seconds, value, free, most, reference).tolist()
    subsets = itertools.chain.from_iterable(itertools.combinations(range(free, len(rows)), n) for n in range(most + 1))
    assert len(set(found)) == len(found) <= most and all(place >= free for place in found)
    assert covered(found) == max(map(covered, subsets))


def test_a_chain_of_no_points():
    assert chain(np.array([1.0]), np.array([1.0]), 0, 0, (2.0, 0.0)).tolist() == []


@settings(deadline=None)
@given(st.lists(st.tuples(small, small), min_size=1, max_size=20), st.integers(1, 20))
def test_layers_are_fronts_of_what_is_left(rows, most):
    first, second = columns(rows)
    found = layers(first, second, most).tolist()
    assert found == sorted(set(found)) and len(found) >= min(most, len(rows))
    kept = np.isin(np.arange(len(rows)), found)
    for place in np.flatnonzero(~kept):
        assert any(first[i] <= first[place] and second[i] <= second[place] for i in found)
    assert kept[pareto.front([first, second])].all()


# Proposals


@pytest.fixture(scope="module")
def kernels():
    """Variants of MobileNetV1, down α and across resolutions."""
    grid = np.array(list(itertools.product(ALPHAS, SIZES)), np.int64)
    alpha = dims.Ratio(grid[:, 0] * (dims.UNIT // 100), dims.UNIT)
    found = Settings(alpha, (grid[:, 1], grid[:, 1]), {"depth": 5, "conv": "separable"})
    document = documents.read(zoo.find("mobilenetv1"))
    return {name: samples.networks(document, found, np.ones(COUNT, int), 4, name) for name in ("fused", "none")}


class Knowing(Measuring):
    """One that knows every time beforehand."""

    truth, doubt = np.zeros(0), 0.0

    def _refit(self):
        self.predicted, self.seconds, self.width = self.truth, self.truth.copy(), self.doubt


def knowing(kernels, value, times, **more):
    found = type("Told", (Knowing,), {"truth": np.asarray(times, float)})
    return found(np.asarray(value, float), kernels, **more)


def measured(loop, times, failing=()):
    """The candidates in the order that they were proposed in."""
    order = []
    while (place := loop.propose()) is not None:
        assert place not in order, "proposed twice"
        order.append(place)
        loop.tell(place, None if place in failing else float(times[place]))
    return order


def dominated(place, value, times):
    return any(
        v >= value[place] and t <= times[place] and (v > value[place] or t < times[place])
        for v, t in zip(value, times, strict=True)
    )


floats = st.lists(st.floats(1, 90), min_size=COUNT, max_size=COUNT)
ties = st.lists(small, min_size=COUNT, max_size=COUNT)
times_of = st.lists(st.floats(-14, 3), min_size=COUNT, max_size=COUNT).map(lambda logs: np.exp(logs))
lax = settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])


@lax
@given(value=st.permutations(range(COUNT)), times=times_of)
def test_who_knows_all_measures_the_front_and_no_more(kernels, value, times):
    loop = knowing(kernels, value, times)
    order = measured(loop, times)
    front = [place for place in range(COUNT) if not dominated(place, value, times)]
    assert not any(dominated(place, value, times) for place in order)
    assert {times[place] for place in order} == {times[place] for place in front}
    assert order[0] == int(np.argmax(value))


@lax
@given(value=st.permutations(range(COUNT)), times=st.permutations(range(COUNT)), budget=st.integers(1, COUNT))
def test_who_knows_all_spends_a_budget_as_well_as_can_be(kernels, value, times, budget):
    """The best points of so many, with the most accurate among them."""
    value, times = np.array(value, float), np.exp(np.array(times) / 4)
    loop = knowing(kernels, value, times, budget=budget)
    reference = loop._reference()
    order = measured(loop, times)
    assert len(order) <= budget
    first = int(value.argmax())
    mine = area(times[order], value[order], reference)
    places = np.array([first, *(i for i in range(COUNT) if i != first)])
    best = places[chain(times[places], value[places], 1, budget - 1, reference)]
    assert mine == pytest.approx(area(times[[first, *best]], value[[first, *best]], reference), rel=1e-9)


def test_of_equally_accurate_candidates_the_fastest_comes_first(kernels):
    times = np.linspace(2, 1, COUNT)
    assert knowing(kernels, np.ones(COUNT), times).propose() == COUNT - 1


@lax
@given(
    value=floats | ties,
    times=times_of,
    failing=st.sets(st.integers(0, COUNT - 1)),
    budget=st.none() | st.integers(0, COUNT + 2),
    limit=st.none() | st.floats(1e-6, 20),
    forms=st.sampled_from([(GENERIC,), (GENERIC, HOST), (GENERIC, PARALLEL)]),
)
def test_whatever_is_measured_it_ends(kernels, value, times, failing, budget, limit, forms):
    """Times that no device has, failures, ties: each candidate is proposed once, within the budget, and what remains
    could not beat the front."""
    loop = Measuring(np.array(value), kernels, limit, budget, forms=forms)
    order = measured(loop, times, failing)
    assert set(order) == loop.measured.keys() | loop.failed and loop.failed <= failing
    assert budget is None or len(order) <= budget
    assert len(loop.rivals()) == 0 or len(order) == budget
    assert np.isfinite(loop.seconds).all() and (loop.seconds > 0).all()
    assert all(loop.seconds[place] == times[place] for place in loop.measured)


def test_a_device_that_fails_always_is_asked_about_each_once(kernels):
    loop = Measuring(np.arange(COUNT, dtype=float), kernels)
    assert sorted(measured(loop, np.ones(COUNT), range(COUNT))) == list(range(COUNT))
    assert loop.measured == {} and len(loop.failed) == COUNT


def test_failures_count_as_measurements_of_the_budget(kernels):
    loop = Measuring(np.arange(COUNT, dtype=float), kernels, budget=4)
    assert len(measured(loop, np.ones(COUNT), range(COUNT))) == 4


def test_the_same_measurements_give_the_same_proposals(kernels):
    times = guess(kernels) * np.random.default_rng(1).uniform(0.8, 1.25, COUNT)
    value = np.sqrt(guess(kernels))
    orders = [measured(Measuring(value, kernels, budget=9), times) for _ in range(2)]
    assert orders[0] == orders[1] and len(orders[0]) == 9


def guess(kernels):
    return kernels["fused"].seconds(guessed(4))


def test_an_interrupted_loop_goes_on_from_what_was_measured(kernels):
    times = guess(kernels) * np.random.default_rng(2).uniform(0.8, 1.25, COUNT)
    value = np.sqrt(guess(kernels))
    fused = {"fused": kernels["fused"]}
    whole = measured(Measuring(value, fused, budget=9), times)
    for cut in (1, 6):
        again = Measuring(value, fused, budget=9, measured={place: times[place] for place in whole[:cut]})
        assert measured(again, times) == whole[cut:]


def test_rivals_are_those_that_could_still_beat_what_was_measured(kernels):
    value, times = [1, 2, 3, 4] + [0] * (COUNT - 4), [1, 2, 3, 4] + [9] * (COUNT - 4)
    loop = knowing(kernels, value, times)
    assert loop.rivals().tolist() == list(range(COUNT))
    loop.tell(2, 3.0)
    assert loop.rivals().tolist() == [0, 1, 3]
    loop.tell(0, None)
    assert loop.rivals().tolist() == [1, 3]
    loop.width = 1.0  # a time of 9 could be 3.3, of 4 could be 1.5
    assert loop.rivals().tolist() == [1, 3]
    loop.width = 1.2  # of 9 could be 2.7
    assert loop.rivals().tolist() == [1, *range(3, COUNT)]


@pytest.mark.parametrize(("width", "left"), [(0.0, [0, 1]), (0.5, [0, 1, 2]), (2.0, list(range(COUNT)))])
def test_what_cannot_keep_to_the_limit_is_no_rival(kernels, width, left):
    times = np.array([1, 2, 3, *[9] * (COUNT - 3)], float)
    loop = knowing(kernels, range(COUNT), times, limit=2.0)
    assert len(loop.rivals()) == COUNT  # before any measurement nobody knows how fast the device is
    loop.measured[COUNT - 1] = 99.0
    loop.width = width
    assert loop.rivals().tolist() == [place for place in left if place != COUNT - 1]


def test_many_candidates_are_thinned_out_by_their_front(kernels, monkeypatch):
    monkeypatch.setattr(measuring, "MOST", 5)
    times = np.arange(1, COUNT + 1, dtype=float)
    value = np.arange(COUNT, dtype=float)
    value[7] = 100
    found = knowing(kernels, value, times).rivals().tolist()
    assert 7 in found and set(found) >= set(range(7)) and len(found) < COUNT


def test_measured_times_are_kept_and_the_others_follow_the_device(kernels):
    """Ten times slower than guessed, after a few measurements: predictions too."""
    times = 10 * guess(kernels)
    loop = Measuring(np.arange(COUNT, dtype=float), kernels)
    for place in range(0, COUNT, 2):
        loop.tell(place, float(times[place]))
    assert np.abs(np.log(loop.seconds / times)).max() < 0.2
    assert (loop.seconds[::2] == times[::2]).all()


@lax
@given(value=st.permutations(range(COUNT)), times=times_of, share=st.floats(0, 1))
def test_who_knows_all_finds_the_best_within_a_limit(kernels, value, times, share):
    limit = float(np.quantile(times, share))
    loop = knowing(kernels, value, times, limit=limit)
    loop.width = type(loop).doubt = 1e-12
    measured(loop, times)
    within = [v for v, seconds in zip(value, times, strict=True) if seconds <= limit]
    assert max(value[place] for place in loop.measured if times[place] <= limit) == max(within)
