"""`archcost plot`: what its sources mean, where labels stand, the same bytes each time, and clear failures."""

import csv
import functools
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
    with style.styled():  # ticks depend on it
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
    "pixel": (Reader(where={"processor": "GPU"}), [PIXEL3], ["macs", "latency"]),
}


@functools.cache
def drawn(name):
    """Of FIGURES: its series, its panels' costs, the figure."""
    reader, sources, x = FIGURES[name]
    found = [each for source in sources for each in reader.read(source)]
    return found, x, pareto.draw(found, x, width=88 * len(x) + 42 * (name == "families"))


def is_whole(figure):
    """No text hangs over the edge, lies on another, or is too small to read."""
    shown = texts(figure)
    for text, box in shown:
        inside = box.x0 >= -0.5 and box.y0 >= -0.5 and box.x1 <= figure.bbox.x1 + 0.5 and box.y1 <= figure.bbox.y1 + 0.5
        assert inside, text.get_text()
        assert text.get_fontsize() >= style.SMALL, text.get_text()
    for (one, first), (other, second) in itertools.combinations(shown, 2):
        across = min(first.x1, second.x1) - max(first.x0, second.x0)
        down = min(first.y1, second.y1) - max(first.y0, second.y0)
        assert min(across, down) <= 1, (one.get_text(), other.get_text())
    return [text.get_text() for text, _ in shown]


def said(figure):
    """The legend's title and entries."""
    (legend,) = figure.legends
    return legend.get_title().get_text(), [text.get_text().strip() for text in legend.get_texts()]


LONG = "A title that is rather long for pictures as small as these are"


