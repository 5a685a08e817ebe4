"""What the commands that measure share: torch, loaded late, and a bar with the time left."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

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


@contextmanager
def moving(title: str, total: int | None) -> Iterator[Callable[[int, int | None], None]]:
    """A bar on the terminal: how many are done, and how many could still beat them."""
    if not sys.stderr.isatty():
        yield lambda done, rivals: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(title, total=total)

        def moved(done: int, rivals: int | None) -> None:
            said = title if rivals is None else f"{done} measured, {rivals} could still win"
            progress.update(bar, completed=done, description=said)

        yield moved


@contextmanager
def counting(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on the terminal: how many are done, of how many."""
    if not sys.stderr.isatty():
        yield lambda done, of: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(title, total=None)
        yield lambda done, of: progress.update(bar, completed=done, total=of)


def warn(said: str) -> None:
    """A warning, beside the results."""
    click.echo(f"warning: {said}", err=True)
