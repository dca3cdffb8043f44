"""Annotations of several classes in one file."""

import cv2
import numpy as np
import pytest

from aepose.codecs import AssociativeEmbeddingCodec
from aepose.datasets import CocoKeypoints
from aepose.datasets.annotations import load_annotations
from aepose.errors import DataError
from tests.farm import CATEGORIES, FARM, PICTURES, SIZE, creature, farm_data, write_farm

BALL, DOG, PERSON = CATEGORIES


def dataset(path, **options):
    codec = AssociativeEmbeddingCodec(FARM, SIZE, size_multiple=32)
    return CocoKeypoints(path.name, ".", FARM, codec, data_root=path.parent, **options)


def test_keypoints_go_to_their_class(tmp_path):
    """Whatever the order of categories and of keypoints in the file."""
    data = dataset(write_farm(tmp_path / "farm.json"), include_empty=True)
    for number, creatures in enumerate(PICTURES):
        cv2.imwrite(str(tmp_path / f"{number + 1}.png"), np.zeros((*SIZE[::-1], 3), np.uint8))
        sample = data.load_sample(number)
        expected = np.zeros((len(creatures), 7, 3), np.float32)
        for row, one in zip(expected, creatures, strict=True):
            row[slice(0, 4) if one[0] == "person" else slice(4, 7)] = creature(*one)
        np.testing.assert_array_equal(sample.keypoints, expected[..., :2])
        np.testing.assert_array_equal(sample.visibility, expected[..., 2])


def test_other_categories_are_left_out(tmp_path):
    ball = {"id": 99, "image_id": 1, "category_id": 9, "bbox": [1, 1, 2, 2]}
    path = write_farm(tmp_path / "farm.json",
                      annotations=[*farm_data()["annotations"], ball])
    with pytest.warns(UserWarning, match=r"left out: 9 'ball' \(1 annotations\); keypoints put into"
                                         " the order of metainfo 'snout'"):
        data = load_annotations(path, FARM)
    assert [one["id"] for one in data["categories"]] == [3, 7]
    assert len(data["annotations"]) == 8


@pytest.mark.parametrize(("names", "category", "kept"), [
    (("hound", "person"), {"dog": "hound"}, {3: 4, 7: 4}),
    (("Dog", "PERSON"), None, {3: 4, 7: 4}),
    (("hound", "person"), {"dog": 7, "person": ["person"]}, {3: 4, 7: 4}),
])
def test_categories_of_other_names(tmp_path, names, category, kept):
    categories = [BALL, {**DOG, "name": names[0]}, {**PERSON, "name": names[1]}]
    data = load_annotations(write_farm(tmp_path / "farm.json", categories=categories), FARM,
                            category)
    assert {key: sum(a["category_id"] == key for a in data["annotations"]) for key in kept} == kept
    assert [one["name"] for one in data["categories"]] == ["person", "dog"]
    # What is written again can be read without saying it.
    again = load_annotations(write_farm(tmp_path / "again.json", **data), FARM)
    assert again == data


def test_two_categories_of_one_class(tmp_path):
    puppy = {**DOG, "id": 8, "name": "puppy"}
    annotations = farm_data()["annotations"]
    next(a for a in annotations if a["category_id"] == 7)["category_id"] = 8
    path = write_farm(tmp_path / "farm.json", categories=[*CATEGORIES, puppy],
                      annotations=annotations)
    data = load_annotations(path, FARM, {"dog": ["dog", "puppy"]})
    assert len(data["annotations"]) == 8
    assert [one["id"] for one in data["categories"]] == [3, 7, 8]


@pytest.mark.parametrize(("categories", "category", "message"), [
    ([BALL, {**DOG, "name": "dogs"}, PERSON], None,
     r"no category is called as the class 'dog' of metainfo 'farm'; there is 9 'ball', 7 'dogs', "
     r"3 'person'; did you mean 'dogs'\?; name it with category="),
    (CATEGORIES, "dog", "category = 'dog': metainfo 'farm' has several classes; say which"),
    (CATEGORIES, {"cat": "dog"}, "'cat' is no class of metainfo 'farm'; known: dog, person"),
    (CATEGORIES, {"dog": "hound"}, "category = 'hound' is not among its categories"),
    (CATEGORIES, {"dog": "person"}, "category 3 'person' is taken for 'person' and for 'dog'"),
    ([BALL, {**DOG, "keypoints": ["nose", "left_ear", "tail"]}, PERSON], None,
     "the keypoints of category 7 'dog' are not the 3 of metainfo 'snout': only the file has "
     "'tail', only the metainfo has 'right_ear'"),
])
def test_refused(tmp_path, categories, category, message):
    path = write_farm(tmp_path / "farm.json", categories=categories)
    with pytest.raises(DataError, match=message):
        load_annotations(path, FARM, category)


def test_wrong_numbers_of_keypoints(tmp_path):
    annotations = farm_data()["annotations"]
    dog = next(a for a in annotations if a["category_id"] == 7)
    dog["keypoints"] += [0, 0, 0]
    path = write_farm(tmp_path / "farm.json", annotations=annotations)
    with pytest.raises(DataError, match=r"annotation 2: 'keypoints' must be 9 numbers .* 3 keyp"):
        load_annotations(path, FARM)
    for one in annotations:
        if one["category_id"] == 7:
            del one["keypoints"]
    path = write_farm(tmp_path / "farm.json", annotations=annotations)
    with pytest.raises(DataError, match="none of 4 annotations of 'dog' has 'keypoints'"):
        load_annotations(path, FARM)


def test_one_class_takes_no_categories_by_class(tmp_path):
    with pytest.raises(DataError, match="is by class, but metainfo 'snout' has none"):
        load_annotations(write_farm(tmp_path / "farm.json"), FARM.classes[1].metainfo,
                         {"dog": "dog"})
