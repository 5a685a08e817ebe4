"""Validation agrees on the zoo, and finds a single unit of difference."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

import archcost
from archcost.cli.main import main
from archcost.cost import Amount, Cost
from archcost.ops.convolution import Convolution
from archcost.ops.normalization import BatchNorm
from archcost.spec import zoo

LIGHT = ("mobilenetv1", "mobilenetv3_small", "shufflenet_v2_x1_0", "squeezenet1_1", "vit_b_16")


@pytest.mark.parametrize("name", zoo.names())
def test_zoo_at_other_settings(name):
    found = archcost.validate(name, alpha=0.5, resolution=112 if name == "vit_b_16" else 127)
    assert found.ok, found.differences[:3]
    assert found.compared > 100


@pytest.mark.parametrize("name", LIGHT)
def test_zoo_at_its_own_settings(name):
    assert archcost.validate(name).ok


def test_attention_is_named_as_unseen_and_still_checked():
    found = archcost.validate("vit_b_16", resolution=32)
    assert len(found.unseen) == 12 and found.ok


def off_by_one(monkeypatch, operator: type, term: str) -> None:
    before = operator.cost

    def cost(self, x, y):
        found = before(self, x, y)
        return found + Cost(**{term: Amount.product(1)})

    monkeypatch.setattr(operator, "cost", cost)


@pytest.mark.parametrize(
    ("operator", "term", "layer"),
    [(Convolution, "macs", "conv_bn_relu.conv"), (BatchNorm, "buffers", "conv_bn_relu.batch_norm")],
)
def test_one_unit_is_an_error(monkeypatch, operator, term, layer):
    off_by_one(monkeypatch, operator, term)
    result = CliRunner().invoke(main, ["validate", "mobilenetv1", "--resolution", "32", "--format", "json"])
    assert result.exit_code == 1
    (data,) = json.loads(result.stdout)
    assert layer in {difference["layer"] for difference in data["differences"]}


def test_text_names_the_layer(monkeypatch):
    off_by_one(monkeypatch, Convolution, "macs")
    result = CliRunner().invoke(main, ["validate", "mobilenetv1", "--resolution", "32"])
    assert result.exit_code == 1
    assert "conv_bn_relu.conv: conv: archcost 221,185, fvcore 221,184" in result.stdout


def test_without_a_spec_it_says_what_to_give():
    result = CliRunner().invoke(main, ["validate"])
    assert result.exit_code == 2 and "--all" in result.stderr
