"""``aepose convert``."""

import json

import pytest

from aepose.commands.app import call
from aepose.errors import ConfigError, UsageError
from tests.labels.sets import write_set


def test_convert(tmp_path, capsys):
    path = write_set(tmp_path)
    call(["convert", str(path), str(tmp_path / "tasks.json"), "--to", "label-studio",
          "--images", str(tmp_path / "pictures")])
    said = capsys.readouterr().out
    assert f"tasks.json: written; its pictures lie in {tmp_path / 'pictures'}" in said
    assert "| dropped | tracks of creatures" in said
    call(["convert", str(tmp_path / "tasks.json"), str(tmp_path / "new" / "back.json"),
          "--from", "label-studio", "--images", str(tmp_path / "pictures")])
    back = json.loads((tmp_path / "new" / "back.json").read_text())
    assert len(back["annotations"]) == 4


@pytest.mark.parametrize(("out", "options", "error", "text"), [
    ("annotations.json", [], UsageError, "is the file that is read"),
    ("folder", [], ConfigError, "does not say the format; say it with --to"),
    ("x.txt", ["--to", "slp"], ConfigError, "format 'slp' cannot be written"),
    ("x.slp", ["--frames", "gif"], ConfigError, "--frames gif: png or jpg"),
])
def test_bad_arguments(tmp_path, out, options, error, text):
    path = write_set(tmp_path)
    with pytest.raises(error, match=text):
        call(["convert", str(path), str(tmp_path / out), *options])
