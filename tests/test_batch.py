"""Batches: every row is the single model, whatever form the settings come in and however rows are taken together."""

from __future__ import annotations

import numpy as np
import pytest

import archcost
from archcost.analysis import rows
from archcost.api import Model
from archcost.spec import document, zoo

FIGURES = ("macs", "params", "buffers", "activation_bytes", "peak_activation_bytes", "receptive_field", "longest_path")


def model(text: str) -> Model:
    return Model(document.parse(text), {})


def assert_rows_are_single(found: Model, settings: list[dict]) -> None:
    """The batch of these settings against each of them alone; rows that cannot exist are masked."""
    keys = [key for key in ("alpha", "resolution") if key in settings[0]]
    parameters = {
        name: np.array([row["parameters"][name] for row in settings]) for name in settings[0].get("parameters", {})
    }
    batch = found.analyze(**{key: np.array([row[key] for row in settings]) for key in keys}, parameters=parameters)
    for i, row in enumerate(settings):
        try:
            one = found.analyze(**row)
        except archcost.ArchcostError:
            assert not batch.feasible[i] and batch.macs.mask[i]
            continue
        assert np.broadcast_to(batch.feasible, len(settings))[i]
        for name in FIGURES:
            assert getattr(batch, name)[i] == getattr(one, name), (name, row)


@pytest.mark.parametrize("name", zoo.names())
def test_rows_of_the_zoo_are_single_models(name):
    rng = np.random.default_rng(7)
    sizes = rng.integers(2, 16, 6) * 16
    alphas = [0.35, 1.0, *rng.uniform(0.1, 2, 4)]
    settings = [{"alpha": float(a), "resolution": int(r)} for a, r in zip(alphas, sizes, strict=True)]
    assert_rows_are_single(archcost.load(name), settings)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_alpha_means_its_decimal_in_every_precision(dtype):
    found = archcost.load("mobilenetv1")
    alphas = np.array([0.25, 0.35, 0.5, 1], dtype=dtype)
    expected = [found.analyze(alpha=alpha).macs for alpha in ("0.25", "0.35", "0.5", "1")]
    assert found.analyze(alpha=alphas).macs.tolist() == expected
    assert found.analyze(alpha=list(alphas)).macs.tolist() == expected
    sizes = np.array([160, 224, 128, 96], dtype=dtype)
    assert found.analyze(resolution=sizes).macs[1] == 568_740_352


def test_zero_dimensional_and_plain_values_are_one_model():
    found = archcost.load("mobilenetv1")
    for alpha in (0.5, "0.5", np.float32(0.5), np.array(0.5)):
        assert found.analyze(alpha=alpha, batch=np.int64(1)).macs == 149_497_088


@pytest.mark.parametrize("chunk", [5, 2**15])
def test_rows_that_cannot_share_are_costed_in_chunks(monkeypatch, chunk):
    """More distinct sizes and widths than rows: every row is computed for itself."""
    monkeypatch.setattr(rows, "CHUNK", chunk)
    monkeypatch.setattr("archcost.analysis.distinct._FEW", 1)
    rng = np.random.default_rng(3)
    alphas, sizes = rng.uniform(0.1, 4, 23), rng.integers(32, 4096, 23)
    found = archcost.load("mobilenetv2")
    batch = found.analyze(alpha=alphas, resolution=sizes)
    for i, (alpha, size) in enumerate(zip(alphas, sizes, strict=True)):
        one = found.analyze(alpha=float(alpha), resolution=int(size))
        assert [getattr(batch, name)[i] for name in FIGURES] == [getattr(one, name) for name in FIGURES]


def test_a_structure_of_small_images_only_keeps_its_own_widths():
    """The largest model has no layer of 77 channels: α must still tell the small ones apart by it."""
    found = model(
        """
name: x
input: [3, 64, 64]
layers:
  - conv: {out: 2, kernel: 3}
  - conv: {out: 77, kernel: 3, when: height() < 32}
  - conv: {out: 3, kernel: 1, when: channels() > 40}
"""
    )
    alphas = [1, 1.01, 1.02, 0.5, 0.51, 0.52, 0.53]
    assert_rows_are_single(found, [{"alpha": a, "resolution": r} for a in alphas for r in (16, 64)])


def test_what_cannot_be_built_is_masked_and_the_others_stay():
    found = model(
        """
name: x
input: [3, 16, 16]
parameters: {n: 1, k: 3, where: {default: wide, choices: [wide, flat]}}
blocks:
  wide: [{conv: {out: 8, kernel: 3, stride: 2, padding: valid}}]
  flat: [global_avg_pool]
layers:
  - {$where: , repeat: $n}
  - conv: {out: 7, kernel: $k, padding: valid}
"""
    )
    settings = [{"parameters": {"n": n, "k": k}} for n in range(5) for k in (1, 3)]
    assert_rows_are_single(found, settings)
    assert found.analyze(parameters={"where": ["wide", "flat"]}).feasible.tolist() == [True, False]
    with pytest.raises(archcost.SpecError, match=r"channels, height, width"):
        found.analyze(parameters={"where": ["flat", "flat"]})


