"""How a model is named: `torchvision:resnet50`, `timm:efficientnet_b0`, `mypackage.models:build?input=3x224x224`,
`model.onnx`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

from archcost.errors import ArchcostError

_REFERENCE = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_][\w.\-/]*)(?:\?(.*))?", re.DOTALL)
_INPUT = re.compile(r"(?:([A-Za-z_]\w*)=)?(\d+(?:[xX×]\d+)*)(?::([A-Za-z]+\d*))?")
DTYPES = ("float32", "float16", "bfloat16", "int64", "int32", "bool")
INPUT = "input"
FILES = {".onnx": "onnx", ".keras": "keras"}
"""Files that hold a model, by the ends of their names, and the importer that reads each."""


@dataclass(frozen=True, slots=True)
class Input:
    """One tensor that a model reads, without the batch. name: of the argument, where it is not given in order."""

    sizes: tuple[int, ...]
    dtype: str = "float32"
    name: str = ""

    def __str__(self) -> str:
        sizes = "x".join(map(str, self.sizes)) + ("" if self.dtype == "float32" else f":{self.dtype}")
        return f"{self.name}={sizes}" if self.name else sizes


@dataclass(frozen=True, slots=True)
class Source:
    """A reference read: where the model is, its name there, what it reads, and arguments of its constructor."""

    scheme: str
    name: str
    inputs: tuple[Input, ...] = ()
    arguments: Mapping[str, str] = field(default_factory=dict)
    """As written: YAML scalars."""

    @property
    def values(self) -> dict[str, Any]:
        """The arguments' values."""
        return {name: scalar(name, text) for name, text in self.arguments.items()}

    @property
    def file(self) -> Path | None:
        """Where the model is a file."""
        return Path(self.name) if self.scheme in FILES.values() and self.name.endswith(tuple(FILES)) else None

    def __str__(self) -> str:
        named = self.name if self.file is not None else f"{self.scheme}:{self.name}"
        pairs = [(INPUT, str(each)) for each in self.inputs] + sorted(self.arguments.items())
        query = "&".join(f"{quote(name, safe='')}={quote(value, safe=',:[]{}.')}" for name, value in pairs)
        return named + (f"?{query}" if query else "")


def parse(text: str) -> Source | None:
    """The source that a reference names; None for a text that has not the form of one.

    >>> parse("torchvision:mobilenet_v2?width_mult=0.5&input=3x160x160")
    Source(scheme='torchvision', name='mobilenet_v2', inputs=(Input(sizes=(3, 160, 160), dtype='float32', name=''),), \
arguments={'width_mult': '0.5'})

    Raises ArchcostError for an input that is none.
    """
    scheme, named, query = _parts(text)
    if not scheme:
        return None
    inputs, arguments = [], {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name == INPUT:
            inputs.append(read_input(value))
        elif name in arguments:
            raise ArchcostError(f"{text}: `{name}` is given twice")
        else:
            arguments[name] = value
    return Source(scheme, named, tuple(inputs), arguments)


def _parts(text: str) -> tuple[str, str, str]:
    """(scheme, name, what stands after the question mark); an empty scheme where the text is no reference."""
    for suffix, scheme in FILES.items():
        path, found, query = text.partition(f"{suffix}?")
        if found or path.endswith(suffix):
            return scheme, path if path.endswith(suffix) else path + suffix, query
    found_parts = _REFERENCE.fullmatch(text)
    return (found_parts[1], found_parts[2], found_parts[3] or "") if found_parts else ("", "", "")


def read_input(text: str) -> Input:
    """Sizes of one input without the batch: 3x224x224, 128:int64 for indices, mask=128 for an argument by name."""
    found = _INPUT.fullmatch(text.strip())
    sizes = tuple(int(size) for size in re.split("[xX×]", found[2])) if found else ()
    if found is None or not all(1 <= size <= 1_000_000 for size in sizes) or len(sizes) > 4:
        raise ArchcostError(f"--input {text}: write the sizes without the batch, such as 3x224x224, or 128:int64")
    dtype = (found[3] or "float32").lower()
    if dtype not in DTYPES:
        raise ArchcostError(f"--input {text}: the dtype is one of {', '.join(DTYPES)}")
    return Input(sizes, dtype, found[1] or "")


def scalar(name: str, text: str) -> Any:
    """A YAML scalar, or list, as the value of an argument."""
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise ArchcostError(f"--kwargs {name}={text}: no YAML value") from None


def is_model(reference: str) -> bool:
    """Whether it has the form of a model to import, with or without settings after an @."""
    from archcost.spec import ranges

    return parse(ranges.reference(reference)[0]) is not None


def with_options(reference: str, inputs: Sequence[str], arguments: Sequence[str]) -> str:
    """A reference with what the options `--input` and `--kwargs` say.

    Raises ArchcostError where the reference is no model to import.
    """
    if not inputs and not arguments:
        return reference
    from archcost.spec import ranges

    name, settings = ranges.reference(reference)
    source = parse(name)
    if source is None:
        raise ArchcostError(f"{reference} is no model to import; --input and --kwargs are for those")
    given = {**source.arguments, **ranges.assignments(tuple(arguments))}
    read = tuple(read_input(text) for text in inputs) or source.inputs
    found = str(Source(source.scheme, source.name, read, given))
    return found + ("@" + ",".join(f"{key}={value}" for key, value in settings.items()) if settings else "")
