"""Why a model could not be traced, in a sentence that says what to do."""

from __future__ import annotations

import re
import traceback
from collections.abc import Sequence
from pathlib import Path

from archcost.importers.packages import said
from archcost.importers.reference import Input

_MISSING = re.compile(r"missing (?:a|\d+) required (?:positional )?arguments?")
_READS_VALUES = ("Cannot copy out of meta tensor", "aten._local_scalar_dense")
_LIBRARIES = ("torch", "archcost")


def explained(error: BaseException, inputs: Sequence[Input]) -> str:
    """The failure as a user can mend it."""
    text, shown = str(error), " and ".join(map(str, inputs))
    if isinstance(error, TypeError) and _MISSING.search(text):
        given = f"the {len(inputs)} inputs" if len(inputs) > 1 else "the input"
        how = "give --input once for each, or by name as in --input mask=10"
        return f"the model needs more than {given} {shown}; {how} ({said(error)})"
    if isinstance(error, TypeError) and "unexpected keyword argument" in text:
        return f"the model takes no input of that name: {shown} ({said(error)})"
    if "uninitialized parameter" in text:
        return "it has lazy layers, whose sizes the first input decides: name a function that runs the model once"
    if isinstance(error, TypeError) and "positional argument" in text and "were given" in text:
        return f"the model takes fewer than the {len(inputs)} inputs {shown}"
    where = _where(error)
    names = {type(each).__name__ for each in _chain(error)}
    if any("DataDependent" in name for name in names) or any(sign in text for sign in _READS_VALUES):
        return (
            f"its forward depends on the values of the data{where}, not on sizes alone; such a model cannot be traced"
        )
    if "Expected tensor for argument #1 'indices'" in text:
        return f"it looks indices up{where}: give them as integers, --input {inputs[0]}:int64"
    return f"it failed at {shown} while it was traced{where}: {said(error)}"


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _where(error: BaseException) -> str:
    """The last line of the model's own code."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        parts = Path(frame.filename).parts
        if not any(part in _LIBRARIES for part in parts) and frame.filename.endswith(".py"):
            return f" (in {frame.name}, {Path(frame.filename).name}:{frame.lineno})"
    return ""
