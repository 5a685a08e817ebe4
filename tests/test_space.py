"""Spaces: every way to name a variant means the same one, and none is left out or named twice."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archcost import dims
from archcost.analysis import grids
from archcost.errors import ArchcostError
from archcost.search import space as spaces
from archcost.search.space import Space
from archcost.spec import document as documents
from archcost.spec.settings import settle

IMAGES = """
name: images
input: [3, 32, 32]
parameters:
  kind: {default: plain, choices: [plain, wide]}
  bias: {default: false, choices: [false, true]}
  share: {default: 0.5, choices: [0.5, 0.25, 1]}
  depth: {default: 1, choices: [0, 1, 2]}
blocks:
  plain: [{conv: {out: 8, kernel: 3}}]
  wide: [{conv: {out: 16, kernel: 3}}]
layers:
  - $kind
  - {conv: {out: 8 * $share, kernel: 1, bias: $bias}, repeat: $depth}
"""
ROWS = """
name: rows
input: [16]
parameters: {n: {default: 4, choices: [2, 4]}}
layers: [{linear: {out: 8}}, {linear: {out: $n, scale: fixed}}]
"""
CHOICES = {
    "kind": ["plain", "wide"],
    "bias": ["true", "false"],
    "share": ["0.25", "1", "0.5"],
    "depth": ["2", "0", "1"],
}


def space(text, alphas=("0.5", "1"), sizes=("16", "32"), **parameters):
    return Space.of("x", documents.parse(text), alphas, sizes, parameters)


def plain(settings):
    """Settings as numbers and texts that compare."""
    values = {name: plain_value(value) for name, value in settings.parameters.items()}
    return plain_value(settings.alpha), settings.resolution and tuple(map(int, settings.resolution)), values


def plain_value(value):
    return value if isinstance(value, (bool, str)) else Fraction(*map(int, dims.parts(value)))


def expanded(settings, shape):
    """The variants of settings of arrays, in the order of their grid."""

    def entries(part):
        return np.broadcast_to(part, shape).ravel().tolist()

    def column(value):
        if isinstance(value, dims.Ratio):
            return [Fraction(n, d) for n, d in zip(*map(entries, dims.parts(value)), strict=True)]
        return [plain_value(each) for each in entries(value)]

    alphas, sizes = column(settings.alpha), [entries(part) for part in settings.resolution or ()]
    parameters = {name: column(value) for name, value in settings.parameters.items()}
    for row, alpha in enumerate(alphas):
        size = tuple(axis[row] for axis in sizes) or None
        yield alpha, size, {name: values[row] for name, values in parameters.items()}


def all_of(found):
    """Every variant by `itertools.product`, from what the space says its axes are."""
    for combination in itertools.product(*found.axes.values()):
        chosen = dict(zip(found.axes, combination, strict=True))
        alpha, size = chosen.pop("alpha"), chosen.pop("resolution")
        own = settle(found.document).parameters
        yield plain_value(alpha), size, {k: plain_value(v) for k, v in {**own, **chosen}.items()}


chosen_parameters = st.fixed_dictionaries(
    {}, optional={name: st.lists(st.sampled_from(v), min_size=1, unique=True) for name, v in CHOICES.items()}
)
chosen_alphas = st.lists(st.integers(1, 3000).map(lambda n: f"{n / 1000:g}"), min_size=1, max_size=5)
sides = st.integers(1, 64).map(str)
chosen_sizes = st.lists(sides | st.tuples(sides, sides).map("x".join), min_size=1, max_size=4)


@settings(deadline=None, max_examples=60)
@given(chosen_parameters, chosen_alphas, chosen_sizes, *[st.integers(1, 99)] * 3)
def test_all_ways_through_a_space_agree(parameters, alphas, sizes, chunk, rows, quick):
    found = space(IMAGES, alphas, sizes, **parameters)
    expected = list(all_of(found))
    assert len(found) == len(expected)
    numbers = range(len(found))
    assert [plain(found.settings(number)) for number in numbers] == expected

    lengths = [range(len(values)) for values in found.axes.values()]
    places = [dict(zip(found.axes, each, strict=True)) for each in itertools.product(*lengths)]
    assert [found.number(each) for each in places] == list(numbers)

    shuffled = np.random.default_rng(chunk).permutation(len(found))
    seen = {}
    for where, several in found.grouped(shuffled):
        seen |= dict(zip(where.tolist(), expanded(several, (len(where),)), strict=True))
    assert [seen[place] for place in numbers] == [expected[number] for number in shuffled]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spaces, "CHUNK", chunk)
        patch.setattr(grids, "ROWS", rows)
        patch.setattr(grids, "QUICK", quick)
        parts = list(found.chunks())
    joined = {}
    for first, several in parts:
        variants = expanded(several, (len(dims.parts(several.alpha)[0]), len(found.resolutions)))
        joined |= dict(enumerate(variants, first))
    assert [joined[number] for number in numbers] == expected and len(joined) == len(found)


def test_chunks_are_no_larger_than_they_may_be(monkeypatch):
    monkeypatch.setattr(spaces, "CHUNK", 7)
    found = space(IMAGES, [f"0.{n}" for n in range(1, 10)], ["8", "16", "32"], depth=["0", "1"])
    sizes = [len(dims.parts(several.alpha)[0]) * 3 for _, several in found.chunks()]
    assert max(sizes) <= 7 and sum(sizes) == len(found) == 54


def test_a_spec_without_height_and_width():
    found = space(ROWS, ["0.5", "1"], ["16", "32"], n=["2", "4"])
    assert len(found) == 4 and found.resolutions == [None]
    assert [plain(found.settings(n)) for n in range(4)] == list(all_of(found))
    ((_, grid), *_) = found.chunks()
    assert grid.resolution is None and next(found.grouped([0, 1]))[1].resolution is None


def test_resolutions_do_not_matter_to_a_spec_without_any():
    assert len(space(ROWS, ["1"], [])) == 1


@pytest.mark.parametrize(
    "alphas",
    [["0.5", "0.50"], ["0.5", 0.5], ["0.5", ".5", "5e-1"], [dims.Ratio(1, 2), "0.5"], [np.float32(0.5), 0.5]],
)
def test_one_alpha_written_in_several_ways(alphas):
    assert len(space(IMAGES, alphas, ["32"])) == 1


@pytest.mark.parametrize("sizes", [["32", 32], ["32", "32x32"], ["32", "32×32", "32.0"], [(32, 32), np.int64(32)]])
def test_one_resolution_written_in_several_ways(sizes):
    assert len(space(IMAGES, ["1"], sizes)) == 1


def test_one_parameter_written_in_several_ways():
    found = space(IMAGES, ["1"], ["32"], share=["0.5", "0.50", 0.5], bias=["true", True], depth=[1, "1", "1.0"])
    assert len(found) == 1
    assert found.settings(0).parameters["bias"] is True


def test_sizes_and_parameters_keep_the_order_given():
    found = space(IMAGES, ["1", "0.25", "0.5", "0.25"], ["32", "16", "8x4"], depth=["2", "0"])
    assert sorted(float(dims.as_float(each)) for each in found.alphas) == [0.25, 0.5, 1]
    assert found.resolutions == [(32, 32), (16, 16), (8, 4)] and found.parameters == {"depth": [2, 0]}


def test_no_numbers_are_no_groups():
    assert list(space(IMAGES).grouped([])) == []


@pytest.mark.parametrize(
    ("alphas", "sizes", "parameters", "said"),
    [
        ([], ["32"], {}, "an empty space"),
        (["1"], [], {}, "an empty space"),
        (["1"], ["32"], {"depth": []}, "an empty space"),
        (["0"], ["32"], {}, "alpha must be greater than 0"),
        (["wide"], ["32"], {}, "alpha: "),
        (["1"], ["0"], {}, "resolution must lie between"),
        (["1"], ["32x"], {}, "is no size"),
        (["1"], ["1.5"], {}, "whole number of pixels"),
        (["1"], ["32"], {"depth": ["7"]}, "depth takes 0, 1, 2; not 7"),
        (["1"], ["32"], {"dept": ["1"]}, "did you mean `depth`"),
        (["1"], ["32"], {"alpha": ["1"]}, "alpha is no parameter"),
    ],
)
def test_what_the_spec_cannot_have(alphas, sizes, parameters, said):
    with pytest.raises(ArchcostError, match=said):
        space(IMAGES, alphas, sizes, **parameters)
