"""What of an annotation file the evaluation goes by: areas, ids, categories, crowds."""

import json
import re

import pytest

from aepose.errors import DataError
from aepose.evaluation import CocoMetric, installed_backends
from tests.evaluation.test_coco_metric import SHIFT, TWO, evaluate, person, result, write


# At 53 % of the area the OKS of SHIFT falls from 0.62 to 0.62 ** (1 / 0.53) = 0.41.
@pytest.mark.parametrize(("change", "options", "ap50"), [
    ({}, {}, 1),
    ({}, {"use_area": False}, 0),
    ({"area": 1}, {}, 0),
    ({"area": 1, "bbox": [100, 0, 200, 200]}, {"use_area": False}, 1),
    ({"area": None, "bbox": [100, 0, 200, 200]}, {"use_area": False}, 1),
    ({"area": None, "bbox": [100, 0, 400, 50]}, {}, 1),
    ({"area": None, "bbox": [100, 0, 400, 50]}, {"use_area": False}, 1),
    ({"area": None, "bbox": [100, 0, 50, 400]}, {"use_area": False}, 1),
])
def test_area_from_the_file_or_the_box(tmp_path, change, options, ap50):
    annotation = {k: v for k, v in {**person(1, 100), **change}.items() if v is not None}
    _, metrics = evaluate(tmp_path, [annotation], [result(1, (100 + SHIFT, 0.9))], **options)
    assert metrics["AP50"] == pytest.approx(ap50)


@pytest.mark.parametrize(("change", "options", "said"), [
    ({"area": 0}, {}, "area too small to be true, .*: use_area=False"),
    ({"area": 50}, {}, "area too small to be true"),
    ({"area": None}, {}, "1 annotation without area: computed as 0.53 of the box"),
    ({"area": 0}, {"use_area": False}, None),
    ({"area": 10**6}, {}, "1 annotation with an area larger than the picture, .*: use_area=False"),
    ({"area": 10**6}, {"use_area": False}, None),
    ({"area": None, "bbox": [100, 0, 0, 0]}, {}, "too small .*: it comes from the boxes, correct"),
    ({"bbox": [100, 0, -9, 9]}, {"use_area": False}, "too small .*: it comes from the boxes"),
    ({"area": 0, "keypoints": [0] * 6}, {}, "none of 1 annotations is a person with a labelled"),
    ({"area": 100}, {}, None),
])
def test_areas_that_cannot_be_true(tmp_path, recwarn, change, options, said):
    CocoMetric(TWO, write(tmp_path, [{**person(1, 100), **change}]), **options)
    assert len(recwarn) == (said is not None)
    if said:
        assert re.search(said, str(recwarn[0].message))


@pytest.mark.parametrize(("images", "category"), [
    (["a", "b"], "person"), ([2**62 + 1, 2**62 + 2], 2**62), ([-5, 7], 0)])
@pytest.mark.parametrize("backend", installed_backends())
def test_ids_of_every_kind(tmp_path, images, category, backend):
    people = [person(image, 100, category_id=category) for image in images]
    path = tmp_path / "ids.json"
    path.write_text(json.dumps({
        "images": [{"id": i, "file_name": "1.jpg", "width": 999, "height": 999} for i in images],
        "annotations": [{"id": f"{n}", **p} for n, p in enumerate(people)],
        "categories": [{"id": category, "name": "person"}]}))
    metric = CocoMetric(TWO, path, backend=backend)
    metric.process(None, [result(images[0], (100, 0.9)), result(images[1], (600, 0.8))])
    assert metric.compute_metrics(metric.results)["AR"] == pytest.approx(0.5)
    assert [(r["image_id"], r["category_id"]) for r in metric.records] == [
        (image, category) for image in images]


@pytest.mark.parametrize(("change", "message"), [
    ({"area": "large"}, "people.json: annotation 0: 'area' is 'large'"),
    ({"bbox": [1, 2, 3]}, r"annotation 0: 'bbox' is \[1, 2, 3\]; it must be 4 numbers"),
    ({"bbox": None}, "people.json: annotation 0 has no 'bbox'"),
    ({"category_id": 8}, "people.json: annotation 0 has the category_id 8, .*there is 7 'person'"),
    ({"keypoints": [0] * 5}, "people.json: annotation 0.* 6 numbers"),
])
def test_bad_ground_truth(tmp_path, change, message):
    annotation = {k: v for k, v in {**person(1, 100), **change}.items() if v is not None}
    with pytest.raises(DataError, match=message):
        CocoMetric(TWO, write(tmp_path, [annotation]))


def test_no_category(tmp_path):
    path = tmp_path / "none.json"
    path.write_text(json.dumps({"images": [], "annotations": [], "categories": []}))
    with pytest.raises(DataError, match=r"none.json: 'categories' is empty"):
        CocoMetric(TWO, path)


def test_missing_iscrowd_means_no_crowd(tmp_path):
    annotation = person(1, 100)
    del annotation["iscrowd"]
    _, metrics = evaluate(tmp_path, [annotation], [result(1, (100, 0.9))])
    assert metrics["AP"] == pytest.approx(1)
