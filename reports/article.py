"""Writes article.md: the two tables of the article, published beside computed: python reports/article.py [FILE]"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from pathlib import Path

import archcost
from archcost.accuracy import published
from archcost.api import Analysis
from archcost.latency.profile import find
from archcost.spec.settings import settle

HERE = Path(__file__).parent
MIB = 2**20
BATCH = 32
"""Samples of a step, as the second table's page states."""
HEAD = """# The article's tables, published beside computed

Of *Introduction to MobileNetV1* (Yiming, 2021). Made by `python reports/article.py`. Published figures are in
[article/](article), computed ones are archcost's, at the spec's own input size; a mult-add is a multiply-add of a
convolution or a linear layer. Accuracies are published; nothing here was trained.
"""
PAPER = """
## Results from the original paper

{table}

- MobileNetV1 agrees to every digit published. Its parameters are the trainable ones, with those of batch norm.
- GoogLeNet: the spec's layers, those of its paper's Table 1 with biases and without the auxiliary classifiers, have
  {googlenet_macs:.0f} M and {googlenet_params:.2f} M. No choice of biases and classifiers that we tried leads to the
  published pair; in units of 1,024,000, thousands of Ki, they are {googlenet_ki:.0f} and {googlenet_params_ki:.1f},
  which may be where the figures come from.
- VGG16: its convolutions alone have {vgg_conv:,.0f} M, which is the published figure cut to three digits; the three
  linear layers add {vgg_linear:.0f} M.
"""
KERAS = """
## Results on Keras Applications

{table}

- **Parameters** as Keras counts them, trainable ones and batch norm's running means and variances: equal to the unit
  for all {count} models.
- **Size**: four bytes for each of these, in MiB; the page's MB are MiB too. What it has more, up to
  {most_more:.1f} MiB, is the rest of an HDF5 file, and its rounding.
- **Accuracy** is the page's, and in archcost's tables under the recipe `keras`; MobileNetV1's two values, 70.6 above
  and 70.4 here, are two trainings.
- **Depth** counts layers of an older Keras, and how is not said; it is reported, not made to fit. VGG's is its layers
  with activations inside them: {vgg16_layers} for VGG16 and {vgg19_layers} for VGG19 (convolutions, poolings, one
  flatten, three linear layers, and one for the input). Our longest path takes every batch norm, activation and softmax
  as a layer of its own.
- **Times** are published: an AMD EPYC with 92 cores, and an A100. We have measured neither, so no figure of ours
  stands beside them. The last column is what the datasheet's peak in float32 takes for the mult-adds alone, of a step
  of {batch} images as the page states. VGG16's {vgg16_ms:.0f} ms are {times:.0f} times the {vgg16_gpu} ms published.
  In float16 they would be {half_ms:.1f} ms; at half that rate, which is TF32's, {tf32_ms:.1f} ms; one image takes
  {one_ms:.1f} ms in float32. So what was timed was hardly {batch} images in float32 or TF32, and these times are no
  reference for a prediction.
"""
COSTS = """
## Where MobileNetV1's costs sit

By kind of layer; the time is predicted by the profile `{cpu}`, which was fitted to measurements:

![Pointwise convolutions have most of everything; depthwise ones few mult-adds, but much of the time](kinds.png)

Its depthwise convolutions do so little with each byte that an A100's memory bounds them, where VGG16's convolutions
are bounded by arithmetic (without fusion, every layer reads its input and writes its output):

![The roofline of an A100 with the layers of MobileNetV1 and VGG16](roofline.png)

Activations alive while each layer runs, batch 1, float32, batch norm and activations in place: MobileNetV2 saves
mult-adds, not memory at its peak.

![Bytes alive over the schedule of MobileNetV1 and MobileNetV2](memory.png)

All of the article's networks by their accuracy and mult-adds, GoogLeNet's as the paper quotes it, the others' by Keras:

![Accuracy against mult-adds](article.png)
"""


