"""What is written, read again: equal to within a stated bound, and what is lost is counted."""

import numpy as np
import pytest

from aepose.errors import DataError
from aepose.labels import read_labels, write_labels
from tests.labels.sets import NAMES, content, poses, write_set

# format -> target, bound in pixels, whether it holds hidden, tracks, boxes, flip pairs
FORMATS = {
    "coco": ("set.json", 0, True, True, True, True),
    "sleap": ("set.slp", 0, True, True, False, True),
    "nwb": ("set.nwb", 1e-9, False, False, False, False),
    "deeplabcut": ("project", 0, False, True, False, False),
    "ultralytics": ("yolo", 0.5e-6 * 70 + 1e-9, True, False, True, True),
    "label-studio": ("tasks.json", 1e-9, True, False, True, True),
}


@pytest.fixture
def labels(tmp_path):
    return read_labels(write_set(tmp_path), images=tmp_path / "pictures")


@pytest.mark.parametrize("kind", [
    pytest.param(kind, marks=[pytest.mark.slow] if kind == "nwb" else []) for kind in FORMATS])
def test_round_trip(labels, tmp_path, kind):
    name, bound, hidden, tracks, boxes, pairs = FORMATS[kind]
    written = write_labels(labels, tmp_path / "out" / name, kind)
    again = read_labels(tmp_path / "out" / name, kind, images=None if kind in (
        "ultralytics", "deeplabcut") else written.folder)
    before, after = poses(labels), poses(again)
    assert list(after) == list(before)
    for picture, people in before.items():
        assert len(after[picture]) == len(people)
        for (_, names, given), (_, new_names, got) in zip(people, after[picture], strict=True):
            assert new_names == names == NAMES
            given, got = np.array(given), np.array(got)
            if not hidden:
                given[given[:, 2] > 0, 2] = 2
            assert np.abs(given[:, :2] - got[:, :2]).max() <= bound
            assert (given[:, 2] == got[:, 2]).all()
    new = again.data
    assert new["categories"][0]["skeleton"] == [[1, 2], [1, 3], [1, 4]]
    assert new["categories"][0]["flip_pairs"] == ([["left_ear", "right_ear"]] if pairs else [])
    if tracks:
        assert sorted(a["track_id"] for a in new["annotations"]) == [1, 1, 2, 2]
    if boxes:
        assert np.allclose([a["bbox"] for a in new["annotations"]], [2, 3, 40, 30], atol=1e-4)


@pytest.mark.parametrize("kind", ["sleap", "label-studio", "ultralytics"])
def test_classes_with_the_same_keypoints_stay_apart(tmp_path, kind):
    data = content()
    data["categories"].append({**data["categories"][0], "id": 2, "name": "rat"})
    data["annotations"][1]["category_id"] = 2
    labels = read_labels(write_set(tmp_path, data), images=tmp_path / "pictures")
    write_labels(labels, tmp_path / FORMATS[kind][0], kind)
    again = read_labels(tmp_path / FORMATS[kind][0], kind, images=(
        None if kind == "ultralytics" else tmp_path / "pictures"))
    assert poses(again).keys() == poses(labels).keys()
    assert [[p[:2] for p in people] for people in poses(again).values()] == [
        [p[:2] for p in people] for people in poses(labels).values()]


def test_a_folder_that_cannot_be_made(tmp_path):
    labels = read_labels(write_set(tmp_path), images=tmp_path / "pictures")
    (tmp_path / "yolo").mkdir()
    (tmp_path / "yolo" / "images").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot make folder .*yolo/images"):
        write_labels(labels, tmp_path / "yolo", "ultralytics")
