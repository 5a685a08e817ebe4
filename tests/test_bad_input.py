"""Whatever a user gives: a clear message at its line, exit code 2, no traceback, nothing left behind."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

import archcost
from archcost import ArchcostError, SpecError
from archcost.api import Analysis
from archcost.errors import printable

Run = Callable[..., Result]
Write = Callable[..., Path]
Analyze = Callable[..., Analysis]

SIZES = "name: x\ninput: [8, 16, 16]\n"


def layers(*items: str) -> str:
    """A spec whose layers begin in line 4, column 5."""
    return SIZES + "layers:\n" + "".join(f"  - {item}\n" for item in items)


def assert_refused(result: Result, path: Path, place: str, fragment: str) -> None:
    """Exit code 2, and among the messages one at `line:column` that says `fragment`, over its line and a caret."""
    assert result.exit_code == 2, result.output
    assert not result.stdout
    said = result.stderr.splitlines()
    here = [i for i, line in enumerate(said) if line.startswith(f"{path}:{place}: ")]
    assert here, result.stderr
    assert any(fragment in said[i] for i in here), result.stderr
    row, column = (int(number) for number in place.split(":"))
    source = path.read_bytes().decode("utf-8-sig").splitlines()[row - 1]
    if len(source) <= 120:
        assert said[here[0] + 1] == f"  {printable(source)}".rstrip()
        assert said[here[0] + 2].rstrip("^") == "  " + " " * (column - 1)
    assert said[here[0] + 2].endswith("^")


# YAML and the header: whole files

TEXTS = [
    ("a list", "- relu\n- relu\n", "1:1", "a spec is a mapping"),
    ("a text", "hello\n", "1:1", "a spec is a mapping"),
    ("nothing but null", "null\n", "1:1", "a spec is a mapping"),
    ("two documents", layers("relu") + "---\nname: y\n", "5:1", "a second document"),
    ("tab as indent", SIZES + "layers:\n\t- relu\n", "4:1", "a tab"),
    ("tab deeper", SIZES + "layers:\n  - relu:\n\t  name: y\n", "5:1", "a tab"),
    ("tab after a dash", SIZES + "layers:\n  -\trelu\n", "4:4", "a tab"),
    ("brace left open", "name: x\ninput: {a: 1\nlayers: [relu]\nnotes: y\n", "3:7", "not YAML"),
    ("brace open to the end", SIZES + "layers:\n  - conv: {out: 3\n  - relu\n", "4:11", "not YAML"),
    ("control character", SIZES + "layers:\n  - re\x01lu\n", "4:7", "control character"),
    ("unclosed bracket", "name: x\ninput: [3, 8, 8\nlayers: [relu]\n", "3:7", "not YAML"),
    ("unclosed quote", 'name: "x\n', "1:7", "not YAML"),
    ("duplicate key", "name: x\ninput: [3, 8, 8]\nname: y\nlayers: [relu]\n", "3:1", "first in line 1"),
    ("duplicate field", layers("conv: {out: 3, kernel: 1, out: 4}"), "4:31", "first in line 4"),
    ("duplicate block", SIZES + "blocks:\n  b: [relu]\n  b: [relu]\nlayers: [b]\n", "5:3", "first in line 4"),
    ("list as key", SIZES + "? [a]\n: 1\nlayers: [relu]\n", "3:3", "a key must be a name"),
    ("null as key", SIZES + "~: 1\nlayers: [relu]\n", "3:1", "a key must be a name"),
    ("python tag", layers("!!python/object/apply:os.system [ls]"), "4:5", "!!python/object/apply:os.system"),
    ("python tag, scalar", "name: !!python/name:os.system ''\ninput: [8]\nlayers: [relu]\n", "1:7", "is not allowed"),
    ("own tag", layers("!mine relu"), "4:5", "!mine is not allowed"),
    ("merge key", SIZES + "layers:\n  - conv: &c {out: 3, kernel: 1}\n  - conv: {<<: *c}\n", "5:12", "merge keys"),
    ("alias without anchor", SIZES + "layers: [*a]\n", "3:10", "no anchor &a before it"),
    ("alias inside itself", SIZES + "layers: &a [*a]\n", "3:13", "no anchor &a before it"),
    ("5,000 brackets", SIZES + "layers: " + "[" * 5_000 + "]" * 5_000 + "\n", "3:108", "nested deeper than 100"),
    ("1,000,000 brackets", "layers: " + "[" * 1_000_000, "1:108", "nested deeper than 100"),
    ("1,000,000 braces", "layers: " + "{" * 1_000_000, "1:108", "nested deeper than 100"),
    ("1,000,000 dashes", "- " * 1_000_000, "1:201", "nested deeper than 100"),
    ("no name", "input: [8]\nlayers: [relu]\n", "1:1", "`name` is missing"),
    ("no input", "name: x\nlayers: [relu]\n", "1:1", "`input` is missing"),
    ("no layers", "name: x\ninput: [8]\n", "1:1", "`layers` is missing"),
    ("name is a list", "name: [x]\ninput: [8]\nlayers: [relu]\n", "1:7", "`name` needs a text"),
    ("unknown header", SIZES + "layer: [relu]\nlayers: [relu]\n", "3:1", "did you mean `layers`"),
    ("layers is empty", SIZES + "layers: []\n", "3:9", "at least one layer"),
    ("layers is null", SIZES + "layers:\n", "3:8", "at least one layer"),
    ("layers is a mapping", SIZES + "layers: {relu: {}}\n", "3:9", "at least one layer"),
    ("layers is a name", SIZES + "layers: relu\n", "3:9", "at least one layer"),
    ("input is a number", "name: x\ninput: 3\nlayers: [relu]\n", "2:8", "[channels, height, width]"),
    ("input is empty", "name: x\ninput: []\nlayers: [relu]\n", "2:8", "[channels, height, width]"),
    ("five input sizes", "name: x\ninput: [1, 2, 3, 4, 5]\nlayers: [relu]\n", "2:8", "[channels, height, width]"),
    ("input 0", "name: x\ninput: [3, 0, 8]\nlayers: [relu]\n", "2:12", "whole numbers from 1"),
    ("input negative", "name: x\ninput: [3, 8, -8]\nlayers: [relu]\n", "2:15", "whole numbers from 1"),
    ("input 10^30", f"name: x\ninput: [3, 8, {10**30}]\nlayers: [relu]\n", "2:15", "whole numbers from 1"),
    ("input 1e400", "name: x\ninput: [1e400]\nlayers: [relu]\n", "2:9", "whole numbers from 1"),
    ("input NaN", "name: x\ninput: [.nan]\nlayers: [relu]\n", "2:9", "whole numbers from 1"),
    ("input fractional", "name: x\ninput: [3, 7.5, 8]\nlayers: [relu]\n", "2:12", "whole numbers from 1"),
    ("input true", "name: x\ninput: [true]\nlayers: [relu]\n", "2:9", "whole numbers from 1"),
    ("input a list of lists", "name: x\ninput: [[3]]\nlayers: [relu]\n", "2:9", "whole numbers from 1"),
    ("scaling is a text", SIZES + "scaling: floor\nlayers: [relu]\n", "3:10", "`scaling` needs a mapping"),
    ("scaling unknown", SIZES + "scaling: {rounding: floor}\nlayers: [relu]\n", "3:11", "unknown field `rounding`"),
    ("scaling round", SIZES + "scaling: {round: down}\nlayers: [relu]\n", "3:18", "floor, nearest, ceil"),
    ("scaling round, a list", SIZES + "scaling: {round: [floor]}\nlayers: [relu]\n", "3:18", "floor, nearest, ceil"),
    ("scaling multiple 0", SIZES + "scaling: {multiple: 0}\nlayers: [relu]\n", "3:21", "whole number from 1"),
    ("scaling minimum 10^30", SIZES + f"scaling: {{minimum: {10**30}}}\nlayers: [relu]\n", "3:20", "whole number"),
    ("scaling at_least 2", SIZES + "scaling: {at_least: 2.5}\nlayers: [relu]\n", "3:21", "a share such as 0.9"),
    ("scaling at_least NaN", SIZES + "scaling: {at_least: .nan}\nlayers: [relu]\n", "3:21", "a share such as 0.9"),
]


@pytest.mark.parametrize(("text", "place", "fragment"), [t[1:] for t in TEXTS], ids=[t[0] for t in TEXTS])
def test_text(run: Run, spec_file: Write, text: str, place: str, fragment: str) -> None:
    path = spec_file(text)
    assert_refused(run("analyze", path), path, place, fragment)
    assert list(path.parent.iterdir()) == [path]


# Blocks and parameters: from line 3 on

DECLARED = [
    ("parameter alpha", "parameters: {alpha: 1}\nlayers: [relu]", "3:14", "`alpha` cannot name a parameter"),
    ("parameter with a dash", "parameters: {a-b: 1}\nlayers: [relu]", "3:14", "cannot name a parameter"),
    ("parameter without default", "parameters: {a: {help: x}}\nlayers: [relu]", "3:14", "needs a `default`"),
    ("parameter is a list", "parameters: {a: [1]}\nlayers: [relu]", "3:17", "a number, true, false or a name"),
    ("parameter NaN", "parameters: {a: .nan}\nlayers: [relu]", "3:17", "not a finite number"),
    ("parameter 1e400", "parameters: {a: 1e400}\nlayers: [relu]", "3:17", "absurd"),
    ("parameter field", "parameters: {a: {defualt: 1}}\nlayers: [relu]", "3:18", "did you mean `default`"),
    ("choices no list", "parameters: {a: {default: 1, choices: 1}}\nlayers: [relu]", "3:39", "a list of values"),
    ("default no choice", "parameters: {a: {default: 1, choices: [2]}}\nlayers: [relu]", "3:27", "none of its choices"),
    ("default true, choice 1", "parameters: {a: {default: true, choices: [1]}}\nlayers: [relu]", "3:27", "none of its"),
    ("blocks is a list", "blocks: [relu]\nlayers: [relu]", "3:9", "`blocks` needs a mapping"),
    ("block named conv", "blocks: {conv: [relu]}\nlayers: [relu]", "3:10", "an operator has it"),
    ("block named input", "blocks: {input: [relu]}\nlayers: [relu]", "3:10", "cannot name a block"),
    ("block named repeat", "blocks: {repeat: [relu]}\nlayers: [relu]", "3:10", "cannot name a block"),
    ("block named 🙂", "blocks: {🙂: [relu]}\nlayers: [relu]", "3:10", "cannot name a block"),
    ("block named <script>", "blocks: {<script>: [relu]}\nlayers: [relu]", "3:10", "cannot name a block"),
    ("block without layers", "blocks: {b: {inputs: [a]}}\nlayers: [relu]", "3:10", "needs `layers`"),
    ("block empty", "blocks: {b: []}\nlayers: [relu]", "3:13", "at least one layer"),
    ("block is a number", "blocks: {b: 3}\nlayers: [relu]", "3:13", "needs a mapping"),
    ("inputs no names", "blocks: {b: {inputs: [1], layers: [relu]}}\nlayers: [relu]", "3:22", "a list of names"),
    ("inputs twice", "blocks: {b: {inputs: [a, a], layers: [relu]}}\nlayers: [relu]", "3:26", "twice"),
    ("argument named when", "blocks: {b: {arguments: {when: 1}, layers: [relu]}}\nlayers: [b]", "3:26", "an argument"),
    ("argument missing", "blocks: {b: {arguments: {n: required}, layers: [relu]}}\nlayers: [b]", "4:10", "needs `n`"),
    ("argument unknown", "blocks: {b: {arguments: {n: 1}, layers: [relu]}}\nlayers: [b: {m: 1}]", "4:14", "`m`"),
    ("block in itself", "blocks: {b: [b]}\nlayers: [b]", "3:14", "contains itself: b → b"),
    ("blocks in one another", "blocks:\n  b: [c]\n  c: [b]\nlayers: [b]", "5:7", "contains itself: b → c → b"),
    ("through a parameter", "parameters: {p: b}\nblocks: {b: [$p]}\nlayers: [b]", "4:14", "contains itself: b → b"),
    ("in itself, but unused", "blocks: {b: [b]}\nlayers: [relu]", "3:14", "contains itself: b → b"),
    ("kind is a list", "blocks: {b: {arguments: {a: [1]}, layers: [$a]}}\nlayers: [b]", "3:44", "operator or block"),
    ("kind is unknown", "parameters: {p: relv}\nlayers: [$p]", "4:10", "did you mean `relu`"),
    ("kind is a number", "parameters: {p: 3}\nlayers: [$p]", "4:10", "unknown operator or block `3`"),
    ("from through a dot", "blocks: {b: [{relu, name: r}]}\nlayers: [b, relu: {from: b.r}]", "4:26", "layer `b.r`"),
    ("two inputs, one given", "blocks: {b: {inputs: [p, q], layers: [relu]}}\nlayers: [b]", "4:10", "has 2 inputs"),
    ("65 deep", "blocks:\n  b0: [relu]\n" + "".join(f"  b{i + 1}: [b{i}]\n" for i in range(65)) + "layers: [b65]",
     "6:8", "deeper than 64"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "place", "fragment"), [t[1:] for t in DECLARED], ids=[t[0] for t in DECLARED])
def test_declared(run: Run, spec_file: Write, body: str, place: str, fragment: str) -> None:
    path = spec_file(f"{SIZES}{body}\n")
    assert_refused(run("analyze", path), path, place, fragment)


# Layers: the first begins in line 4, column 5, and reads [8, 16, 16]

LAYERS = [
    ("unknown operator", ["relv"], "4:5", "unknown operator or block `relv`; did you mean `relu`?"),
    ("unknown operator with fields", ["cov: {out: 3}"], "4:5", "did you mean `conv`"),
    ("empty operator", ['""'], "4:5", "unknown operator"),
    ("unknown field", ["conv: {out: 3, kernle: 1, kernel: 1}"], "4:20", "did you mean `kernel`"),
    ("unknown parameter", ["conv: {out: $ouy, kernel: 1}"], "4:17", "unknown name `$ouy`"),
    ("out missing", ["conv: {kernel: 1}"], "4:5", "`conv` needs `out`"),
    ("no fields at all", ["relu", "conv"], "5:5", "`conv` needs `kernel`"),
    ("a number as layer", ["3"], "4:5", "a layer is a name"),
    ("a list as layer", ["[relu]"], "4:5", "a layer is a name"),
    ("two operators", ["{relu: {}, tanh: {}}"], "4:5", "here: `relu`, `tanh`"),
    ("no operator", ["{name: a}"], "4:5", "here: none"),
    ("fields as list", ["conv: [3, 1]"], "4:11", "the fields of `conv` are a mapping"),
    ("fields as number", ["conv: 3"], "4:11", "the fields of `conv` are a mapping"),
    ("key in both places", ["{relu: {name: a}, name: b}"], "4:13", "beside `relu` and below it"),
    ("out a text", ["conv: {out: many, kernel: 1}"], "4:17", "not the text 'many'"),
    ("out true", ["conv: {out: true, kernel: 1}"], "4:17", "not true"),
    ("out null", ["conv: {out: ~, kernel: 1}"], "4:17", "not nothing"),
    ("out a list", ["conv: {out: [3], kernel: 1}"], "4:17", "not the list [3]"),
    ("out a mapping", ["conv: {out: {a: 1}, kernel: 1}"], "4:17", "not the mapping"),
    ("out 0", ["conv: {out: 0, kernel: 1}"], "4:17", "`out` is 0; the smallest is 1"),
    ("out negative", ["conv: {out: -3, kernel: 1}"], "4:17", "`out` is -3; the smallest is 1"),
    ("out fractional", ["conv: {out: 2.5, kernel: 1, scale: fixed}"], "4:17", "`out` needs a whole number, not 2.5"),
    ("out 10^30", [f"conv: {{out: {10**30}, kernel: 1}}"], "4:17", "the largest is 1,000,000"),
    ("out 1e30", ["conv: {out: 1.0e30, kernel: 1}"], "4:17", "the largest is 1,000,000"),
    ("out 1e400", ["conv: {out: 1e400, kernel: 1}"], "4:17", "absurd"),
    ("out of 350 digits", [f"conv: {{out: 1{'0' * 350}, kernel: 1}}"], "4:17", "the largest is 1,000,000"),
    ("out of -350 digits", [f"conv: {{out: -1{'0' * 350}, kernel: 1}}"], "4:17", "the smallest is 1"),
    ("out of 5,000 digits", [f"conv: {{out: 1{'0' * 5_000}, kernel: 1}}"], "4:17", "`out`"),
    ("a third of 350 digits", [f"conv: {{out: (1{'0' * 350} / 3), kernel: 1}}"], "4:17", "about 10^350 is absurd"),
    ("out NaN", ["conv: {out: .nan, kernel: 1}"], "4:17", "not a finite number"),
    ("out infinite", ["conv: {out: -.inf, kernel: 1}"], "4:17", "not a finite number"),
    ("kernel 0", ["conv: {out: 3, kernel: 0}"], "4:28", "`kernel` is 0; the smallest is 1"),
    ("kernel of three", ["conv: {out: 3, kernel: [1, 2, 3]}"], "4:28", "[height, width]"),
    ("kernel empty", ["conv: {out: 3, kernel: []}"], "4:28", "[height, width]"),
    ("kernel nested", ["conv: {out: 3, kernel: [[1], 2]}"], "4:28", "needs a whole number"),
    ("stride 0", ["conv: {out: 3, kernel: 1, stride: 0}"], "4:39", "`stride` is 0"),
    ("dilation NaN", ["conv: {out: 3, kernel: 1, dilation: .NaN}"], "4:41", "not a finite number"),
    ("padding -1", ["conv: {out: 3, kernel: 1, padding: -1}"], "4:40", "`padding` is -1; the smallest is 0"),
    ("padding unknown", ["conv: {out: 3, kernel: 1, padding: full}"], "4:40", "same or valid or a number"),
    ("padding of three", ["conv: {out: 3, kernel: 1, padding: [1, 1, 1]}"], "4:40", "[[top, bottom], [left, right]]"),
    ("bias 1", ["conv: {out: 3, kernel: 1, bias: 1}"], "4:37", "`bias` needs true or false, not 1"),
    ("groups into 8", ["conv: {out: 6, kernel: 1, groups: 3}"], "4:5", "8 input channels do not divide into 3 groups"),
    ("groups out of 6", ["conv: {out: 6, kernel: 1, groups: 4}"], "4:5", "6 output channels do not divide into 4"),
    ("groups, transposed", ["conv_transpose: {out: 6, kernel: 1, groups: 3}"], "4:5", "do not divide into 3 groups"),
    ("groups of a norm", ["group_norm: {groups: 3}"], "4:5", "8 channels do not divide into 3 groups"),
    ("groups of a shuffle", ["channel_shuffle: {groups: 3}"], "4:5", "8 channels do not divide into 3 groups"),
    ("parts of a split", ["split: {parts: 3}"], "4:5", "do not divide into 3 equal parts"),
    ("part 2 of 2", ["split: {parts: 2, part: 2}"], "4:5", "parts are numbered from 0"),
    ("kernel larger than input", ["conv: {out: 3, kernel: 17, padding: valid}"], "4:5", "larger than its padded input"),
    ("shrunk to zero", ["{max_pool: {kernel: 2}, repeat: 5}"], "4:6", "larger than its padded input"),
    ("cut to zero", ["conv_transpose: {out: 3, kernel: 1, padding: 8}"], "4:5", "would be nothing"),
    ("p above 1", ["dropout: {p: 1.5}"], "4:18", "from 0 to 1, not 1.5"),
    ("p NaN", ["dropout: {p: .nan}"], "4:18", "not a finite number"),
    ("p of 350 digits", [f"dropout: {{p: 1{'0' * 350}}}"], "4:18", "from 0 to 1"),
    ("mode unknown", ["resize: {factor: 2, mode: cubic}"], "4:31", "nearest, bilinear"),
    ("neither factor nor size", ["resize"], "4:5", "either a factor or a size"),
    ("reshape to other size", ["reshape: {sizes: [7]}"], "4:5", "has 2048 elements"),
    ("transpose with an axis twice", ["transpose: {axes: [0, 0, 1]}"], "4:5", "no order of the 3 axes"),
    ("axis past the rank", ["concat: {from: [input, input], axis: 3}"], "4:5", "has no axis 3"),
    ("add of two sizes", ["{max_pool: {kernel: 2}, name: p}", "add: {from: [input, p]}"], "5:5", "add needs equal"),
    ("multiply of two ranks", ["{global_avg_pool: {}, name: p}", "multiply: {from: [input, p]}"], "5:5", "rank"),
    ("concat of two sizes", ["{max_pool: {kernel: 2}, name: p}", "concat: {from: [input, p]}"], "5:5", "do not fit"),
    ("matmul of two sizes", ["{max_pool: {kernel: [2, 1]}, name: p}", "matmul: {from: [input, p]}"], "5:5", "inner"),
    ("add of one", ["add"], "4:5", "takes 2 or more inputs, here 1"),
    ("conv of two", ["conv: {out: 3, kernel: 1, from: [input, input]}"], "4:5", "takes one input, here 2"),
    ("conv of a vector", ["global_avg_pool", "conv: {out: 3, kernel: 1}"], "5:5", "reads [channels, height, width]"),
    ("attention of a map", ["attention: {heads: 2}"], "4:5", "its input is [8, 16, 16]"),
    ("heads that do not divide", ["reshape: {sizes: [256, 8]}", "attention: {heads: 3}"], "5:5", "into 3 heads"),
    ("linear on a map", ["linear: {out: 3}"], "4:5", "put global_avg_pool or flatten before it"),
    ("from dangling", ["relu: {from: nowhere}"], "4:18", "unknown layer `nowhere`"),
    ("from misspelt", ["{relu: {}, name: stem}", "relu: {from: stme}"], "5:18", "did you mean `stem`"),
    ("from a number", ["relu: {from: 3}"], "4:18", "`from` needs the name of a layer, not 3"),
    ("from true", ["relu: {from: true}"], "4:18", "`from` needs the name of a layer, not true"),
    ("from a list in a list", ["add: {from: [[input], input]}"], "4:18", "`from` needs the name of a layer"),
    ("from a mapping", ["relu: {from: {a: 1}}"], "4:18", "`from` needs the name of a layer"),
    ("from nothing", ["relu: {from: []}"], "4:18", "`from` names no layer"),
    ("from nothing, left out", ["relu: {from: [], when: false, name: a}"], "4:18", "`from` names no layer"),
    ("from an unknown name", ["relu: {from: $nope}"], "4:18", "unknown name `$nope`"),
    ("cycle", ["relu: {name: a, from: b}", "relu: {name: b, from: a}"], "4:27", "`b` comes later (line 5)"),
    ("itself", ["relu: {name: a, from: a}"], "4:27", "cycle"),
    ("repeat -1", ["relu: {repeat: -1}"], "4:20", "`repeat` needs a whole number from 0, not -1"),
    ("repeat 1.5", ["relu: {repeat: 1.5}"], "4:20", "`repeat` needs a whole number from 0, not 1.5"),
    ("repeat text", ["relu: {repeat: often}"], "4:20", "`repeat` needs a whole number"),
    ("repeat true", ["relu: {repeat: true}"], "4:20", "`repeat` needs a whole number"),
    ("repeat list", ["relu: {repeat: [2]}"], "4:20", "`repeat` needs a whole number"),
    ("repeat NaN", ["relu: {repeat: .nan}"], "4:20", "not a finite number"),
    ("repeat infinite", ["relu: {repeat: .inf}"], "4:20", "not a finite number"),
    ("repeat 100000000000", ["relu: {repeat: 100000000000}"], "4:20", "more than 100,000 layers"),
    ("repeat of 350 digits", [f"relu: {{repeat: 1{'0' * 350}}}"], "4:20", "more than 100,000 layers"),
    ("when 1", ["relu: {when: 1}"], "4:18", "`when` needs a condition, not 1"),
    ("when text", ["relu: {when: maybe}"], "4:18", "`when` needs a condition"),
    ("scale unknown", ["conv: {out: 3, kernel: 1, scale: double}"], "4:38", "alpha, fixed, grow"),
    ("scale a list", ["conv: {out: 3, kernel: 1, scale: [fixed]}"], "4:38", "alpha, fixed, grow"),
    ("scale a mapping", ["conv: {out: 3, kernel: 1, scale: {a: 1}}"], "4:38", "mapping"),
    ("name of an empty part", ["relu: {name: a..b}"], "4:18", "dotted like a path"),
    ("name a number", ["relu: {name: 5}"], "4:18", "`name` needs a text"),
    ("name a list", ["relu: {name: [a]}"], "4:18", "`name` needs a text"),
    ("name empty", ["relu: {name: ''}"], "4:18", "`name` needs a text"),
    ("name of a megabyte", [f"relu: {{name: {'x' * 2**20}}}"], "4:18", "`name` needs a text"),
    ("name input", ["relu: {name: input}"], "4:18", "the name `input` is taken"),
    ("name input, left out", ["relu", "relu: {name: input, when: false}"], "5:18", "the name `input` is taken"),
    ("name twice", ["relu: {name: a}", "relu: {name: a}"], "5:18", "the name `a` is taken"),
    ("name twice, repeated", ["relu: {name: a}", "relu: {name: a, repeat: 2}"], "5:18", "the name `a` is taken"),
]  # fmt: skip


@pytest.mark.parametrize(("items", "place", "fragment"), [t[1:] for t in LAYERS], ids=[t[0] for t in LAYERS])
def test_layer(run: Run, spec_file: Write, items: list[str], place: str, fragment: str) -> None:
    path = spec_file(layers(*items))
    assert_refused(run("analyze", path), path, place, fragment)


# Expressions: each as `out`, in line 4 from column 17 on

EXPRESSIONS = [
    ("$x.__class__", "is no expression"),
    ("$alpha.real", "is no expression"),
    ("__import__('os').system('ls')", "is no expression"),
    ("__import__('os')", "unknown function `__import__`"),
    ("open('/etc/passwd')", "unknown function `open`"),
    ("eval('1')", "unknown function `eval`"),
    ("(lambda: 1)()", "is no expression"),
    ("[x for x in (1, 2)]", "is no expression"),
    ("(9**9**9)", "is no expression"),
    ("(1 << 900000)", "is no expression"),
    ("('a' * 99)", "'a' is not a number"),
    ("f'{1}' + (1)", "is no expression"),
    ("(1, 2)", "is no expression"),
    ("(x := 1)", "is no expression"),
    ("(1j)", "is no expression"),
    ("(None)", "is no expression"),
    ("(...)", "is no expression"),
    ("(1 in 2)", "is no expression"),
    ("(1) if", "is no expression"),
    ("(", "is no expression"),
    ("$", "is no expression"),
    ("$1", "is no expression"),
    ("# $x", "is no expression"),
    ("(1)\n(2)", "is no expression"),
    ("(1); (2)", "is no expression"),
    ("(" * 249 + "1" + ")" * 249, "is no expression"),
    ("(1" + " + 1" * 2_000 + ")", "an expression of 8003 characters"),
    ("(1 / 0)", "divides by zero"),
    ("(1 // 0)", "divides by zero"),
    ("(1 % 0)", "divides by zero"),
    ("round_to(8, 0)", "multiple of at least 1"),
    ("round_to(8, -8)", "multiple"),
    ("round_to(8, 0.5)", "multiple"),
    ("interpolate(1, 0, 0)", "divides by zero"),
    ("interpolate(1)", "wrong number of arguments"),
    ("interpolate(1, 2, 3, 4)", "takes pairs of points"),
    ("(1e400)", "finite"),
    ("(1 and 2)", "needs a condition"),
    ("(not 1)", "condition"),
    ("(1 if 2 else 3)", "condition"),
    ("('a' < 1)", "mixes numbers with something else"),
    ("(1 < 2)", "needs a whole number, not true"),
    ("min()", "wrong number of arguments"),
    ("floor(1, 2)", "wrong number of arguments"),
    ("floor(x=1)", "is no expression"),
    ("$x(3)", "`$x`"),
    ("flor(1)", "did you mean `floor`"),
    ("channels(nope)", "unknown layer `nope`"),
    ("channels($alpha)", "takes the name of a layer"),
    ("channels(1)", "takes the name of a layer"),
    ("channels(input, input)", "takes the name of a layer"),
    ("floor(alpha)", "a parameter is written `$alpha`"),
]


@pytest.mark.parametrize(("text", "fragment"), EXPRESSIONS, ids=[text[:30] for text, _ in EXPRESSIONS])
def test_expression(analyze: Analyze, text: str, fragment: str) -> None:
    quoted = text.replace("'", "''").replace("\n", "\n\n")
    with pytest.raises(SpecError) as caught:
        analyze(layers(f"conv: {{out: '{quoted}', kernel: 1}}"))
    first = str(caught.value).splitlines()[0]
    assert first.startswith("spec.yaml:4:17: ")
    assert fragment in first


# What no line is to blame for

SETTINGS = [
    (["--alpha", "0"], "alpha must be greater than 0"),
    (["--alpha", "-1"], "alpha must be greater than 0"),
    (["--alpha", "wide"], "'wide' is not a number"),
    (["--alpha", ""], "is not a number"),
    (["--alpha", "nan"], "not a finite number"),
    (["--alpha", "-inf"], "not a finite number"),
    (["--alpha", "1e400"], "absurd"),
    (["--alpha", "1e99999999999999999999"], "alpha"),
    (["--alpha", "1e30"], "at most 1,000,000"),
    (["--rho", "0"], "rho must be greater than 0"),
    (["--rho", "0.001"], "between 1 and 1,000,000"),
    (["--rho", "1e29"], "at most 1,000,000"),
    (["--rho", "1", "--resolution", "16"], "give one of them"),
    (["--resolution", "0"], "between 1 and 1,000,000"),
    (["--resolution", "-16"], "between 1 and 1,000,000"),
    (["--resolution", "1e9"], "between 1 and 1,000,000"),
    (["--resolution", "16.5"], "a whole number of pixels"),
    (["--resolution", "16x"], "is no size"),
    (["--resolution", "16x16x16"], "is no size"),
    (["--resolution", "large"], "'large' is not a number"),
    (["--batch", "0"], "batch must be a whole number from 1"),
    (["--batch", "99999999999999999999"], "batch must be a whole number from 1"),
    (["--batch", "two"], "not a valid integer"),
    (["--dtype", "float64"], "float32"),
    (["--set", "depth"], "write name=value"),
    (["--set", "=1"], "write name=value"),
    (["--set", "depht=1"], "did you mean `depth`"),
    (["--set", "depth=9"], "depth takes 1, 2; not 9"),
    (["--set", "depth=1", "--set", "depth=2"], "set twice"),
    (["--set", "kind=relv"], "did you mean `relu`"),
    (["--format", "xml"], "'xml' is not one of"),
    (["--by", "size"], "'size' is not one of"),
    (["--colour"], "No such option"),
    (["another.yaml"], "unexpected extra argument"),
]
KNOBS = SIZES + (
    "parameters: {depth: {default: 1, choices: [1, 2]}, kind: relu}\n"
    "layers: [$kind, {conv: {out: 8, kernel: 1}, repeat: $depth}]\n"
)


@pytest.mark.parametrize(("words", "fragment"), SETTINGS, ids=[" ".join(words) for words, _ in SETTINGS])
def test_setting(run: Run, spec_file: Write, words: list[str], fragment: str) -> None:
    result = run("analyze", spec_file(KNOBS), *words)
    assert result.exit_code == 2
    assert not result.stdout
    assert fragment in result.stderr


SWEEPS = [
    (["--alpha", "1:2:0"], "an empty range"),
    (["--alpha", "2:1"], "an empty range"),
    (["--alpha", "1:2:3:4"], "is no range"),
    (["--alpha", "nan:1"], "is no range"),
    (["--alpha", "1,,2"], "an empty entry"),
    (["--alpha", "0,1"], "alpha must be greater than 0"),
    (["--alpha", "1,wide"], "'wide' is not a number"),
    (["--alpha", "1e25"], "alpha"),
    (["--alpha", "100000000"], "alpha"),
    (["--alpha", "0:1:0.00000000001"], "more than 10,000,000 values"),
    (["--alpha", "1:1e999999:1e-999999"], "alpha"),
    (["--alpha", "1:3000", "--resolution", "1:4000"], "12,000,000 variants"),
    (["--resolution", "0,16"], "between 1 and 1,000,000"),
    (["--resolution", "16x"], "is no size"),
    (["--resolution", "16.5"], "a whole number of pixels"),
    (["--set", "depth=1,9"], "depth takes 1, 2; not 9"),
    (["--set", "depht=1"], "did you mean `depth`"),
    (["--format", "npz"], "name a file with -o"),
]


@pytest.mark.parametrize(("words", "fragment"), SWEEPS, ids=[" ".join(words) for words, _ in SWEEPS])
def test_sweep(run: Run, spec_file: Write, words: list[str], fragment: str) -> None:
    result = run("sweep", spec_file(KNOBS), *words)
    assert result.exit_code == 2
    assert not result.stdout
    assert fragment in result.stderr


ARRAYS = [
    ("empty", {"alpha": np.array([])}),
    ("NaN", {"alpha": np.array([1.0, np.nan])}),
    ("zero", {"alpha": np.array([1.0, 0.0])}),
    ("texts", {"alpha": np.array(["1"])}),
    ("truths", {"alpha": np.array([True])}),
    ("complex", {"alpha": np.array([1j])}),
    ("objects", {"alpha": np.array([1, None])}),
    ("absurd", {"alpha": np.array([1e9])}),
    ("past int64", {"resolution": np.array([2**63 + 5], dtype=np.uint64)}),
    ("lengths that do not broadcast", {"alpha": np.array([1.0, 2.0, 3.0]), "resolution": np.array([16, 32])}),
    ("half a pixel", {"resolution": np.array([16.5])}),
    ("three sizes", {"resolution": (16, 16, 16)}),
    ("no sizes", {"resolution": ()}),
    ("true", {"alpha": True}),
    ("a list of a text", {"alpha": ["wide"]}),
    ("400 digits", {"alpha": 10**400}),
    ("5,000 digits", {"alpha": 10**5_000}),
    ("batch 1.5", {"batch": 1.5}),
    ("batch true", {"batch": True}),
    ("dtype unknown", {"dtype": "float64"}),
    ("parameter of none", {"parameters": {"depth": None}}),
    ("parameter unknown", {"parameters": {"width": 1}}),
]


@pytest.mark.parametrize("settings", [t[1] for t in ARRAYS], ids=[t[0] for t in ARRAYS])
def test_python_setting(analyze: Analyze, settings: dict[str, object]) -> None:
    with pytest.raises(ArchcostError):
        _ = analyze(KNOBS, **settings).macs


def test_setting_beside_a_bad_spec(run: Run, spec_file: Write) -> None:
    """The spec's own problem is told, not one that follows from it."""
    path = spec_file("name: x\ninput: [3, 0, 8]\nlayers: [relu]\n")
    assert_refused(run("analyze", path, "--resolution", "16"), path, "2:12", "whole numbers from 1")


