import copy
import gzip
import json
import warnings
from dataclasses import replace

import pytest

from aepose.commands.app import call
from aepose.datasets.annotations import join_fields, load_annotations
from aepose.errors import AeposeWarning, DataError
from aepose.metainfo import get_metainfo
from tests.evaluation.test_coco_metric import TWO

GOOD = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48},
               {"id": 2, "file_name": "b.jpg", "width": 64, "height": 48}],
    "annotations": [{"id": 31, "image_id": 1, "category_id": 1, "keypoints": [1, 2, 2, 3.5, 4, 1]},
                    {"id": 32, "image_id": 1, "category_id": 1, "keypoints": [0] * 6,
                     "iscrowd": 1}],
    "categories": [{"id": 1, "name": "person"}],
}


def write(folder, content, name="people.json"):
    path = folder / name
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def changed(path, value=None):
    """A copy of GOOD with the entry at ``path`` set to ``value``, or removed where it is None."""
    data = copy.deepcopy(GOOD)
    *parents, last = path
    place = data
    for key in parents:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return data


@pytest.mark.parametrize("name", ["people.json", "people.json.gz"])
@pytest.mark.parametrize("content", [
    GOOD, {"images": [], "annotations": [], "categories": []}, changed(["annotations"], []),
    changed(["annotations", 0, "keypoints"], [0.0] * 6),
], ids=["good", "empty", "nobody", "unlabelled"])
def test_good_files(tmp_path, content, name):
    assert load_annotations(str(write(tmp_path, content, name)), TWO) == content


KEYPOINTS = ["annotations", 0, "keypoints"]
NOT_NUMBERS = r"annotation 31: 'keypoints' must be 6 numbers .*of 2 keypoints"


@pytest.mark.parametrize(("content", "message"), [
    ("{'images': []}", "not a JSON file"),
    ("", "not a JSON file"),
    ([GOOD], "'images' is missing"),
    (changed(["images"]), "'images' is missing; .*'images', 'annotations', 'categories'"),
    (changed(["annotations"]), "'annotations' is missing"),
    (changed(["categories"]), "'categories' is missing"),
    (changed(["images"], {"1": "a.jpg"}), "'images' must be a list of objects"),
    (changed(["annotations"], ["a"]), "'annotations' must be a list of objects"),
    (changed(["images", 1, "id"]), "image number 1 has no 'id'"),
    (changed(["images", 1, "file_name"]), "image 2 has no 'file_name'"),
    (changed(["images", 1, "width"]), "image 2 has no 'width'"),
    (changed(["images", 1, "height"]), "image 2 has no 'height'"),
    (changed(["images", 1, "id"], 1), "two images have the id 1"),
    (changed(["annotations", 1, "id"]), "annotation number 1 has no 'id'"),
    (changed(["annotations", 1, "image_id"]), "annotation 32 has no 'image_id'"),
    (changed(["annotations", 1, "image_id"], 5), "annotation 32 belongs to image 5, which is not"),
    (changed(KEYPOINTS, [0] * 51), NOT_NUMBERS + ".*got 51 values.*metainfo"),
    (changed(KEYPOINTS, "abcdef"), NOT_NUMBERS + ".*got str 'abcdef'"),
    (changed(KEYPOINTS, [0, 0, 0, 0, 0, "x"]), NOT_NUMBERS + ".*among them 'x'"),
    (changed(KEYPOINTS, [0, 0, 0, 0, [0], 0]), NOT_NUMBERS + r".*among them \[0\]"),
    (changed(KEYPOINTS, [0, 0, 0, 0, float("nan"), 0]), NOT_NUMBERS + ".*among them nan"),
])
def test_bad_files(tmp_path, content, message):
    path = write(tmp_path, content)
    with pytest.raises(DataError, match=message) as caught:
        load_annotations(path, TWO)
    assert str(caught.value).startswith(str(path))


def test_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"nowhere.json: no such annotation file; check ann_file"):
        load_annotations(tmp_path / "nowhere.json", TWO)


def test_folder_instead_of_a_file(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        load_annotations(tmp_path, TWO)


@pytest.mark.parametrize("damage", [lambda b: b[:-20], lambda b: b"no gzip at all",
                                    lambda b: b[:20] + b"\xff\xff\xff" + b[23:]],
                         ids=["truncated", "not gzip", "corrupt"])
def test_damaged_gzip(tmp_path, damage):
    path = write(tmp_path, GOOD, "people.json.gz")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=r"people.json.gz: .*(cannot be read|not a JSON file)"):
        load_annotations(path, TWO)


def test_text_that_is_not_utf8(tmp_path):
    path = tmp_path / "latin.json"
    path.write_bytes(b'{"images": "\xe9"}')
    with pytest.raises(DataError, match="not a JSON file"):
        load_annotations(path, TWO)


PARTS = replace(TWO, keypoint_names=("head", "foot", "toe"), sigmas=(0.1,) * 3,
                keypoint_colors=((0, 0, 0),) * 3,
                part_fields=(("keypoints", 2), ("foot_kpts", 1)))
