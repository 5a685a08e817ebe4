"""Calibrating: what a fit finds again, its intervals, the profile as a file, `calibrate` on whatever it is given."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import random

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from archcost.errors import ArchcostError
from archcost.latency import calibration, correction, evidence
from archcost.latency import profile as profiles
from archcost.latency.correction import FEATURES, Correction, Term
from archcost.latency.fit import GENERIC, PARALLEL, fit
from archcost.latency.formula import Parallel, Rates
from archcost.latency.kernels import layer_kernel
from archcost.latency.points import read_layers, read_points
from archcost.latency.prediction import Predictor
from archcost.latency.profile import Fit, HeldOut, Profile
from archcost.latency.samples import networks, single_kernels
from archcost.spec import zoo
from archcost.spec.document import read
from archcost.spec.settings import settle

HEADER = "spec,alpha,resolution,batch,latency_ms\n"
LAYERS = "batch,in_channels,out_channels,kernel,input_size,stride,padding,milliseconds\n"
PHONE = Rates(3e-4, 2e-5, 2e10, 4e10, 1.5e9, 2e10, 4e9, 7e10, 1.3)
FIVE = [(1.0, 224), (1.0, 128), (0.25, 224), (0.25, 128), (0.5, 192)]
GRID = [(alpha, size) for alpha in (0.25, 0.5, 0.75, 1.0) for size in (128, 160, 192, 224)]
TIMES = [50.0, 20.0, 6.0, 3.0, 14.0]
ROWS = [f"mobilenetv1,{a},{size},1,{ms}" for (a, size), ms in zip(FIVE, TIMES, strict=True)]


def csv_of(rows, header=HEADER):
    return header + "".join(f"{row}\n" for row in rows)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The folder of the user's own profiles; not made yet."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "archcost" / "devices"


@pytest.fixture
def write(tmp_path):
    def write(content, name="points.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def variants(chosen, spec="mobilenetv1", batches=1):
    """Samples of (α, resolution) pairs."""
    document = read(zoo.find(spec))
    alphas, sizes = (np.array(column) for column in zip(*chosen, strict=True))
    several = np.broadcast_to(batches, len(chosen))
    return networks(document, settle(document, alphas, resolution=sizes), several, 4, "fused")


def profile_of(made):
    return Profile("phone", "", "", True, {"float32": made})


def fitted(write, rows, **chosen):
    return calibration.fitted(evidence.of_points(read_points(write(csv_of(rows)), measured=True, **chosen), "float32"))


def predicted(made, chosen, spec="mobilenetv1"):
    """Seconds by the fit, of (α, resolution) pairs at batch 1."""
    document, predictor = read(zoo.find(spec)), Predictor(profile_of(made))
    alphas, sizes = (np.array(column) for column in zip(*chosen, strict=True))
    return np.asarray(predictor.variants(document, settle(document, alphas, resolution=sizes)).seconds)


def point_rows(chosen, seconds, spec="mobilenetv1"):
    return [f"{spec},{a},{size},1,{1e3 * t!r}" for (a, size), t in zip(chosen, map(float, seconds), strict=True)]


# What a fit finds again


@settings(max_examples=12, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=8, max_size=8), st.floats(1e9, 1e13), st.integers(0, 2**32 - 1))
def test_times_by_known_rates_are_predicted_for_held_out_variants(deviations, speed, seed):
    """Rates within a standard deviation of the prior, 12 of V1's 16 variants: the other 4 within 2 %."""
    priors = GENERIC.priors.values()
    logs = [math.log(speed), *(mean + d * spread for d, (mean, spread) in zip(deviations, priors, strict=True))]
    truth = GENERIC.rates(logs, 4)
    corners = [(alpha, size) for alpha in (0.25, 1.0) for size in (128, 224)]
    inner = [variant for variant in GRID if variant not in corners]
    random.Random(seed).shuffle(inner)
    seen, unseen = variants(corners + inner[:8]), variants(inner[8:])
    found = fit(GENERIC, seen, seen.seconds(truth))
    assert unseen.seconds(found) == pytest.approx(unseen.seconds(truth), rel=0.02)