def test_choices_hold_in_a_batch():
    found = archcost.load("mobilenetv1")
    assert found.analyze(parameters={"depth": np.array([0, 7, 5])}).feasible.tolist() == [True, False, True]
    depths = np.array([1, 1.1, 1.3, 3.1])
    assert archcost.load("efficientnet_b0").analyze(parameters={"depth": depths}).feasible.tolist() == [
        True,
        True,
        False,
        True,
    ]


def test_flags_and_names_can_vary():
    found = archcost.load("mobilenetv1").analyze(parameters={"conv": np.array(["separable", "conv_bn_relu"])})
    assert found.macs.tolist() == [568_740_352, 4_867_293_184]
    gated = model(
        """
name: x
input: [3, 8, 8]
parameters: {bias: false}
layers:
  - conv: {out: 4, kernel: 3, bias: $bias}
"""
    )
    assert gated.analyze(parameters={"bias": np.array([True, False])}).params.tolist() == [112, 108]


@pytest.mark.parametrize(
    ("given", "count"),
    [
        ({"alpha": 0.5}, 1),
        ({"alpha": "0.25:1:0.25", "parameters": {"depth": 5}}, 4),
        ({"alpha": np.array([[0.5], [1.0]]), "resolution": 160}, 2),
        ({"alpha": (0.5, 1), "parameters": {"conv": "separable,conv_bn_relu"}}, 4),
    ],
)
def test_sweeps_take_one_value_a_list_or_a_range(given, count):
    assert len(archcost.load("mobilenetv1").sweep(**given).columns["macs"]) == count


def test_a_batch_shows_its_rows_in_a_notebook():
    shown = archcost.analyze("mobilenetv1", alpha=[0.5, 1])._repr_html_()
    assert "149497088" in shown and "568740352" in shown


UNET = """
name: x
input: [3, 64, 64]
layers:
  - conv: {out: 8, kernel: 3, name: e1}
  - conv: {out: 16, kernel: 3, stride: 2, name: e2}
  - conv: {out: 32, kernel: 3, stride: 2}
  - resize: {factor: 2, name: u2}
  - concat: {from: [u2, e2]}
  - conv: {out: 16, kernel: 3}
  - resize: {factor: 2, name: u1}
  - concat: {from: [u1, e1]}
  - conv: {out: 8, kernel: 3}
"""
GROWING = """
name: x
input: [3, 8, 8]
parameters: {n: 1}
layers:
  - {conv: {out: 8, kernel: 3, stride: 2}, repeat: $n}
"""
SHRINKING = """
name: x
input: [3, 8, 8]
parameters: {n: 1}
layers:
  - conv: {out: 8, kernel: 3}
  - {conv_transpose: {out: 8, kernel: 2, stride: 2}, repeat: $n}
"""


def test_a_batch_of_upsampling_networks():
    sizes = [64, 65, 128]
    assert_rows_are_single(model(UNET), [{"alpha": a, "resolution": r} for a in (0.5, 1) for r in sizes if r % 4 == 0])


def test_figures_of_mixed_structures_keep_their_kind():
    assert model(SHRINKING).analyze(parameters={"n": np.array([0, 1, 2])}).stride.tolist() == [1, 0.5, 0.25]
    assert model(GROWING).analyze(parameters={"n": np.array([1, 62, 70])}).receptive_field.tolist() == [3, None, None]
    assert model(GROWING).analyze(resolution=np.array([8, 9]), parameters={"n": 70}).stride.tolist() == [None, None]


def test_fractions_of_two_settings_multiply():
    found = model("name: x\ninput: [3, 8, 8]\nparameters: {k: 1}\nlayers:\n  - conv: {out: 8 * $k, kernel: 3}\n")
    assert_rows_are_single(found, [{"alpha": a, "parameters": {"k": k}} for a in (0.35, 1.0) for k in (0.5, 1.25)])


def test_rows_in_any_order():
    """Rows are never judged by the structure of a model that is none of them."""
    found = model(
        """
name: x
input: [3, 64, 64]
layers:
  - conv: {out: 16, kernel: 3, name: x, when: height(input) + width(input) < 100}
  - relu: {when: height(input) + width(input) < 100, repeat: channels(x) - 10}
  - conv: {out: 4, kernel: 3, scale: fixed}
"""
    )
    one = found.analyze(resolution=(90, 5)).macs
    for order in ([0, 1], [1, 0]):
        alphas, heights, widths = (np.array(values)[order] for values in ([1, 0.5], [90, 5], [5, 90]))
        batch = found.analyze(alpha=alphas, resolution=(heights, widths))
        assert batch.macs[order.index(0)] == one and not batch.feasible[order.index(1)]


@pytest.mark.parametrize("size", [50_000, 100_000, 200_000, 300_000, 400_000, 600_000, 800_000, 1_000_000])
def test_near_the_end_of_64_bits_a_batch_is_exact_or_refused(size):
    found = archcost.load("mobilenetv1")
    try:
        batch = found.analyze(alpha=np.array([1.0, 30.0]), resolution=np.array([size, size]))
        figures = [batch.flops.tolist(), batch.weight_bytes.tolist(), batch.peak_activation_bytes.tolist()]
    except archcost.ArchcostError as error:
        assert "one model at a time" in str(error)
        return
    singles = [found.analyze(alpha=alpha, resolution=size) for alpha in (1, 30)]
    assert figures == [
        [getattr(s, name) for s in singles] for name in ("flops", "weight_bytes", "peak_activation_bytes")
    ]
