"""The file beside a search's results that says what the search asked and what it knew when it began, so that it can be
gone on with exactly where it was killed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archcost.api.effort import Effort
from archcost.errors import ArchcostError
from archcost.latency.measurement import Measurement
from archcost.latency.subject import hash_of
from archcost.reports.search import space_data
from archcost.search.question import Question

FILE = "run.json"
VERSION = 1
KNOWN = ("measurements", "evaluations")
_HASH = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Run:
    """measurements, evaluations: what the store had at the beginning, of these devices and this command: when each was
    made (`created`), by key. resumed: whether that beginning was another process's."""

    measurements: Mapping[str, str]
    evaluations: Mapping[str, str]
    resumed: bool = False

    def made(self, row: Measurement) -> bool:
        """Whether a stored measurement was made since the beginning, and so is this run's."""
        return self.measurements.get(row.key) != row.created


def begun(
    folder: Path | None,
    asked: Mapping[str, Any],
    measurements: Iterable[Measurement],
    evaluations: Mapping[str, str],
    *,
    resume: bool,
) -> Run:
    """The run that goes on in a folder, or a new one, which is written there.

    measurements: rows that the store has now, of the search's devices, and evaluations by key, of its command. Raises
    ArchcostError where the run before asked something else, or the folder lets it down.
    """
    new = Run({row.key: row.created for row in measurements}, evaluations)
    if folder is None:
        return new
    path = folder / FILE
    if resume and path.exists():
        return _read(path, asked)
    content = {
        "version": VERSION,
        "hash": hash_of(asked),
        "asked": asked,
        "measurements": new.measurements,
        "evaluations": new.evaluations,
    }
    _write(path, json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True))
    return new


def question_data(
    question: Question, benches: Mapping[str, str], effort: Effort, mode: str, command: str | None
) -> dict[str, Any]:
    """All that decides what a search asks, as plain data: long texts by their hashes. How much it may spend is not
    among it, so that more can be spent. benches: their ids, by the devices' names."""
    from archcost import __version__

    profiles = [each.profile for each in question.predictors.values()]
    return {
        "archcost": __version__,
        "specs": {space.name: hash_of(space.document.text)[:16] for space in question.spaces},
        "space": hash_of([space_data(space) for space in question.spaces])[:16],
        "limits": dict(question.constraints.given()),
        "objectives": list(question.objectives),
        "accuracies": hash_of([[repr(point) for point in each.points] for each in question.accuracies])[:16],
        "batch": question.scale.batch,
        "dtype": question.scale.dtype,
        "inplace": question.scale.inplace,
        "devices": {**benches, **{each.name: hash_of(repr(each))[:16] for each in profiles}},
        "mode": mode,
        "command": command,
        "pruner": None if command is None else effort.pruner,
        "seed": effort.seed,
        "sampler": effort.sampler,
        "trials": effort.trials,
        "ahead": effort.measuring_ahead if benches else None,
        "evaluations ahead": effort.ahead if command else None,
    }


def _read(path: Path, asked: Mapping[str, Any]) -> Run:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["version"] != VERSION:
            raise ValueError(f"of version {content['version']}, this archcost knows {VERSION}")
        before = dict(content["asked"])
        measurements, evaluations = ({str(k): str(v) for k, v in content[n].items()} for n in KNOWN)
    except OSError as error:
        raise ArchcostError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ArchcostError(
            f"{path}: is not what a search writes when it begins ({error}); leave out --resume"
        ) from None
    differ = [_differing(name, before.get(name), asked.get(name)) for name in {**before, **asked}]
    said = [each for each in differ if each]
    if said:
        raise ArchcostError(
            f"{path}: the search to go on with asked something else: {'; '.join(said)}. Ask the same, name another "
            "--out, or leave out --resume: what was measured is kept"
        )
    return Run(measurements, evaluations, resumed=True)


def _differing(name: str, before: Any, now: Any) -> str:
    """In what two values differ; "" where they do not."""
    if before == now:
        return ""
    if isinstance(before, dict) and isinstance(now, dict):
        parts = [_differing(each, before.get(each), now.get(each)) for each in dict.fromkeys([*before, *now])]
        return f"{name} ({', '.join(part for part in parts if part)})"
    hashes = [isinstance(each, str) and _HASH.fullmatch(each) is not None for each in (before, now)]
    if all(hashes):
        return f"{name} is another"
    said = [
        "nothing" if each is None else "another" if hashed else json.dumps(each, ensure_ascii=False)
        for each, hashed in zip((before, now), hashes, strict=True)
    ]
    return f"{name} was {said[0]}, is {said[1]}"


def _write(path: Path, text: str) -> None:
    """All of it or nothing, and on the disk when this returns."""
    new = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with new.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        raise ArchcostError(f"{path}: cannot be written: {error.strerror}; name another --out") from None
