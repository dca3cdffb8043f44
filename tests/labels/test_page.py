"""The page on own data: what its section on labels shows is run, and its table is complete."""

import json
import re
import shlex

from aepose.commands.app import call
from aepose.labels import READERS, WRITERS
from aepose.results import write_results
from tests.film.films import make_film
from tests.golden_check import ROOT
from tests.labels.sets import NAMES
from tests.labels.test_predictions import result
from tests.labels.test_reading import HEAD, write
from tests.labels.test_sleap import project

PAGE = (ROOT / "docs" / "own_data.md").read_text(encoding="utf-8")
SECTION = PAGE.split("## Labels in and out\n")[1].split("\n## ")[0]
BLOCKS = dict(re.findall(r"```(\w*)\n(.*?)```", SECTION, re.DOTALL))


def test_blocks(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    make_film(tmp_path / "walk.mp4", frames=10)
    project(tmp_path / "labels.slp", "walk.mp4")
    folder = "my_project/labeled-data/day"
    write(tmp_path, {f"{folder}/p.png": 0, f"{folder}/CollectedData_bob.csv": HEAD, **{
        f"{folder}/CollectedData_{who}.csv": HEAD.replace("ann", who) + f"{folder}/p.png,1,2,3,4\n"
        for who in ("anna", "bob")}, "p.png": 0,
        "mouse.json": {"name": "mouse", "keypoint_names": NAMES, "sigmas": [0.1] * 4,
                       "flip_pairs": [], "skeleton": []}})
    (tmp_path / "found").mkdir()
    write_results(tmp_path / "found" / "results.jsonl", [result(2, image_path="p.png")])
    assert set(BLOCKS) == {"bash", "python"}
    assert SECTION.count("\n```") == 2 * len(BLOCKS)    # one of each
    for line in BLOCKS["bash"].splitlines():
        call(shlex.split(line)[1:])
        assert "| kept" in capsys.readouterr().out
    assert {p.name for p in tmp_path.iterdir()} >= {"tasks.json", "tasks.xml", "yolo",
                                                    "to_correct.slp"}
    exec(BLOCKS["python"])
    assert f"{tmp_path / 'annotations_frames'}\n" in capsys.readouterr().out
    assert len(json.loads((tmp_path / "annotations.json").read_text())["annotations"]) == 2


def test_formats():
    listed = {name: row for row in SECTION.splitlines() if row.startswith("| `")
              for name in re.findall(r"`([\w-]+)`", row.split("|")[1])}
    assert set(listed) == set(READERS)
    assert {name for name, row in listed.items() if row.split("|")[3].strip()
            and "writes it" not in row} == set(WRITERS)