def read(name: str) -> list[dict[str, str]]:
    with (HERE / "article" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def markdown(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def known(spec: str, recipe: str) -> str:
    """The accuracy in archcost's own tables, of the spec as it is."""
    document = archcost.load(spec).document
    own = settle(document)
    for point in published.of(spec):
        if (point.recipe, point.alpha, point.resolution) == (recipe, 1, own.resolution) and not point.parameters:
            return f"{point.top1:.1f}"
    return "unknown"


def macs(analysis: Analysis, *kinds: str) -> int:
    return sum(layer.macs for layer in analysis.layers if layer.kind in kinds)


def paper(analyses: dict[str, Analysis]) -> str:
    header = ["model", "top-1, %", "in archcost's tables", "mult-adds, M", "computed", "parameters, M", "computed"]
    rows = []
    for row in read("paper.csv"):
        analysis = analyses[row["spec"]]
        computed = [f"{analysis.macs / 1e6:,.1f}", f"{analysis.params / 1e6:.2f}"]
        given = [row["model"], row["top1"], known(row["spec"], row["recipe"])]
        rows.append([*given, f"{int(row['mult_adds_millions']):,}", computed[0], row["params_millions"], computed[1]])
    googlenet, vgg = analyses["googlenet"], analyses["vgg16"]
    return PAPER.format(
        table=markdown(header, rows),
        googlenet_macs=googlenet.macs / 1e6,
        googlenet_params=googlenet.params / 1e6,
        googlenet_ki=googlenet.macs / 1.024e6,
        googlenet_params_ki=googlenet.params / 1.024e6,
        vgg_conv=macs(vgg, "conv") / 1e6,
        vgg_linear=macs(vgg, "linear") / 1e6,
    )


def arithmetic(analysis: Analysis, batch: int, dtype: str = "float32") -> float:
    """Milliseconds that an A100 needs for the mult-adds alone, at its datasheet's peak."""
    return 1e3 * analysis.macs * batch / find("nvidia-a100").fit(dtype).rates.macs_per_second


def keras(analyses: dict[str, Analysis]) -> str:
    header = ["model", "size, MB", "computed, MiB", "top-1, %", "top-5, %", "in archcost's tables", "parameters"]
    header += ["computed", "depth", "longest path", "mult-adds, M", "CPU, ms", "GPU, ms", "measured by us"]
    header.append(f"arithmetic of {BATCH} images, ms")
    rows, more = [], []
    table = read("keras.csv")
    for row in table:
        spec, analysis = row["spec"], analyses[row["spec"]]
        kept = analysis.params + analysis.buffers
        assert kept == int(row["params"]), f"{spec}: the text below says that parameters agree"
        more.append(float(row["size_mb"]) - kept * 4 / MIB)
        rows.append(
            [
                *(row["model"], row["size_mb"], f"{kept * 4 / MIB:.1f}", row["top1"], row["top5"]),
                *(known(spec, "keras"), f"{int(row['params']):,}", f"{kept:,}", row["depth"] or "–"),
                *(f"{analysis.longest_path}", f"{analysis.macs / 1e6:,.0f}", row["cpu_ms"], row["gpu_ms"]),
                *("unknown", f"{arithmetic(analysis, BATCH):.2f}"),
            ]
        )
    vgg = analyses["vgg16"]
    gpu_ms = next(row["gpu_ms"] for row in table if row["spec"] == "vgg16")
    return KERAS.format(
        table=markdown(header, rows),
        count=len(table),
        most_more=max(more),
        vgg16_layers=keras_layers(vgg),
        vgg19_layers=keras_layers(analyses["vgg19"]),
        batch=BATCH,
        vgg16_ms=arithmetic(vgg, BATCH),
        times=arithmetic(vgg, BATCH) / float(gpu_ms),
        vgg16_gpu=gpu_ms,
        half_ms=arithmetic(vgg, BATCH, "float16"),
        tf32_ms=2 * arithmetic(vgg, BATCH, "float16"),
        one_ms=arithmetic(vgg, 1),
    )


def keras_layers(analysis: Analysis) -> int:
    """Of a network as Keras builds VGG: the activations are in the layers, the input is one."""
    kinds = Counter(layer.kind for layer in analysis.layers)
    return 1 + sum(kinds[kind] for kind in ("conv", "max_pool", "flatten", "linear"))


def main(file: str = str(HERE / "article.md")) -> None:
    specs = {row["spec"] for name in ("paper.csv", "keras.csv") for row in read(name)}
    analyses = {spec: archcost.analyze(spec) for spec in sorted(specs)}
    Path(file).write_text(
        HEAD + paper(analyses) + keras(analyses) + COSTS.format(cpu="rk3399-tflite"), encoding="utf-8"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
