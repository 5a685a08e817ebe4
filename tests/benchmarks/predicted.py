"""How well a device that was just calibrated is predicted: 30 random variants of three families that were measured
for it, and 30 of three that were not.

    archcost calibrate --name here --device cpu
    python tests/benchmarks/predicted.py here
"""

from __future__ import annotations

import csv
import io
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean, median

FAMILIES = {
    "in the fit": ("mobilenetv1", "mobilenetv2", "resnet18"),
    "not in it": ("mobilenetv3_large", "efficientnet_b0", "resnet34"),
}
COLUMNS = ("spec", "alpha", "resolution", "batch")


def archcost(*words: str) -> list[dict[str, str]]:
    run = subprocess.run(["archcost", *words], stdout=subprocess.PIPE, text=True, check=True)
    return list(csv.DictReader(io.StringIO(run.stdout)))


def main(profile: str, device: str = "cpu", *measuring: str) -> None:
    draw = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        for known, families in FAMILIES.items():
            points = Path(folder, "points.csv")
            with points.open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(COLUMNS)
                for spec in families:
                    for _ in range(10):
                        writer.writerow([spec, round(draw.uniform(0.25, 1), 2), draw.randrange(96, 257, 16), 1])
            found = archcost("measure", "--points", str(points), "--device", device, *measuring, "--format", "csv")
            times = Path(folder, "times.csv")
            with times.open("w", newline="") as file:
                table = csv.DictWriter(file, found[0])
                table.writeheader()
                table.writerows(row for row in found if row["latency_ms"])
            rows = archcost("predict", "--device", profile, "--points", str(times), "--format", "csv")
            for spec in (*families, ""):
                kept = [row for row in rows if row["spec"] == spec or not spec]
                errors = [abs(float(row["predicted_ms"]) / float(row["latency_ms"]) - 1) for row in kept]
                inside = mean(float(r["low_ms"]) <= float(r["latency_ms"]) <= float(r["high_ms"]) for r in kept)
                print(
                    f"{known:10}  {spec or 'all':18} {len(kept):3} variants: mean error {mean(errors):6.1%}, "
                    f"median {median(errors):6.1%}, in the 80 % interval {inside:4.0%}"
                )


if __name__ == "__main__":
    main(*sys.argv[1:])