def test_no_layers_left(run: Run, spec_file: Write) -> None:
    result = run("analyze", spec_file(layers("{relu: {}, repeat: 0}", "{tanh: {}, when: (1 > 2)}")))
    assert result.exit_code == 2
    assert "no layers are left" in result.stderr


# Files

FILES = [
    ("empty", b"", "the file is empty"),
    ("a comment", b"# nothing\n", "the file is empty"),
    ("not UTF-8", b"name: x\ninput: [3]\nsource: caf\xe9\n", "spec.yaml:3: not UTF-8 (byte 0xe9)"),
    ("UTF-16", "name: x\n".encode("utf-16"), "not UTF-8"),
    ("PNG", b"\x89PNG\r\n\x1a\n\x00", "not UTF-8"),
    ("zeros", bytes(1000), "control character"),
    ("50 MB", b"#" * 50_000_000, "larger than"),
]


@pytest.mark.parametrize(("content", "fragment"), [t[1:] for t in FILES], ids=[t[0] for t in FILES])
def test_file(run: Run, spec_file: Write, content: bytes, fragment: str) -> None:
    result = run("analyze", spec_file(content))
    assert result.exit_code == 2
    assert fragment in result.stderr


@pytest.mark.parametrize(
    ("spec", "fragment"),
    [
        ("missing.yaml", "no such file"),
        ("mobilnetv1", "did you mean `mobilenetv1`"),
        ("", "directory"),
        (".", "is a directory"),
        ("@alpha=1", "directory"),
        ("mobilenetv1@alpah=1", "did you mean `alpha`"),
        ("mobilenetv1@alpha=", "write name=value"),
        ("mobilenetv1@alpha=1,alpha=2", "set twice"),
        ("mobilenetv1@alpha=0", "greater than 0"),
        ("mobilenetv1@", "mobilenetv1"),
        ("x" * 300, "unknown spec"),
        ("x" * 5_000, "unknown spec"),
        ("a\0b", "unknown spec"),
    ],
    ids=lambda value: value[:30].replace("\0", "NUL"),
)  # fmt: skip
def test_spec_name(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, spec: str, fragment: str) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("analyze", spec)
    assert result.exit_code == 2
    assert fragment in result.stderr
    with pytest.raises(ArchcostError):
        archcost.analyze(spec)