def test_five_points_of_a_usual_device_predict_the_other_eleven(write):
    """Of rates at the prior's mean nothing but the speed is to be found."""
    truth = GENERIC.rates([math.log(3e10), *(mean for mean, _ in GENERIC.priors.values())], 4)
    others = [variant for variant in GRID if variant not in FIVE]
    made = fitted(write, point_rows(FIVE, variants(FIVE).seconds(truth)))
    assert predicted(made, others) == pytest.approx(variants(others).seconds(truth), rel=1e-3)
    assert made.fusion == "fused" and made.rows == 5 and made.families == ("mobilenetv1",)
    assert made.held_out[0].error < 0.001 and made.held_out[0].method == "leave one out"


@settings(max_examples=10, deadline=None)
@given(st.floats(1e-2, 1e2), st.lists(st.floats(0.8, 1.25), min_size=5, max_size=5))
def test_times_scaled_scale_predictions(factor, noise):
    samples = variants(FIVE)
    times = samples.seconds(PHONE) * noise
    others = variants(GRID)
    plain, scaled = (others.seconds(fit(GENERIC, samples, times * by)) for by in (1.0, factor))
    assert scaled == pytest.approx(plain * factor, rel=1e-3)


def test_an_outlier_moves_a_fit_little():
    samples = variants(GRID)
    times = samples.seconds(PHONE)
    wrong = times.copy()
    wrong[5] *= 10
    rest = np.arange(len(times)) != 5
    found = samples.seconds(fit(GENERIC, samples, wrong))
    assert found[rest] == pytest.approx(times[rest], rel=0.05)


