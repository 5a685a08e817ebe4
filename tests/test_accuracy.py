"""Published accuracies, the surface through them, and a user's own table: each figure has a source, none is made up."""

from __future__ import annotations

import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archcost.accuracy import model, published, surface, table
from archcost.dims import Ratio
from archcost.errors import ArchcostError
from archcost.graph import build
from archcost.latency.table import TableError
from archcost.spec import document as documents
from archcost.spec import zoo
from archcost.spec.settings import settle


def load(name):
    return documents.read(zoo.find(name))


def known(name, dtype="float32", recipe=None):
    return model.of(load(name), dtype, recipe)


def arrays(points):
    return [np.array(each, float) for each in zip(*((p.alpha, p.resolution[0], p.top1) for p in points), strict=True)]


V1, V1_INT8, V2 = (
    known("mobilenetv1"),
    known("mobilenetv1", "int8"),
    known("mobilenetv2"),
)
FITTED = [V1, V1_INT8, V2]
NAMES = ["V1", "V1 int8", "V2"]
REACHED = list(zip(FITTED, (0.25, 0.65, 0.65), strict=True))


# The tables


def shown(point):
    return f"{point.spec}-{point.alpha}-{point.resolution[0]}-{point.dtype}-{point.recipe}"


@pytest.mark.parametrize("file", sorted(published.FOLDER.glob("*.csv")), ids=lambda file: file.stem)
def test_every_row_is_a_network_of_the_zoo_with_a_source(file):
    for point in published.read(file):
        assert point.spec in zoo.names(), shown(point)
        spec = load(point.spec)
        chosen = settle(spec, point.alpha, None, point.resolution, point.parameters)
        assert build(spec, chosen).layers
        assert re.search(r"https://\S+|arXiv:\d{4}\.\d{5}( \(final version\))?, Table", point.source), shown(point)
        assert point.dtype in ("float32", "int8") and point.recipe
        assert 35 < point.top1 < 90, shown(point)
        assert point.top5 is None or point.top1 < point.top5 < 100


def test_no_network_has_two_figures_of_one_recipe():
    keys = [
        (p.spec, p.alpha, p.resolution, tuple(sorted(p.parameters.items())), p.dtype, p.recipe)
        for p in published.everything()
    ]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("spec", "dtype", "recipe", "count"),
    [
        ("mobilenetv1", "float32", "tf-slim", 16),
        ("mobilenetv1", "int8", "tf-slim", 16),
        ("mobilenetv2", "float32", "tf-slim", 22),
        ("mobilenetv3_large", "float32", "paper", 10),
        ("mobilenetv3_small", "float32", "paper", 9),
        ("efficientnet_b0", "float32", "torchvision IMAGENET1K_V1", 8),
    ],
)
def test_a_familys_recipe_is_that_with_the_most_points(spec, dtype, recipe, count):
    found = known(spec, dtype)
    assert (found.recipe, len(found.points)) == (recipe, count)
    assert {point.recipe for point in found.points} == {recipe}
    assert recipe in found.statement and f"{count} points" in found.statement


@pytest.mark.parametrize(
    ("spec", "recipe", "top1"),
    [
        ("mobilenetv1", "paper", 70.6),
        ("googlenet", "as quoted in arXiv:1704.04861", 69.8),
        ("vgg16", "as quoted in arXiv:1704.04861", 71.5),
        ("xception", "keras", 79.0),
        ("vgg16", "keras", 71.3),
        ("vgg19", "keras", 71.3),
        ("resnet50", "keras", 74.9),
        ("resnet101", "keras", 76.4),
        ("inceptionv3", "keras", 77.9),
        ("mobilenetv1", "keras", 70.4),
        ("resnet50_v1_5", "torchvision IMAGENET1K_V1", 76.13),
        ("resnet50_v1_5", "torchvision IMAGENET1K_V2", 80.858),
    ],
)
def test_the_articles_tables_and_torchvisions_recipes(spec, recipe, top1):
    found = known(spec, recipe=recipe)
    point = found.at(settle(load(spec)))
    assert (point.top1, point.recipe) == (top1, recipe)
    assert found.settings(settle(load(spec))).published == top1


def test_an_unknown_recipe_names_the_known():
    with pytest.raises(ArchcostError, match="unknown recipe `tf-slin`; did you mean `tf-slim`"):
        known("mobilenetv1", recipe="tf-slin")
    with pytest.raises(ArchcostError, match="nothing is published in int8"):
        known("resnet18", "int8", "paper")


