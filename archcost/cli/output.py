"""Where results go: the terminal, or a file that appears whole or not at all."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from archcost.errors import ArchcostError


def format_of(chosen: str | None, output: str | None, endings: dict[str, str], default: str) -> str:
    """The format asked for, else the one that the file's ending names."""
    if chosen is not None:
        return chosen
    ending = Path(output).suffix.lower() if output else ""
    if ending not in ("", ".txt", *endings) and output != os.devnull:
        raise ArchcostError(f"{output}: no format ends in {ending}; end in {', '.join(endings)}, or give --format")
    return endings.get(ending, default)


def in_form(report: ModuleType, form: str, output: str | None, *found: Any) -> str:
    """What was found, as a module of reports writes it: its `data` as JSON, `csv`, `markdown`, or `text` for here."""
    from archcost.reports import json, table

    if form == "json":
        return json.dumps(report.data(*found))
    written: str = (
        report.text(*found, width=None if output else table.terminal_width())
        if form == "table"
        else getattr(report, form)(*found)
    )
    return written


def deliver(content: str | bytes, output: str | None) -> None:
    """Prints, or writes to a file.

    Raises ArchcostError where the file cannot be written; what stood there before then stays.
    """
    data = content if isinstance(content, bytes) else (content.rstrip("\n") + "\n").encode()
    if output is None or output == "-":
        _print(data)
        return
    path = Path(output)
    try:
        if path.is_dir():
            raise ArchcostError(f"{path}: is a directory; name a file")
        if path.exists() and not path.is_file():
            path.write_bytes(data)  # a device or a pipe
            return
        if path.exists() and not os.access(path, os.W_OK):
            raise ArchcostError(f"{path}: cannot be written: it is read-only")
        _replace(path.resolve(), data)
    except OSError as error:
        raise ArchcostError(f"{path}: cannot be written: {error.strerror}") from None


def _print(data: bytes) -> None:
    """Writes bytes past the terminal's encoding, so that ρ and × survive one without a locale."""
    if sys.stdout is None:
        raise ArchcostError("standard output is closed")
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        # What is left in the buffer must not be tried again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            sys.exit(141)  # as a shell has it for a reader that has gone, such as head
        raise ArchcostError(f"standard output cannot be written: {error.strerror}") from None


def _replace(path: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".archcost-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, path.stat().st_mode if path.exists() else 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
