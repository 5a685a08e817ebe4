"""The shipped profiles are what `make.sh` makes of the tables, and the tables say where their times come from."""

from __future__ import annotations

import csv
import dataclasses
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from archcost.latency import profile as profiles
from archcost.latency.correction import Correction, Term
from archcost.latency.formula import Host, Parallel, Rates
from archcost.latency.profile import Fit, HeldOut, Profile

ROOT = Path(__file__).parents[1]
TABLES = ROOT / "reports" / "latency"
SHIPPED = {path.stem: path for path in profiles.SHIPPED.glob("*.yaml")}
RECORDER = """#!/bin/sh
printf '%s\\n' archcost "$@" >> "$RECORD"
echo >> "$RECORD"
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The words of every command that make.sh runs, by the name of the profile; none of them is run."""
    folder = tmp_path_factory.mktemp("make")
    stand_in, record = folder / "archcost", folder / "record"
    stand_in.write_text(RECORDER)
    stand_in.chmod(0o755)
    surroundings = os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "RECORD": str(record)}
    subprocess.run(["bash", TABLES / "make.sh", folder / "devices"], env=surroundings, check=True)
    commands = [block.split("\n") for block in record.read_text().strip().split("\n\n")]
    return {words[words.index("--name") + 1]: words for words in commands}


def without(words, option):
    """The words without an option, and its value; empty where it is not there."""
    if option not in words:
        return words, ""
    place = words.index(option)
    return words[:place] + words[place + 2 :], words[place + 1]


def test_every_shipped_profile_is_made(made):
    assert SHIPPED and made.keys() == SHIPPED.keys()


@pytest.mark.parametrize("name", SHIPPED)
def test_a_profile_names_the_command_that_makes_it(made, name):
    shipped = profiles.read(SHIPPED[name])
    words, output = without(made[name], "-o")
    assert sorted(shlex.split(shipped.command)) == sorted(words)
    assert Path(output).name == f"{name}.yaml"
    assert shipped.name == name


@pytest.mark.parametrize("name", ["pixel1-cpu", "pixel3-cpu", "nvidia-h100"])
def test_a_profile_is_made_again_to_the_byte(run, tmp_path, monkeypatch, name):
    monkeypatch.chdir(ROOT)
    shipped = profiles.read(SHIPPED[name])
    words = shlex.split(shipped.command)[1:]
    done = run(*words, "-o", tmp_path / "again.yaml")
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "again.yaml").read_bytes() == SHIPPED[name].read_bytes()


@pytest.mark.parametrize("name", SHIPPED)
def test_a_profile_is_calibrated_and_says_its_error_or_neither(name):
    shipped = profiles.read(SHIPPED[name])
    assert shipped.calibrated != ("--datasheet" in shipped.command)
    for fit in shipped.fits.values():
        known = (bool(fit.held_out), fit.inside is not None, fit.outside is not None, fit.rows > 0)
        assert set(known) == {shipped.calibrated}


@pytest.mark.parametrize("kind", [Profile, Fit, HeldOut, Rates, Parallel, Host, Correction, Term])
def test_every_field_of_a_profile_is_documented(kind):
    text = (TABLES / "README.md").read_text()
    named = {word for code in re.findall(r"`([^`\n]+)`", text) for word in re.findall(r"\w+", code)}
    assert {field.name for field in dataclasses.fields(kind)} <= named


def described():
    """README's table of tables: the files of each line, their rows, and where they come from."""
    lines = re.findall(r"^\| (`.*\.csv`) \| ([\d,]+) \| (.*) \| (.*) \|$", (TABLES / "README.md").read_text(), re.M)
    return [
        (re.findall(r"`([^`]+)`", files), int(rows.replace(",", "")), source.strip())
        for files, rows, _, source in lines
    ]


def rows_of(file):
    with (TABLES / file).open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def test_every_table_is_described_with_its_rows_and_used(made):
    files = [file for names, *_ in described() for file in names]
    assert sorted(files) == sorted(path.name for path in TABLES.glob("*.csv"))
    for names, count, _ in described():
        assert sum(len(rows_of(file)) for file in names) == count, names
    for file in files:
        assert any(f"reports/latency/{file}" in words for words in made.values()), file


def test_every_row_has_a_source():
    for names, _, source in described():
        assert source
        for file in names:
            rows = rows_of(file)
            if "named in each row" in source:
                assert all(row["source"].strip() for row in rows), file
            else:
                assert "source" not in rows[0], f"{file} names sources that README does not mention"