def random_layers(count, seed):
    rng = random.Random(seed)
    shapes = set()
    while len(shapes) < count:
        edge, size = rng.choice([1, 3, 5]), rng.choice([7, 14, 28, 56])
        channels = [rng.choice([16, 32, 48, 64, 96, 128, 256, 512]) for _ in range(2)]
        shapes.add((rng.choice([1, 8, 32]), *channels, edge, size, rng.choice([1, 2]), edge // 2))
    return [",".join(map(str, shape)) for shape in sorted(shapes)]


def test_single_layers_of_a_known_processor_are_predicted(write):
    """Made by the form with waves: it is chosen over the plain one, and 40 unseen layers come out right."""
    rows = random_layers(160, 1)
    random.Random(2).shuffle(rows)
    truth = PARALLEL.rates([math.log(5e12), *(mean for mean, _ in PARALLEL.priors.values())], 4)
    shapes = read_layers(write(csv_of([f"{row},1" for row in rows], LAYERS))).shapes
    times = single_kernels([layer_kernel(shape) for shape in shapes], 4).seconds(truth)
    text = csv_of([f"{row},{1e3 * float(t)!r}" for row, t in zip(rows[:120], times[:120], strict=True)], LAYERS)
    made = calibration.fitted(evidence.of_layers(read_layers(write(text), measured=True), "float32"))
    assert made.rates.parallel is not None and made.correction is not None
    assert made.families == ("single layers",) and made.rows == 120 and made.held_out[0].method == "10-fold"
    found = Predictor(profile_of(made)).single(shapes[120:])
    assert np.abs(found.seconds / times[120:] - 1).mean() < 0.03


def test_the_corrections_residuals_are_those_of_leaving_one_out():
    """The closed form against refits, with some penalty of the ones tried."""
    rng = np.random.default_rng(4)
    values = {name: rng.normal(size=70) for name in FEATURES}
    error = 0.3 + 0.2 * values["rows"] - 0.1 * values["waste"] + 0.05 * rng.normal(size=70)
    found, residual = correction.fit(values, error)
    table = np.stack([values[name] for name in FEATURES], axis=1)
    scaled = (table - table.mean(axis=0)) / table.std(axis=0)
    design = np.hstack([np.ones((70, 1)), scaled])

    def left_out(penalty):
        ridge = np.diag([0.0] + [penalty] * len(FEATURES))
        for i in range(70):
            rest = np.arange(70) != i
            solution = np.linalg.solve(design[rest].T @ design[rest] + ridge, design[rest].T @ error[rest])
            yield error[i] - design[i] @ solution

    refits = [np.array(list(left_out(penalty))) for penalty in np.logspace(-2, 4, 19)]
    best = min(refits, key=lambda each: np.abs(each).mean())
    assert residual == pytest.approx(best, rel=1e-6, abs=1e-9)
    assert found.terms["rows"].coefficient == pytest.approx(0.2, abs=0.03)
    assert found.terms["rows"].highest == values["rows"].max()


def test_features_that_never_vary_have_no_term():
    rng = np.random.default_rng(4)
    values = {name: np.ones(70) for name in FEATURES} | {"depth": rng.normal(size=70)}
    found, _ = correction.fit(values, 1 + 0.5 * values["depth"])
    assert list(found.terms) == ["depth"]
    assert found.terms["depth"].coefficient == pytest.approx(0.5, rel=0.01)


def test_the_interval_holds_80_percent_of_noisy_rows(write):
    rng = np.random.default_rng(6)
    chosen = [(round(a, 3), int(size)) for a, size in zip(rng.uniform(0.25, 1, 240), rng.integers(128, 225, 240))]  # noqa: B905
    noisy = variants(chosen).seconds(PHONE) * np.exp(0.1 * rng.normal(size=240))
    made = fitted(write, point_rows(chosen[:80], noisy[:80]))
    held = np.abs(np.log(noisy[80:] / predicted(made, chosen[80:]))) <= made.inside
    assert 0.7 <= held.mean() <= 0.9
    assert made.outside > made.inside


def test_two_families_say_what_each_predicts_of_the_other(write):
    rows = point_rows(GRID, variants(GRID).seconds(PHONE))
    rows += point_rows(FIVE, variants(FIVE, "mobilenetv2").seconds(PHONE), "mobilenetv2")
    made = fitted(write, rows)
    assert made.families == ("mobilenetv1", "mobilenetv2") and made.outside >= made.inside
    told = [(held.family, held.rows, held.method) for held in made.held_out]
    assert told == [
        ("mobilenetv1", 16, "leave one out"),
        ("mobilenetv2", 5, "leave one out"),
        ("mobilenetv1", 16, "leave the family out"),
        ("mobilenetv2", 5, "leave the family out"),
    ]


# Rows for the same point


def test_repeated_points_count_as_their_mean(write, run, home):
    rows = [f"mobilenetv1,{a},{size},1,{ms * by}" for (a, size), ms in zip(FIVE, TIMES, strict=True) for by in (1, 2)]
    mean = [f"mobilenetv1,{a},{size},1,{1.5 * ms}" for (a, size), ms in zip(FIVE, TIMES, strict=True)]
    texts = []
    for these in (rows, mean):
        made = run("calibrate", "--name", "a", "--from", write(csv_of(these)))
        assert made.exit_code == 0, made.stderr
        texts.append((home / "a.yaml").read_text(encoding="utf-8"))
    assert texts[0] == texts[1]


def test_repeated_layers_count_as_their_mean(write):
    rows = random_layers(6, 3)
    twice = [f"{row},{ms}" for row in rows for ms in (1, 3)]
    fits = [
        calibration.fitted(evidence.of_layers(read_layers(write(csv_of(these, LAYERS)), measured=True), "float32"))
        for these in (twice, [f"{row},2" for row in rows])
    ]
    assert fits[0] == fits[1] and fits[0].rows == 6


# The profile as a file

FULL = Profile(
    "card",
    "a card, 80 units",
    "convolutions.csv, where = x",
    True,
    {
        "float32": Fit(
            dataclasses.replace(PHONE, parallel=Parallel(80.0, 0.5, 60.0, 0.9, 1.2, 1.5, 4e11, 5e-6)),
            "none",
            Correction(0.2, {"rows": Term(0.03, 2.0, 12.0)}),
            0.1,
            0.3,
            ("mobilenetv1", "single layers"),
            {"macs": (1e7, 6e8), "bytes": (3e6, 5e7), "batch": (1.0, 32.0)},
            16,
            (HeldOut("mobilenetv1", 16, 0.03, "leave one out"),),
            4e-6,
        ),
        "float16": Fit(PHONE),
    },
    "archcost calibrate",
)
six_digits = st.floats(1e-12, 1e15).map(lambda number: float(f"{number:.6g}"))
texts = st.text(st.characters(exclude_categories=["Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"]), max_size=30)


@settings(max_examples=12, deadline=None)
@given(st.lists(six_digits, min_size=9, max_size=9), texts, texts, st.none() | six_digits, st.integers(0, 10**9))
def test_a_profile_comes_back_from_its_text(tmp_path_factory, rates, description, family, inside, rows):
    made = Fit(Rates(*rates), "fused", None, inside, inside, (family,), {"macs": (1.0, rates[0])}, rows)
    profile = Profile("x", description, family, False, {"float32": made, **FULL.fits})
    path = tmp_path_factory.getbasetemp() / "profile.yaml"
    path.write_bytes(profiles.text(profile).encode())
    assert profiles.read(path) == profile
    assert profiles.text(profiles.read(path)) == profiles.text(profile)


def content():
    return yaml.safe_load(profiles.text(FULL))


def places(value, path=()):
    """Every field and entry of a file, as the keys that lead to it."""
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, key)
        if isinstance(each, (dict, list)):
            yield from places(each, (*path, key))


def changed(path, value):
    whole = copy.deepcopy(content())
    target = whole
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return whole


def refusal(write, whole):
    path = write(yaml.safe_dump(whole, sort_keys=False), "profile.yaml")
    with pytest.raises(ArchcostError) as caught:
        profiles.read(path)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value)


