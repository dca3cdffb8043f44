"""The page on own data: its beginning and the README's five lines are run, the rest has tests."""

import re
import shlex
import shutil

import pytest

from aepose.commands.app import call
from tests.film.films import make_film
from tests.golden_check import ROOT

PAGE = (ROOT / "docs" / "own_data.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.*)\n((?:(?!## ).*\n)*)", PAGE, re.MULTILINE))
README = (ROOT / "README.md").read_text(encoding="utf-8")
# What runs the blocks of a section; "" where it has none to run.
TESTED_BY = {
    "Start": "project/test_page.py", "Labels in and out": "labels/test_page.py",
    "Several classes": "apis/test_classes.py", "Small data": "",
    "Drawn worlds": "toy/test_creature_set.py",
}
# A training of two steps instead of thousands.
SHORT = [f"train_dataloader.{option}" for option in (
    "num_workers=0", "batch_size=2", "sampler.samples=4")] + [
    "train_cfg.max_epochs=1", "train_cfg.val_interval=1"]


def commands(text):
    """The arguments of the command lines in the blocks of a text."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert {language for language, _ in blocks} <= {"bash", ""}
    for line in "".join(block for _, block in blocks).splitlines():
        program, *arguments = shlex.split(line)
        assert program == "aepose"
        yield arguments


def test_every_block_is_run_by_a_test():
    assert SECTIONS.keys() <= TESTED_BY.keys()
    assert PAGE.count("\n```") == sum(text.count("\n```") for text in SECTIONS.values())
    for section, text in SECTIONS.items():
        if TESTED_BY[section]:
            test = (ROOT / "tests" / TESTED_BY[section]).read_text(encoding="utf-8")
            assert section in test
            assert "own_data.md" in test
        else:
            assert not re.search(r"^```(bash|python)", text, re.MULTILINE)


@pytest.mark.slow
def test_start(tmp_path, monkeypatch, capsys):
    """Of the drawn pictures there are fewer; the training is a dry run as it stands there."""
    monkeypatch.chdir(tmp_path)
    for arguments in commands(SECTIONS["Start"]):
        if arguments[0] == "toy":
            arguments[arguments.index("--train") + 1:] = ["8", "--val", "2"]
        if arguments[0] == "train":
            assert arguments[-1] == "--dry-run"
            arguments += ["--cfg-options", *SHORT]
        call(arguments)
    said = capsys.readouterr().out
    assert "17 of 17 keypoints keep the sigma that they have" in said
    assert {path.name for path in tmp_path.iterdir()} == {"drawn", "my_project", "creature"}


@pytest.mark.slow
def test_five_lines_of_the_readme(toy_root, tmp_path, monkeypatch, capsys):
    """A training of two steps, on drawn people."""
    shutil.copy(toy_root / "annotations" / "person_keypoints_train2017.json",
                tmp_path / "annotations.json")
    shutil.copytree(toy_root / "train2017", tmp_path / "train2017")
    make_film(tmp_path / "film.mp4", frames=2)
    monkeypatch.chdir(tmp_path)
    section = README.split("## Train on your own creatures\n")[1].split("\n## ")[0]
    for arguments in commands(section):
        call([*arguments, *(["--cfg-options", *SHORT] if arguments[0] == "train" else ())])
    assert "film.mp4: 2 frames" in capsys.readouterr().out
    assert (tmp_path / "found" / "film_poses.jsonl").is_file()