# Output

OUTPUTS = [
    ("in a missing folder", "missing/out.csv", "cannot be written"),
    ("a directory", ".", "is a directory"),
    ("nothing", "", "is a directory"),
    ("a name too long", "x" * 300, "cannot be written"),
    ("below a file", "spec.yaml/out.csv", "cannot be written"),
    ("a full device", "/dev/full", "cannot be written"),
]


@pytest.mark.parametrize("command", ["analyze", "sweep"])
@pytest.mark.parametrize(("output", "fragment"), [t[1:] for t in OUTPUTS], ids=[t[0] for t in OUTPUTS])
def test_output(
    run: Run, spec_file: Write, monkeypatch: pytest.MonkeyPatch, command: str, output: str, fragment: str
) -> None:
    path = spec_file(layers("relu"))
    monkeypatch.chdir(path.parent)
    result = run(command, path, "-o", output, "--format", "json")
    assert result.exit_code == 2
    assert fragment in result.stderr
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_output_in_a_read_only_folder(run: Run, spec_file: Write, tmp_path: Path) -> None:
    path = spec_file(layers("relu"))
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    result = run("analyze", path, "-o", closed / "out.csv")
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr


def test_output_of_a_failure(run: Run, spec_file: Write) -> None:
    """What stood there before stays."""
    path = spec_file(layers("relv"))
    output = spec_file("before\n", "out.json")
    assert run("analyze", path, "-o", output).exit_code == 2
    assert output.read_text() == "before\n"
    assert sorted(path.parent.iterdir()) == [output, path]


