"""Which annotations are people, for training and evaluation alike."""

import json
import warnings
from dataclasses import replace

import pytest

from aepose.datasets.annotations import load_annotations
from aepose.errors import ConfigError, DataError
from aepose.evaluation import CocoMetric
from aepose.metainfo import get_metainfo
from tests.evaluation.test_coco_metric import TWO, person, result

NAMES = ["head", "foot"]
FULL = {"id": 1, "name": "person", "keypoints": NAMES}
ADULT, CHILD = ({"id": i, "name": n, "keypoints": NAMES} for i, n in ((1, "adult"), (2, "child")))
ROOT = {"id": 0, "name": "people-abcd", "supercategory": "none"}
BALL = {"id": 3, "name": "ball"}
DOG = {"id": 4, "name": "dog", "keypoints": ["nose", "tail"]}


def write(folder, categories, used):
    """A file of one person of each category in ``used``; balls have no keypoints."""
    people = [person(1, 150 * n + 9, category_id=c) for n, c in enumerate(used)]
    for entry in people:
        if entry["category_id"] == BALL["id"]:
            del entry["keypoints"]
    path = folder / "people.json"
    path.write_text(json.dumps({
        "images": [{"id": 1, "file_name": "1.jpg", "width": 999, "height": 999}],
        "categories": categories,
        "annotations": [{"id": i, **p} for i, p in enumerate(people, start=1)]}))
    return path


@pytest.mark.parametrize(("categories", "used", "category", "kept", "said"), [
    ([FULL], [1, 1], None, [1, 1], None),
    ([{"id": 1}], [1], None, [1], None),
    ([{**FULL, "keypoints": ["Head", " FO-OT_"]}], [1], None, [1], None),
    ([ROOT, FULL], [1, 1], None, [1, 1], "left out: 0 'people-abcd' (0 annotations)"),
    ([ROOT, {"id": 1, "name": "person"}], [1], None, [1], "left out: 0 'people-abcd'"),
    ([{**ROOT, "keypoints": []}, FULL], [1], None, [1], "left out: 0"),
    ([{**FULL, "keypoints": ["a", "a"]}], [1], None, [1], "1 'person' calls all its keypoints 'a'"),
    ([{**FULL, "keypoints": ["head"]}], [1], None, [1], "lists 1 keypoints, but its annotations "
     "have 2: the list is not looked at"),
    ([FULL, BALL], [1, 3, 1, 3], None, [1, 1], "left out: 3 'ball' (2 annotations)"),
    ([DOG, FULL], [4, 1], None, [1], "left out: 4 'dog' (1 annotations)"),
    ([ADULT, CHILD], [1, 1], None, [1, 1], "left out: 2 'child' (0 annotations)"),
    ([ADULT, CHILD], [1, 2], "child", [2], "left out: 1 'adult'"),
    ([ADULT, CHILD], [1, 2], 1, [1], "left out: 2 'child'"),
    ([ADULT, CHILD], [1, 2], ["adult", "2"], [1, 2], None),
    ([ROOT, FULL], [0, 0], "people-abcd", [0, 0], "left out: 1 'person'"),
    ([BALL, {"id": 1, "name": "person"}], [], None, [], "left out: 3 'ball'"),
])
def test_chosen(tmp_path, categories, used, category, kept, said):
    path = write(tmp_path, categories, used)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data = load_annotations(path, TWO, category)
    assert [a["category_id"] for a in data["annotations"]] == kept
    lines = [str(warning.message) for warning in caught]
    assert [said in line for line in lines] == [True] * (said is not None)
    metric = CocoMetric(TWO, path, category=category)
    assert metric.ground_truth.category_ids[0] in kept or not kept
    found = [(150 * n + 9, 0.9) for n, c in enumerate(used) if c in kept]
    metric.process(None, [result(1, *found)])
    assert metric.compute_metrics(metric.results).get("AP", 1) == pytest.approx(1)


