"""Packages that a source needs: imported when it is read, with the one command where one is missing."""

from __future__ import annotations

import contextlib
import importlib
import logging
import sys
import warnings
from collections.abc import Iterator
from types import ModuleType

from archcost.errors import ArchcostError


def imported(name: str, command: str = "") -> ModuleType:
    """A package. Raises ArchcostError where it is not installed, or cannot be loaded."""
    try:
        with warnings.catch_warnings(), quiet():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0]:
            raise ArchcostError(
                f"{name} needs {error.name}, which is not installed: pip install {error.name}"
            ) from None
        raise ArchcostError(f"{name} is not installed: pip install {command or name}") from None
    except Exception as error:  # whatever a package can raise while it is loaded
        raise ArchcostError(f"{name} cannot be loaded: {said(error)}") from None


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """What other code prints goes to standard error: standard output is for results. What it logs is left out: an
    error that is raised says more."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        logging.disable(before)


def said(error: BaseException) -> str:
    """An exception in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