BODY = {"keypoints": [1, 2, 2, 3.5, 4, 1]}


def parts_file(folder, **fields):
    annotation = {"id": 31, "image_id": 1, "category_id": 1, **BODY, **fields}
    return write(folder, {**GOOD, "annotations": [annotation]})


def test_several_fields(tmp_path):
    path = parts_file(tmp_path, foot_kpts=[5, 6.5, 0.25])
    (annotation,) = load_annotations(path, PARTS)["annotations"]
    names = [name for name, _ in PARTS.annotation_fields]
    assert join_fields(annotation, names) == [1, 2, 2, 3.5, 4, 1, 5, 6.5, 0.25]
    assert join_fields(annotation, ["foot_kpts"]) == [5, 6.5, 0.25]


@pytest.mark.parametrize(("fields", "message"), [
    ({}, r"none of 1 annotations has 'foot_kpts' \(1 keypoints\).*coco_wholebody"),
    ({"foot_kpts": [0] * 6}, "annotation 31: 'foot_kpts' must be 3 numbers .*got 6 values"),
    ({"foot_kpts": [0, 0, None]}, "'foot_kpts' must be 3 numbers.*among them None"),
    ({"foot_kpts": [0] * 3, "keypoints": [0] * 9}, "'keypoints' must be 6 numbers.*9 values"),
])
def test_bad_fields(tmp_path, fields, message):
    path = parts_file(tmp_path, **fields)
    with pytest.raises(DataError, match=message) as caught:
        load_annotations(path, PARTS)
    assert str(caught.value).startswith(str(path))


def test_a_subset_keeps_the_fields_apart(tmp_path):
    fields = get_metainfo("coco_wholebody").annotation_fields
    nobody = {"id": 1, "image_id": 1, "category_id": 1,
              **{name: [0] * 3 * count for name, count in fields}}
    face = {**nobody, "id": 2, "image_id": 2, "face_kpts": [1, 1, 0.5] * 68}
    path = write(tmp_path, {**GOOD, "annotations": [nobody, face]})
    call(["subset", str(path), str(tmp_path / "out.json"), "--with-people", "--metainfo",
          "coco_wholebody"])
    content = json.loads((tmp_path / "out.json").read_text())
    assert content == {**GOOD, "images": GOOD["images"][1:], "annotations": [face]}


ANNOTATION = ["annotations", 0]
IMAGE = ["images", 0]