def value_at(path):
    found = content()
    for key in path:
        found = found[key]
    return found


EVERY = [path for path in places(content()) if path != ("version",) and value_at(path) is not None]


@pytest.mark.parametrize("path", EVERY, ids=lambda path: ".".join(map(str, path)))
def test_a_field_of_the_wrong_kind_is_named(write, path):
    present = value_at(path)
    wrong = "text" if isinstance(present, (dict, list)) else ["a", "list"]
    assert f"`profile.{'.'.join(map(str, path))}`" in refusal(write, changed(path, wrong))


NUMBERS = [path for path in EVERY if isinstance(value_at(path), float)]


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf, "5e9", True], ids=str)
@pytest.mark.parametrize("path", [("fits", "float32", "rates", "overlap"), NUMBERS[-1]], ids=".".join)
def test_what_is_no_number_is_named(write, path, wrong):
    assert f"`profile.{'.'.join(map(str, path))}`" in refusal(write, changed(path, wrong))


RATES = [path for path in NUMBERS if "rates" in path]


POSITIVE = [path for path in RATES if not path[-1].endswith("_seconds")]  # a datasheet knows no overhead


@pytest.mark.parametrize(
    ("path", "wrong"), [(path, -1.0) for path in RATES] + [(path, 0) for path in POSITIVE], ids=str
)
def test_rates_are_positive(write, path, wrong):
    assert f"`profile.{'.'.join(path)}`" in refusal(write, changed(path, wrong))


NEEDED = [("name",), ("source",), ("calibrated",), ("fits",), ("fits", "float32", "rates")]
NEEDED += [path for path in RATES if path[-1] != "uncached"]


@pytest.mark.parametrize("path", NEEDED, ids=".".join)
def test_a_missing_field_is_named(write, path):
    whole = content()
    target = whole
    for key in path[:-1]:
        target = target[key]
    del target[path[-1]]
    said = refusal(write, whole)
    assert f"`{path[-1]}`" in said and f"`{'.'.join(('profile', *path[:-1]))}`" in said


def test_an_unknown_field_is_named_with_the_nearest(write):
    said = refusal(write, changed(("fits", "float32", "rates", "overlapp"), 1.0))
    assert "`overlapp`" in said and "did you mean `overlap`?" in said


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "- a\n",
        "version: 2\nname: x\n",
        "a: [",
        "a: \x01",
        "!!python/object/apply:os.system [ls]",
        "[" * 9999,
    ],
)
def test_what_is_no_profile(write, text):
    path = write(text, "profile.yaml")
    with pytest.raises(ArchcostError, match=r"profile\.yaml: is (not YAML|no device profile)"):
        profiles.read(path)


