"""The text of a user's own command, such as `python train.py {spec} {alpha} {resolution}`: its words and their names.

The text is split as a shell would, but no shell runs, and what is filled in is never split. `{{` is a brace.
"""

from __future__ import annotations

import json
import shlex
import shutil
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from archcost.errors import ArchcostError
from archcost.latency.subject import Label
from archcost.spec.names import unknown
from archcost.spec.parts import Document

PLACES = ("spec", "alpha", "resolution", "parameters")
"""What every command may be told, besides the spec's parameters by name."""


def split(command: str) -> list[str]:
    """The words, still with their braces. Raises ArchcostError."""
    try:
        words = shlex.split(command)
        for word in words:
            for _, name, form, conversion in string.Formatter().parse(word):
                if name is not None and (not name.isidentifier() or form or conversion):
                    raise ValueError(f"{{{name}}} is no name; double the braces that are meant as such")
    except ValueError as error:
        raise ArchcostError(f"`{command}` is no command: {error}") from None
    if not words:
        raise ArchcostError("the command that evaluates is empty; write one such as `python train.py {spec} {alpha}`")
    return words


def names(words: Sequence[str]) -> list[str]:
    """The names in braces, as they come."""
    return [name for word in words for _, name, _, _ in string.Formatter().parse(word) if name is not None]


def check(command: str, document: Document, *, here: bool = True) -> None:
    """Raises ArchcostError where the command cannot be run for networks of this spec. here: on this machine, so that
    the program and the spec's file must be there."""
    words = split(command)
    known = [*PLACES, *document.parameters]
    for name in names(words):
        if name not in known:
            raise ArchcostError(f"`{command}`: {unknown('name in braces', name, known)}")
        if here and name == "spec" and not Path(document.file).is_file():
            raise ArchcostError(f"`{command}`: {document.file} is no file that {{spec}} could name")
    if here and "{" not in words[0] and shutil.which(words[0]) is None:
        raise ArchcostError(f"`{command}`: there is no program {words[0]}; give its path")


def filled(command: str, spec: str, label: Label) -> list[str]:
    """The words with everything told. spec: the path of the spec's file."""
    values = {name: _text(value) for name, value in label.parameters.items()} | {
        "spec": spec,
        "alpha": str(label.alpha),
        "resolution": label.resolution,
        "parameters": json.dumps(dict(label.parameters), sort_keys=True),
    }
    return [word.format_map(values) for word in split(command)]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