class TestPicture:
    @pytest.mark.parametrize("name", FIGURES)
    def test_no_text_overlaps_another_or_is_clipped(self, name):
        assert len(is_whole(drawn(name)[2])) > 12

    @pytest.mark.parametrize("name", FIGURES)
    def test_all_that_is_published_or_on_a_front_is_labelled(self, name):
        found, _, figure = drawn(name)
        count = sum(len(each) for each in found)
        assert "without a label" not in said(figure)[0]
        for axes in figure.axes:
            assert len(axes.texts) == count
        if name in ("mali", "families"):
            names = [
                f"{a:g}, {h:g}" for s in found for a, h in zip(s.columns["alpha"], s.columns["height"], strict=True)
            ]
            assert sorted(text.get_text() for text in figure.axes[0].texts) == sorted(names)

    @pytest.mark.parametrize("name", FIGURES)
    def test_no_label_covers_a_front_or_a_marker(self, name):
        found, x, figure = drawn(name)
        for axes, cost in zip(figure.axes, x, strict=True):
            lines = [line for line in axes.lines if line.get_drawstyle() == "steps-post"]
            assert len(lines) == 2 if FIGURES[name][0].surface else 1
            boxes = [text.get_bbox_patch().get_window_extent() for text in axes.texts]
            for line in lines:
                corners = axes.transData.transform(line.get_xydata())
                for (x0, y0), (x1, y1) in itertools.pairwise(corners):
                    for box in boxes:  # to the right, then up
                        assert not (box.y0 < y0 < box.y1 and box.x0 < x1 and x0 < box.x1)
                        assert not (box.x0 < x1 < box.x1 and box.y0 < y1 and y0 < box.y1)
            axis = series.AXES[cost]
            at = [
                axes.transData.transform((each.columns[axis.column][row] / axis.unit, each.columns["accuracy"][row]))
                for each in found
                for row in range(len(each))
            ]
            assert not any(box.contains(*point) for box in boxes for point in at)

    def test_a_single_network_beside_others_says_its_settings_too(self):
        labels = {text.get_text() for text in drawn("pixel")[2].axes[0].texts}
        assert "MobileNetV2 1, 224" in labels

    def test_what_does_not_differ_within_one_family_is_said_where_it_differs_in_another(self):
        wide = [row(alpha, 224, 60 + 10 * alpha, alpha * 10**8, spec="mobilenetv2") for alpha in (0.5, 1)]
        large = [row(1, size, 50 + size / 20, size * 10**5) for size in (128, 160)]
        labels = {text.get_text() for text in pareto.draw(result({"front": wide + large})).axes[0].texts}
        assert labels == {"0.5, 224", "1, 224", "1, 128", "1, 160"}

    def test_the_best_of_a_surface_is_a_line_of_its_own(self):
        found, _, figure = drawn("surface")
        (line,) = [each for each in figure.axes[0].lines if each.get_linestyle() == ":" or each.is_dashed()]
        cost, accuracy = line.get_xdata(), line.get_ydata()
        assert len(cost) > 50 and (np.diff(cost) > 0).all() and (np.diff(accuracy) > 0).all()
        assert cost[0] == pytest.approx(13.6, abs=0.1) and cost[-1] == pytest.approx(568.740352)
        for macs, top1 in zip(found[0].columns["macs"] / 1e6, found[0].columns["accuracy"], strict=True):
            assert accuracy[cost <= macs * 1.0001].max() > top1 - 0.6  # the surface goes near every point
        assert any("α by 0.01" in text for text in said(figure)[1])

    def test_without_a_height_it_grows_until_labels_find_room(self):
        found = drawn("families")[0][:2]
        low, tall = (pareto.draw(found, ["params"], width=75, height=height) for height in (50, None))
        assert "without a label" in said(low)[0] and tall.get_size_inches()[1] * 25.4 > 70
        assert len(tall.axes[0].texts) > len(low.axes[0].texts)

    def test_labels_and_what_the_legend_lacks_add_up(self):
        found = drawn("families")[0]
        figure = pareto.draw(found, width=70, height=60)
        missing = int(said(figure)[0].split("; ")[1].split()[0])
        assert len(figure.axes[0].texts) + missing == sum(map(len, found))

    @pytest.mark.parametrize(
        ("width", "height", "x", "title"),
        [
            (30, 30, ["macs"], ""),
            (35, 90, ["macs"], LONG),
            (45, 31, ["macs"], LONG),
            (52, 41, ["macs"], ""),
            (200, 31, ["macs"], ""),
            (31, 200, ["params"], LONG),
            (60, 60, ["macs", "params"], ""),
            (90, 45, ["macs", "memory"], LONG),
            (70, 70, ["macs", "params", "weights"], ""),
            (48, None, ["memory"], LONG),
            (150, None, ["params", "memory", "weights"], LONG),
        ],
    )
    def test_at_any_size_it_is_whole_or_refused(self, width, height, x, title):
        found = Reader().read("mobilenetv1")
        try:
            figure = pareto.draw(found, x, width=width, height=height, title=title, dpi=100)
        except ArchcostError as error:
            assert "is too small for what this plot shows; --width " in str(error)
            words = str(error).split()
            width, height = (float(words[words.index(name) + 1]) for name in ("--width", "--height"))
            figure = pareto.draw(found, x, width=width, height=height, title=title, dpi=100)
        is_whole(figure)

    def test_a_search_too(self, searched):
        figure = pareto.draw(Reader().read(str(searched)), ["macs"])
        assert {"0.7, 200", "80 % interval", "winner", "limit"} <= {text.strip() for text in is_whole(figure)}

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

    def test_a_name_without_room_is_in_the_legend(self):
        crowd = [
            series.Series(
                f"crowded_{i}", {**series.empty(1), "macs": np.array([1e8]), "accuracy": np.array([70.0])}, [{}]
            )
            for i in range(40)
        ]
        figure = pareto.draw(crowd, ["macs"], height=160)
        written = [text.strip() for text in is_whole(figure)]
        assert sorted(t for t in written if t.startswith("crowded")) == sorted(each.spec for each in crowd)

    def test_names_are_not_taken_for_formulas_nor_lost(self):
        names = ["a$b$", "_under", "$\\frac{1}{2}$", "ünïcödé", "模型 🎉", "two\nlines", "x" * 300, "%s{}", "-", "мир"]
        front = [row(1, 224, 50 + 2 * i, 10**8 + 10**7 * i, spec=name) for i, name in enumerate(names)]
        for winner in (None, front[6]):
            figure = pareto.draw(result({"front": front, "winner": winner}), title="100 $ for α_1 模")
            written = " | ".join(is_whole(figure))
            for name in ("a$b$", "_under", "$\\frac{1}{2}$", "ünïcödé", "□□ □", "two lines", "xxx…xxx", "%s{}", "мир"):
                assert name in written, name
            assert "100 $ for α_1 □" in written
            pareto.render(figure, "svg")

    def test_several_networks_each_of_strange_names_are_in_the_legend(self):
        names = ["_under", "a$b$", "y" * 300]
        front = [row(a, 224, 50 + 9 * a, 10**8 * a, spec=name) for name in names for a in (0.5, 1)]
        figure = pareto.draw(result({"front": front}), width=50)
        is_whole(figure)
        assert {"_under", "a$b$"} <= set(said(figure)[1]) and any("yyy…yyy" in text for text in said(figure)[1])

    def test_thousands_of_points_have_few_labels(self):
        front = [row(0.1 + i / 5000, 224, 20 + i / 100, 10**6 + 10**5 * i) for i in range(5000)]
        figure = pareto.draw(result({"front": front, "winner": front[77]}))
        title, _ = said(figure)
        count = len(figure.axes[0].texts)
        assert 5 <= count <= 12 and title == f"labels: α; {5000 - count:,} points without a label"
        is_whole(figure)

    def test_one_network_and_many_identical_ones(self):
        for front in ([row(1, 224, 70, 10**8)], [row(1, 224, 70, 10**8)] * 30):
            figure = pareto.draw(result({"front": front, "winner": front[0]}))
            is_whole(figure)
            assert [text.get_text() for text in figure.axes[0].texts] == ["1, 224"]
            assert said(figure)[0] == "labels: α, resolution"

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

    @pytest.mark.parametrize("width", [40, 60])
    def test_labels_do_not_touch_in_narrow_axes(self, width):
        for low, high in [(1e-3, 1e6), (900, 40000), (1234, 1300)]:
            figure = style.figure(width, 40)
            axes = figure.subplots()
            axes.set(xscale="log", xlim=(low, high))
            style.plain_ticks(axes.xaxis, low, high)
            figure.draw_without_rendering()
            style.thin_ticks(axes.xaxis)
            figure.draw_without_rendering()
            ticks = [t.label1.get_window_extent() for t in axes.xaxis.get_major_ticks() if low <= t.get_loc() <= high]
            assert ticks and all(b.x0 > a.x1 for a, b in itertools.pairwise(ticks)), (low, high)