FLOAT32 = ("fits", "float32")
ABSURD = [
    (("fits",), {}),
    (("fits", "float7"), None),
    ((*FLOAT32, "fusion"), "banana"),
    ((*FLOAT32, "ranges", "macs"), [1.0]),
    ((*FLOAT32, "ranges", "macs"), [5.0, 1.0]),
    ((*FLOAT32, "ranges", "mac"), [1.0, 2.0]),
    ((*FLOAT32, "inside"), -1.0),
    ((*FLOAT32, "rows"), True),
    ((*FLOAT32, "rows"), -3),
    ((*FLOAT32, "rates", "overlap"), 0.5),
    ((*FLOAT32, "rates", "macs_per_second"), 10**400),
    ((*FLOAT32, "correction", "terms", "zz"), {"coefficient": 1.0, "lowest": 0.0, "highest": 1.0}),
]


@pytest.mark.parametrize(("path", "wrong"), ABSURD, ids=str)
def test_a_value_that_cannot_be_is_named(write, path, wrong):
    if path == ("fits", "float7"):
        wrong = value_at(FLOAT32)
    assert path[-1] in refusal(write, changed(path, wrong)).rpartition("profile.yaml: ")[2]


def test_all_wrong_fields_are_named_in_one_go(write):
    whole = changed(("name",), 3) | {"source": 4}
    said = refusal(write, whole)
    assert "`profile.name`" in said and "`profile.source`" in said


# The command


def calibrated(run, path, *words):
    result = run("calibrate", "--name", "mine", "--from", path, *words)
    assert result.exit_code == 0, result.output
    return result


def test_a_profile_lands_in_the_users_folder_and_is_listed(run, home, write):
    result = calibrated(run, write(csv_of(ROWS)), "--description", "my phone")
    assert not result.stderr
    assert str(home / "mine.yaml") in result.stdout and "fitted on 5 rows" in result.stdout
    made = profiles.find("mine")
    assert made.name == "mine" and made.calibrated and made.source.startswith("points.csv")
    (held,) = made.fits["float32"].held_out
    listed = {row["name"]: row for row in json.loads(run("devices", "--format", "json").stdout)}
    mine = listed["mine"]
    assert (mine["rows"], mine["description"], mine["dtype"]) == (5, "my phone", "float32")
    assert mine["held_out"] == [{"family": "mobilenetv1", "rows": 5, "error": held.error, "method": "leave one out"}]
    table = run("devices")
    (line,) = [line for line in table.stdout.splitlines() if line.startswith("mine ")]
    assert f"{100 * held.error:.1f} %" in line and "my phone" in line


def test_output_to_a_file_or_to_the_terminal_leaves_the_folder_alone(run, home, write, tmp_path):
    path, out = write(csv_of(ROWS)), tmp_path / "mine.yaml"
    calibrated(run, path, "-o", out)
    shown = calibrated(run, path, "-o", "-").stdout
    assert profiles.read(out).name == "mine"
    assert yaml.safe_load(shown)["fits"] == yaml.safe_load(out.read_text(encoding="utf-8"))["fits"]
    assert not home.exists()


def test_where_takes_only_its_rows(run, home, write):
    header = HEADER.replace("latency_ms", "latency_ms,runtime")
    rows = [f"{row},fast one" for row in ROWS] + [f"{row}0,slow" for row in ROWS]  # ten times the time
    path = write(csv_of(rows, header))
    calibrated(run, path, "--where", "runtime=fast one")
    chosen = profiles.find("mine")
    assert "runtime = fast one" in chosen.source
    calibrated(run, write(csv_of(ROWS), "plain.csv"))
    assert profiles.find("mine").fits == chosen.fits
    mixed = calibrated(run, path)
    assert "warning: `runtime` differs between rows (fast one, slow)" in mixed.stderr


def test_faster_than_any_processor_is_a_warning(run, home, write):
    """A graphics card's seconds under a heading of milliseconds."""
    rows = [f"vgg16,1,{size},32,{1e-5 * size**2 / 224**2}" for size in (96, 128, 160, 192, 224)]
    result = calibrated(run, write(csv_of(rows)))
    assert "warning: " in result.stderr and "seconds, not milliseconds?" in result.stderr
    assert (home / "mine.yaml").exists()