def test_output_that_breaks_off(run: Run, spec_file: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither half a file nor a temporary one is left."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = spec_file(layers("relu"))
    output = spec_file("before\n", "out.json")
    monkeypatch.setattr("os.replace", full)
    result = run("analyze", path, "-o", output)
    assert result.exit_code == 2
    assert "No space left on device" in result.stderr
    assert output.read_text() == "before\n"
    assert sorted(path.parent.iterdir()) == [output, path]


# Processes of their own, with 2 GB of address space and little time


def limited(*words: str | Path, seconds: float = 20, **streams: object) -> subprocess.CompletedProcess[str]:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (2_000_000_000, 2_000_000_000))

    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [sys.executable, "-m", "archcost", *map(str, words)],
        preexec_fn=limit,
        timeout=seconds,
        text=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams},
    )


def squares(count: int) -> str:
    """A block whose arguments square one another."""
    arguments = ", ".join(f"a{i + 1}: $a{i} * $a{i}" for i in range(count))
    body = f"layers: [{{conv: {{out: $a{count}, kernel: 1}}}}]"
    return f"{SIZES}blocks:\n  b:\n    arguments: {{a0: 10, {arguments}}}\n    {body}\nlayers: [b]\n"


def nine_of(name: str) -> str:
    return f"[{', '.join([name] * 9)}]"


