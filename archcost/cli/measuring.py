"""What the commands that measure share: torch, loaded late, and a bar with the time left."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from archcost.errors import ArchcostError
from archcost.reports.measurements import Answer


def watched(answers: Iterator[Answer], total: int) -> Iterator[Answer]:
    """The answers, with a bar on the terminal that shows the time left."""
    if not sys.stderr.isatty():
        yield from answers
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("measuring", total=total)
        for answer in answers:
            progress.update(bar, advance=1, description=answer[0].layer or answer[0].spec)
            yield answer


def live_measure() -> Any:
    """The module that measures. Raises ArchcostError where torch is not installed."""
    try:
        from archcost.live import measure
    except ImportError as error:
        raise ArchcostError(f"{error.name} is not installed; measuring needs it: pip install torch") from None
    return measure
