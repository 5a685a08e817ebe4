"""Pages in a real browser: every knob moved, and what stands there held against the analysis, to the unit."""

from __future__ import annotations

import random
from typing import Any

import pytest

import archcost
from tests.pages import Opened

TOTALS = ("macs", "flops", "params", "weight_bytes", "peak_activation_bytes")
LAYER = ("name", "kind", "block", "macs", "params", "buffers", "activation_bytes", "bytes_moved", "formula")
SHAPES = ("input_shapes", "output_shape", "kernel", "stride", "groups")


def turned(opened: Opened, chance: random.Random) -> dict[str, Any]:
    """Turns every knob of the page somewhere, and says what they mean to `archcost.analyze`."""
    knobs = opened.run("() => archcostPage.network.knobs")
    asked: dict[str, Any] = {"parameters": {}}
    for name in ("alpha", "resolution"):
        if knobs[name]["fixed"]:
            continue
        place = chance.randrange(len(knobs[name]["values"]))
        opened.slide(name, place)
        value = knobs[name]["values"][place]
        asked[name] = str(value) if name == "alpha" else tuple(value)
    for place, parameter in enumerate(knobs["parameters"]):
        values = parameter["values"]
        if len(values) == 1:
            continue
        at = chance.randrange(len(values))
        if opened.run("(id) => document.getElementById(id).tagName", f"knob-set-{place}") == "INPUT":
            opened.slide(f"set-{place}", at)
        else:
            opened.choose(f"set-{place}", str(values[at]))
        asked["parameters"][parameter["name"]] = values[at]
    asked["batch"] = chance.choice([1, 2, 3, 8, 17, 64])
    opened.choose("batch", str(asked["batch"]))
    asked["dtype"] = chance.choice(["float32", "float16", "int8", "bfloat16"])
    opened.choose("dtype", asked["dtype"])
    return asked


def compared(opened: Opened, spec: str, asked: dict[str, Any], device: str = "", convention: str = "") -> bool:
    """Holds the page against the analysis; whether such a network can exist."""
    figures, possible = opened.figures(), not opened.run("() => document.body.classList.contains('nothing')")
    if not possible:
        with pytest.raises(archcost.ArchcostError):
            assert archcost.analyze(spec, **asked).macs is None
        return False
    timed = device and opened.run("() => archcostPage.time !== null")
    given = {**asked, "device": device} if timed else asked
    wanted = archcost.analyze(spec, **given, convention=convention or None).to_dict()
    totals = {name: str(wanted["totals"][name]) for name in TOTALS}
    assert {name: figures[name] for name in TOTALS} == totals, asked
    rows = opened.layers()
    assert [{name: row[name] for name in (*LAYER, *SHAPES)} for row in rows] == [
        {name: layer[name] for name in (*LAYER, *SHAPES)} for layer in wanted["layers"]
    ], asked
    assert opened.run("() => archcostPage.now.totals.peak_at") == wanted["totals"]["peak_at"]
    if convention:
        assert figures["counted"] == ("–" if wanted["totals"]["counted"] is None else str(wanted["totals"]["counted"]))
        assert [row["counted"] for row in rows] == [layer["counted"] for layer in wanted["layers"]]
    if timed:
        seconds = float(figures["time-0"])
        assert seconds == pytest.approx(wanted["latency"]["predicted_ms"] * 1e-3, rel=1e-9), asked
        for row, layer in zip(rows, wanted["layers"], strict=True):
            own = layer["predicted_ms"]
            assert row["seconds"] == (None if own is None else pytest.approx(own * 1e-3, rel=1e-9)), (
                asked,
                row["name"],
            )
            assert row["bound"] == (layer["bound"] or ""), (asked, row["name"])
        ends = opened.run("() => [archcostPage.time.low, archcostPage.time.high, archcostPage.time.extrapolated]")
        for end, name in zip(ends, ("low_ms", "high_ms"), strict=False):
            told = wanted["latency"][name]
            assert end == (None if told is None else pytest.approx(told * 1e-3, rel=1e-9)), (asked, name)
        assert ends[2] == wanted["latency"]["extrapolated"]
    return True


@pytest.mark.parametrize(
    ("spec", "device", "times"),
    [
        ("mobilenetv1", "pixel3-cpu", 70),
        ("mobilenetv2", "nvidia-t4", 70),
        ("resnet50", "nvidia-h100", 30),
        ("mobilenetv3_large", "rk3399-tflite", 30),
        ("vit_b_16", "intel-i9-10940x", 15),
        ("googlenet", "nvidia-jetson-agx-orin", 15),
        ("vgg16", "nvidia-p100", 10),
    ],
)
def test_the_page_equals_the_command_line(browser: Any, pages: Any, spec: str, device: str, times: int) -> None:
    """240 random positions of all knobs."""
    chance = random.Random(spec)
    with Opened(browser, pages(spec, device=device)) as opened:
        possible = sum(compared(opened, spec, turned(opened, chance), device) for _ in range(times))
        assert possible > times // 2
        assert opened.messages == []
        assert len(opened.requests) == 1
