"""What a process loads, prints and leaves behind."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "fvcore", "matplotlib", "rich")


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("form", ["table", "json"])
def test_analyze_loads_only_what_it_needs(form):
    code = f"""
import sys
from archcost.cli.main import main
try:
    main(["analyze", "mobilenetv1", "--format", "{form}", "-o", "/dev/null"])
except SystemExit as stop:
    assert not stop.code
print(sorted({{name.split(".")[0] for name in sys.modules}}))
"""
    loaded = python(code)
    wanted = [name for name in HEAVY if not (name == "rich" and form == "table")]
    assert not [name for name in wanted if f"'{name}'" in loaded]


def test_a_closed_pipe_is_no_traceback():
    command = f"{sys.executable} -m archcost analyze mobilenetv1 | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert "Traceback" not in done.stderr


def test_help_of_every_command_has_an_example():
    listed = subprocess.run([sys.executable, "-m", "archcost", "--help"], capture_output=True, text=True).stdout
    for name in ("analyze", "explain", "export", "schema", "specs", "sweep", "validate"):
        assert name in listed
        said = subprocess.run([sys.executable, "-m", "archcost", name, "--help"], capture_output=True, text=True)
        assert f"archcost {name}" in said.stdout and said.returncode == 0


def test_output_needs_no_locale():
    done = subprocess.run(
        [sys.executable, "-m", "archcost", "explain", "mobilenetv1", "separable1.depthwise"],
        capture_output=True,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    )
    assert done.returncode == 0 and "3² · 32 · 112²" in done.stdout.decode()
