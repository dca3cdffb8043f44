"""The page on deployment: its commands are run as they stand there, on the network that ships."""

import re
import shlex
import shutil

import cv2
import pytest

from aepose.commands.app import call
from aepose.toy import draw_picture
from aepose.zoo.hub import TOY_CHECKPOINT
from tests.golden_check import ROOT

PAGE = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.slow
def test_every_block(tmp_path, monkeypatch, capsys):
    """Those without a language install what is tested in tests/test_packaging.py."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(TOY_CHECKPOINT, "checkpoint.safetensors")
    (tmp_path / "pictures").mkdir()
    for seed in range(3):
        cv2.imwrite(f"pictures/{seed}.png", draw_picture(seed))
    for language, block in BLOCKS:
        if language == "bash":
            for line in block.splitlines():
                program, *arguments = shlex.split(line, comments=True)
                assert program == "aepose"
                call(arguments)
        elif language == "python":
            exec(compile(block, "docs/deployment.md", "exec"), {})
    assert {"found_0.png", "found_1.png", "found_2.png"} <= {p.name for p in tmp_path.iterdir()}
    said = capsys.readouterr().out
    assert said.count("computes here what it did") == 2
    assert said.count("3 pictures") == 2
    first, again = ((tmp_path / folder / "results.jsonl").read_text()
                    for folder in ("found", "found_again"))
    assert first == again


def test_what_the_page_names_is_there():
    for option in re.findall(r"^\| `(--[\w-]+)", PAGE, re.MULTILINE):
        assert option.lstrip("-") in (ROOT / "aepose/commands/export.py").read_text().replace(
            "_", "-"), option
