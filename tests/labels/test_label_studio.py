"""Label Studio's exports, as people make them."""

import pytest

from aepose.labels import read_labels
from tests.labels.test_reading import MARK, task, write

BOX = {"original_width": 64, "original_height": 48, "type": "rectanglelabels", "id": "b",
       "value": {"x": 25, "y": 25, "width": 50, "height": 50, "rectanglelabels": ["cat"]}}
OTHER = {**BOX, "id": "c", "value": {**BOX["value"], "rectanglelabels": ["ball"]}}
TAIL = {**MARK, "id": "t", "parentID": "b", "value": {"x": 0, "y": 100, "keypointlabels": ["tail"]}}
LINK = {"type": "relation", "from_id": "k", "to_id": "b"}


@pytest.mark.parametrize(("marks", "people", "dropped"), [
    # Without a box all keypoints are one creature's.
    ([MARK], [("creature", [32, 24, 2])], {}),
    ([BOX, TAIL, {**MARK, "parentID": "b"}], [("cat", [0, 48, 2, 32, 24, 2])], {}),
    ([BOX, MARK, LINK, TAIL], [("cat", [32, 24, 2, 0, 48, 2])], {}),
    ([BOX, MARK, {"type": "relation", "from_id": "b", "to_id": "k"}], [("cat", [32, 24, 2])], {}),
    ([BOX, TAIL, MARK], [("cat", [0, 48, 2])], {"keypoints that belong to no box": 1}),
    ([BOX, TAIL, OTHER], [("cat", [0, 48, 2])], {"boxes of 'ball', without keypoints": 1}),
    ([BOX, TAIL, {"type": "choices", "value": {"choices": ["night"]}}], [("cat", [0, 48, 2])],
     {"Label Studio's choices": 1}),
])
def test_creatures(tmp_path, marks, people, dropped):
    write(tmp_path, {"t.json": [task(*marks)], "p.png": 0})
    labels = read_labels(tmp_path / "t.json")
    names = {c["id"]: c["name"] for c in labels.data["categories"]}
    assert [(names[a["category_id"]], a["keypoints"]) for a in labels.data["annotations"]] == people
    assert labels.report.counts("dropped") == dropped
    assert labels.data["images"][0]["file_name"] == "p.png"
    if people[0][0] == "cat":
        assert labels.data["annotations"][0]["bbox"] == [16, 12, 32, 24]


@pytest.mark.parametrize(("address", "name"), [
    ("/data/upload/3/0123abcd-p.png", "p.png"), ("/data/local-files/?d=deep/p%20q.png", "p q.png"),
    ("https://somewhere/bucket/p.png?X=1", "p.png"), ("s3://bucket/p.png", "p.png")])
def test_names_of_pictures(tmp_path, address, name):
    write(tmp_path, {"t.json": [task(MARK, data={"image": address})], name: 0})
    labels = read_labels(tmp_path / "t.json")
    assert labels.path(labels.data["images"][0]) == tmp_path / name


def test_who_and_what_is_done(tmp_path):
    done, skipped = task(MARK), task(MARK)
    skipped["annotations"][0]["was_cancelled"] = True
    nobody = task(MARK)
    nobody["annotations"] = [{"result": []}]
    twice = task(MARK)
    twice["data"] = {"image": "q.png"}
    twice["annotations"] += task({**MARK, "value": {**MARK["value"], "x": 0}}, by=2)["annotations"]
    open_ = {**task(), "annotations": []}
    write(tmp_path, {"t.json": [done, skipped, nobody, twice, open_], "p.png": 0, "q.png": 0})
    labels = read_labels(tmp_path / "t.json", scorer="1")
    assert [a["image_id"] for a in labels.data["annotations"]] == [1, 2]
    assert labels.report.counts("dropped") == {
        "tasks that were skipped, or are not labelled yet": 3}


def test_predictions(tmp_path):
    guess = task(BOX, TAIL)
    guess["predictions"] = [{"result": guess.pop("annotations")[0]["result"], "score": 0.5}]
    write(tmp_path, {"t.json": [guess], "p.png": 0})
    [person] = read_labels(tmp_path / "t.json").data["annotations"]
    assert person["score"] == 0.5