BOMBS = {
    "aliases": SIZES + "a0: &a0 [x]\n" + "".join(f"a{i + 1}: &a{i + 1} {nine_of(f'*a{i}')}\n" for i in range(20)),
    "an alias to megabytes": f"name: &a {'x' * 4_000_000}\ninput: [8]\nlayers:\n" + "  - [*a]\n" * 20_000,
    "%TAG directives": "".join(f"%TAG !a{i}! tag:x{i}\n" for i in range(300_000)) + "---\nname: x\n",
    "nested repeats": SIZES
    + "blocks:\n  e: [{relu: {repeat: 100000}}]\n  f: [{e: {repeat: 100000}}]\nlayers: [{f: {repeat: 100000}}]\n",
    "nested repeats of nothing": SIZES
    + "blocks:\n  e: [{relu: {repeat: 0}}]\n  f: [{e: {repeat: 100000}}]\nlayers: [{f: {repeat: 100000}}]\n",
    "nested repeats of a mistake": SIZES
    + "blocks:\n  e: [{conv: {out: 0, kernel: 1}}]\n  f: [{e: {repeat: 100000}}]\nlayers: [{f: {repeat: 100000}}]\n",
    "doubling blocks": SIZES
    + "blocks:\n  b0: [relu]\n"
    + "".join(f"  b{i + 1}: [b{i}, b{i}]\n" for i in range(60))
    + "layers: [b60]\n",
    "squares": squares(60),
    "400,000 unknown operators": SIZES + "layers:\n" + "".join(f"  - relv{i}\n" for i in range(400_000)),
    "200,000 unknown fields": SIZES + "".join(f"k{i}: 1\n" for i in range(200_000)),
    "repeated wide add": layers("add: {from: [" + "input, " * 5_000 + "input], repeat: 50000}"),
    "growing sizes": layers("resize: {factor: 1000000, repeat: 100000}"),
}  # fmt: skip


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_bomb(spec_file: Write, text: str) -> None:
    path = spec_file(text)
    result = limited("analyze", path)
    assert result.returncode == 2, result.stderr[-2000:]
    assert str(path) in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr) < 200_000
    assert list(path.parent.iterdir()) == [path]


