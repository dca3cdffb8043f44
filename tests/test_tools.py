"""The scripts in tools/: doors to the commands, and the check of file lengths."""

import re
import runpy
import sys

import pytest

from aepose.commands.app import COMMANDS
from tests.golden_check import ROOT

DOORS = {path.stem: path for path in sorted((ROOT / "tools").glob("*.py"))}
CHECK = DOORS.pop("check_file_length")


@pytest.mark.parametrize("name", DOORS)
def test_a_door_opens_its_command(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [str(DOORS[name]), "--help"])
    runpy.run_path(str(DOORS[name]), run_name="__main__")
    command = re.search(r'main\("(\w+)"\)', DOORS[name].read_text()).group(1)
    assert capsys.readouterr().out.startswith(f"Usage: aepose {command} ")


def test_every_command_but_the_newest_has_a_door():
    opened = {re.search(r'main\("(\w+)"\)', path.read_text()).group(1) for path in DOORS.values()}
    assert opened == {name for group in COMMANDS.values() for name in group} - {
        "convert", "convert-config", "doctor", "export", "identities", "new", "rescore", "scripts",
        "sigmas", "verify"}


def test_file_length(tmp_path):
    check = runpy.run_path(str(CHECK))
    limit = check["LIMIT"]
    (tmp_path / "long.py").write_text("x = 1\n" * (limit + 1))
    (tmp_path / "short.py").write_text("x = 1\n" * limit)
    found = check["too_long"](sorted(tmp_path.glob("*.py")))
    assert found == [f"{tmp_path / 'long.py'}: {limit + 1} lines"]
