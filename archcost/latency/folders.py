"""The user's own folder: measurements, and device profiles that `calibrate` made."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from archcost.errors import ArchcostError


def data() -> Path:
    """Where this user's data lies, by the platform's custom; it need not exist yet.

    Raises ArchcostError where the user has no home folder.
    """
    if sys.platform == "win32" and os.environ.get("LOCALAPPDATA"):
        return Path(os.environ["LOCALAPPDATA"]) / "archcost"
    xdg = Path(os.environ.get("XDG_DATA_HOME", ""))
    if sys.platform not in ("win32", "darwin") and xdg.is_absolute():  # a relative one is to be ignored
        return xdg / "archcost"
    try:
        home = Path.home()
    except RuntimeError:
        raise ArchcostError("there is no home folder to keep data in; set HOME, or name a file") from None
    if sys.platform == "win32":
        return home / "AppData" / "Local" / "archcost"
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "archcost"
    return home / ".local" / "share" / "archcost"


def store(given: str | None = None) -> Path:
    """The file of measurements: the one given, else $ARCHCOST_STORE, else one in the data folder."""
    named = given or os.environ.get("ARCHCOST_STORE")
    return Path(named) if named else data() / "measurements.db"


def devices() -> Path:
    """The folder of this user's device profiles."""
    return data() / "devices"