@pytest.mark.parametrize(("categories", "used", "category", "message"), [
    ([ADULT, CHILD], [1, 2], None,
     r"1 'adult' \(1 annotations\), 2 'child' \(1 annotations\) all have the keypoints.*category="),
    ([FULL], [1, 9], None, "annotation 2 has the category_id 9, .*there is 1 'person'"),
    ([FULL, FULL], [1], None, "two categories have the id 1"),
    ([FULL, {**BALL, "id": "3"}], [1], None, "some ids of categories are numbers and some are"),
    ([FULL], [1], "persn", "category = 'persn' is not among .*did you mean 'person'"),
    ([ROOT, FULL], [0, 0], None, "no annotation is of 1 'person', .* they are of 0 'people-abcd'"),
    ([DOG], [4], None, r"category 4 'dog' are not the 2 of metainfo 'two': only the file has "
     "'nose', 'tail', only the metainfo has 'head', 'foot'; .*aliases"),
    ([DOG, BALL], [4, 3], None, "category 4 'dog' are not the 2"),
    ([{**FULL, "keypoints": ["head", "foot", "foot"]}], [], None, "twice the file has 'foot'"),
    ([{**FULL, "keypoints": ["head"]}], [], None, "only the metainfo has 'foot'"),
    ([ADULT, {**CHILD, "keypoints": NAMES[::-1]}], [1, 2], [1, 2], "in different orders"),
    ([ADULT, CHILD], [], None, "all have the keypoints; say with category="),
])
def test_refused(tmp_path, categories, used, category, message):
    path = write(tmp_path, categories, used)
    for read in (lambda: load_annotations(path, TWO, category),
                 lambda: CocoMetric(TWO, path, category=category)):
        with pytest.raises(DataError, match=message) as caught:
            read()
        assert str(caught.value).startswith(str(path))


def test_another_order_of_keypoints(tmp_path):
    path = write(tmp_path, [{**FULL, "keypoints": NAMES[::-1], "skeleton": [[1, 2]]}], [1, 1])
    with pytest.warns(UserWarning, match="put into the order of metainfo 'two'"):
        data = load_annotations(path, TWO)
    assert data["annotations"][0]["keypoints"] == [109, 100, 2, 9, 0, 2]
    assert data["categories"] == [FULL]


def test_names_by_alias(tmp_path):
    metainfo = replace(TWO, aliases=(("Top", "head"),))
    path = write(tmp_path, [{**FULL, "keypoints": ["foot", "t-o-p"]}], [1])
    assert load_annotations(path, metainfo)["annotations"][0]["keypoints"][:3] == [109, 100, 2]
    with pytest.raises(ConfigError, match="unknown keypoint 'hed'"):
        replace(TWO, aliases=(("Top", "hed"),))


@pytest.mark.parametrize(("name", "names"), [
    ("aic", ["Right Shoulder", "Right Elbow", "Right Wrist", "Left Shoulder", "Left Elbow",
             "Left Wrist", "Right Hip", "Right Knee", "Right Ankle", "Left Hip", "Left Knee",
             "Left Ankle", "Head top", "Neck"]),
    ("mhp", ["Right-ankle", "Right-knee", "Right-hip", "Left-hip", "Left-knee", "Left-ankle",
             "Pelvis", "Thorax", "Upper-neck", "Head-top", "Right-wrist", "Right-elbow",
             "Right-shoulder", "Left-shoulder", "Left-elbow", "Left-wrist"]),
    ("crowdpose", [*get_metainfo("crowdpose").keypoint_names[:12], "head", "neck"]),
    ("coco_wholebody", list(get_metainfo("coco").keypoint_names)),
    ("coco_wholebody", list(get_metainfo("coco_wholebody").keypoint_names)),
])
def test_the_spellings_of_the_published_files(tmp_path, name, names):
    metainfo = get_metainfo(name)
    fields = {field: [5, 5, 2] * count for field, count in metainfo.annotation_fields}
    path = tmp_path / "people.json"
    content = {"images": [{"id": 1, "file_name": "1.jpg", "width": 99, "height": 99}],
               "annotations": [{"id": 1, "image_id": 1, "category_id": 1, **fields}],
               "categories": [{"id": 1, "name": "person", "keypoints": names}]}
    path.write_text(json.dumps(content))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_annotations(path, metainfo) == content
