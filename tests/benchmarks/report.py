"""Turns the JSON of pytest-benchmark into reports/performance.md.

python -m pytest tests/benchmarks --benchmark-json=benchmarks.json
python tests/benchmarks/report.py benchmarks.json > reports/performance.md
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

HEAD = """# Speed

Each figure is the median ratio of a subject to a peer, timed in turns within one run; seconds depend on the machine
and are given for orientation. Made by

```sh
python -m pytest tests/benchmarks --benchmark-json=benchmarks.json
python tests/benchmarks/report.py benchmarks.json > reports/performance.md
```

Machine: {machine}.

| what, over what | ratio | subject | peer | goal |
| --- | ---: | ---: | ---: | --- |
"""

TAIL = """
Variants a second and memory: {variants}.

**The floor.** For random pairs: two inputs read and three figures written for each variant, gathered from tables that
are ready, at places that are known; memory traffic alone. What archcost adds to it is the decimal-exact rounding of
every α to the network's distinct widths, the search for the distinct networks among the variants, and their costs. For
a grid: three outer products, one multiplication for each figure written. What archcost adds is one multiplication and
addition for each distinct map size (macs) and for each step of the schedule that can be the largest (memory), on the
distinct width vectors only, and the spreading of the result over the rows. Pairs that cannot share a network take one
pass over each layer in chunks that fit into a core's cache: about 300 array operations for each row. For predicted
times: two inputs read and three figures written, as for random pairs. Seconds are no sum of products of sizes, as macs
are: archcost adds the rounded roofline of each of MobileNetV1's 30 kernels, for each distinct network; on the T4 the
best of three tiles too, in whole tiles and waves, and a correction by 13 features. For a search: the outer products
that the costs of a grid are, one comparison with the limit and one running minimum; archcost adds the distinct
networks, their accuracy with its interval, and the front.
"""


def main(path: str) -> str:
    data = json.loads(Path(path).read_text())
    info = data["machine_info"]
    cpu = info.get("cpu", {})
    machine = f"{cpu.get('brand_raw', info['machine'])}, {cpu.get('count', '?')} cores, Python {info['python_version']}"
    rows, variants = [], []
    for entry in data["benchmarks"]:
        extra = entry["extra_info"]
        cells = [
            what(entry),
            f"{extra['ratio']:.2f}",
            ms(extra["subject_seconds"]),
            ms(extra["peer_seconds"]),
            extra["goal"],
        ]
        rows.append("| " + " | ".join(cells) + " |")
        if "variants" in extra:
            rate = extra["variants"] / extra["subject_seconds"] / 1e6
            memory = f", {extra['peak_memory_MiB']} MiB in a process of its own" if "peak_memory_MiB" in extra else ""
            variants.append(f"`{entry['name']}` {rate:.1f} million a second{memory}")
    return HEAD.format(machine=machine) + "\n".join(rows) + "\n" + TAIL.format(variants="; ".join(variants))


def what(entry: dict) -> str:
    import ast

    path, name = entry["fullname"].split("::")
    tree = ast.parse(Path(path).read_text())
    functions = {node.name: ast.get_docstring(node) for node in tree.body if isinstance(node, ast.FunctionDef)}
    said = functions[name.split("[")[0]] or name
    return f"{said} ({entry['param']})" if entry.get("param") else said


def ms(value: float) -> str:
    return f"{value * 1000:.1f} ms"


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1]))