@pytest.mark.parametrize(("place", "value", "message"), [
    ([*IMAGE, "width"], None, "image 1: 'width' is None; it must be a whole number"),
    ([*IMAGE, "width"], "64", "image 1: 'width' is '64'"),
    ([*IMAGE, "height"], 0, "image 1: 'height' is 0"),
    ([*IMAGE, "height"], 48.5, r"image 1: 'height' is 48\.5"),
    ([*IMAGE, "height"], True, "image 1: 'height' is True"),
    ([*IMAGE, "width"], 10**400, "image 1: 'width' is 1000"),
    ([*IMAGE, "file_name"], 7, "image 1: 'file_name' is 7"),
    ([*IMAGE, "id"], [1], r"image \[1\]: 'id' is \[1\]; an id is"),
    ([*IMAGE, "id"], None, "image None: 'id' is None"),
    ([*IMAGE, "id"], 2**63, "'id' is 9223372036854775808; an id is .* 64 bits"),
    ([*IMAGE, "id"], 1.5, r"'id' is 1\.5"),
    ([*IMAGE, "id"], "a", "some ids of images are numbers and some are texts, such as 2 and 'a'"),
    ([*ANNOTATION, "id"], "a", "some ids of annotations are numbers .* 32 and 'a'"),
    ([*ANNOTATION, "id"], {}, r"annotation \{\}: 'id' is \{\}"),
    ([*ANNOTATION, "image_id"], "1", "belongs to image '1', which .*; write it as there, 1"),
    ([*ANNOTATION, "image_id"], "²", "belongs to image '²', which .*; remove"),
    ([*ANNOTATION, "image_id"], [1], r"annotation 31: 'image_id' is \[1\]"),
    ([*ANNOTATION, "category_id"], {"a": 1}, r"annotation 31: 'category_id' is \{'a': 1\}"),
    ([*ANNOTATION, "category_id"], 10**400, "has the category_id 10+[.]{3}, which"),
    ([*ANNOTATION, "category_id"], "1", "annotation 31 has the category_id '1'.*is 1 'person'"),
    ([*ANNOTATION, "iscrowd"], "0", "annotation 31: 'iscrowd' is '0'; it must be 0 or 1"),
    ([*ANNOTATION, "iscrowd"], 2, "'iscrowd' is 2"),
    ([*ANNOTATION, "iscrowd"], [], r"'iscrowd' is \[\]"),
    ([*ANNOTATION, "num_keypoints"], "2", "'num_keypoints' is '2'"),
    ([*ANNOTATION, "num_keypoints"], [], r"'num_keypoints' is \[\]"),
    ([*ANNOTATION, "num_keypoints"], -1, "'num_keypoints' is -1"),
    ([*ANNOTATION, "area"], -1, "'area' is -1; it must be a number of square pixels"),
    ([*ANNOTATION, "bbox"], [0, 0, 1], r"'bbox' is \[0, 0, 1\]"),
    ([*ANNOTATION, "bbox"], [0, 0, 1e30, 1], r"'bbox' is .*10 times the sides .*64x48"),
    (KEYPOINTS, [1, 2, 3, 3, 4, 1], "'keypoints' has the visibility 3; .*AI Challenger.* 0, 0"),
    (KEYPOINTS, [1e300, 2, 2, 3, 4, 1], r"'keypoints' has 1e\+300, more than 10 times the sides"),
    (KEYPOINTS, [-641, 2, 2, 3, 4, 1], "'keypoints' has -641, more than 10 times"),
    (KEYPOINTS, [10**400, 2.5, 2, 3, 4, 1], "6 values, among them 1000"),
    (KEYPOINTS, 0, "'keypoints' must be 6 numbers.*int 0"),
    (["categories", 0, "id"], [], r"categories\[0\]: 'id' is \[\]"),
    (["categories", 0, "name"], 3, r"categories\[0\]: 'name' is 3"),
    (["categories", 0, "keypoints"], "head", r"categories\[0\]: 'keypoints' is 'head'"),
    (["categories"], [], "'categories' is empty"),
    (["categories"], [{"name": "person"}], r"categories\[0\] has no 'id'"),
])
def test_bad_values(tmp_path, place, value, message):
    data = copy.deepcopy(GOOD)
    *parents, last = place
    entry = data
    for key in parents:
        entry = entry[key]
    entry[last] = value
    path = write(tmp_path, data)
    with pytest.raises(DataError, match=message) as caught:
        load_annotations(path, TWO)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(("changes", "becomes", "said"), [
    ({"iscrowd": None}, {"iscrowd": 0}, "1 annotation with iscrowd null: taken for no crowd"),
    ({"iscrowd": True}, {"iscrowd": 1}, "1 annotation with iscrowd 1 and labelled keypoints"),
    ({"iscrowd": 0.0}, {"iscrowd": 0}, None),
    ({"id": 31.0}, {"id": 31}, None),
    ({"image_id": 2.0}, {"image_id": 2}, None),
    ({"id": 32}, {}, "1 annotation with the id of an earlier one"),
    ({"keypoints": []}, {"keypoints": [0] * 6}, "with empty 'keypoints': .* (CVAT"),
    ({"keypoints": None}, {"keypoints": [0] * 6}, "without 'keypoints': taken for people without"),
    ({"num_keypoints": 0}, {}, "num_keypoints 0 beside labelled keypoints: the keypoints are"),
    ({"num_keypoints": None}, {"num_keypoints": 2}, "num_keypoints null beside labelled"),
    ({"num_keypoints": 1}, {}, None),
    ({"keypoints": [0, 0, 2, 3, 4, 1]}, {}, "with labelled keypoints at 0, 0"),
    ({"keypoints": [0, 0, 0, 3, 4, True]}, {}, None),
    ({"keypoints": [0.1, 0.9, 2, 0.5, 1, 1]}, {}, "with all labelled keypoints within one pixel"),
    ({"keypoints": [0, 0, 0, 0.5, 1, 1]}, {}, None),
    ({"iscrowd": 1, "image_id": 2}, {}, "1 annotation with iscrowd 1 and labelled keypoints: eval"),
    ({"keypoints": [5, 6, 0, 7, 8, 0]}, {}, "none of 2 annotations is a person with a labelled"),
    ({"keypoints": [1, 2, 0.5, 640, -640, -1]}, {}, None),
], ids=str)
def test_what_is_taken(tmp_path, changes, becomes, said):
    data = copy.deepcopy(GOOD)
    data["annotations"][0].update(changes)
    path = write(tmp_path, data)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read = load_annotations(path, TWO)["annotations"][0]
    assert read == {**GOOD["annotations"][0], **changes, **becomes}
    lines = [str(warning.message) for warning in caught]
    assert len(lines) == (said is not None)
    if said:
        assert lines[0].startswith(f"{path}: ")
        assert all(part in lines[0] for part in said.split(" .* "))


def test_one_line_for_all_that_was_taken(tmp_path):
    data = copy.deepcopy(GOOD)
    for annotation in data["annotations"]:
        annotation["iscrowd"] = None
    del data["annotations"][1]["keypoints"]
    path = write(tmp_path, data)
    with pytest.warns(AeposeWarning) as caught:
        load_annotations(path, TWO)
    (line,) = (str(warning.message) for warning in caught)
    assert line == (f"{path}: 2 annotations with iscrowd null: taken for no crowd (the first: 31); "
                    "1 annotation without 'keypoints': taken for people without labelled keypoints "
                    "(the first: 32)")


def test_sizes_that_are_written_with_a_point(tmp_path):
    path = write(tmp_path, changed(["images", 0, "width"], 64.0))
    width = load_annotations(path, TWO)["images"][0]["width"]
    assert (width, type(width)) == (64, int)
