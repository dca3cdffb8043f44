"""Results of aepose go out in the formats of others, to be corrected there."""

import json

import numpy as np
import pytest

from aepose.errors import DataError
from aepose.labels import read_labels, write_labels
from aepose.metainfo.own import make_metainfo
from aepose.results import PoseResult, write_results
from tests.film.films import make_film
from tests.labels.sets import NAMES, content, write_set

MOUSE = make_metainfo({"name": "mouse", "keypoint_names": NAMES, "sigmas": [0.1] * 4,
                       "flip_pairs": [["left_ear", "right_ear"]], "skeleton": [["snout", "tail"]]})


def result(people, **more):
    """Of each person the first keypoint is found, the second filled in, the others missing."""
    points = np.zeros((people, 4, 2), np.float32)
    points[:, :2] = [[10.5, 20], [30, 7]]
    scores = np.tile(np.float32([0.5, 0.25, 0, 0]), (people, 1))
    return PoseResult(points, scores, np.full(people, 0.75, np.float32), points[..., :1],
                      found=scores > 0.3, image_size=(64, 48), metainfo=MOUSE, **more)


@pytest.fixture
def film(tmp_path):
    make_film(tmp_path / "walk.mp4", frames=4)
    write_results(tmp_path / "walk.jsonl", [
        result(2, image_path="walk.mp4", frame=n, time=0.0, identities=np.array([4, -1]))
        for n in (0, 3)])
    return read_labels(tmp_path / "walk.jsonl", metainfo=MOUSE)


def test_read(film):
    assert [f.number for f in film.frames.values()] == [0, 3]
    first, second = film.data["annotations"][:2]
    assert first["keypoints"] == [10.5, 20, 2, 30, 7, 1, 0, 0, 0, 0, 0, 0]
    assert (first["score"], first["keypoint_scores"]) == (0.75, [0.5, 0.25, 0, 0])
    assert first["track_id"] == 4
    assert "track_id" not in second
    assert film.report.counts("changed") == {
        "keypoints that were filled in, not found: as hidden ones": 4}


@pytest.mark.parametrize(("kind", "name", "kept"), [
    ("sleap", "x.slp", {"score", "keypoint_scores"}), ("coco", "x.json",
                                                       {"score", "keypoint_scores"}),
    ("label-studio", "t.json", {"score"}), ("deeplabcut", "x.csv", {"keypoint_scores"}),
    ("ultralytics", "yolo", set())])
def test_written(film, tmp_path, kind, name, kept):
    written = write_labels(film, tmp_path / "out" / name, kind)
    again = read_labels(tmp_path / "out" / name, kind, images=(
        tmp_path / "walk.mp4" if kind == "deeplabcut" else written.folder
        if kind in ("coco", "label-studio") else None))
    assert len(again.data["annotations"]) == 4
    for a in again.data["annotations"]:
        assert np.allclose(np.reshape(a["keypoints"], (4, 3))[:2, :2], [[10.5, 20], [30, 7]],
                           atol=1e-4)
        for key in kept:
            assert a[key] == film.data["annotations"][0][key]


def test_pictures(tmp_path):
    write_set(tmp_path)
    write_results(tmp_path / "r.jsonl", [result(1, image_path="pictures/a/one.png")])
    labels = read_labels(tmp_path / "r.jsonl", metainfo=MOUSE)
    assert labels.path(labels.data["images"][0]) == tmp_path / "pictures" / "a" / "one.png"


def test_coco_results(tmp_path):
    path = write_set(tmp_path)
    records = [{"image_id": 2, "category_id": 1, "score": 0.5, "found": [1, 0, 1, 1],
                "keypoints": [1, 2, 0.5, 3, 4, 0.25, 0, 0, 0, 5, 6, 1], "identity": 3}]
    (tmp_path / "r.json").write_text(json.dumps(records))
    labels = read_labels(tmp_path / "r.json", annotations=path, images=tmp_path / "pictures")
    [person] = labels.data["annotations"]
    assert person["keypoints"] == [1, 2, 2, 3, 4, 1, 0, 0, 0, 5, 6, 2]
    assert (person["image_id"], person["track_id"], person["score"]) == (2, 3, 0.5)
    assert len(labels.data["images"]) == len(content()["images"])
    for change, expected in (({"image_id": 9}, "record 1 is of image 9"),
                             ({"keypoints": [1, 2]}, "must be 3 numbers"),
                             ({"score": None}, "'score' one")):
        (tmp_path / "r.json").write_text(json.dumps([{**records[0], **change}]))
        with pytest.raises(DataError, match=expected):
            read_labels(tmp_path / "r.json", annotations=path)
