"""COCO's files pass through unharmed, whatever else they hold."""

import copy
import json

import pytest

from aepose.labels import read_labels, write_labels
from tests.labels.sets import content, write_set


def odd():
    """Two classes with keypoints, one without, a crowd, empty keypoints, fields of exporters."""
    data = content()
    data["info"] = {"exporter": "some"}
    data["categories"] += [{"id": 7, "name": "ball", "supercategory": "things"},
                           {"id": 9, "name": "cat", "keypoints": ["nose"], "skeleton": []}]
    data["annotations"][0]["attributes"] = {"occluded": False}
    data["annotations"] += [
        {"id": 11, "image_id": 1, "category_id": 7, "bbox": [1, 1, 5, 5]},
        {"id": 12, "image_id": 2, "category_id": 9, "keypoints": [9, 9, 1], "iscrowd": 0,
         "bbox": [5, 5, 8, 8], "area": 64, "num_keypoints": 1},
        {"id": 13, "image_id": 2, "category_id": 1, "iscrowd": 1, "bbox": [0, 0, 9, 9],
         "keypoints": [0] * 12, "num_keypoints": 0, "area": 9,
         "segmentation": [[0, 0, 9, 0, 9, 9]]}]
    return data


def test_unharmed(tmp_path):
    labels = read_labels(write_set(tmp_path, odd()), images=tmp_path / "pictures")
    write_labels(labels, tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text()) == odd()
    assert not labels.report.counts("changed")
    assert not labels.report.counts("dropped")


def test_losses_are_counted(tmp_path):
    labels = read_labels(write_set(tmp_path, odd()), images=tmp_path / "pictures")
    write_labels(labels, tmp_path / "out.slp")
    assert labels.report.counts("dropped") == {
        "annotations of classes without keypoints": 1, "crowds": 1,
        "'attributes' of annotations": 1, "boxes": 5, "areas": 5}
    assert labels.report.counts("kept")["creatures"] == 7
    assert "| dropped | crowds" in labels.report.table()


def test_boxes_and_areas(tmp_path):
    data = content()
    for annotation in data["annotations"]:
        del annotation["area"], annotation["bbox"]
    labels = read_labels(write_set(tmp_path, data), images=tmp_path / "pictures")
    # Around 10.5..30.75, 12.25..31 with a margin of 2.025; around one point with 0.64.
    first, _, single, _ = labels.data["annotations"]
    assert first["bbox"] == [8.475, 10.225, 24.3, 22.8]
    assert first["area"] == round(0.53 * 24.3 * 22.8, 3)
    assert single["bbox"] == [4.36, 4.36, 1.28, 1.28]
    write_labels(labels, tmp_path / "out.json")
    assert [(t.split(":")[0], n) for t, n in labels.report.counts("changed").items()] == [
        ("boxes", 4), ("areas", 4)]


@pytest.mark.parametrize(("rename", "options", "folder"), [
    ("annotations", {}, None),
    ("annotations", {"images": "pictures"}, "pictures"),
    ("pictures/set", {}, "pictures"),
])
def test_folder_of_pictures(tmp_path, monkeypatch, rename, options, folder):
    monkeypatch.chdir(tmp_path)
    path = write_set(tmp_path).rename(tmp_path / f"{rename}.json")
    (tmp_path / "copy").symlink_to(tmp_path / "pictures")  # another folder with the same names
    labels = read_labels(path, **options)
    known = labels.folder.resolve() == tmp_path / (folder or "")
    assert known
    assert any("not found" in text for text in labels.report.counts("kept")) == (folder is None)


def test_names_given(tmp_path):
    data = copy.deepcopy(content())
    del data["categories"][0]["keypoints"], data["categories"][0]["skeleton"]
    data["annotations"] = [{**a, "keypoints": a["keypoints"] + [0, 0, 0] * 10}
                           for a in data["annotations"]]
    labels = read_labels(write_set(tmp_path, data), metainfo="aic")
    [category] = labels.data["categories"]
    assert len(category["keypoints"]) == 14
    assert category["flip_pairs"][0] == ["right_shoulder", "left_shoulder"]
    assert category["skeleton"][0] == [3, 2]