def test_outputs_that_nobody_reads(spec_file: Write) -> None:
    """Tens of thousands of tensors that live to the end: memory grows with them, not with their square."""
    fork = "blocks: {fork: [{softmax: {from: input}}, {softmax: {from: input}}]}\nlayers: [{fork: {repeat: 20000}}]\n"
    result = limited("analyze", spec_file(SIZES + fork), "--format", "json")
    assert result.returncode in (0, 2), result.stderr[-2000:]
    assert "Traceback" not in result.stderr


SIZES_OF_SIZES = [
    ("height", "resize: {factor: 1000000, repeat: 60}"),
    ("height, 6,000 digits", "resize: {factor: 1000000, repeat: 1000}"),
    ("channels", "depthwise: {kernel: 1, multiplier: 1000000, repeat: 1000}"),
    ("upsampling", "conv_transpose: {out: 1, kernel: 2, stride: 2, repeat: 1100}"),
]


@pytest.mark.parametrize("item", [t[1] for t in SIZES_OF_SIZES], ids=[t[0] for t in SIZES_OF_SIZES])
@pytest.mark.parametrize("form", ["table", "json", "csv", "markdown"])
def test_absurd_sizes(run: Run, spec_file: Write, item: str, form: str) -> None:
    """Sizes that multiply from layer to layer end in a message at the layer."""
    path = spec_file(layers(item))
    assert_refused(run("analyze", path, "--format", form), path, "4:5", "larg")


