"""Where results go: the terminal, or a file that appears whole or not at all."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from archcost.errors import ArchcostError


def format_of(chosen: str | None, output: str | None, endings: dict[str, str], default: str) -> str:
    """The format asked for, else the one that the file's ending names."""
    if chosen is not None:
        return chosen
    return endings.get(Path(output).suffix.lower(), default) if output else default


def deliver(content: str | bytes, output: str | None) -> None:
    """Prints, or writes to a file.

    Raises ArchcostError where the file cannot be written; what stood there before then stays.
    """
    if output is None or output == "-":
        # Bytes past the terminal's encoding, so that ρ and × survive one without a locale.
        stream = sys.stdout.buffer
        stream.write(content if isinstance(content, bytes) else (content.rstrip("\n") + "\n").encode())
        stream.flush()
        return
    path = Path(output)
    data = content if isinstance(content, bytes) else (content.rstrip("\n") + "\n").encode()
    try:
        if path.is_dir():
            raise ArchcostError(f"{path}: is a directory; name a file")
        if path.exists() and not path.is_file():
            path.write_bytes(data)  # a device or a pipe
            return
        _replace(path, data)
    except OSError as error:
        raise ArchcostError(f"{path}: cannot be written: {error.strerror}") from None


def _replace(path: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
