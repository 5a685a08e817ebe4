"""Evolving: the same seed gives the same answer, a journal is gone on from, and a damaged one is said to be so."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from archcost.accuracy import model
from archcost.errors import ArchcostError
from archcost.search import answer as answers
from archcost.search.answer import answer
from archcost.search.constraints import Constraints
from archcost.search.enumeration import Scale, enumerate_all
from archcost.search.evolution import SAMPLERS, evolve
from archcost.search.question import Question
from archcost.search.space import ALPHAS, RESOLUTIONS, Space
from archcost.spec import document as documents
from archcost.spec import ranges, zoo

pytest.importorskip("optuna")
M = 1_000_000
OBJECTIVES = ("accuracy", "macs")


def space(name, alphas=ALPHAS, sizes=RESOLUTIONS, **parameters):
    document = documents.read(zoo.find(name))
    return Space.of(name, document, ranges.values(alphas, "α"), ranges.values(sizes, "size"), parameters)


@pytest.fixture(scope="module")
def several():
    return [space("mobilenetv1"), space("mobilenetv2", "0.5:1.4:0.05", "96:224:32")]


def question(several, objectives=OBJECTIVES, **limits):
    known = [model.of(each.document) for each in several]
    return Question(several, known, Constraints(**limits), objectives, Scale())


def evolved(several, trials, objectives=OBJECTIVES, limits=None, seed=0, **more):
    asked = question(several, objectives, **(limits or {"macs": 300 * M}))
    return evolve(
        asked.spaces, asked.constraints, objectives, asked.scale, asked.estimate, trials=trials, seed=seed, **more
    )


def assert_same(one, other):
    assert (one.size, one.distinct, one.feasible) == (other.size, other.distinct, other.feasible)
    for name in ("space", "number", "macs", "params", "accuracy"):
        columns = (getattr(each.candidates, name) for each in (one, other))
        assert np.array_equal(*columns, equal_nan=True)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_same_seed_gives_the_same_answer(several, sampler):
    first, again = (evolved(several, 60, sampler=sampler, seed=3) for _ in range(2))
    assert_same(first, again)
    other = evolved(several, 60, sampler=sampler, seed=4)
    assert not np.array_equal(np.sort(first.candidates.number), np.sort(other.candidates.number))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_what_is_found_keeps_to_every_limit_and_costs_what_it_costs(several, sampler):
    limits = {"macs": 200 * M, "params": 3 * M}
    found = evolved(several, 60, limits=limits, sampler=sampler)
    table = found.candidates
    assert 0 < found.feasible == len(table) <= 60 and found.feasible <= found.distinct <= 5 * 60
    asked = question(several, **limits)
    exact = enumerate_all(several, asked.constraints, OBJECTIVES, Scale(), asked.estimate).candidates
    known = {(s, n): place for place, (s, n) in enumerate(zip(exact.space, exact.number, strict=True))}
    for place, key in enumerate(zip(table.space, table.number, strict=True)):
        if key in known:  # the others are networks that stand there at a smaller α
            assert table.row(place)["macs"] == exact.row(known[key])["macs"]
            assert table.row(place)["accuracy"] == pytest.approx(exact.row(known[key])["accuracy"], rel=1e-12)
    assert (table.macs <= 200 * M).all() and (table.params <= 3 * M).all()
    assert (np.diff(table.accuracy) <= 0).all()


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_it_comes_close_to_the_optimum(sampler):
    """150 trials of 67,732 variants, on two seeds; the exact answer is 72.43 %."""
    large = [space("mobilenetv1", "0.25:1:0.001", "96:256:4"), space("mobilenetv2", "0.5:1.4:0.001", "96:256:4")]
    asked = question(large, macs=300 * M)
    exact = enumerate_all(large, asked.constraints, OBJECTIVES, Scale(), asked.estimate)
    found = [evolved(large, 150, ("accuracy",), seed=seed, sampler=sampler) for seed in (0, 1)]
    assert found[0].size == exact.size == 67_732
    assert np.mean([each.candidates.accuracy[0] for each in found]) > exact.candidates.accuracy[0] - 0.5


def test_a_journal_is_read_and_not_repeated(several, tmp_path):
    journal = tmp_path / "study.journal"
    first = evolved(several, 20, journal=journal)
    length = journal.stat().st_size
    asked = []
    again = evolved(several, 20, journal=journal, watched=asked.append)
    assert asked == [] and journal.stat().st_size - length < length / 10
    assert_same(first, again)


def test_an_interrupted_study_says_what_it_found_and_goes_on(several, tmp_path):
    journal = tmp_path / "study.journal"

    def stop(count):
        if count == 25:
            raise KeyboardInterrupt

    assert 0 < evolved(several, 60, journal=journal, watched=stop).feasible <= 25
    asked = []
    found = evolved(several, 60, journal=journal, watched=asked.append)
    assert asked == sorted(asked) and {*asked} - {25} == {*range(26, 61)} and found.feasible <= 60


def test_a_study_is_of_one_seed(several, tmp_path):
    evolved(several, 5, journal=tmp_path / "study.journal", seed=3)
    with pytest.raises(ArchcostError, match="is of seed 3; go on with --seed 3"):
        evolved(several, 9, journal=tmp_path / "study.journal", seed=9)


def test_only_what_keeps_to_the_limits_counts_as_a_trial(several):
    rare = {"macs": 20 * M}
    found = evolved(several, 40, limits=rare)
    assert found.distinct > found.feasible > 0
    assert evolved(several, 40, limits={"macs": 1}).candidates is None  # and where none does, it ends


def test_two_studies_resumed_alike_are_alike(several, tmp_path):
    found = []
    for name in "ab":
        evolved(several, 10, journal=tmp_path / name)
        found.append(evolved(several, 20, journal=tmp_path / name))
    assert_same(*found)


def test_resuming_tries_something_new(several, tmp_path):
    journal = tmp_path / "study.journal"
    before = evolved(several, 20, journal=journal)
    after = evolved(several, 40, journal=journal)
    whole = evolved(several, 40)
    assert after.distinct - before.distinct > 0.8 * (whole.distinct - before.distinct)


def test_a_space_where_nothing_fits(several):
    found = evolved(several, 15, limits={"macs": 1000})
    assert (found.candidates, found.feasible) == (None, 0) and found.distinct > 0
    assert found.extremes["macs"].macs[0] > 1000


def test_a_space_where_nothing_exists():
    text = "name: x\ninput: [3, 9, 9]\nlayers: [{conv: {out: 4, kernel: 9, padding: valid}}]"
    none = Space.of("x", documents.parse(text), ["1", "2"], ["4", "5"], {})
    found = evolved([none], 10, ("macs",))
    assert (found.candidates, found.distinct, found.extremes) == (None, 0, {})


def test_one_variant():
    found = evolved([space("mobilenetv1", "0.5", "128")], 5)
    assert (found.distinct, found.feasible) == (1, 1)


def test_accuracies_that_nobody_knows_do_not_stop_it():
    text = "name: x\ninput: [3, 8, 8]\nlayers: [{conv: {out: 8, kernel: 3}}, global_avg_pool]"
    one = Space.of("x", documents.parse(text), ["1", "2", "3"], ["8", "9"], {})
    assert evolved([one], 10).feasible > 0


def test_parameters_of_text_and_flags_are_chosen(several):
    text = """
