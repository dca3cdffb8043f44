"""Results go out in several forms and come back without a loss."""

import json
import sys
from dataclasses import fields, replace

import numpy as np
import pytest

from aepose.errors import ConfigError, DataError
from aepose.metainfo import get_metainfo
from aepose.results import PoseResult, read_results
from aepose.results.rows import to_rows
from tests.results.conftest import make_result

COCO, WHOLE = get_metainfo("coco"), get_metainfo("coco_wholebody")
SOME = {"image_id": -1, "frame": None, "time": None, "identities": None, "seconds": {}}


def equal(one, other, without=()):
    for part in fields(PoseResult):
        ours, theirs = getattr(one, part.name), getattr(other, part.name)
        if part.name in without:
            continue
        if isinstance(ours, np.ndarray):
            assert ours.dtype == theirs.dtype, part.name
            np.testing.assert_array_equal(ours, theirs)
        else:
            assert ours == theirs, part.name
    return True


@pytest.mark.parametrize("people", [0, 1, 3])
@pytest.mark.parametrize("metainfo", [COCO, WHOLE])
def test_json_and_back(people, metainfo):
    rng = np.random.default_rng(0)
    result = make_result(people, metainfo.num_keypoints, metainfo=metainfo, frame=3, time=0.125)
    if people:
        result = replace(result, found=rng.random(result.found.shape) < 0.5,
                         identities=np.arange(people) + 5)
    else:
        result = replace(result, tags=result.tags[..., :1])
    assert equal(PoseResult.from_json(result.to_json()), result)
    assert equal(PoseResult.from_dict(result.to_dict()), result)


def test_the_dict(known):
    content = known.to_dict()
    assert json.loads(json.dumps(content)) == content
    assert [content[key] for key in ("image", "width", "height", "frame", "image_id", "metainfo")
            ] == ["a/b.c.jpg", 8, 6, 12, 7, "three"]
    first = content["people"][0]
    assert (first["identity"], first["score"]) == (4, 0)
    assert list(first["keypoints"]) == list(known.names)
    assert [values[3] for values in first["keypoints"].values()] == [1, 1, 0]
    np.testing.assert_allclose(first["box"], known.boxes[0], rtol=1e-6)
    assert set(make_result(1, 17, metainfo=COCO, **SOME).to_dict()) == {
        "image", "width", "height", "metainfo", "seconds", "people"}


def test_a_metainfo_of_ones_own_is_given(known, three):
    with pytest.raises(ConfigError, match="'three' is not a known keypoint set"):
        PoseResult.from_json(known.to_json())
    assert equal(PoseResult.from_json(known.to_json(), three), known)


@pytest.mark.parametrize(("change", "key"), [
    ({"people": None}, "people"), ({"people": [{}]}, "keypoints"),
    ({"width": "wide"}, "width"), ({"people": [{"keypoints": {"head": [1, 2]}}]}, "keypoints"),
])
def test_dicts_of_another_kind(known, three, change, key):
    with pytest.raises(DataError, match=f"'{key}' is missing"):
        PoseResult.from_dict({**known.to_dict(), **change}, three)
    with pytest.raises(DataError, match="must be JSON"):
        PoseResult.from_json("{")


def test_files_of_rows(known, three, tmp_path):
    results = [known, replace(known[:1], frame=13), replace(known[:0], frame=14, identities=None),
               replace(known, frame=15)]
    path = tmp_path / "film.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for r in results for row in to_rows(r)))
    found = list(read_results(path, three))
    assert len(found) == 4
    assert len(path.read_text().splitlines()) == 3 + 1 + 1 + 3
    for ours, theirs in zip(results, found, strict=True):
        assert equal(ours, theirs, without=("seconds", "tags") if not len(ours) else ("seconds",))


@pytest.mark.parametrize(("text", "message"), [
    ("{", r"film\.jsonl, line 1: not JSON"), ("[1]\n", "line 1: no row of a person"),
    ('{"person": 0}\n', "picture None, frame None: a result's"), (None, "no such results file"),
    ("[" * 100_000, "line 1: not JSON"), (b"\xff\n", "line 1: not JSON"),
])
def test_files_that_are_none(tmp_path, text, message):
    if text is not None:
        (tmp_path / "film.jsonl").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=message):
        list(read_results(tmp_path / "film.jsonl"))


@pytest.mark.parametrize("metainfo", [COCO, WHOLE])
def test_coco_records_and_back(metainfo):
    result = make_result(2, metainfo.num_keypoints, metainfo=metainfo,
                         identities=np.array([3, 1]))
    records = json.loads(json.dumps(result.to_coco(category_id=4)))
    assert [r["category_id"] for r in records] == [4, 4]
    assert len(records[0]["keypoints"]) == 3 * 17
    again = PoseResult.from_coco(records, metainfo, "a/b.c.jpg", (8, 6))
    assert equal(again, result)


def test_coco_records_of_others():
    record = {"image_id": 5, "keypoints": [1, 2, 0.5] * 16 + [0, 0, 0], "score": 0.25}
    result = PoseResult.from_coco([record], "coco")
    assert (result.image_id, result.scores.tolist()) == (5, [0.25])
    assert result.found.sum() == 16
    assert result.tags.shape == (1, 17, 1)
    assert len(PoseResult.from_coco([], "coco")) == 0
    with pytest.raises(DataError, match="records of 2 pictures"):
        PoseResult.from_coco([record, {**record, "image_id": 6}], "coco")
    with pytest.raises(DataError, match="record 0 has 16 keypoints, metainfo 'coco' has 17"):
        PoseResult.from_coco([{**record, "keypoints": [1] * 48}], "coco")
    for change in ({"score": None}, {"score": "high"}, {"keypoints": ["a"] * 51}):
        with pytest.raises(DataError, match="record 1: keypoints and score must be there"):
            PoseResult.from_coco([record, {**record, **change}], "coco")
    with pytest.raises(DataError, match="record 0: keypoints and score"):
        PoseResult.from_coco([{key: record[key] for key in ("image_id", "keypoints")}], "coco")


def test_dataframe(known):
    pytest.importorskip("pandas")
    frame = known.to_dataframe()
    assert frame.shape == (3, 9 + 4 * 3)
    row = frame.iloc[2]
    assert (row["identity"], row["frame"], row["left_found"]) == (9, 12, True)
    np.testing.assert_array_equal(np.float32([row["right_x"], row["right_y"]]),
                                  known.keypoints[2, 2])


def test_supervision(known):
    pytest.importorskip("supervision")
    people = known.to_supervision()
    np.testing.assert_array_equal(people.xy, known.keypoints)
    np.testing.assert_array_equal(people.visible, known.found)
    np.testing.assert_array_equal(people.keypoint_confidence, known.keypoint_scores)
    np.testing.assert_array_equal(people.detection_confidence, known.scores)
    np.testing.assert_array_equal(people.data["tracker_id"], known.identities)


@pytest.mark.parametrize("package", ["pandas", "supervision"])
def test_a_package_that_is_not_installed(known, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    use = {"pandas": known.to_dataframe, "supervision": known.to_supervision}[package]
    with pytest.raises(ConfigError, match=f"pip install {package}"):
        use()
