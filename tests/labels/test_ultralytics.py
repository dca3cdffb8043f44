"""Ultralytics' data sets with and without names, and of several classes."""

import pytest

from aepose.labels import read_labels, write_labels
from tests.labels.sets import content, poses, write_set
from tests.labels.test_reading import YOLO, write


@pytest.mark.parametrize(("more", "names"), [
    ("", ["keypoint_0", "keypoint_1"]), ("kpt_names: {0: [nose, tail]}", ["nose", "tail"]),
    ("node_names: [nose, tail]", ["nose", "tail"])])
def test_names_and_splits(tmp_path, more, names):
    write(tmp_path, {
        "data.yaml": YOLO.replace("val: images", "val: images/val\npath: /not/here") + more,
        "images/p.png": 0, "images/val/q.png": 0, "labels/val/q.txt":
        "0 .5 .5 1 .5 .25 .5 1 0 0 0\n"})
    labels = read_labels(tmp_path)
    [category] = labels.data["categories"]
    assert category["keypoints"] == names
    assert [(i["file_name"], i["split"]) for i in labels.data["images"]] == [
        ("p.png", "train"), ("val/q.png", "train")]
    [person] = labels.data["annotations"]
    assert person["keypoints"] == [16, 24, 1, 0, 0, 0]
    assert person["bbox"] == [0, 12, 64, 24]


def test_two_numbers_and_flips(tmp_path):
    write(tmp_path, {
        "data.yaml": YOLO.replace("3]", "2]") + "flip_idx: [1, 0]\nskeleton: [[0, 1]]",
        "images/p.png": 0, "labels/p.txt": "0 .5 .5 1 .5 .25 .5 0 0\n"})
    labels = read_labels(tmp_path / "data.yaml")
    assert labels.data["annotations"][0]["keypoints"] == [16, 24, 2, 0, 0, 0]
    assert labels.data["categories"][0]["flip_pairs"] == [["keypoint_0", "keypoint_1"]]
    assert labels.data["categories"][0]["skeleton"] == [[1, 2]]


def test_several_classes(tmp_path):
    data = content()
    data["categories"].append({"id": 9, "name": "ball", "keypoints": ["top", "seam"]})
    data["annotations"][1] |= {"category_id": 9, "keypoints": [4, 8, 2, 0, 0, 0]}
    labels = read_labels(write_set(tmp_path, data), images=tmp_path / "pictures")
    write_labels(labels, tmp_path / "yolo", "ultralytics")
    again = read_labels(tmp_path / "yolo")
    assert {p[0] for people in poses(again).values() for p in people} == {"mouse", "ball"}
    assert [[p[:2] for p in people] for people in poses(again).values()] == [
        [p[:2] for p in people] for people in poses(labels).values()]
    assert any("flip_idx is one for all" in t for t in labels.report.counts("changed"))
