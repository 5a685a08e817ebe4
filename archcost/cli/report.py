"""archcost report"""

from __future__ import annotations

from typing import Any

import click

from archcost.cli import options
from archcost.cli.output import deliver


@click.command(name="report", short_help="A page to explore in: one HTML file that needs nothing else.")
@click.argument("spec", metavar="SPEC|RESULT_DIR")
@options.page_options
@options.importing_options
def command(spec: str, output: str, devices: tuple[str, ...], **asked: Any) -> None:
    """Where a network's cost lies, what its knobs do, and what a search found, as one HTML file.

    It opens in any browser, makes no request, and holds a table of every figure at every position of its
    knobs, so that what it shows is what `archcost analyze` says, to the unit. Of a search's folder (`archcost
    search --out DIR`) it shows every variant, the front, and which wins under a budget that you drag, at that search's
    batch, dtype and device; figures of the result that are others here are named on standard error.

    \b
    archcost report mobilenetv1 -o mobilenetv1.html
    archcost report resnet50 --device nvidia-t4 --device pixel3-cpu -o resnet50.html
    archcost search --budget 300M --out best && archcost report best -o best.html
    archcost report mobilenetv2 --alpha 0.35:1.4:0.01 --resolution 96:224:1 -o fine.html
    """
    from archcost.api import report
    from archcost.cli.measuring import counting, warn

    with counting("working out") as progress:
        page = report(spec, device=devices, warn=warn, progress=progress, **asked)
    deliver(page, output)