@pytest.mark.parametrize("form", ["table", "json", "csv", "markdown"])
def test_absurd_strides(run: Run, spec_file: Write, form: str) -> None:
    """The stride of the whole has 6,000 digits, while no map is larger than the input."""
    path = spec_file(layers("conv: {out: 1, kernel: 1, stride: 1000000, repeat: 1000}"))
    assert run("analyze", path, "--format", form).exit_code in (0, 2)


@pytest.mark.parametrize("shell", ["> /dev/full", ">&-"])
def test_terminal_that_cannot_be_written(spec_file: Write, shell: str) -> None:
    words = f'"{sys.executable}" -m archcost analyze "{spec_file(layers("relu"))}" {shell}'
    result = subprocess.run(words, shell=True, stderr=subprocess.PIPE, text=True, timeout=20)
    assert "Traceback" not in result.stderr
    assert result.returncode == 2
    assert result.stderr


def test_control_characters_stay_out_of_messages(run: Run, spec_file: Write) -> None:
    """A spec cannot paint the terminal."""
    result = run("analyze", spec_file(layers(r'"\e[31m\x07"')))
    assert result.exit_code == 2
    assert "\x1b" not in result.stderr
    assert "\x07" not in result.stderr


# Names that are strange, and allowed

STRANGE = ["🙂", "שלום", "<script>alert(1)</script>", "a|b", "[bold]", "=1+1", "half", "forward", "type", "T", "self",
           "training", "_modules", "parameters", "state_dict", "__class__", "None", "class", "conv", "a b"]  # fmt: skip


