"""Large pages stay small and draw what is in view, hostile names stay names, and what cannot be written says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import archcost
from archcost import report
from archcost.errors import ArchcostError
from archcost.reports.page.page import html
from tests.pages import Opened

MIB = 2**20
PART = "archcostPage.parts.find(({ part }) => part.variants).part"
DRAWN = """(knob) => {
    const drawn = [];
    for (const { part } of archcostPage.parts) {
        const draw = part.draw;
        part.draw = function () { drawn.push(part.constructor.name); return draw.call(part); };
    }
    const input = document.getElementById(`knob-${knob}`);
    input.value = Math.floor(Number(input.max) / 3);
    input.dispatchEvent(new Event("input", { bubbles: true }));
    return drawn;
}"""
DEEP = """
name: deep
input: [3, 224, 224]
blocks:
  separable:
    arguments: {out: required, stride: 1}
    layers: [{depthwise: {kernel: 3, stride: $stride}}, batch_norm, relu, {pointwise: {out: $out}}, batch_norm, relu]
layers:
  - conv: {out: 32, kernel: 3, stride: 2}
  - {separable: {out: 64}, repeat: 82}
  - separable: {out: 256, stride: 2}
  - {separable: {out: 256}, repeat: 84}
  - global_avg_pool
  - linear: {out: 1000, scale: fixed}
"""
EVIL = (
    """<script>window.hacked=1</script>"'&lt;{{TITLE}}]]>--></title></script> """
    "\\u202Egnp.exe 😀 ${alert(1)} \\u05e9\\u05dc\\u05d5\\u05dd"
)
EVIL_YAML = EVIL.replace('"', '\\"')


def test_a_network_of_a_thousand_layers(browser: Any, spec_file: Any, tmp_path: Path) -> None:
    path = tmp_path / "deep.html"
    path.write_text(report(spec_file(DEEP), device=["nvidia-t4", "pixel3-cpu"]), encoding="utf-8")
    assert path.stat().st_size < 6 * MIB
    with Opened(browser, path) as opened:
        assert opened.run("() => archcostPage.now.layers.length") == 1005
        drawn = opened.run(DRAWN, "alpha")
        assert "Overview" in drawn and "Layers" not in drawn  # what is out of view waits
        opened.page.locator("#layers").scroll_into_view_if_needed()
        opened.page.wait_for_selector("tr[data-at]")
        opened.page.click("#fold")
        assert opened.page.locator("tr[data-at]").count() < 200  # of more than a thousand rows
        opened.page.locator("tr[data-at] >> nth=0").focus()
        opened.page.keyboard.press("End")
        assert opened.page.inner_text("tr[data-at]:focus th") == "linear"
        opened.page.click("#graph-fold")
        assert 0 < opened.page.locator(".node").count() <= 420
        assert opened.messages == []


def test_a_search_of_a_hundred_thousand_variants(browser: Any, tmp_path: Path) -> None:
    folder = tmp_path / "big"
    folder.mkdir()
    search = archcost.find(["mobilenetv1"], budget="300M", alpha="0.25:1.2:0.001", resolution="112:224:1")
    (folder / "result.json").write_text(json.dumps(search.to_dict()))
    path = tmp_path / "big.html"
    path.write_text(report(folder, device="pixel3-cpu"), encoding="utf-8")
    assert path.stat().st_size < 15 * MIB
    with Opened(browser, path) as opened:
        assert opened.run(f"() => {PART}.variants.count") > 100_000
        clouds = f"""() => {{ const front = {PART}; front.clouds = 0; const {{ cloud }} = front;
            front.cloud = (...given) => {{ front.clouds++; return cloud.apply(front, given); }}; }}"""
        opened.run(clouds)
        opened.slide("alpha", 100)
        opened.run(f"() => {PART}.setBudget(3e8)")
        assert opened.run(f"() => {PART}.clouds") == 0  # nor is what no knob changes drawn again
        winner = search.winner
        found = opened.run(f"() => {PART}.variants.settings({PART}.best).found")
        alpha, size = found["alpha"], found["resolution"]
        assert (alpha, size) == (winner["alpha"], winner["resolution"])
        assert opened.messages == []


def test_a_usual_page_is_small_and_asks_for_nothing(browser: Any, pages: Any) -> None:
    path = pages("mobilenetv1", device=["pixel3-cpu", "nvidia-t4"])
    assert path.stat().st_size < 6 * MIB
    with Opened(browser, path) as opened:
        assert opened.requests == [path.as_uri()]
        assert "http://" not in opened.run(
            "() => [...document.querySelectorAll('[src],link[href]')].map((e) => e.src || e.href).join()"
        )