def test_only_the_zoos_own_networks_have_published_figures(tmp_path):
    text = zoo.find("mobilenetv1").read_text()
    copy = tmp_path / "copy.yaml"
    copy.write_text(text)
    assert len(model.of(documents.read(copy)).points) == 16
    copy.write_text(text.replace("input:", "# the author's own words\ninput:"))
    assert len(model.of(documents.read(copy)).points) == 16
    wider = text.replace("{out: 32, stride: 2}", "{out: 48, stride: 2}")
    assert wider != text
    copy.write_text(wider)
    other = model.of(documents.read(copy))
    assert other.points == [] and other.statement == "mobilenetv1: no accuracy is known"
    assert np.isnan(other.estimate([0.5, 1], 224).value).all()


# The surface


def refitted(alpha, resolution, percent, at, form):
    """A quadratic by NumPy's own least squares: the oracle."""

    def terms(a, r):
        u, v = np.log(a), np.log(r / 200)
        return np.stack([u**0, u, v, u * u, u * v, v * v], axis=1)

    there, back = (
        (lambda y: y, lambda z: z)
        if form == surface.PERCENT
        else (lambda y: np.log(100 - y), lambda z: 100 - np.exp(z))
    )
    weights = np.linalg.lstsq(terms(alpha, resolution), there(percent), rcond=None)[0]
    return back(terms(*at) @ weights)


@pytest.mark.parametrize(("found", "reached"), REACHED, ids=NAMES)
def test_leave_one_out_error(found, reached):
    """As stated, it is that of refitting without each point in turn."""
    (fitted,) = found.surfaces
    alpha, resolution, percent = arrays(found.points)
    errors = {}
    for form in surface.FORMS:
        missed = []
        for i in range(len(percent)):
            kept = np.arange(len(percent)) != i
            at = alpha[[i]], resolution[[i]]
            missed.append(refitted(alpha[kept], resolution[kept], percent[kept], at, form)[0] - percent[i])
        errors[form] = np.sqrt(np.mean(np.square(missed)))
    assert fitted.error == pytest.approx(min(errors.values())) and fitted.form == min(errors, key=errors.get)
    assert fitted.error <= reached
    value, _, _, outside = fitted(alpha, resolution)
    assert value == pytest.approx(refitted(alpha, resolution, percent, (alpha, resolution), fitted.form))
    assert not outside.any()


def left_out(found, groups):
    """Of each point: the estimate by a surface fitted without its group, form included, less what is published."""
    alpha, resolution, percent = arrays(found.points)
    missed, covered = np.empty(len(percent)), np.empty(len(percent), bool)
    for group in np.unique(groups(alpha, resolution)):
        out = groups(alpha, resolution) == group
        value, low, high, _ = surface.fit(alpha[~out], resolution[~out], percent[~out])(alpha[out], resolution[out])
        missed[out], covered[out] = value - percent[out], (low <= percent[out]) & (percent[out] <= high)
    return np.sqrt(np.mean(missed**2)), covered.mean()


@pytest.mark.parametrize(("found", "reached"), REACHED, ids=NAMES)
def test_left_out_points_with_the_form_chosen_without_them(found, reached):
    error, covered = left_out(found, lambda alpha, resolution: np.arange(len(alpha)))
    assert error <= reached
    assert covered >= 0.8


def test_a_whole_width_left_out():
    error, covered = left_out(V1, lambda alpha, resolution: alpha)
    assert error <= 0.35
    assert covered >= 0.8


@pytest.mark.parametrize("found", FITTED, ids=NAMES)
def test_accuracy_rises_with_width_and_resolution(found):
    """Everywhere inside the published range, and outside wherever there is an estimate."""
    (fitted,) = found.surfaces
    alphas = np.geomspace(fitted.alphas[0] / 2, fitted.alphas[1] * 2, 300)[:, None]
    sizes = np.geomspace(fitted.resolutions[0] / 2, fitted.resolutions[1] * 2, 300)[None]
    value, low, high, outside = fitted(alphas, sizes)
    assert not np.isnan(value[~outside]).any() and (~outside).sum() > 10_000
    for axis in (0, 1):
        steps = np.diff(value, axis=axis)
        assert (steps[~np.isnan(steps)] > 0).all()
    there = ~np.isnan(value)
    assert (low[there] <= value[there]).all() and (value[there] <= high[there]).all()
    assert low[there].min() >= 0 and high[there].max() <= 100