@pytest.mark.parametrize("form", ["table", "markdown", "csv", "json"])
def test_strange_names(run: Run, spec_file: Write, form: str) -> None:
    path = spec_file(layers(*(f'{{conv: {{out: 8, kernel: 1}}, name: "{name}"}}' for name in STRANGE)))
    result = run("analyze", path, "--format", form)
    assert result.exit_code == 0
    for name in STRANGE:
        assert name in result.stdout.replace("\\|", "|")


def test_strange_names_in_html(analyze: Analyze) -> None:
    analysis = analyze(layers(*(f'{{relu: {{}}, name: "{name}"}}' for name in STRANGE)))
    assert "<script>" not in analysis._repr_html_()


@pytest.mark.filterwarnings("default::DeprecationWarning")
def test_strange_names_as_modules(spec_file: Write) -> None:
    """Layers may be called like a torch module's own attributes."""
    path = spec_file(layers(*(f'{{conv: {{out: 8, kernel: 1}}, name: "{name}"}}' for name in STRANGE)))
    assert archcost.validate(path).ok


def test_problems_of_shapes_show_in_one_go(run: Run, spec_file: Write) -> None:
    """A misfit does not hide those further on."""
    items = [
        "conv: {out: 8, kernel: 3, groups: 2}",
        "{conv: {out: 4, kernel: 1}, name: a}",
        "{conv: {out: 5, kernel: 1}, name: b}",
        "add: {from: [a, b]}",
        "conv: {out: 9, kernel: 1, groups: 4}",
        "conv: {out: 8, kernel: 99, padding: valid}",
    ]
    text = layers(*items).replace("[8, 16, 16]", "[3, 16, 16]")
    path = spec_file(text)
    said = run("analyze", path).stderr
    assert [f"{path}:{line}:" in said for line in (4, 5, 6, 7, 8, 9)] == [True, False, False, True, True, True]


def test_a_read_only_file_stays(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "costs.json"
    path.write_text("mine")
    monkeypatch.setattr("os.access", lambda *_: False)
    result = run("analyze", "mobilenetv1", "-o", path)
    assert result.exit_code == 2 and "read-only" in result.stderr
    assert path.read_text() == "mine"


def test_a_link_leads_to_its_file(run: Run, tmp_path: Path) -> None:
    target, link = tmp_path / "target.json", tmp_path / "link.json"
    target.write_text("old")
    link.symlink_to(target)
    assert run("analyze", "mobilenetv1", "-o", link).exit_code == 0
    assert link.is_symlink() and "mobilenetv1" in target.read_text()


def test_an_ending_without_a_format_is_refused(run: Run, tmp_path: Path) -> None:
    result = run("analyze", "mobilenetv1", "-o", tmp_path / "costs.npz")
    assert result.exit_code == 2 and ".csv" in result.stderr
    assert not list(tmp_path.iterdir())


def test_npz_of_a_network_without_a_map(run: Run, spec_file: Write, tmp_path: Path) -> None:
    path = spec_file("name: x\ninput: [10]\nlayers: [linear: {out: 4}]\n")
    assert run("sweep", path, "--alpha", "0.5,1", "-o", tmp_path / "v.npz").exit_code == 0
    with np.load(tmp_path / "v.npz") as arrays:
        assert arrays["receptive_field"].tolist() == [-1, -1]


CASCADES = [
    ("split", ["{split: {parts: 3}, name: a}", "concat: {from: [a, a]}", "add: {from: [concat, input]}"], [4]),
    ("bad name", ["relu: {name: a..b}", "add: {from: [a..b, input]}"], [4]),
    ("name twice", ["{conv: {out: 4, kernel: 1}, name: a}", "{conv: {out: 5, kernel: 1}, name: a}",
                    "{conv: {out: 5, kernel: 1}, name: b}", "add: {from: [a, b]}"], [5]),
    ("unknown operator", ["{relv: {}, name: a}", "add: {from: [a, input]}"], [4]),
    ("unknown condition", ["{conv: {out: 4, kernel: 1}, name: a, when: $typo}", "add: {from: [a, input]}"], [4]),
    ("bad repeat", ["{conv: {out: 4, kernel: 1}, name: a, repeat: -1}", "add: {from: [a, input]}"], [4]),
    ("missing out", ["{conv: {kernel: 1}, name: a}", "add: {from: [a, input]}"], [4]),
]  # fmt: skip


@pytest.mark.parametrize(("items", "lines"), [c[1:] for c in CASCADES], ids=[c[0] for c in CASCADES])
def test_one_mistake_is_one_problem(run: Run, spec_file: Write, items: list[str], lines: list[int]) -> None:
    path = spec_file(layers(*items))
    said = run("analyze", path).stderr.splitlines()
    assert [int(line.split(":")[1]) for line in said if line.startswith(f"{path}:")] == lines
