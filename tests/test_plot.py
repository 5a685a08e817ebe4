"""`archcost plot`: what its sources mean, where labels stand, the same bytes each time, and clear failures."""

import csv
import itertools
import json
import math
from pathlib import Path

import matplotlib
import matplotlib.text
import numpy as np
import pytest
from click.testing import CliRunner

from archcost.cli.main import main
from archcost.errors import ArchcostError
from archcost.reports import pareto
from archcost.reports.plots import series, style
from archcost.reports.plots.sources import Reader, result

ROOT = Path(__file__).parents[1]
PIXEL3 = str(ROOT / "reports/latency/pixel3.csv")
RK3399 = str(ROOT / "reports/latency/rk3399.csv")
MALI = {"runtime": "ArmNN v19.08 (OpenCL)"}
KERAS = ("keras", "as quoted in arXiv:1704.04861")


def run(*words: str) -> tuple[int, str]:
    found = CliRunner().invoke(main, ["plot", *words], catch_exceptions=False)
    return found.exit_code, found.output


def row(alpha, size, accuracy, macs, **more):
    given = {"spec": "mobilenetv1", "alpha": alpha, "resolution": [size, size], "parameters": {"depth": 5}}
    given |= {"macs": macs, "params": macs / 100, "weight_bytes": macs / 25, "peak_activation_bytes": 4_000_000}
    given |= {"accuracy": accuracy, "accuracy_low": accuracy - 0.4, "accuracy_high": accuracy + 0.3}
    return {**given, "published": None, "predicted_ms": macs / 1e8, "measured_ms": None, **more}


@pytest.fixture
def searched(tmp_path):
    front = [row(0.25 + 0.05 * i, 128 + 8 * i, 50 + 2 * i, 20_000_000 * (i + 1)) for i in range(10)]
    content = {"schema_version": 1, "specs": ["mobilenetv1"], "constraints": {"macs": 250e6}, "front": front}
    (tmp_path / "result.json").write_text(json.dumps({**content, "winner": front[-1]}))
    return tmp_path


def texts(figure):
    """Everything that is written in a figure, and the boxes of it, in pixels."""
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    unseen = set()  # ticks beyond the axes' ends, which matplotlib keeps and does not draw
    for axis in [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]:
        low, high = axis.get_view_interval()
        unseen |= {tick.label1 for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high}
    found = [t for t in figure.findobj(matplotlib.text.Text) if t.get_text().strip() and t.get_visible()]
    # An annotation's own extent includes the line that leads to it.
    return [(t, matplotlib.text.Text.get_window_extent(t, renderer)) for t in found if t not in unseen]


FIGURES = {
    "surface": (Reader(surface=True), ["mobilenetv1"], ["macs"]),
    "params": (Reader(surface=True), ["mobilenetv1"], ["params"]),
    "families": (Reader(), ["mobilenetv1", "mobilenetv2", "mobilenetv3_large", "mobilenetv3_small"], ["macs"]),
    "article": (
        Reader(recipes=KERAS),
        ["mobilenetv1", "googlenet", "vgg16", "vgg19", "resnet50", "xception"],
        ["macs"],
    ),
    "mali": (Reader(where=MALI), [RK3399], ["macs", "latency"]),
    "pixel": (Reader(where={"processor": "GPU"}), [PIXEL3], ["latency", "memory"]),
}


