"""How many models import, how many exactly.

`python tests/survey.py torchvision|timm [--all | --families | --sample N | NAME…]`

Each model is imported in a process of its own, with a limit of time and memory, and its spec's macs and parameters are
held against torch's FlopCounterMode on the meta device and against sum(p.numel()). Rows go to standard output as
lines of JSON, or to --out FILE; `python tests/survey.py report FILE…` makes reports/coverage.md of such files.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import resource
import signal
import sys
import time
import types
import warnings
from collections import defaultdict
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
PROCESSES = 2
SECONDS = 300
MEMORY = 10 * 2**30


def load(source):
    """The package, with an empty module where torchvision's compiled operators would be registered."""
    sys.modules.setdefault("torchvision._meta_registrations", types.ModuleType("torchvision._meta_registrations"))
    import torch
    import torch.export
    import torch.utils.flop_counter  # noqa: F401

    import archcost.importers.torch  # noqa: F401

    if source == "timm":
        import timm

        return timm
    import torchvision

    return torchvision


def names(source, package, which):
    """Model names: all of them, or the smallest of each family."""
    if source == "torchvision":
        found = package.models.list_models(module=package.models)
        return found if which == "all" else sorted({family(source, package, n): n for n in reversed(found)}.values())
    found = package.list_models()
    if which == "all":
        return found
    by_family = defaultdict(list)
    for name in found:
        by_family[family(source, package, name)].append(name)
    return sorted(min(members, key=lambda n: (weight(n), len(n), n)) for members in by_family.values())


SIZES = ("atto", "femto", "pico", "nano", "micro", "tiny", "xxs", "_xs", "small", "_s", "base", "_b", "large", "_l")


def weight(name):
    """A guess at how large a model is, from its name."""
    return next((i for i, word in enumerate(SIZES) if word in name), 8)


def family(source, package, name):
    if source == "timm":
        return sys.modules["timm.models._registry"]._model_to_module[name]
    return package.models.get_model_builder(name).__module__.rpartition(".")[2]


def builder(source, package, name):
    if source == "timm":
        return lambda: package.create_model(name, pretrained=False)
    return lambda: package.models.get_model(name, weights=None)


def witness(source, package, name, size):
    """(macs, parameters) that torch counts."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from archcost.importers.tracing.build import on_meta, without_weights

    model = on_meta(without_weights(builder(source, package, name))).model
    with torch.no_grad(), torch.device("meta"), FlopCounterMode(display=False) as counter:
        model(torch.empty(1, *size))
    return counter.get_total_flops() // 2, sum(p.numel() for p in model.parameters())


def measured(source, package, name):
    """The row of one model."""
    from archcost.api import load as read

    row = {"source": source, "family": family(source, package, name), "model": name}
    begun = time.process_time()
    model = read(f"{source}:{name}")
    analysis = model.analyze()
    row["seconds"] = round(time.process_time() - begun, 2)
    said = model.document.imported
    fixed = [layer for layer in analysis.network.layers if layer.kind == "traced"]
    size = tuple(analysis.network.input_shape)
    macs, params = witness(source, package, name, size)
    row |= {
        "macs": analysis.macs,
        "params": analysis.params,
        "witness_macs": macs,
        "exact": analysis.macs == macs and analysis.params + said.unused_params == params,
        "unused_params": said.unused_params,
        "all_params": analysis.params + said.unused_params == params,
        "layers": analysis.layer_count,
        "traced": len(fixed),
        "first_traced": f"{fixed[0].name} ({fixed[0].op.operator})" if fixed else "",
        "partial": list(said.partial),
        "fixed": said.fixed,
    }
    row["rescales"] = not fixed and not said.fixed
    if row["rescales"]:
        row |= rescaled(source, package, name, model, size)
    return row


def rescaled(source, package, name, model, size):
    """Whether another resolution is exact, and whether other widths exist."""
    found = {}
    changes = (-32, -64, -31, 17, 96) if source == "torchvision" else (-32 if size[1] > 64 else 32,)
    found["resolution_exact"] = True
    for change in changes:
        other = size[1] + change
        try:
            macs, params = witness(source, package, name, (size[0], other, other))
            analysis = model.analyze(resolution=other)
            same = (analysis.macs, analysis.params + model.document.imported.unused_params) == (macs, params)
        except Exception as error:
            same, found["resolution_error"] = False, f"at {other}: {error}"[:300]
        found["resolution_exact"] &= same
    for alpha in ("0.5", "1.3"):
        try:
            model.analyze(alpha=alpha)
        except Exception as error:
            found["alpha_error"] = str(error)[:300]
    found["widens"] = "alpha_error" not in found
    return found


def isolated(source, package, name, pipe):
    """One model, with limits; a row of what went wrong where something does."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.alarm(SECONDS)
    warnings.simplefilter("ignore")
    try:
        row = measured(source, package, name)
    except BaseException as error:
        said = f"{type(error).__name__}: {error}"
        row = {"source": source, "family": family(source, package, name), "model": name, "error": said[:600]}
    pipe.send(row)


