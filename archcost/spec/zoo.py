"""The zoo: specs that travel with the package, by name."""

from __future__ import annotations

from pathlib import Path

from archcost.errors import ArchcostError
from archcost.spec.names import unknown

_PACKAGE = Path(__file__).parents[1]
_FOLDERS = (_PACKAGE / "zoo", _PACKAGE.parent / "specs")
"""In the wheel the specs lie inside the package; in a checkout they stand beside it."""


def folder() -> Path:
    """Where the zoo's specs are."""
    for path in _FOLDERS:
        if path.is_dir():
            return path
    raise ArchcostError("the zoo's specs are missing from this installation; name a spec file instead")


def names() -> list[str]:
    """The zoo's specs, in alphabetical order."""
    return sorted(path.stem for path in folder().glob("*.yaml"))


def exists(path: Path) -> bool:
    """Whether there is such a path; a text that cannot be a path is none."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def find(spec: str) -> Path:
    """The file of a spec: a path, or a name from the zoo.

    Raises ArchcostError where there is neither.
    """
    path = Path(spec)
    if exists(path) or path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
        return path
    if spec in names():
        return folder() / f"{spec}.yaml"
    raise ArchcostError(unknown("spec", spec, names()) + "; or give the path of a YAML file")
