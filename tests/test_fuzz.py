"""Any text is a spec or a list of problems; never another exception.

ARCHCOST_FUZZ=20000 sets how many examples each test tries.
"""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archcost import ArchcostError, load
from archcost.api import Model
from archcost.ops import OPERATORS
from archcost.reports import json, table
from archcost.spec import zoo
from archcost.spec.document import parse

EXAMPLES = int(os.environ.get("ARCHCOST_FUZZ", "200"))
fuzz = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)

SPECS = {name: zoo.find(name).read_text() for name in zoo.names()}
SHORT = sorted(SPECS, key=lambda name: len(SPECS[name]))[:8]
"""The shorter the spec, the more mutants a second holds."""

ODD = [
    "0", "-1", "1", "2", "3.5", "1e400", "-.inf", ".nan", str(10**30), "1" + "0" * 350, "true", "~", "''", "[]", "{}",
    "[1, 2]", "{a: 1}", "relu", "conv", "input", "same", "fixed", "$", "$x", "$alpha", "$alpha / 0", "channels()",
    "channels(input) // 2", "height()", "round_to($x, 8)", "(1 if $x else 2)", "&a [1]", "*a", "!!set x", "a.b", "🙂",
]  # fmt: skip
"""Values that somebody, some day, writes into a field."""

BESIDE = ["name", "from", "repeat", "when", "scale"]
GOOD = {"out": "8", "kernel": "1", "groups": "1", "heads": "1", "parts": "2", "sizes": "[8, 256]", "axes": "[0, 1, 2]",
        "margins": "1", "size": "2"}  # fmt: skip
"""What a field takes that an operator must have."""


def try_out(text: str) -> None:
    """Reads, analyses and prints a spec, or says what is wrong with it."""
    try:
        analysis = Model(parse(text, "fuzz.yaml"), {}).analyze()
        assert json.dumps(analysis.to_dict())
        assert table.analysis(analysis, None, 100)
    except ArchcostError as error:
        assert str(error)


@fuzz
@given(st.text())
def test_any_text(text: str) -> None:
    try_out(text)


@fuzz
@given(st.binary(max_size=300))
def test_any_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "fuzz.yaml"
    path.write_bytes(content)
    try:
        load(path).analyze()
    except ArchcostError as error:
        assert str(error)


@fuzz
@given(st.sampled_from(SHORT), st.data())
def test_mutated_characters(name: str, data: st.DataObject) -> None:
    """A few characters of a good spec replaced, removed or put in."""
    text = SPECS[name]
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        removed = data.draw(st.integers(0, 3))
        put = data.draw(st.text(alphabet="[]{}:,-#&*!|>'\"%@`$()\n\t 0123456789eE.relu", max_size=3))
        text = text[:at] + put + text[at + removed :]
    try_out(text)


@fuzz
@given(st.sampled_from(SHORT), st.data())
def test_mutated_lines(name: str, data: st.DataObject) -> None:
    """Lines of a good spec doubled, dropped, swapped or indented otherwise."""
    lines = SPECS[name].splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        i, j = (data.draw(st.integers(0, len(lines) - 1)) for _ in "ij")
        match data.draw(st.sampled_from(["double", "drop", "swap", "indent"])):
            case "double":
                lines.insert(j, lines[i])
            case "drop" if len(lines) > 2:
                del lines[i]
            case "swap":
                lines[i], lines[j] = lines[j], lines[i]
            case "indent":
                lines[i] = " " * data.draw(st.integers(0, 8)) + lines[i].lstrip()
    try_out("\n".join(lines))


@st.composite
def odd_layers(draw: st.DrawFn) -> str:
    kind = draw(st.sampled_from([*OPERATORS, "b", "$p", "$q", "$x", "$alpha"]))
    known = list(OPERATORS[kind].__dataclass_fields__) if kind in OPERATORS else ["x"]
    fields = {name: GOOD[name] for name in known if name in GOOD}
    fields |= draw(st.dictionaries(st.sampled_from([*known, *BESIDE]), st.sampled_from(ODD), max_size=2))
    return f"{{{kind}: {{{', '.join(f'{key}: {value}' for key, value in fields.items())}}}}}"


@fuzz
@given(st.lists(odd_layers(), max_size=3), st.lists(odd_layers(), max_size=3), st.sampled_from(ODD))
def test_odd_fields(block: list[str], layers: list[str], value: str) -> None:
    """Every operator and field, with values of the wrong kind."""
    body = "".join(f"      - {layer}\n" for layer in ["relu", *block])
    try_out(
        f"name: fuzz\ninput: [8, 16, 16]\nparameters: {{p: relu, q: {value}}}\n"
        f"blocks:\n  b:\n    arguments: {{x: {value}}}\n    layers:\n{body}"
        "layers:\n" + "".join(f"  - {layer}\n" for layer in ["b", *layers])
    )


LEAVES = st.sampled_from(["0", "1", "8", "0.35", "1e9", "$x", "$alpha", "true", "'a'", "channels()", "height(input)"])
SIGNS = st.sampled_from(["+", "-", "*", "/", "//", "%", "<", "==", "and", "or"])
FUNCTIONS = st.sampled_from(["floor", "ceil", "round", "round_to", "min", "max", "interpolate"])


def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, SIGNS, inner).map(lambda t: f"({' '.join(t)})"),
        st.tuples(FUNCTIONS, st.lists(inner)).map(lambda t: f"{t[0]}({', '.join(t[1])})"),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} if {t[1]} else {t[2]})"),
        inner.map(lambda e: f"(-{e})"),
        inner.map(lambda e: f"(not {e})"),
    )


@fuzz
@given(st.recursive(LEAVES, larger, max_leaves=12), st.sampled_from(["out", "repeat", "when", "kernel", "stride"]))
def test_any_expression(expression: str, field: str) -> None:
    fields = {"out": "8", "kernel": "1", field: '"' + expression + '"'}
    listed = ", ".join(f"{key}: {value}" for key, value in fields.items())
    try_out(f"name: fuzz\ninput: [8, 16, 16]\nparameters: {{x: 4.5}}\nlayers:\n  - conv: {{{listed}}}\n")