def test_intervals_widen_outside():
    for alphas in ([0.25, 0.2, 0.15, 0.125], [1, 1.2, 1.4, 1.6]):
        found = V1.estimate(alphas, 192)
        width = found.high - found.low
        assert found.outside.tolist() == [False, True, True, True]
        assert width[0] < 1 and (np.diff(width) > 0).all() and width[-1] > 1.5 * width[0]


@pytest.mark.parametrize(("alpha", "size"), [(2.01, 224), (0.124, 224), (1, 449), (1, 63), (0, 224), (-1, 224), (1, 0)])
def test_far_outside_nothing_is_known(alpha, size):
    assert np.isnan(V1.surfaces[0](alpha, size)[:3]).all() and V1.surfaces[0](alpha, size)[3]
    found = V1.estimate(alpha, size)
    assert np.isnan([found.value, found.low, found.high, found.published]).all() and found.outside


@given(st.floats(0.2, 1.1), st.floats(100, 260))
def test_outside_is_outside_the_published_range(alpha, size):
    """MobileNetV1's checkpoints are a full grid, whose hull is a rectangle."""
    within = 0.25 <= alpha <= 1 and 128 <= size <= 224
    edge = min(abs(alpha - 0.25), abs(alpha - 1), abs(size - 128), abs(size - 224)) < 1e-6
    assert edge or V1.surfaces[0](alpha, size)[3] == (not within)


def test_wide_networks_at_low_resolution_are_outside_for_v2():
    """Its two widest were published at 224 only."""
    found = V2.estimate([1.0, 1.4, 1.4], [96, 96, 224])
    assert found.outside.tolist() == [False, True, False]


numbers = st.lists(st.integers(20, 200).map(lambda n: n / 100), min_size=1, max_size=4)
sizes = st.lists(st.integers(60, 460), min_size=1, max_size=4)


@settings(max_examples=50)
@given(numbers, sizes)
def test_a_grid_is_its_single_models(alphas, resolutions):
    grid = V1.estimate(np.array(alphas)[:, None], np.array(resolutions)[None])
    assert grid.value.shape == (len(alphas), len(resolutions))
    for (i, alpha), (j, size) in itertools.product(enumerate(alphas), enumerate(resolutions)):
        one = V1.estimate(alpha, (size, size))
        for name in ("value", "low", "high", "published", "outside"):
            assert getattr(one, name) == pytest.approx(getattr(grid, name)[i, j], nan_ok=True)


def test_more_rows_than_one_chunk():
    alphas = np.linspace(0.25, 1, 3 * surface.CHUNK + 5)
    whole, last = V1.estimate(alphas, 200), V1.estimate(alphas[-7:], 200)
    assert whole.value[-7:] == pytest.approx(last.value) and (np.diff(whole.value) > 0).all()


@pytest.mark.parametrize("found", FITTED, ids=NAMES)
def test_a_published_point_has_its_figure_beside_the_surface(found):
    alpha, resolution, percent = arrays(found.points)
    estimate = found.estimate(alpha, resolution)
    assert estimate.published.tolist() == percent.tolist()
    assert (estimate.value != percent).all() and abs(estimate.value - percent).max() < 1.5
    assert np.isnan(found.estimate(alpha + 0.001, resolution).published).all()


def test_widths_are_found_however_they_are_written():
    fractions = Ratio(np.array([[1], [2], [3], [4]]), 4)
    resolutions = np.array([[128, 160, 192, 224]])
    found = V1.estimate(fractions, (resolutions, resolutions))
    assert found.published.shape == (4, 4) and not np.isnan(found.published).any()
    summed = np.array([0.1 + 0.2 + 0.05])  # not the number that 0.35 is
    assert summed[0] != 0.35 and V2.estimate(summed, 224).published == 60.3


def test_oblong_inputs_are_between_and_outside():
    found = V1.estimate(1, (192, 224))
    assert V1.estimate(1, 192).value < found.value < V1.estimate(1, 224).value
    assert found.outside and np.isnan(found.published)