def test_a_phones_seconds_are_a_warning(run, home, write):
    """0.000003 s a network of 28 kernels: none runs one in so little."""
    rows = [f"mobilenetv1,{a},{size},1,{ms / 1000}" for (a, size), ms in zip(FIVE, TIMES, strict=True)]
    assert "seconds, not milliseconds?" in calibrated(run, write(csv_of(rows))).stderr


def test_times_too_small_for_any_rate_are_no_traceback(run, home, write):
    rows = [f"mobilenetv1,{a},{size},1,{ms}e-300" for (a, size), ms in zip(FIVE, TIMES, strict=True)]
    assert run("calibrate", "--name", "mine", "--from", write(csv_of(rows))).exit_code in (0, 2)


def test_slower_than_any_processor_is_a_warning(run, home, write):
    result = calibrated(run, write(csv_of([f"{row.rsplit(',', 1)[0]},{i + 1}e9" for i, row in enumerate(ROWS)])))
    assert "microseconds, not milliseconds?" in result.stderr


REFUSED = [
    ("missing columns", "spec,alpha\nmobilenetv1,1\n", [], [":1: needs the columns", "batch, latency_ms missing"]),
    ("no rows", HEADER, [], [":1: has no rows"]),
    ("empty", "", [], [":1: the file is empty"]),
    ("text", csv_of([*ROWS, "mobilenetv1,1,160,1,fast"]), [], [':7: latency_ms must be a positive number, not "fast"']),
    ("NaN", csv_of([*ROWS, "mobilenetv1,1,160,1,nan"]), [], [':7: latency_ms must be a positive number, not "nan"']),
    ("infinite", csv_of([*ROWS, "mobilenetv1,1,160,1,inf"]), [], [":7: latency_ms must be a positive number"]),
    ("zero", csv_of([*ROWS, "mobilenetv1,1,160,1,0"]), [], [':7: latency_ms must be a positive number, not "0"']),
    ("negative", csv_of([*ROWS, "mobilenetv1,1,160,1,-3"]), [], [':7: latency_ms must be a positive number, not "-3"']),
    ("no time", csv_of([*ROWS, "mobilenetv1,1,160,1,"]), [], [":7: latency_ms is missing"]),
    (
        "all at once",
        csv_of(["mobilenetv1,x,160,1,5", "mobilenetv1,1,160,1.5,5", "mobilenetv1,1,160,1,-1", "mobilnetv1,1,160,1,5"]),
        [],
        [":2: alpha", ":3: batch", ":4: latency_ms", ":5: unknown spec `mobilnetv1`; did you mean `mobilenetv1`?"],
    ),
    ("one point", csv_of(ROWS[:1]), [], ["at least 5 different points, here 1; measure more"]),
    ("four points", csv_of(ROWS[:4]), [], ["at least 5 different points, here 4; measure more"]),
    ("all alike", csv_of(ROWS[:1] * 9), [], ["at least 5 different points, here 1, 8 of 9 rows repeat others"]),
    ("alike in other words", csv_of(["mobilenetv1,1,224,1,5", "mobilenetv1,1.0,224x224,1,6"] * 3), [], ["here 1,"]),
    ("unknown column", csv_of(ROWS), ["--where", "runtim=x"], ["unknown column `runtim`"]),
    ("no such rows", csv_of(ROWS), ["--where", "batch=7"], ['no row has batch "7"; there are "1"']),
    ("half a condition", csv_of(ROWS), ["--where", "batch"], ["write name=value"]),
    ("binary", b"\x89PNG\r\n\x1a\n\xff\x00", [], ["not UTF-8"]),
    ("nul bytes", b"\x00\x01\x02\n\x00", [], [":1: "]),
    ("open quote", HEADER + 'mobilenetv1,1,"224,1,5\n', [], [":2: not CSV"]),
    ("semicolons", csv_of(ROWS).replace(",", ";"), [], ["separate columns by commas"]),
    ("both sources", csv_of(ROWS), ["--from-layers", "x.csv"], ["give "]),
    ("slash", csv_of(ROWS), ["--name", "a/b"], ["--name: `a/b` is no name for a file"]),
    ("up", csv_of(ROWS), ["--name", ".."], ["--name: `..` is no name for a file"]),
    ("no name", csv_of(ROWS), ["--name", ""], ["is no name for a file"]),
    ("option as name", csv_of(ROWS), ["--name", "-x"], ["`-x` is no name for a file"]),
]