name: x
input: [3, 8, 8]
parameters: {kind: {default: a, choices: [a, b]}, bias: {default: false, choices: [false, true]}}
blocks: {a: [{conv: {out: 8, kernel: 3, bias: $bias}}], b: [{conv: {out: 4, kernel: 1, bias: $bias}}]}
layers: [$kind]
"""
    one = Space.of("x", documents.parse(text), ["1"], ["8"], {"kind": ["a", "b"], "bias": ["true", "false"]})
    found = evolved([one], 40, ("macs", "params"))
    assert found.distinct == 4 and found.candidates.params[0] == min(found.candidates.params)


DAMAGES = {
    "text": lambda content: b"not a journal\n" * 5,
    "binary": lambda content: bytes(range(256)) * 20,
    "another file": lambda content: b'{"a": 1}\n{"b": 2}\n',
    "a list": lambda content: b"[1, 2]\n[3]\n",
    "a line garbled": lambda content: content.replace(b'"op_code"', b'"op_c\xff\xfede"', 5),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_journal_is_an_error_that_names_it_and_stays(several, tmp_path, damage):
    journal = tmp_path / "study.journal"
    evolved(several, 10, journal=journal)
    journal.write_bytes(DAMAGES[damage](journal.read_bytes()))
    broken = journal.read_bytes()
    with pytest.raises(ArchcostError, match=r"study\.journal: .*(damaged|no study)"):
        evolved(several, 20, journal=journal)
    assert journal.read_bytes() == broken


def test_a_journal_cut_off_in_its_last_line_is_gone_on_from(several, tmp_path):
    """As a full disk, or a machine that loses its power, leaves it."""
    journal = tmp_path / "study.journal"
    evolved(several, 10, journal=journal)
    journal.write_bytes(journal.read_bytes()[:-7])
    assert evolved(several, 15, journal=journal).distinct > 0


def test_a_journal_of_another_space_is_not_taken_for_this_one(several, tmp_path):
    journal = tmp_path / "study.journal"
    evolved(several[:1], 10, journal=journal)
    other = [space("mobilenetv1", "0.9,1", "224")]
    with pytest.raises(ArchcostError, match=r"study\.journal"):
        evolved(other, 20, journal=journal)


def test_a_journal_of_other_objectives_is_not_taken_for_these(several, tmp_path):
    journal = tmp_path / "study.journal"
    evolved(several, 10, ("accuracy", "macs", "params"), journal=journal)
    with pytest.raises(ArchcostError, match=r"study\.journal"):
        evolved(several, 20, ("accuracy", "macs"), journal=journal)


def test_a_journal_that_cannot_be_written(several, tmp_path):
    with pytest.raises(ArchcostError, match=str(tmp_path)):
        evolved(several, 5, journal=tmp_path)


def test_an_unknown_sampler(several):
    with pytest.raises(ArchcostError, match="did you mean `nsga2`"):
        evolved(several, 5, sampler="nsga")


def test_without_optuna_it_says_what_it_needs(several, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ArchcostError, match=r"needs Optuna: pip install 'archcost\[search\]'"):
        evolved(several, 5)


def test_spaces_too_large_are_evolved(several, monkeypatch):
    monkeypatch.setattr(answers, "LARGEST", 100)
    found = answer(question(several, macs=300 * M), trials=30, seed=1)
    assert not found.exact and found.candidates.macs[found.winner] <= 300 * M
    assert answer(question([space("mobilenetv1", "0.5", "128:224:16")], macs=300 * M)).exact