@pytest.mark.parametrize(
    ("alpha", "size", "percent"),
    [
        ([1, 0.5], [224, 224], [70, 60]),
        ([0.5] * 16, np.arange(128, 288, 10), np.linspace(50, 70, 16)),  # one width
        ([0.5, 1] * 8, np.repeat(np.arange(100, 260, 20), 2), np.linspace(50, 70, 16)),  # two, for a quadratic
        (np.geomspace(0.25, 1, 16), np.geomspace(128, 224, 16), np.linspace(50, 70, 16)),
        (np.repeat([0.25, 0.5, 1], 6), np.tile(np.arange(128, 248, 20), 3), [70.0] * 18),  # no better than the mean
        ([*np.repeat([0.5, 1], 8), 0.2], [*np.tile(np.arange(100, 260, 20), 2), 200], np.linspace(50, 70, 17)),
    ],
    ids=["two points", "one width", "two widths", "a line", "constant", "a width with one point"],
)
def test_points_that_carry_no_surface(alpha, size, percent):
    alpha, size, percent = (np.asarray(each, float) for each in (alpha, size, percent))
    assert surface.fit(alpha, size, percent) is None


def test_noise_carries_no_surface():
    alpha, resolution, _ = arrays(V1.points)
    fits = [surface.fit(alpha, resolution, np.random.default_rng(seed).uniform(40, 70, 16)) for seed in range(30)]
    assert sum(found is None for found in fits) > 20


@given(st.lists(st.floats(0, 100), min_size=16, max_size=16))
def test_whatever_is_fitted_stays_a_percentage(percent):
    alpha, resolution, _ = arrays(V1.points)
    found = surface.fit(alpha, resolution, np.array(percent))
    if found is not None:
        value, low, high, outside = found(np.linspace(0.1, 2.2, 40)[:, None], np.linspace(60, 460, 40)[None])
        there = ~np.isnan(value)
        assert there[~outside].all()
        assert (low[there] >= 0).all() and (low <= value)[there].all() and (value <= high)[there].all()
        assert (high[there] <= 100).all()


# Parameters, and points without a surface


def test_another_depth_is_unknown_unless_published():
    assert np.isnan(V1.estimate([0.5, 1], 224, {"depth": 0}).value).all()
    paper = known("mobilenetv1", recipe="paper")
    depths = paper.estimate(1, 224, {"depth": np.array([0, 1, 5])})
    assert depths.value.tolist() == pytest.approx([65.3, math.nan, 70.6], nan_ok=True)
    for end in (depths.low, depths.high):
        assert end == pytest.approx(depths.value, nan_ok=True)
    kinds = paper.estimate(1, 224, {"conv": np.array(["separable", "conv_bn_relu"])})
    assert kinds.value.tolist() == [70.6, 71.7]
    mixed = V1.estimate(np.array([[0.3], [1]]), 224, {"depth": np.array([5, 4, 0])})
    assert np.isnan(mixed.value).tolist() == [[False, True, True]] * 2
    assert not mixed.outside.any()


def test_single_points_are_all_that_is_known():
    found = known("mobilenetv3_large")
    assert found.surfaces == []
    grid = found.estimate(np.array([[0.75], [0.8], [1.0]]), np.array([[128, 192, 224]]))
    expected = [[math.nan, math.nan, 73.3], [math.nan] * 3, [68.4, 73.7, 75.2]]
    assert grid.value == pytest.approx(np.array(expected), nan_ok=True)
    assert grid.value == pytest.approx(grid.published, nan_ok=True) and not grid.outside.any()


def test_compound_scaling_is_a_point_for_each_depth():
    found = known("efficientnet_b0")
    spec = load("efficientnet_b0")
    b3 = settle(spec, "1.2", None, 300, {"depth": "1.4"})
    assert found.settings(b3).value == 82.008 and "B3" in found.at(b3).source
    assert np.isnan(found.settings(settle(spec, "1.2", None, 300)).value)
    assert found.at(settle(spec, "1.2", None, 300)) is None


# A user's table


def write(tmp_path, text):
    path = tmp_path / "accuracy.csv"
    path.write_text(text)
    return path


def test_a_table_of_exact_matches(tmp_path):
    path = write(
        tmp_path,
        "spec,alpha,resolution,accuracy,depth\n"
        "mobilenetv1,0.5,160,81.5,\n"
        "mobilenetv1,1,,88,3\n"
        "mobilenetv1@depth=1,1,224,85,\n"
        "mobilenetv2,,160x192,90.25,\n",
    )
    found = table.read(path)
    assert found.warnings == []
    one = found.of(load("mobilenetv1"))
    assert one.surfaces == [] and one.recipe == str(path) and "3 points" in one.statement
    assert one.estimate([0.5, 0.51], 160).value == pytest.approx(np.array([81.5, math.nan]), nan_ok=True)
    deeper = one.estimate(1, 224, {"depth": np.array([1, 2, 3])}).value
    assert deeper == pytest.approx(np.array([85, math.nan, 88]), nan_ok=True)
    assert found.of(load("mobilenetv2")).estimate(1, (160, 192)).value == 90.25
    assert found.of(load("mobilenetv2")).estimate(1, (192, 160)).published != 90.25
    assert found.of(load("resnet18")).points == []


