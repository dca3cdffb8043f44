"""Results of several classes, and the forms in which they go out and come back."""

import csv
import json
from dataclasses import fields, replace

import numpy as np
import pytest

from aepose.errors import ConfigError, DataError
from aepose.results import PoseResult, read_results, write_results
from tests.farm import FARM


@pytest.fixture
def mixed():
    """A person, a dog and a person; the dog lacks a keypoint."""
    rng = np.random.default_rng(0)
    class_ids = np.array([0, 1, 0])
    own = FARM.own_keypoints(class_ids)
    scores = rng.uniform(0.5, 1, own.shape).astype(np.float32) * own
    scores[1, 5] = 0
    places = rng.uniform(1, 90, (*own.shape, 2)).astype(np.float32) * own[..., None]
    return PoseResult(places, scores, np.float32([0.9, 0.8, 0.1]),
                      rng.normal(size=(*own.shape, 1)).astype(np.float32) * own[..., None],
                      image_path="a.png", image_size=(128, 96), metainfo=FARM, class_ids=class_ids)


def equal(ours, theirs, without=()):
    return all(np.array_equal(getattr(ours, f.name), getattr(theirs, f.name))
               for f in fields(PoseResult) if f.name not in without)


def test_it_says_the_class(mixed):
    assert mixed.class_names == ("person", "dog", "person")
    assert repr(mixed) == "PoseResult(2 people, 1 dog, 10 keypoints, a)"
    assert repr(mixed[:0]) == "PoseResult(0 people, 0 dogs, 0 keypoints, a)"
    assert mixed[::-1].class_ids.tolist() == [0, 1, 0]
    assert mixed.filter(classes="dog").class_names == ("dog",)
    assert mixed.filter(0.5, classes=["person"]).scores.tolist() == [np.float32(0.9)]
    with pytest.raises(ConfigError, match="'dogs' is no class of 'farm'; did you mean 'dog'"):
        mixed.filter(classes=["dogs"])


def test_margins_are_those_to_others_of_the_class(mixed):
    margins = mixed.grouping_margin
    assert np.isfinite(margins[[0, 2], :4]).all()
    assert np.isnan(margins[1]).all()
    people = mixed.filter(classes="person")
    np.testing.assert_array_equal(people.grouping_margin, margins[[0, 2]])


def test_plain_values_have_the_own_keypoints(mixed, tmp_path):
    content = mixed.to_dict()
    assert [person["class"] for person in content["people"]] == ["person", "dog", "person"]
    assert list(content["people"][1]["keypoints"]) == ["nose", "left_ear", "right_ear"]
    assert equal(PoseResult.from_json(mixed.to_json(), FARM), mixed)
    results = [mixed, replace(mixed[1:2], frame=2)]
    write_results(tmp_path / "all.jsonl", results)
    for ours, theirs in zip(results, read_results(tmp_path / "all.jsonl", FARM),
                            strict=True):
        assert equal(ours, theirs)
    for change in ({"class": "cat"}, {"class": None}):
        people = [{**content["people"][1], **change}]
        with pytest.raises(DataError, match="a result's 'class' is missing or not as it should"):
            PoseResult.from_dict({**content, "people": people}, FARM)


def test_coco_records_have_the_own_keypoints(mixed):
    records = json.loads(json.dumps(mixed.to_coco()))
    assert [(r["category_id"], len(r["keypoints"])) for r in records] == [(1, 12), (2, 9), (1, 12)]
    x, y = mixed.keypoints[1, 4:].T
    assert records[1]["bbox"] == pytest.approx([x.min(), y.min(), np.ptp(x), np.ptp(y)])
    assert equal(PoseResult.from_coco(records, FARM, "a.png", (128, 96)), mixed)
    records = mixed.to_coco([7, 3])
    assert [r["category_id"] for r in records] == [7, 3, 7]
    assert equal(PoseResult.from_coco(records, FARM, "a.png", (128, 96), [7, 3]), mixed)
    with pytest.raises(DataError, match="record 1 has the category_id 3; those of the classes are "
                                        "7, 8"):
        PoseResult.from_coco(records, FARM, category_id=7)
    with pytest.raises(ConfigError, match=r"category_id = \[7\]: give a category for each of pers"):
        mixed.to_coco([7])


def test_tables(mixed, tmp_path):
    write_results(tmp_path / "all.csv", [mixed])
    with open(tmp_path / "all.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows] == ["person", "dog", "person"]
    assert (rows[1]["person.head_x"], rows[1]["person.head_found"]) == ("nan", "False")
    assert float(rows[1]["dog.nose_x"]) == pytest.approx(mixed.keypoints[1, 4, 0])


def test_supervision(mixed):
    pytest.importorskip("supervision")
    assert mixed.to_supervision().class_id.tolist() == [0, 1, 0]


@pytest.mark.parametrize(("class_ids", "message"), [
    (None, "class_ids: 'farm' has 2 classes, say whose"), ([0, 1], r"class_ids: expected \(3,\)"),
    ([0, 1, 2], "class_ids: expected 0 to 1"), ([0, -1, 1], "class_ids: expected 0 to 1"),
])
def test_classes_that_are_none(mixed, class_ids, message):
    arrays = {f.name: getattr(mixed, f.name) for f in fields(PoseResult)}
    given = None if class_ids is None else np.array(class_ids)
    with pytest.raises(ValueError, match=message):
        PoseResult(**{**arrays, "class_ids": given})
