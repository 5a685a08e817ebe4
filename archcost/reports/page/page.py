"""One HTML file with everything in it: data, styles, scripts and the libraries that they use."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Mapping
from functools import cache
from html import escape
from importlib import metadata
from pathlib import Path
from typing import Any

from archcost.errors import ArchcostError

FOLDER = Path(__file__).parent
LIBRARIES = {"mpld3": "d3.v5.min.js", "XStatic-Dagre": "dagre.min.js"}
"""The packages that carry the libraries, and the file of each."""
MODULES = (
    "data.js",
    "program.js",
    "format.js",
    "command.js",
    "model.js",
    "runs.js",
    "variants.js",
    "state.js",
    "dom.js",
    "tip.js",
    "roving.js",
    "text.js",
    "axes.js",
    "tree.js",
    "address.js",
    "knobs.js",
    "overview.js",
    "columns.js",
    "layers.js",
    "treemap.js",
    "memory.js",
    "roofline.js",
    "layout.js",
    "paper.js",
    "graph.js",
    "cloud.js",
    "budget.js",
    "walker.js",
    "winner.js",
    "lead.js",
    "front.js",
    "compare.js",
    "together.js",
    "main.js",
)
"""In an order in which each only reads what stands before it."""
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)


def html(data: Mapping[str, Any], title: str) -> str:
    """The page. Its data is compressed, so that no text in it can be taken for markup."""
    try:
        text = _json(data)
    except ValueError:  # some number that nobody knows
        text = _json(_finite(data))
    packed = base64.b64encode(zlib.compress(text.encode("utf-8", "surrogatepass"), 9)).decode()
    filled = {
        "TITLE": escape(title),
        "POLICY": escape(POLICY),
        "STYLE": _file("page.css"),
        "LIBRARIES": "\n".join(_library(package, name) for package, name in LIBRARIES.items()),
        "DATA": packed,
        "SCRIPT": script(),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: filled[found[1]], _file("page.html"))


def _json(data: Mapping[str, Any]) -> str:
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


@cache
def script() -> str:
    """The modules as one: what they import from each other is there already."""
    return "\n".join(_joined(_file(name)) for name in MODULES)


def _joined(module: str) -> str:
    module = re.sub(r"^import [^;]*;\n", "", module, flags=re.MULTILINE)
    return re.sub(r"^export ", "", module, flags=re.MULTILINE)


@cache
def _library(package: str, name: str) -> str:
    try:
        found = next(file for file in metadata.files(package) or () if file.name == name)
        text = Path(str(found.locate())).read_text(encoding="utf-8")
    except (metadata.PackageNotFoundError, StopIteration, OSError):
        raise ArchcostError(f"a page needs {name} of {package}: pip install --force-reinstall {package}") from None
    text = re.sub(r"^//# sourceMappingURL=.*$", "", text, flags=re.MULTILINE)
    assert "</script" not in text
    return f"<script>{text}</script>"


@cache
def _file(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _finite(value: Any) -> Any:
    """Numbers that nobody knows are null, never text or zero."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, Mapping):
        return {str(name): _finite(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    return value
