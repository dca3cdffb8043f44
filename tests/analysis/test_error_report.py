"""Tables, numbers and plots of errors."""

import json

import cv2
import numpy as np
import pytest

from aepose.analysis.diagnosis import KINDS, Diagnosis
from aepose.analysis.error_report import as_json, format_diagnosis
from aepose.commands.app import call
from aepose.errors import DataError

ANNOTATIONS = "annotations/person_keypoints_val2017.json"


@pytest.fixture(scope="module")
def annotations(toy_root):
    return json.loads((toy_root / ANNOTATIONS).read_text())


@pytest.fixture(scope="module")
def people(annotations):
    """Those who count in an evaluation."""
    return [p for p in annotations["annotations"] if p["num_keypoints"] and not p["iscrowd"]]


@pytest.fixture
def results(people, tmp_path):
    """The annotations themselves as results, but for the first person."""
    path = tmp_path / "found.json"
    path.write_text(json.dumps([
        {**{key: person[key] for key in ("image_id", "category_id", "keypoints", "bbox")},
         "score": 0.5} for person in people[1:]]))
    return path


def test_tool(results, people, toy_root, tmp_path, capsys):
    out = tmp_path / "new"
    call(["analyze", str(toy_root / ANNOTATIONS), str(results), "--out", str(out)])
    printed = capsys.readouterr().out
    assert printed == (out / "errors.md").read_text()
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in printed.splitlines()]
    assert lines[-1] == ["all", str(len(people) - 1), "1", "0", "0"]
    everything = next(line for line in lines if line[:1] == ["all"])
    assert everything[1:6] == ["100.0", "0.0", "0.0", "0.0", "0.0"]
    found = json.loads((out / "errors.json").read_text())
    assert sum(level["found"] for level in found.values()) == len(people) - 1
    assert sum(level["missed"] for level in found.values()) == 1
    assert cv2.imread(str(out / "errors.png")).shape[2] == 3


def test_tables_and_numbers(three):
    counts = np.zeros((3, 3, len(KINDS)), int)
    counts[1, 2] = 2, 1, 0, 1, 0
    found = Diagnosis(counts, *(np.array([0, n, 0]) for n in (5, 6, 7, 8)))
    text = format_diagnosis(found, three)
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    assert ["right", "50.0", "25.0", "0.0", "25.0", "0.0", "4"] in lines
    assert ["left", "-", "-", "-", "-", "-", "0"] in lines
    assert ["1 or 2 others", "50.0", "25.0", "0.0", "25.0", "0.0", "4"] in lines
    assert ["1 or 2 others", "5", "6", "8", "7"] in lines
    assert as_json(found, three)["1 or 2 others"] == {
        "found": 5, "missed": 6, "background": 7, "duplicates": 8,
        "keypoints": {
            "head": dict.fromkeys(KINDS, 0), "left": dict.fromkeys(KINDS, 0),
            "right": {"good": 2, "jitter": 1, "inversion": 0, "swap": 1, "miss": 0}}}


def test_without_annotations(results, annotations, tmp_path):
    (tmp_path / "empty.json").write_text(json.dumps({**annotations, "annotations": []}))
    with pytest.raises(DataError, match=r"empty\.json has no annotations"):
        call(["analyze", str(tmp_path / "empty.json"), str(results)])