def test_a_table_with_enough_points_carries_a_surface(tmp_path):
    rows = [f"mobilenetv1,{p.alpha},{p.resolution[0]},{p.top1}" for p in V1.points]
    found = table.read(write(tmp_path, "spec,alpha,resolution,accuracy\n" + "\n".join(rows))).of(load("mobilenetv1"))
    assert found.estimate(0.6, 200).value == V1.estimate(0.6, 200).value
    assert found.surfaces[0].error == V1.surfaces[0].error
    fewer = table.read(write(tmp_path, "spec,alpha,resolution,accuracy\n" + "\n".join(rows[:11])))
    assert fewer.of(load("mobilenetv1")).surfaces == []


def test_a_table_of_a_users_own_spec(tmp_path):
    (tmp_path / "mine.yaml").write_text(zoo.find("mobilenetv1").read_text().replace("name: mobilenetv1", "name: mine"))
    found = table.read(write(tmp_path, "spec,alpha,resolution,accuracy\nmine.yaml,0.5,128,61\n"))
    assert found.of(documents.read(tmp_path / "mine.yaml")).estimate(0.5, 128).value == 61
    assert found.of(load("mobilenetv1")).points == []


def test_all_problems_of_a_table_at_once(tmp_path):
    path = write(
        tmp_path,
        "spec,alpha,resolution,accuracy,depth\n"
        "mobilenetv1,0.5,160,eighty,\n"
        "mobilenetv9,1,224,80,\n"
        "mobilenetv1,-1,224,80,\n"
        "mobilenetv1,1,0,80,\n"
        "mobilenetv1,1,224,80,9\n"
        "mobilenetv1@depth=2,1,224,80,3\n"
        "mobilenetv1,1,224,101,\n"
        "mobilenetv1,1,192,80,\n"
        "mobilenetv1,1.0,192,80,5\n"
        "mobilenetv1,1.00,192x192,81,\n"
        ",1,192,80,\n"
        "mobilenetv1,1,192,nan,\n",
    )
    with pytest.raises(TableError) as caught:
        table.read(path)
    lines = str(caught.value).replace(f"{path}:", "").split("\n")
    expected = [
        '2: accuracy must be a percentage from 0 to 100, not "eighty"',
        "3: unknown spec `mobilenetv9`",
        "4: alpha must be greater than 0",
        "5: resolution must lie between 1 and",
        "6: depth takes 0, 1, 2, 3, 4, 5; not 9",
        "7: depth is set twice",
        '8: accuracy must be a percentage from 0 to 100, not "101"',
        "11: 81 for the network that has 80 in line 9; keep one",
        "12: spec is missing",
        '13: accuracy must be a percentage from 0 to 100, not "nan"',
    ]
    assert len(lines) == len(expected)
    for line, start in zip(lines, expected, strict=True):
        assert line.startswith(start)


def test_what_a_user_may_not_have_meant(tmp_path):
    path = write(tmp_path, "spec,alpha,resolution,accuracy,dept\nmobilenetv1,1,224,0.7,3\nmobilenetv1,0.5,224,0.6,\n")
    ignored, shares = table.read(path).warnings
    assert "no spec here has a parameter `dept`; ignored" in ignored
    assert "every accuracy is below 1" in shares


@pytest.mark.parametrize("text", ["", "spec,alpha\nmobilenetv1,1\n", "spec,alpha,resolution,accuracy\n", "\0", '"'])
def test_what_is_no_table(tmp_path, text):
    with pytest.raises(ArchcostError, match=r"accuracy\.csv"):
        table.read(write(tmp_path, text))


@given(st.text(st.sampled_from("mobilenetv1@,=.5x\n\"'9-é "), max_size=80))
def test_any_text_is_a_table_or_problems(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("any") / "accuracy.csv"
    path.write_text("spec,alpha,resolution,accuracy\n" + text, encoding="utf-8")
    try:
        assert table.read(path).points
    except ArchcostError as error:
        assert "accuracy.csv" in str(error)


def test_estimating_needs_no_torch(run):
    import subprocess
    import sys

    code = (
        "import sys; from archcost.accuracy import evaluator, model, table; from archcost.spec import document, zoo; "
        "model.of(document.read(zoo.find('mobilenetv1'))).estimate(1, 224); print('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
