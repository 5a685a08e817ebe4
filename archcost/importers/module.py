"""`package.module:attribute`: a model of the user's own, or what makes one. Its code runs because it was named."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from archcost.errors import ArchcostError
from archcost.importers.blueprint import Blueprint
from archcost.importers.packages import imported, quiet, said
from archcost.importers.reference import Source
from archcost.spec.names import unknown


def text(source: Source) -> str:
    """The spec of an nn.Module, of a subclass of it, or of what a function returns."""
    with _current_directory():
        plan = blueprint(source)
        from archcost.importers.torch import imported_spec

        return imported_spec(source, plan.build, plan.inputs, plan.name, plan.resized)


def blueprint(source: Source) -> Blueprint:
    """How the user's own code makes it."""
    imported("torch", "'archcost[torch]'")
    with _current_directory():
        found = _attribute(source)
    if not callable(found):
        raise ArchcostError(f"{source} is no model but {type(found).__name__}; name an nn.Module or what makes one")
    if not source.inputs:
        raise ArchcostError(f"{source}: say what the model reads, without the batch: --input 3x224x224")

    from torch import nn

    if isinstance(found, nn.Module) and source.arguments:
        raise ArchcostError(f"{source} is a model that is built already; --kwargs are for what builds one")

    def build(**more: object) -> object:
        with _current_directory():
            return found if isinstance(found, nn.Module) else found(**source.values)

    return Blueprint(build, source.inputs, source.name.rpartition(".")[2])


@contextlib.contextmanager
def _current_directory() -> Iterator[None]:
    """While it lasts, modules of the current directory can be imported, as with `python -m`."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(here)


def _attribute(source: Source) -> Any:
    try:
        with quiet():
            found: Any = importlib.import_module(source.scheme)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if source.scheme == missing or source.scheme.startswith(f"{missing}."):
            raise ArchcostError(
                f"{source}: there is no module `{missing}` here or among the installed packages (if it is a package: "
                f"pip install {missing.partition('.')[0]}); a model is "
                "torchvision:NAME, timm:NAME, keras:NAME, package.module:attribute, or a file ending in .onnx or .keras"
            ) from None
        raise ArchcostError(f"{source}: {source.scheme} needs `{missing}`: pip install {missing}") from None
    except (Exception, SystemExit) as error:  # whatever the user's code raises
        raise ArchcostError(f"{source}: importing {source.scheme} failed: {said(error)}") from None
    for part in source.name.split("."):
        if not hasattr(found, part):
            names = [name for name in vars(found) if not name.startswith("_")] if hasattr(found, "__dict__") else []
            raise ArchcostError(f"{source}: " + unknown("attribute", part, names))
        found = getattr(found, part)
    return found
