import json

import pytest

from aepose.errors import ConfigError, DataError
from aepose.evaluation import CROWD_METRIC_ORDER, CocoMetric, CrowdPoseMetric
from aepose.registry import METRICS, build
from tests.evaluation.test_coco_metric import SHIFT, TWO, person, result

CROWDING = {1: 0.1, 2: 0.5, 3: 0.9}
ALL_FOUND = [result(i, (100, 0.9)) for i in CROWDING]


def write(folder, crowding=None, **changes):
    """One person in each of the pictures of ``crowding``: image id -> crowd index."""
    crowding = CROWDING if crowding is None else crowding
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 999, "height": 999,
               **({} if c is None else {"crowdIndex": c})} for i, c in crowding.items()]
    people = [{"id": i, **person(i, 100, **changes)} for i in crowding]
    for entry in people:
        del entry["area"]
    path = folder / "crowd.json"
    path.write_text(json.dumps({"images": images, "annotations": people,
                                "categories": [{"id": 7, "name": "person"}]}))
    return path


def evaluate(path, results, **options):
    metric = CrowdPoseMetric(TWO, path, **options)
    metric.process(None, results)
    return metric.compute_metrics(metric.results)


def missing(*ids):
    return [r for r in ALL_FOUND if r.image_id not in ids]


@pytest.mark.parametrize(("crowding", "results", "easy", "medium", "hard"), [
    (CROWDING, ALL_FOUND, 1, 1, 1),
    (CROWDING, missing(1), 0, 1, 1),
    (CROWDING, missing(3), 1, 1, 0),
    (CROWDING, [], 0, 0, 0),
    ({1: 0.19, 2: 0.2, 3: 0.79}, missing(1), 0, 1, -1),
    ({1: 0.2, 2: 0.8, 3: 1}, missing(1), -1, 0, 1),
    ({1: 0.5, 2: 0.5, 3: 0.6}, missing(2, 3), -1, 0.3366, -1),
], ids=["all", "easy missed", "hard missed", "nobody found", "0.2 is medium", "0.8 is hard",
        "rounded"])
def test_crowding(tmp_path, crowding, results, easy, medium, hard):
    metrics = evaluate(write(tmp_path, crowding), results)
    assert tuple(metrics) == CROWD_METRIC_ORDER
    assert [metrics[f"AP({c})"] for c in "EMH"] == pytest.approx([easy, medium, hard], abs=1e-12)
    found = len(results) / 3
    assert metrics["AR"] == pytest.approx(found)


def test_the_file_says_whether_a_person_counts(tmp_path):
    shifted = [result(i, (600, 0.9)) for i in CROWDING]
    assert evaluate(write(tmp_path), shifted)["AP"] == 0
    assert evaluate(write(tmp_path, num_keypoints=0), shifted)["AP"] == -1


def test_areas_come_from_boxes(tmp_path):
    shifted = [result(i, (100 + SHIFT, 0.9)) for i in CROWDING]
    assert evaluate(write(tmp_path), shifted)["AP50"] == 0
    assert evaluate(write(tmp_path, bbox=[100, 0, 200, 200]), shifted)["AP50"] == pytest.approx(1)


def test_suppression(tmp_path):
    twice = [*missing(1), result(1, (100, 0.9), (100, 0.95))]
    assert evaluate(write(tmp_path), twice)["AP"] < 1
    assert evaluate(write(tmp_path), twice, nms="oks")["AP"] == pytest.approx(1)


@pytest.mark.parametrize(("threshold", "kept"), [(0.9, 2), (0.5, 1)])
def test_how_alike_suppressed_people_are(tmp_path, threshold, kept):
    metric = CrowdPoseMetric(TWO, write(tmp_path), nms="oks", oks_threshold=threshold)
    metric.process(None, [result(1, (100, 0.9), (100 + SHIFT, 0.95))])
    metric.compute_metrics(metric.results)
    assert len(metric.records) == kept


def test_built_from_a_config(tmp_path):
    metric = build(METRICS, {"type": "CrowdPoseMetric"}, metainfo=TWO, ann_file=write(tmp_path))
    metric.process(None, ALL_FOUND)
    assert metric.evaluate(size=3)["coco/AP(M)"] == 1
    with pytest.raises(ConfigError, match="CrowdPoseMetric has no such option"):
        build(METRICS, {"type": "CrowdPoseMetric", "easy": 0.1}, metainfo=TWO, ann_file="x")


@pytest.mark.parametrize("crowding", [None, "0.5"])
def test_pictures_need_a_crowd_index(tmp_path, crowding):
    path = write(tmp_path, {1: 0.1, 2: crowding})
    with pytest.raises(DataError, match=r"crowd\.json: image 2 has .* 'crowdIndex'.*CocoMetric"):
        CrowdPoseMetric(TWO, path)


def test_annotations_need_a_count(tmp_path):
    path = write(tmp_path)
    content = json.loads(path.read_text())
    del content["annotations"][0]["num_keypoints"]
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match="annotation 1 has no 'num_keypoints'"):
        CrowdPoseMetric(TWO, path)
    assert CocoMetric(TWO, path, use_area=False).compute_metrics([])["AP"] == 0
