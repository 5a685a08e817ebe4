"""The language's reference and README say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from archcost.api import Model
from archcost.spec import document, schema, zoo

ROOT = Path(__file__).parents[1]
REFERENCE = (ROOT / "specs" / "README.md").read_text()
README = (ROOT / "README.md").read_text()
OPEN = "<!-- operators: made by archcost.spec.schema.reference, checked by the tests -->\n"
CLOSE = "\n<!-- end of operators -->"


def test_table_of_operators_is_the_code_s():
    stands = REFERENCE.split(OPEN)[1].split(CLOSE)[0]
    assert stands == schema.reference()


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(name:.*?)```", README + REFERENCE, re.DOTALL))
def test_example_specs_run(text):
    assert Model(document.parse(text), {}).analyze().macs > 0


def test_readme_names_every_command_and_the_size_of_the_zoo():
    from archcost.cli.main import main

    for command in main.list_commands(None):
        assert f"archcost {command}" in README
    assert f"{len(zoo.names())} networks" in README


def test_readme_s_test_command_uses_the_constraints():
    (command,) = [line for line in README.splitlines() if line.endswith("pytest")]
    assert "-c tests/constraints.txt" in command


def test_constraints_pin_every_dependency():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["torch"], *extras["test"]]
    names = {re.split(r"[<>=\[ ]", entry)[0].lower() for entry in wanted} - {"archcost"}
    pinned = {
        line.split("==")[0].lower()
        for line in (ROOT / "tests/constraints.txt").read_text().splitlines()
        if "==" in line
    }
    assert names <= pinned


def test_wheel_carries_the_zoo():
    import tomllib

    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert build["force-include"] == {"specs": "archcost/zoo"}


def test_specs_of_the_zoo_name_themselves_and_their_source():
    for name in zoo.names():
        header = yaml.safe_load(zoo.find(name).read_text())
        assert header["name"] == name
        assert re.search(r"arXiv:\d{4}\.\d{4,5}", header["source"])
