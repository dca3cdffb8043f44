"""AI Challenger's and MHP's layouts, made up after their descriptions."""

import json

import numpy as np
import pytest

from aepose.labels import read_labels, write_labels
from aepose.metainfo import get_metainfo
from tests.labels.test_reading import write


def test_aic(tmp_path):
    points = [[k + 1, k + 2, 1] for k in range(12)] + [[30, 40, 2], [0, 0, 3]]
    folder = "keypoint_train_images_20170902"
    write(tmp_path, {f"{folder}/ab.jpg": 0, "keypoint_train_annotations_20170909.json": [{
        "image_id": "ab", "human_annotations": {"human1": [1, 2, 33, 44]},
        "keypoint_annotations": {"human1": [v for p in points for v in p]}}]})
    labels = read_labels(tmp_path / "keypoint_train_annotations_20170909.json")
    written = write_labels(labels, tmp_path / "annotations" / "aic_train.json")
    assert written.folder == tmp_path / folder
    data = json.loads((tmp_path / "annotations" / "aic_train.json").read_text())
    assert data["images"] == [{"id": 1, "file_name": "ab.jpg", "width": 64, "height": 48}]
    [person] = data["annotations"]
    assert person["bbox"] == [1, 2, 32, 42]
    assert person["keypoints"][:3] == [1, 2, 2]
    assert person["keypoints"][36:] == [30, 40, 1, 0, 0, 0]
    assert data["categories"][0]["keypoints"] == list(get_metainfo("aic").keypoint_names)


def test_mhp(tmp_path):
    scipy = pytest.importorskip("scipy.io")
    rows = np.full((20, 3), -1.0)
    rows[0], rows[1], rows[2] = (5, 6, 0), (7, 8, 1), (9, 10, 2)
    rows[18:] = (1, 2, 0), (31, 42, 0)
    write(tmp_path, {"val/images/10.jpg": 0, "val/images/9.jpg": 0})
    (tmp_path / "val" / "pose_annos").mkdir()
    for name in ("10", "9"):
        scipy.savemat(tmp_path / "val" / "pose_annos" / f"{name}.mat",
                      {"person_0": rows, "person_1": rows + 1 if name == "x" else rows})
    labels = read_labels(tmp_path / "val")
    assert [i["file_name"] for i in labels.data["images"]] == ["9.jpg", "10.jpg"]
    assert len(labels.data["annotations"]) == 4
    person = labels.data["annotations"][0]
    assert person["keypoints"] == [5, 6, 2, 7, 8, 1] + [0] * 42
    assert person["bbox"] == [1, 2, 30, 40]
    assert labels.data["categories"][0]["keypoints"] == list(get_metainfo("mhp").keypoint_names)