class TestTwoCosts:
    def test_the_front_has_the_least_of_both(self):
        found = Reader(where=MALI, y="latency").read(RK3399)
        figure = pareto.draw(found, ["macs"], "latency")
        assert figure.axes[0].get_ylabel() == "Measured latency (ms)" and figure.axes[0].get_yscale() == "log"
        points = np.vstack([np.stack([each.columns[n] for n in ("macs", "seconds")], axis=1) for each in found])
        on = np.concatenate(pareto.front(found, "macs", "latency"))
        for point, there in zip(points, on, strict=True):
            beaten = ((points <= point).all(axis=1) & (points < point).any(axis=1)).any()
            assert there != beaten
        is_whole(figure)

    def test_needs_no_accuracy(self, tmp_path):
        file = tmp_path / "times.csv"
        file.write_text("spec,alpha,resolution,batch,latency_ms\nmobilenetv1,8,224,1,5\nvit_b_16,1,224,1,50\n")
        assert run(str(file), "--y", "latency", "-o", str(tmp_path / "a.svg"))[0] == 0
        assert run(str(file), "-o", str(tmp_path / "b.svg"))[0] == 0  # of the second one is published
        sweep = tmp_path / "sweep.csv"
        sweep.write_text("alpha,resolution,macs,params\n1,224,5,7\n2,224,6,6\n")
        code, output = run(str(sweep), "--spec", "mobilenetv1@depth=0", "--y", "params", "-o", str(tmp_path / "c.svg"))
        assert code == 0, output


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
        plot = drawn("pixel")[2]
        fronts = [np.concatenate(pareto.front(found, name)) for name in ("macs", "latency")]
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

    def test_a_sweep_by_csv_by_json_and_by_npz(self, tmp_path):
        words = ["mobilenetv1", "--alpha", "0.25:1:0.25", "--resolution", "128:224:32", "--set", "depth=0,5"]
        for form in ("csv", "json", "npz"):
            file = str(tmp_path / f"sweep.{form}")
            assert CliRunner().invoke(main, ["sweep", *words, "-o", file]).exit_code == 0
            (found,) = Reader(spec=None if form == "json" else "mobilenetv1").read(file)
            known = ~np.isnan(found.columns["accuracy"])
            deep = np.array(["depth" not in each for each in found.parameters])
            assert len(found) == 32 and known.sum() == 16 and (known == deep).all()
            last = found.columns["accuracy"][-1], found.columns["macs"][-1]
            assert last == (pytest.approx(70.9, abs=0.4), 568_740_352)

    def test_variants_that_cannot_exist_are_left_out_whatever_the_form(self, tmp_path):
        words = ["inceptionv3", "--alpha", "0.5,1", "--resolution", "8,299", "--device", "pixel3-cpu"]
        for form in ("csv", "json", "npz"):
            file = str(tmp_path / f"sweep.{form}")
            CliRunner().invoke(main, ["sweep", *words, "-o", file])
            (found,) = Reader(spec="inceptionv3").read(file)
            assert found.columns["height"].tolist() == [299, 299] and found.measured is False
            assert found.columns["seconds"][1] > found.columns["seconds"][0] > 0

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
            (["mobilenetv1", "--y", "macs", "-o", "a.png"], "macs against itself"),
            (["mobilenetv1", "--surface", "--y", "params", "-o", "a.png"], "a surface of accuracy"),
            (["missing.npz", "--spec", "mobilenetv1", "-o", "a.png"], "no such file"),
            (["mobilenetv1", "--width", "30", "--height", "30", "-o", "a.png"], "30 × 30 mm is too small"),
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
            ("a.json", json.dumps({"front": [row(1, 224, 60, -1)]}), "macs must be a number from 0 on, not '-1'"),
            ("a.json", json.dumps({"front": [row(1, 224, 60, True)]}), "macs must be a number from 0 on, not 'True'"),
            ("a.json", json.dumps({"front": [row(1, 224, 700, 1)]}), "accuracy must be a number from 0 to 100"),
            ("a.json", json.dumps({"front": [row(1, 224, 60, 10**e) for e in (1, 30)]}), "more than a log axis can"),
            ("a.json", json.dumps({"front": [row(1, 224, 60, 9, resolution=[])]}), "resolution must be a size"),
            ("a.json", json.dumps({"front": [row(1, 224, 60, 9, resolution="224x")]}), "resolution must be a size"),
            ("a.json", json.dumps({"front": [row(1, 224, 60, 9, spec=3)]}), "has no front of networks that name"),
            ("a.json", json.dumps({"front": [row(1, 224, 60, 9)], "winner": [1]}), "has no front of networks"),
            ("a.json", json.dumps({"front": [row(1, 224, 60, 9)], "schema_version": 7}), "schema_version is 7"),
            ("a.json", json.dumps({"rows": [{"macs": None}], "spec": "mobilenetv1"}), "has no variant that can exist"),
            ("a.json", json.dumps({"rows": [{"macs": 5}], "spec": "mobilenetv1"}), "no accuracy is known of any of"),
            ("a.csv", "", "the file is empty"),
            ("a.csv", "alpha,macs\n", "has no rows"),
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

    @pytest.mark.parametrize(
        ("columns", "said"),
        [
            ({}, "needs a column macs"),
            ({"macs": [1, 2], "alpha": [1]}, "all of one length"),
            ({"macs": [], "alpha": []}, "has no variant that can exist"),
            ({"macs": [-5], "alpha": [1]}, "macs must be a number from 0 on, not '-5.0'"),
            ({"macs": ["many"], "alpha": [1]}, "macs must be a number from 0 on, not 'many'"),
            ({"macs": [[1, 2]], "alpha": [1]}, "macs must be a number"),
            ({"macs": 5}, "no accuracy is known"),
        ],
    )
    def test_broken_archives(self, columns, said, tmp_path):
        np.savez(tmp_path / "a.npz", **{name: np.array(column) for name, column in columns.items()})
        with pytest.raises(ArchcostError, match=said):
            Reader(spec="mobilenetv1").read(str(tmp_path / "a.npz"))

    def test_archives_that_are_none_or_hold_programs(self, tmp_path):
        file = tmp_path / "a.npz"
        np.savez(file, macs=np.array([{}], object))
        for content in (file.read_bytes(), b"", b"PK\3\4 nothing", file.read_bytes()[:80]):
            file.write_bytes(content)
            with pytest.raises(ArchcostError, match="is no NPZ of a sweep"):
                Reader(spec="mobilenetv1").read(str(file))

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
