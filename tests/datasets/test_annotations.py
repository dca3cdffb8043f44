import copy
import gzip
import json

import pytest

from aepose.datasets.annotations import join_fields, load_annotations
from aepose.errors import DataError
from aepose.metainfo import get_metainfo
from tests.test_tools import load_tool

GOOD = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48},
               {"id": 2, "file_name": "b.jpg", "width": 64, "height": 48}],
    "annotations": [{"id": 31, "image_id": 1, "keypoints": [1, 2, 2, 3.5, 4, 1]},
                    {"id": 32, "image_id": 1, "keypoints": [0] * 6, "iscrowd": 1}],
    "categories": [{"id": 1, "name": "person"}],
}
FIELDS = (("keypoints", 2),)


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
    assert load_annotations(str(write(tmp_path, content, name)), FIELDS) == content


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
    (changed(KEYPOINTS), r"annotation 31 has no 'keypoints' \(expected 2.*detection-only"),
    (changed(KEYPOINTS, [0] * 51), NOT_NUMBERS + ".*got 51 values.*metainfo"),
    (changed(KEYPOINTS, []), NOT_NUMBERS + ".*got 0 values"),
    (changed(KEYPOINTS, "abcdef"), NOT_NUMBERS + ".*got str 'abcdef'"),
    (changed(KEYPOINTS, [0, 0, 0, 0, 0, "x"]), NOT_NUMBERS + ".*among them 'x'"),
    (changed(KEYPOINTS, [0, 0, 0, 0, [0], 0]), NOT_NUMBERS + r".*among them \[0\]"),
    (changed(KEYPOINTS, [0, 0, 0, 0, float("nan"), 0]), NOT_NUMBERS + ".*among them nan"),
])
def test_bad_files(tmp_path, content, message):
    path = write(tmp_path, content)
    with pytest.raises(DataError, match=message) as caught:
        load_annotations(path, FIELDS)
    assert str(caught.value).startswith(str(path))


def test_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"nowhere.json: no such annotation file; check ann_file"):
        load_annotations(tmp_path / "nowhere.json", FIELDS)


def test_folder_instead_of_a_file(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        load_annotations(tmp_path, FIELDS)


@pytest.mark.parametrize("damage", [lambda b: b[:-20], lambda b: b"no gzip at all",
                                    lambda b: b[:20] + b"\xff\xff\xff" + b[23:]],
                         ids=["truncated", "not gzip", "corrupt"])
def test_damaged_gzip(tmp_path, damage):
    path = write(tmp_path, GOOD, "people.json.gz")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=r"people.json.gz: .*(cannot be read|not a JSON file)"):
        load_annotations(path, FIELDS)


def test_text_that_is_not_utf8(tmp_path):
    path = tmp_path / "latin.json"
    path.write_bytes(b'{"images": "\xe9"}')
    with pytest.raises(DataError, match="not a JSON file"):
        load_annotations(path, FIELDS)


PARTS = (("keypoints", 2), ("foot_kpts", 1))
BODY = {"keypoints": [1, 2, 2, 3.5, 4, 1]}


def parts_file(folder, **fields):
    annotation = {"id": 31, "image_id": 1, **BODY, **fields}
    return write(folder, {**GOOD, "annotations": [annotation]})


def test_several_fields(tmp_path):
    path = parts_file(tmp_path, foot_kpts=[5, 6.5, 0.25])
    (annotation,) = load_annotations(path, PARTS)["annotations"]
    names = [name for name, _ in PARTS]
    assert join_fields(annotation, names) == [1, 2, 2, 3.5, 4, 1, 5, 6.5, 0.25]
    assert join_fields(annotation, ["foot_kpts"]) == [5, 6.5, 0.25]


@pytest.mark.parametrize(("fields", "message"), [
    ({}, r"annotation 31 has no 'foot_kpts' \(expected 1 .*coco_wholebody"),
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
    nobody = {"id": 1, "image_id": 1, **{name: [0] * 3 * count for name, count in fields}}
    face = {**nobody, "id": 2, "image_id": 2, "face_kpts": [1, 1, 0.5] * 68}
    path = write(tmp_path, {**GOOD, "annotations": [nobody, face]})
    load_tool("subset_annotations").main(
        [str(path), str(tmp_path / "out.json"), "--with-people", "--metainfo", "coco_wholebody"])
    content = json.loads((tmp_path / "out.json").read_text())
    assert content == {**GOOD, "images": GOOD["images"][1:], "annotations": [face]}
