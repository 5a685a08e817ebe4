"""The worked example of a search that trains: one evaluation as a search runs it, with little training."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path

import pytest

from archcost.accuracy.evaluator import Evaluator
from archcost.api import load
from archcost.graph import build
from archcost.latency.store import Store
from archcost.spec.settings import settle

FOLDER = Path(__file__).parents[1] / "examples" / "digits"
SPEC = FOLDER / "digits.yaml"
pytestmark = pytest.mark.skipif(os.name == "nt", reason="the command is of a POSIX shell")


def test_the_spec_s_space_is_what_its_readme_says():
    model = load(SPEC)
    space = model.document.space
    assert {name: len(values) for name, values in space.items()} == {"alpha": 4, "resolution": 3, "depth": 3}
    macs = model.sweep("0.25,0.5,0.75,1", "8,12,16", parameters={"depth": [0, 1, 2]}).columns["macs"]
    assert len(macs) == 36 and (macs <= 60_000).sum() == 22
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert "22 of its 36 variants" in readme and "'{parameters}'" in readme


def test_one_evaluation_from_spec_to_accuracy(tmp_path):
    pytest.importorskip("sklearn")
    document = load(SPEC).document
    words = [sys.executable, str(FOLDER / "train.py"), "{spec}", "{alpha}", "{resolution}", "{parameters}"]
    command = shlex.join([*words, "--epochs", "2"])
    network = build(document, settle(document, "1", None, "8", {"depth": "2"}))
    with Store(tmp_path / "store.db") as store:
        found = Evaluator(command, store, 120).evaluate(network)
    assert found.status == "ok", found.reason
    assert found.accuracy > 70  # of ten digits a guess would have ten percent
    assert json.loads(found.answer)["macs"] == load(SPEC).analyze(1, resolution=8, parameters={"depth": 2}).macs
