"""Every spec against independent implementations: MACs, trainable parameters, parameters with running statistics.

To the unit. `figures/golden_costs.csv` names the witness of each row: Keras Applications and torchvision, and for
GoogLeNet the paper's own table, counted by hand.
"""

import csv
from pathlib import Path

import pytest

import archcost
from archcost.spec import zoo

TABLE = Path(__file__).parent / "figures" / "golden_costs.csv"
GOLDEN = list(csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines()))


def name(row):
    """A row's settings, as the command line takes them: `efficientnet_b0@alpha=1.1,resolution=260,depth=1.2`."""
    extra = "," + row["parameters"] if row["parameters"] else ""
    return f"{row['spec']}@alpha={row['alpha']},resolution={row['resolution']}{extra}"


@pytest.mark.parametrize("row", GOLDEN, ids=name)
def test_costs_equal_the_witness(row):
    found = archcost.load(name(row)).analyze()
    assert found.macs == int(row["macs"])
    assert found.params == int(row["params"])
    assert found.params + found.buffers == int(row["params_with_buffers"])


def test_every_spec_of_the_zoo_has_a_witness():
    assert {row["spec"] for row in GOLDEN} == set(zoo.names())


@pytest.mark.parametrize("spec", zoo.names())
def test_default_settings_have_a_witness(spec):
    """α = 1, the paper's own resolution, no parameter changed: what `archcost analyze NAME` prints."""
    height, width = archcost.load(spec).analyze().network.input_shape[1:]
    assert height == width
    assert any(
        (row["spec"], float(row["alpha"]), int(row["resolution"]), row["parameters"]) == (spec, 1, height, "")
        for row in GOLDEN
    )


def test_every_figure_names_its_source():
    assert all(row["source"] for row in GOLDEN)


@pytest.mark.parametrize("spec", sorted({row["spec"] for row in GOLDEN if not row["parameters"]}))
def test_one_batch_gives_every_golden_row(spec):
    """The same figures from one analysis over arrays of α and resolution."""
    import numpy as np

    rows = [row for row in GOLDEN if row["spec"] == spec and not row["parameters"]]
    alpha = np.array([float(row["alpha"]) for row in rows])
    size = np.array([int(row["resolution"]) for row in rows])
    found = archcost.load(spec).analyze(alpha=alpha, resolution=size)
    assert list(np.broadcast_to(found.macs, len(rows))) == [int(row["macs"]) for row in rows]
    assert list(np.broadcast_to(found.params, len(rows))) == [int(row["params"]) for row in rows]