@pytest.mark.parametrize(("content", "words", "fragments"), [case[1:] for case in REFUSED], ids=[c[0] for c in REFUSED])
def test_refused(run, home, write, content, words, fragments):
    """Exit code 2, a message, and nothing written."""
    result = run("calibrate", "--name", "mine", "--from", write(content), *words)
    assert result.exit_code == 2, result.output
    assert not result.stdout and not home.exists()
    for fragment in fragments:
        assert fragment in result.stderr, result.stderr


def test_a_refusal_leaves_the_earlier_profile(run, home, write):
    calibrated(run, write(csv_of(ROWS)))
    before = (home / "mine.yaml").read_bytes()
    assert run("calibrate", "--name", "mine", "--from", write(csv_of(ROWS[:3]))).exit_code == 2
    assert (home / "mine.yaml").read_bytes() == before


def test_no_source_and_no_file(run, home, tmp_path):
    neither = run("calibrate", "--name", "mine")
    assert neither.exit_code == 2 and "--from" in neither.stderr
    missing = run("calibrate", "--name", "mine", "--from", tmp_path / "none.csv")
    assert missing.exit_code == 2 and "none.csv: no such file" in missing.stderr
    folder = run("calibrate", "--name", "mine", "--from", tmp_path)
    assert folder.exit_code == 2 and "is a directory" in folder.stderr


def test_layers_that_are_wrong(run, home, write):
    rows = ["1,8,8,3,8,1,1,2", "1,8,8,3,8,0,1,2", "1,8,8,x,8,1,1,2", "1,8,8,9,4,1,0,2", "1,8,8,3,8,1,1,nan"]
    result = run("calibrate", "--name", "mine", "--from-layers", write(csv_of(rows, LAYERS)))
    assert result.exit_code == 2 and not home.exists()
    for fragment in (":3: stride", ":4: kernel", ":5: ", ":6: milliseconds must be a positive number"):
        assert fragment in result.stderr, result.stderr
    few = run("calibrate", "--name", "mine", "--from-layers", write(csv_of(rows[:1] * 5, LAYERS)))
    assert few.exit_code == 2 and "at least 5 different layers, here 1, 4 of 5 rows repeat others" in few.stderr


def test_a_folder_that_cannot_be_made(run, home, write, tmp_path):
    (tmp_path / "data").write_text("a file in the way", encoding="utf-8")
    result = run("calibrate", "--name", "mine", "--from", write(csv_of(ROWS)))
    assert result.exit_code == 2 and "name a file with -o" in result.stderr


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_a_cost_of_the_run_that_one_network_cannot_show_widens_the_interval_of_others(write, share):
    """Every variant of MobileNetV1 has as many kernels, so whose the overhead is only another network tells."""
    own = dataclasses.replace(PHONE, network_seconds=1e-6, kernel_seconds=1e-8, uncached=2.0)
    made = {}
    for spec, alphas in (("mobilenetv1", (0.25, 0.5, 0.75, 1)), ("mobilenetv2", (0.5, 1))):
        rows = [f"{spec},{alpha},{size},1,1" for alpha in alphas for size in (128, 160, 192, 224)]
        points = read_points(write(csv_of(rows)), measured=True)
        made[spec] = evidence.of_points(points, "float32")
    times = made["mobilenetv1"].samples["fused"].seconds(own)
    true = dataclasses.replace(own, network_seconds=share / (1 - share) * times.max() + 1e-6)
    first, second = (each.samples["fused"] for each in made.values())
    fit = calibration.fitted(dataclasses.replace(made["mobilenetv1"], seconds=first.seconds(true)))
    assert (fit.rival is not None) == bool(share)
    if fit.rival:
        found = [second.seconds(rates) for rates in (fit.rates, fit.rival)]
        width = math.exp(fit.outside)
        assert (second.seconds(true) >= min(found[0].min(), found[1].min()) / width).all()
        assert (np.minimum(*found) / width <= second.seconds(true)).all()
        assert (second.seconds(true) <= np.maximum(*found) * width).all()
        assert abs(found[0] / found[1] - 1).max() > 0.2