class TestPicture:
    @pytest.mark.parametrize("name", FIGURES)
    def test_no_text_overlaps_another_or_is_clipped(self, name):
        reader, sources, x = FIGURES[name]
        found = [each for source in sources for each in reader.read(source)]
        figure = pareto.draw(found, x, width=88 * len(x))
        shown = texts(figure)
        assert len(shown) > 12
        for text, box in shown:
            inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= figure.bbox.x1 + 1 and box.y1 <= figure.bbox.y1 + 1
            assert inside, text.get_text()
            assert text.get_fontsize() >= style.SMALL, text.get_text()
        for (one, first), (other, second) in itertools.combinations(shown, 2):
            across = min(first.x1, second.x1) - max(first.x0, second.x0)
            down = min(first.y1, second.y1) - max(first.y0, second.y0)
            assert min(across, down) <= 1, (one.get_text(), other.get_text())

    def test_a_search_too(self, searched):
        figure = pareto.draw(Reader().read(str(searched)), ["macs"])
        shown = texts(figure)
        assert {"winner", "limit", "80 % interval", "0.7, 200"} <= {text.get_text() for text, _ in shown}
        for (one, first), (other, second) in itertools.combinations(shown, 2):
            assert not first.overlaps(second), (one.get_text(), other.get_text())

    def test_a_winner_without_this_cost_is_left_out(self):
        front = [row(0.5, 160, 60, 10**8, predicted_ms=1), row(0.75, 160, 64, 2 * 10**8, predicted_ms=2)]
        found = result({"front": front, "winner": row(1, 224, 70, 4 * 10**8, predicted_ms=None)})
        labels = {text.get_text() for text, _ in texts(pareto.draw(found, ["latency"]))}
        assert {"0.5, 160", "0.75, 160", "Predicted latency (ms)"} <= labels and "1, 224" not in labels

    def test_a_winner_among_several_specs_is_named(self):
        front = [row(0.5, 160, 60, 10**8), row(1, 224, 72, 3 * 10**8, spec="mobilenetv2")]
        found = result({"front": front, "winner": front[1]})
        labels = {text.get_text() for text, _ in texts(pareto.draw(found, ["macs"]))}
        assert {"MobileNetV2", "MobileNetV1"} <= labels

    def test_every_point_of_the_front_is_labelled_where_there_is_room(self):
        figure = pareto.draw(Reader().read("mobilenetv1"), ["macs"])
        labels = {text.get_text() for text, _ in texts(figure)}
        assert {f"{alpha:g}, {size}" for alpha in (0.25, 0.75) for size in (128, 160, 192, 224)} <= labels

    def test_a_name_without_room_is_in_the_legend(self):
        crowd = [
            series.Series(
                f"crowded_{i}", {**series.empty(1), "macs": np.array([1e8]), "accuracy": np.array([70.0])}, [{}]
            )
            for i in range(40)
        ]
        figure = pareto.draw(crowd, ["macs"], height=160)
        written = [text.get_text() for text, _ in texts(figure)]
        assert sorted(t for t in written if t.startswith("crowded")) == sorted(each.spec for each in crowd)

    @pytest.mark.parametrize("form", ["png", "svg", "pdf"])
    def test_the_same_bytes_twice_whatever_the_users_style(self, form, tmp_path):
        first, second = (tmp_path / f"{name}.{form}" for name in "ab")
        assert run("mobilenetv1", "--surface", "-o", str(first))[0] == 0
        with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "savefig.bbox": "tight"}):
            assert run("mobilenetv1", "--surface", "-o", str(second))[0] == 0
        data = first.read_bytes()
        assert data == second.read_bytes()
        assert data.startswith({"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[form])
        assert len(data) < 200_000

    def test_width_and_dpi(self, tmp_path):
        file = tmp_path / "a.png"
        run("mobilenetv1", "--width", "127", "--dpi", "100", "-o", str(file))
        width = int.from_bytes(file.read_bytes()[16:20], "big")
        assert width == 500  # 5 inches


class TestTicks:
    @pytest.mark.parametrize(("low", "high"), [(116, 146), (1.05, 1.9), (5, 20), (4, 33), (8, 900), (0.4, 40000)])
    def test_some_and_not_too_many(self, low, high):
        axes = style.figure().subplots()
        axes.set(xscale="log", xlim=(low, high))
        style.plain_ticks(axes.xaxis, low, high)
        shown = [tick for tick in axes.xaxis.get_majorticklocs() if low <= tick <= high]
        assert 3 <= len(shown) <= 8
        assert not any("e" in axes.xaxis.get_major_formatter()(tick) for tick in shown)


class TestFront:
    def test_is_what_nothing_beats(self):
        found = [each for name in ("mobilenetv1", "mobilenetv2") for each in Reader().read(name)]
        points = [
            (each.columns["macs"][i], each.columns["accuracy"][i], bool(on[i]))
            for each, on in zip(found, pareto.front(found, "macs"), strict=True)
            for i in range(len(each))
        ]
        assert len(points) == 38
        for macs, accuracy, on in points:
            beaten = any(m <= macs and a >= accuracy and (m, a) != (macs, accuracy) for m, a, _ in points)
            assert on != beaten

    def test_the_line_is_the_best_for_at_most_so_much(self, searched):
        figure = pareto.draw(Reader().read(str(searched)), ["macs"])
        line = next(each for each in figure.axes[0].lines if each.get_drawstyle() == "steps-post")
        assert line.get_xdata()[:-1].tolist() == pytest.approx([20 * (i + 1) for i in range(10)])
        assert line.get_xdata()[-1] == figure.axes[0].get_xlim()[1] > 250  # past the limit
        assert line.get_ydata().tolist() == [*(50 + 2 * i for i in range(10)), 68]

    def test_rings_are_what_only_the_other_front_has(self):
        found = Reader(where={"processor": "GPU"}).read(PIXEL3)
        plot = pareto.draw(found, ["macs", "latency"])
        fronts = [np.concatenate(pareto.front(found, column)) for column in ("macs", "seconds")]
        for axes, here, there in zip(plot.axes, fronts, fronts[::-1], strict=True):
            rings = [line for line in axes.lines if line.get_markerfacecolor() == "none"]
            assert sum(len(line.get_xdata()) for line in rings) == (there & ~here).sum() > 0


class TestSources:
    def test_published_points_with_computed_costs(self):
        (found,) = Reader().read("mobilenetv1")
        rows = {found.text(i, found.varying): i for i in range(len(found))}
        assert found.columns["macs"][rows["1, 224"]] == 568_740_352
        assert found.columns["accuracy"][rows["0.5, 160"]] == 59.1
        assert found.published and found.title == "MobileNetV1"

    def test_recipes_in_the_order_given(self):
        reader = Reader(recipes=KERAS)
        assert reader.read("vgg16")[0].columns["accuracy"] == [71.3]
        assert reader.read("googlenet")[0].columns["accuracy"] == [69.8]

    def test_the_curves_pass_near_the_points(self):
        (found,) = Reader(surface=True).read("mobilenetv1")
        assert len(found.curves) == 4
        curve = found.curves[-1].columns
        assert curve["macs"][-1] == pytest.approx(568_740_352)
        assert curve["accuracy"][-1] == pytest.approx(70.9, abs=0.4)
        assert (np.diff(curve["macs"]) > 0).all()

    def test_a_searchs_result(self, searched):
        (found,) = Reader().read(str(searched))
        assert found.winner == 9 and found.limits == {"macs": 250e6} and found.measured is False
        assert found.columns["seconds"][0] == pytest.approx(20e6 / 1e8 * 1e-3)
        assert found.text(9, found.varying) == "0.7, 200"

    def test_what_a_search_writes(self, tmp_path):
        words = ["search", "mobilenetv1", "--budget", "100M", "--min-accuracy", "55", "--alpha", "0.25:1:0.25"]
        done = CliRunner().invoke(main, [*words, "--out", str(tmp_path)], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        (found,) = Reader().read(str(tmp_path))
        assert found.limits == {"macs": 100e6, "accuracy": 55}
        cheapest = np.nanargmin(found.columns["macs"])  # what --min-accuracy asks for
        assert found.winner == cheapest
        variants = zip(found.columns["alpha"], found.columns["height"], strict=True)
        assert len(set(variants)) == len(found) > 1
        assert found.notes and (found.columns["accuracy_high"] > found.columns["accuracy"]).any()
        assert [each.spec for each in Reader().read(str(tmp_path / "front.csv"))] == ["mobilenetv1"]

    def test_a_winner_that_is_not_on_the_front_is_shown(self):
        front = [row(0.5, 160, 60, 10**8, accuracy_low=None, accuracy_high=None)]
        (found,) = result({"front": front, "winner": row(1, 224, 59, 2 * 10**8, measured_ms=3.0)})
        assert len(found) == 2 and found.winner == 1 and math.isnan(found.columns["accuracy_low"][0])
        assert found.columns["seconds"] == pytest.approx([1e-3, 3e-3])

    def test_a_sweep_by_csv_and_by_json(self, tmp_path):
        words = ["mobilenetv1", "--alpha", "0.25:1:0.25", "--resolution", "128:224:32", "--set", "depth=0,5"]
        for form in ("csv", "json"):
            file = str(tmp_path / f"sweep.{form}")
            assert CliRunner().invoke(main, ["sweep", *words, "-o", file]).exit_code == 0
            (found,) = Reader(spec="mobilenetv1" if form == "csv" else None).read(file)
            known = ~np.isnan(found.columns["accuracy"])
            deep = np.array(["depth" not in each for each in found.parameters])
            assert len(found) == 32 and known.sum() == 16 and (known == deep).all()
            last = found.columns["accuracy"][-1], found.columns["macs"][-1]
            assert last == (pytest.approx(70.9, abs=0.4), 568_740_352)

    def test_measured_rows_of_one_network_are_averaged(self):
        (found, other) = Reader(where=MALI).read(RK3399)
        with Path(RK3399).open(newline="") as file:
            rows = [each for each in csv.DictReader(file) if each["runtime"] == MALI["runtime"]]
        own = [r for r in rows if (r["spec"], float(r["alpha"]), r["resolution"]) == ("mobilenetv1", 1, "224")]
        assert len(own) == 2
        place = [found.text(i, found.varying) for i in range(len(found))].index("1, 224")
        mean = sum(float(r["latency_ms"]) for r in own) / 2e3
        assert found.columns["seconds"][place] == pytest.approx(mean)
        assert (len(found), len(other)) == (16, 22) and found.measured


class TestFailures:
    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["mobilenetv9", "-o", "a.png"], "unknown spec"),
            (["mobilenetv1", "-o", "a.gif"], "end in .png, .svg, .pdf"),
            (["mobilenetv1", "-o", "a"], "end in .png, .svg, .pdf"),
            (["mobilenetv1@alpha=0.5", "-o", "a.png"], "without settings"),
            (["mobilenetv1", "--x", "latency", "-o", "a.png"], "no latency is known"),
            (["resnet34", "--dtype", "int8", "-o", "a.png"], "resnet34: no accuracy is published in int8"),
            (["vgg16", "--surface", "-o", "a.png"], "too few for a surface"),
            (["missing.csv", "-o", "a.png"], "no such file"),
            ([RK3399, "-o", "a.png"], "choose with --where processor="),
            ([PIXEL3, "--where", "processor=TPU", "-o", "a.png"], 'no row has processor "TPU"'),
            ([str(ROOT / "LICENSE"), "-o", "a.png"], "no source of a plot"),
            ([str(ROOT / "specs"), "-o", "a.png"], "has no result.json"),
            (["mobilenetv1", "-o", "no/such/folder/a.png"], "cannot be written"),
        ],
    )
    def test_says_what_to_do(self, words, said, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        code, output = run(*words)
        assert code == 2 and said in output and "Traceback" not in output
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        ("name", "text", "said"),
        [
            ("a.json", "{", "is not JSON"),
            ("a.json", "[1]", "neither the result.json of a search nor a sweep's"),
            ("a.json", '{"front": []}', "has no front"),
            ("a.json", '{"front": [{"alpha": 1}]}', "has no front of networks that name their spec"),
            (
                "a.json",
                json.dumps({"front": [row("wide", 224, 60, 1)]}),
                "alpha must be a number from 0 on, not 'wide'",
            ),
            (
                "a.json",
                json.dumps({"front": [row(1, 224, 60, math.inf, params=1, weight_bytes=1)]}),
                "macs must be a number",
            ),
            ("a.json", json.dumps({"front": [row(1, 224, 60, 0)]}), "macs of 0 has no place on a log axis"),
            ("a.json", json.dumps({"front": [row(1, 224, 60, 10**8) | {"accuracy": None}]}), "no accuracy is known"),
            ("a.csv", "alpha,macs\n1,5\n", "say so with --spec NAME"),
            ("a.csv", "alpha,beta\n1,5\n", "neither a sweep (no column macs) nor"),
        ],
    )
    def test_broken_files(self, name, text, said, tmp_path):
        (tmp_path / name).write_text(text)
        with pytest.raises(ArchcostError) as caught:
            pareto.draw(Reader().read(str(tmp_path / name)), ["macs"])
        assert said in str(caught.value)

    def test_networks_without_an_accuracy_are_counted(self, tmp_path):
        file = tmp_path / "times.csv"
        file.write_text("spec,alpha,resolution,batch,latency_ms\nmobilenetv1,1,224,1,5\nmobilenetv1,8,224,1,50\n")
        (found,) = Reader().read(str(file))
        assert len(found) == 1 and "1 of 2 networks have no known accuracy" in found.notes[-1]


def test_the_help_fits_a_terminal_and_shows_examples():
    code, output = run("--help")
    assert code == 0 and "archcost plot mobilenetv1 --surface -o mobilenetv1.png" in output
    assert max(map(len, output.splitlines())) <= 80


def test_the_generated_set_is_complete():
    folder = ROOT / "reports"
    readme = (folder / "README.md").read_text(encoding="utf-8")
    pictures = sorted(folder.glob("*.png"))
    assert len(pictures) == 9
    for picture in pictures:
        assert f"({picture.name})" in readme
        assert f" reports/{picture.name}\n" in readme, "the command that makes it"
        if picture.stem == "search":  # drawn by the benchmark, which makes no vectors
            continue
        for file in (picture, picture.with_suffix(".svg")):
            assert 1_000 < file.stat().st_size < 200_000, file