def test_hostile_names_are_shown_and_never_run(browser: Any, spec_file: Any, tmp_path: Path) -> None:
    text = (
        f'name: "{EVIL_YAML}"\nsource: "{EVIL_YAML}"\ninput: [3, 32, 32]\n'
        f'parameters:\n  kernel: {{default: 3, choices: [1, 3], help: "{EVIL_YAML}"}}\n'
        "layers:\n  - conv: {out: 8, kernel: $kernel}\n  - global_avg_pool\n  - linear: {out: 10, scale: fixed}\n"
    )
    document = spec_file(text, "ev'il <b>.yaml")
    name = archcost.load(document).name
    path = tmp_path / "evil.html"
    path.write_text(report(document), encoding="utf-8")
    with Opened(browser, path) as opened:
        assert opened.page.text_content("h1") == name
        assert opened.run("() => document.querySelector('h1').children.length") == 0
        assert opened.run("() => window.hacked") is None
        assert name.split()[0] in opened.page.title()
        opened.slide("alpha", 3)
        assert opened.messages == []


def test_titles_are_escaped() -> None:
    page = html({"x": "</script><script>alert(1)"}, "</title><script>")
    assert "</title><script>" not in page and "alert(1)" not in page


def test_a_fixed_network_has_its_knobs_disabled_with_the_reason(browser: Any, spec_file: Any, tmp_path: Path) -> None:
    text = "name: fixed\ninput: [16]\nlayers:\n  - linear: {out: 8, scale: fixed}\n"
    path = tmp_path / "fixed.html"
    path.write_text(report(spec_file(text)), encoding="utf-8")
    with Opened(browser, path) as opened:
        assert opened.page.is_disabled("#knob-alpha") and opened.page.is_disabled("#knob-resolution")
        assert "α scales nothing" in opened.page.inner_text("#why-alpha")
        assert "no height and width" in opened.page.inner_text("#why-resolution")
        assert opened.figures()["macs"] == "128"
        assert opened.messages == []


def test_an_imported_network_that_keeps_its_size(browser: Any, tmp_path: Path) -> None:
    file = tmp_path / "shuffle.onnx"
    file.write_bytes(archcost.load("shufflenet_v2_x1_0").analyze().to_onnx())
    path = tmp_path / "shuffle.html"
    path.write_text(report(file), encoding="utf-8")
    with Opened(browser, path) as opened:
        assert opened.page.is_disabled("#knob-resolution") and not opened.page.is_disabled("#knob-alpha")
        assert "does not run at another size" in opened.page.inner_text("#why-resolution")
        opened.slide("alpha", 45)
        alpha = opened.run("() => archcostPage.network.knobs.alpha.values[45]")
        assert opened.figures()["macs"] == str(archcost.analyze(file, alpha=str(alpha)).macs)
        assert opened.messages == []


def test_settings_that_make_no_network_say_so(browser: Any, pages: Any) -> None:
    with Opened(browser, pages("inceptionv3")) as opened:
        opened.slide("resolution", 0)
        assert "make no network" in opened.page.inner_text("#nothing")
        opened.slide("resolution", 40)
        assert opened.figures()["macs"] != "0"
        assert opened.messages == []


@pytest.mark.parametrize("words", [("report", "mobilenetv1"), ("compare", "mobilenetv1", "mobilenetv2")])
def test_the_command_writes_a_whole_file_or_none(run: Any, tmp_path: Path, words: tuple[str, ...]) -> None:
    path = tmp_path / "page.html"
    assert run(*words, "-o", path).exit_code == 0
    text = path.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>") and text.rstrip().endswith("</html>")
    missing = tmp_path / "nowhere" / "page.html"
    result = run(*words, "-o", missing)
    assert result.exit_code == 2 and "cannot be written" in result.output
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("report", "mobilenetv9"), "mobilenetv"),
        (("report", "mobilenetv1", "--device", "pixel9"), "pixel"),
        (("report", "mobilenetv1", "--device", "nvidia-t4", "--device", "nvidia-t4"), "two of the devices"),
        (("report", "mobilenetv1", "--device", "nvidia-t4", "--dtype", "int8"), "no times for int8"),
        (("report", "mobilenetv1", "--convention", "nobody"), "convention"),
        (("report", "mobilenetv1", "--alpha", "0"), "alpha"),
        (("report", "mobilenetv1", "--batch", "0"), "batch"),
        (("compare", "mobilenetv1"), "two networks"),
    ],
)
def test_bad_input_is_named(run: Any, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    result = run(*words, "-o", tmp_path / "page.html")
    assert result.exit_code == 2 and said in result.output
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"front": []}',
        '{"schema_version": 1, "space": [{}], "front": [], "specs": [], "batch": 1, "dtype": "float32"}',
    ],
)
def test_a_broken_result_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "result.json").write_text(content)
    with pytest.raises(ArchcostError, match=r"result\.json|archcost search"):
        report(tmp_path)


def test_an_empty_folder_is_no_result(tmp_path: Path) -> None:
    with pytest.raises(ArchcostError, match="there is none"):
        report(tmp_path)