def surveyed(source, package, chosen):
    """A row for each model, as they come."""
    context = multiprocessing.get_context("fork")
    waiting, running = list(chosen), {}
    while waiting or running:
        while waiting and len(running) < PROCESSES:
            name = waiting.pop(0)
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(target=isolated, args=(source, package, name, theirs))
            process.start()
            theirs.close()
            running[ours] = name, process
        for pipe in multiprocessing.connection.wait(list(running), 1):
            name, process = running.pop(pipe)
            try:
                yield pipe.recv()
            except EOFError:
                process.join()
                said = f"ended with {process.exitcode}"
                yield {"source": source, "family": family(source, package, name), "model": name, "error": said}
            process.join()


ABOUT = """# Which models import

Made by `python tests/survey.py torchvision --all`, `python tests/survey.py timm --families` and
`python tests/survey.py timm --sample N`, `python tests/survey_graphs.py onnx` and `keras`, each with `--out FILE`, then
`python tests/survey.py report FILE…`. Those of ONNX are torchvision's models of up to 100 million parameters, exported.

- *exact*: macs equal torch's FlopCounterMode on the meta device, and parameters with the unused ones
  `sum(p.numel())` (ONNX: those that the import from PyTorch finds; Keras: its trainable ones), to the unit;
- *other resolutions*: the spec at another size (torchvision: at five) equals a fresh count there;
- *other widths*: it exists at α 0.5 and 1.3;
- *fixed from*: the first operators that hold at the traced size alone; such a model is traced anew for another size."""
COLUMNS = ("family", "models", "imported", "exact", "other resolutions", "other widths", "fixed from", "missing")


def report(rows):
    """The tables of reports/coverage.md: what holds for each source, and for each of its families."""
    lines = [ABOUT]
    for source in ("torchvision", "timm", "onnx", "keras"):
        own = [row for row in rows if row["source"] == source]
        if own:
            lines += ["", f"## {source}", "", summary(own), "", *table(own)]
    return "\n".join(lines) + "\n"


def summary(rows):
    count = tally(rows)
    partial = sum(bool(row.get("partial")) for row in rows)
    share = f"{100 * count['exact'] / len(rows):.1f} %"
    seconds = sorted(row["seconds"] for row in rows if "seconds" in row)
    return (
        f"{len(rows)} models: {count['imported']} import, {count['exact']} ({share}) exactly, {partial} partial; "
        f"{count['other resolutions']} rescale, {count['other widths']} widen. Process time of an import, with other "
        f"work on the machine: {seconds[len(seconds) // 2]} s in the middle, {seconds[-1]} s at most."
    )


def tally(rows):
    return {
        "models": len(rows),
        "imported": sum("error" not in row for row in rows),
        "exact": sum(row.get("exact", False) for row in rows),
        "other resolutions": sum(row.get("resolution_exact", False) for row in rows),
        "other widths": sum(row.get("widens", False) for row in rows),
    }


def table(rows):
    families = defaultdict(list)
    for row in rows:
        families[row["family"]].append(row)
    lines = ["| " + " | ".join(COLUMNS) + " |", "| --- " + "| ---: " * 5 + "| --- | --- |"]
    for name, members in sorted(families.items()):
        fixed = {row["first_traced"].rpartition("(")[2].rstrip(")") for row in members if row.get("first_traced")}
        missing = {f"partial: {', '.join(row['partial'])}" for row in members if row.get("partial")}
        missing |= {row["error"].split("\n")[0][:100] for row in members if "error" in row}
        missing |= {row["fixed"] for row in members if row.get("fixed")}
        missing |= {f"{row['model']}: not exact" for row in members if row.get("exact") is False}
        cells = [name, *tally(members).values(), ", ".join(sorted(fixed)), "; ".join(sorted(missing)).replace("|", "/")]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", choices=["torchvision", "timm", "report"])
    parser.add_argument("models", nargs="*")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--families", action="store_true")
    parser.add_argument("--out")
    parser.add_argument("--sample", type=int)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.source == "report":
        lines = [line for file in given.models for line in Path(file).read_text().splitlines()]
        rows = {(row["source"], row["model"]): row for row in map(json.loads, lines)}
        print(report(list(rows.values())), end="")
        return
    package = load(given.source)
    chosen = given.models or names(given.source, package, "all" if given.all or given.sample else "families")
    if given.sample:
        chosen = random.Random(given.seed).sample(chosen, given.sample)
    out = Path(given.out).open("w") if given.out else sys.stdout  # noqa: SIM115
    rows = []
    for row in surveyed(given.source, package, chosen):
        rows.append(row)
        print(json.dumps(row), file=out, flush=True)
    exact = sum(row.get("exact", False) for row in rows)
    imported = sum("error" not in row for row in rows)
    rescale = sum(row.get("resolution_exact", False) for row in rows)
    print(f"{len(rows)} models: {imported} imported, {exact} exact, {rescale} rescale", file=sys.stderr)


if __name__ == "__main__":
    import multiprocessing.connection

    main()
