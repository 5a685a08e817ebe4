"""A fleet at work, on a terminal or in a log; and who did what, when it is over."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from archcost.fleet.state import Progress, State

if TYPE_CHECKING:
    from rich.table import Table

LOG_SECONDS = 30.0
"""Between two lines, where nobody looks at a terminal."""


@contextmanager
def shown(state: Callable[[], State], summary: bool = True) -> Iterator[None]:
    """Shows on standard error how far a fleet is, as long as it works, and a summary of its workers afterwards."""
    try:
        with _live(state) if sys.stderr.isatty() else _logged(state):
            yield
    finally:
        if summary:
            print(summarised(state()), file=sys.stderr, flush=True)


@contextmanager
def _live(state: Callable[[], State]) -> Iterator[None]:
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    if link := state().dashboard:
        console.print(f"Dask's dashboard: {link}", style="dim", highlight=False)
    with Live(get_renderable=lambda: table(state()), console=console, refresh_per_second=2, transient=True):
        yield


@contextmanager
def _logged(state: Callable[[], State]) -> Iterator[None]:
    stop = threading.Event()

    def tell() -> None:
        while not stop.wait(LOG_SECONDS):
            print(line(state()), file=sys.stderr, flush=True)

    thread = threading.Thread(target=tell, daemon=True)
    if link := state().dashboard:
        print(f"Dask's dashboard: {link}", file=sys.stderr, flush=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def table(state: State) -> Table:
    """What each device has done, and how long it will take."""
    from rich.table import Table

    made = Table(box=None, pad_edge=False)
    for name in ("device", "slots", "done", "running", "waiting", "failed", "left, at most"):
        made.add_column(name, justify="left" if name == "device" else "right")
    for each in state.progress:
        numbers = (each.slots, each.done, each.running, each.waiting, each.failed)
        made.add_row(each.name or "evaluations", *map(str, numbers), _left(each))
    return made


def line(state: State) -> str:
    """The same in one line."""
    told = [
        f"{each.name or 'evaluations'}: {each.done} done, {each.running} running, {each.waiting} waiting, "
        f"{each.failed} failed" + (f", {left} left at most" if (left := _left(each)) else "")
        for each in state.progress
    ]
    here = sum(worker.state == "here" for worker in state.workers)
    return f"{here} workers; {'; '.join(told) or 'nothing asked yet'}"


def summarised(state: State) -> str:
    """A line for each worker."""
    head = ("worker", "host", "offers", "done", "failed", "lost", "busy", "")
    rows = [
        (w.name, w.host, w.offers, str(w.done), str(w.failed), str(w.lost), f"{w.busy:.0%}", _state(w.state))
        for w in state.workers
    ]
    widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place in range(3, 7) else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (head, *rows)
    )


def _state(state: str) -> str:
    return "" if state == "here" else state


def _left(each: Progress) -> str:
    if each.seconds_left is None:
        return ""
    minutes, seconds = divmod(round(each.seconds_left), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
