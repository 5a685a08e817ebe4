"""What test files share: specs from text, and the command line inside this process."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from archcost.api import Analysis, Model
from archcost.spec.document import parse

# A shell that runs the tests in the background has them ignore Ctrl-C, and every program that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def spec_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a spec; the file is the folder's only one."""

    def write(text: str | bytes, name: str = "spec.yaml") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.fixture(scope="session")
def run() -> Callable[..., Result]:
    """`archcost …`; an exception that the command line does not catch comes through."""
    from archcost.cli.main import main

    return lambda *words: CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture(scope="session")
def analyze() -> Callable[..., Analysis]:
    """A spec's text and settings -> its analysis."""

    def of(text: str, **settings: Any) -> Analysis:
        return Model(parse(text, "spec.yaml"), {}).analyze(**settings)

    return of


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, running."""
    from tests.pages import chromium

    with chromium() as found:
        yield found


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes a page, each once: `pages(spec, device=…)` is its path."""
    folder = tmp_path_factory.mktemp("pages")
    written: dict[str, Path] = {}

    def page(source: Any, **asked: Any) -> Path:
        from archcost import report

        key = f"{source} {asked}"
        if key not in written:
            path = folder / f"{len(written)}.html"
            path.write_text(report(source, **asked), encoding="utf-8")
            written[key] = path
        return written[key]

    return page
