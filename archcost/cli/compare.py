"""archcost compare"""

from __future__ import annotations

from typing import Any

import click

from archcost.cli import options
from archcost.cli.output import deliver
from archcost.errors import ArchcostError


@click.command(name="compare", short_help="The same page for several networks side by side.")
@click.argument("specs", nargs=-1, metavar="A B [C]...", required=True)
@options.page_options
@options.importing_options
def command(specs: tuple[str, ...], output: str, devices: tuple[str, ...], **asked: Any) -> None:
    """Several networks on one page. Side by side: totals, memory over the schedule, the roofline, costs by kind
    of layer, and the variants of all on one front. The treemap, the graph and the table of layers are of the one
    in view, which a click on its name chooses. Of a search's folder it takes the winner.

    \b
    archcost compare mobilenetv1 mobilenetv2 mobilenetv3_large -o mobilenets.html
    archcost compare resnet50 resnet50_v1_5 --device nvidia-t4 -o resnets.html
    """
    from archcost.api import report
    from archcost.cli.measuring import counting, warn

    if len(specs) < 2:
        raise ArchcostError("a comparison takes two networks or more; for one there is `archcost report`")
    with counting("working out") as progress:
        page = report(specs, device=devices, warn=warn, progress=progress, **asked)
    deliver(page, output)
