"""One measurement at a time on a device, whoever measures on this machine."""

from __future__ import annotations

import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from archcost.errors import ArchcostError
from archcost.latency.subject import hash_of

WAIT_SECONDS = 600.0
POLL_SECONDS = 0.02


@contextmanager
def alone(device: str, seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Waits until no other process measures on a device. device: what it is known by on this machine; "" for one that
    may be shared.

    Raises ArchcostError where others keep it for so long. Where there are no such locks (Windows), nobody waits.
    """
    try:
        import fcntl
    except ImportError:
        device = ""
    if not device:
        yield
        return
    file = _file(device)
    try:
        until = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise ArchcostError(f"{device}: another program has measured on it for {seconds:g} s") from None
                time.sleep(POLL_SECONDS)
        yield
    finally:
        os.close(file)  # and with it the lock


def _file(device: str) -> int:
    """The lock's file, the same for all users and whatever their TMPDIR is. Raises ArchcostError."""
    folder = Path("/tmp") if Path("/tmp").is_dir() else Path(tempfile.gettempdir())
    path = folder / f"archcost-{hash_of(device)[:12]}.lock"
    try:
        try:
            found = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            found = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o444)
    except OSError as error:
        raise ArchcostError(f"{path}: cannot be locked: {error.strerror}; remove it") from None
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise ArchcostError(f"{path}: is no regular file; remove it")
    return found
