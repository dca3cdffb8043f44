"""Metrics of several classes."""

import json

import numpy as np
import pytest

from aepose.errors import ConfigError, DataError
from aepose.evaluation import CocoMetric, CrowdPoseMetric, format_scores, load_records, parts_of
from aepose.evaluation.metric import scores_of
from aepose.metainfo import get_metainfo
from aepose.results import PoseResult
from tests.farm import DOG, FARM, PERSON, PICTURES, creature, farm_data, write_farm


@pytest.fixture
def path(tmp_path):
    return write_farm(tmp_path / "farm.json")


def guesses(index, seed=0, noise=0.5):
    """What was found in a picture: everybody, not quite in place, and somebody too many."""
    rng = np.random.default_rng((seed, index))
    creatures = [*PICTURES[index], ("dog", 60, 60), ("person", 90, 40)]
    class_ids = np.array([kind == "dog" for kind, _, _ in creatures], np.int64)
    own = FARM.own_keypoints(class_ids)
    keypoints = np.zeros((*own.shape, 2), np.float32)
    keypoints[own] = np.concatenate([creature(*one)[:, :2] for one in creatures])
    keypoints += (rng.normal(scale=noise, size=keypoints.shape) * own[..., None]).astype(np.float32)
    return PoseResult(keypoints, own.astype(np.float32),
                      rng.uniform(0.1, 1, len(own)).astype(np.float32),
                      np.zeros((*own.shape, 1), np.float32), image_id=index + 1, metainfo=FARM,
                      class_ids=class_ids)


def only(result, index):
    """The people of a class, as a network of that class alone would find them."""
    one, some = FARM.classes[index], result[result.class_ids == index]
    own = one.keypoints
    return PoseResult(some.keypoints[:, own], some.keypoint_scores[:, own], some.scores,
                      some.tags[:, own], image_id=result.image_id, metainfo=one.metainfo)


def measure(metric, results):
    for result in results:
        metric.process(None, [result])
    return metric.evaluate(len(PICTURES))


@pytest.mark.parametrize("options", [
    {}, {"nms": "oks", "oks_threshold": 0.5}, {"nms": "soft_oks", "oks_threshold": 0.5},
    {"max_detections": 2},
], ids=str)
def test_each_class_is_measured_as_if_alone(path, options):
    results = [guesses(index) for index in range(len(PICTURES))]
    values = measure(CocoMetric(FARM, path, **options), results)
    alone = [measure(CocoMetric(one.metainfo, path, category=one.name, **options),
                     [only(result, index) for result in results])
             for index, one in enumerate(FARM.classes)]
    for number, name in enumerate(("person", "dog")):
        for key in ("AP", "AR"):
            assert values[f"coco/{name} {key}"] == alone[number][f"coco/{key}"]
    for key in alone[0]:  # -1 where there is nobody of such a size
        known = [v for v in (one[key] for one in alone) if v > -1]
        assert values[key] == (np.mean(known) if known else -1)
    assert 0.1 < values["coco/AP"] < 0.9
    assert values["coco/person AP"] != values["coco/dog AP"]


def test_table_and_facts(path):
    metric = CocoMetric(FARM, path)
    values = measure(metric, [guesses(index, noise=0) for index in range(len(PICTURES))])
    (scores,) = scores_of([metric], values).values()
    header = format_scores({"net": scores}).splitlines()[0].split("|")[2:-1]
    assert [name.strip() for name in header] == [
        "AP", "AP50", "AP75", "AR", "person AP", "person AR", "dog AP", "dog AR"]
    assert scores.metrics["AR"] == 1
    assert metric.facts()["parts"].keys() == {"person", "dog"}
    assert {record["category_id"] for record in metric.records} == {3, 7}


def test_a_class_that_nobody_is_of(tmp_path):
    """It says nothing of the others."""
    annotations = [a for a in farm_data()["annotations"] if a["category_id"] == 7]
    path = write_farm(tmp_path / "dogs.json", annotations=annotations)
    values = measure(CocoMetric(FARM, path), [
        guesses(index).filter(classes="dog") for index in range(len(PICTURES))])
    assert values["coco/person AP"] == -1
    assert values["coco/AP"] == values["coco/dog AP"] > 0


def test_the_limit_counts_by_class(path, monkeypatch):
    said = []
    monkeypatch.setattr("aepose.evaluation.coco_metric.print_log",
                        lambda text, **options: said.append(text))
    measure(CocoMetric(FARM, path, max_detections=2),
            [guesses(index) for index in range(len(PICTURES))])
    assert len(said) == 2
    assert said[0].startswith("of class 'person', 2 people per picture count (max_detections): "
                              "of 8 found 2 in 2 pictures do not")


def test_result_files(path, tmp_path):
    metric = CocoMetric(FARM, path, nms="oks", oks_threshold=0.5)
    expected = measure(metric, [guesses(index) for index in range(len(PICTURES))])
    raw = CocoMetric(FARM, path)
    measure(raw, [guesses(index) for index in range(len(PICTURES))])
    file = tmp_path / "found.json"
    file.write_text(json.dumps(raw.records))
    found = metric.compute_from_records(load_records(file, metric))
    assert {f"coco/{name}": value for name, value in found.items()} == expected


@pytest.mark.parametrize(("change", "message"), [
    ({"category_id": 9}, "1 of 1 records have a 'category_id' that .*, such as 9"),
    ({"category_id": 3}, "'keypoints' has 9 values, but 'body' has 4 keypoints"),
    ({"keypoints": [1] * 12}, "'keypoints' has 12 values, but 'snout' has 3 keypoints"),
])
def test_records_that_do_not_fit(path, tmp_path, change, message):
    record = {"image_id": 1, "category_id": 7, "score": 0.5, "keypoints": [1] * 9, **change}
    (tmp_path / "found.json").write_text(json.dumps([record]))
    with pytest.raises(DataError, match=message):
        load_records(tmp_path / "found.json", CocoMetric(FARM, path))


def test_classes_called_as_parts_of_a_body(tmp_path):
    """Hands are hands of one body only where the body has them."""
    hands = get_metainfo({"name": "hands", "classes": {"lefthand": PERSON, "righthand": DOG}})
    categories = [{"id": 3, "name": "lefthand"}, {"id": 7, "name": "righthand"}]
    path = write_farm(tmp_path / "hands.json", categories=categories)
    assert [(p.name, p.class_id, p.whole) for p in parts_of(hands)] == [
        ("lefthand", 0, True), ("righthand", 1, True)]
    values = measure(CocoMetric(hands, path), [
        PoseResult(*(np.zeros((0, 7, *s), np.float32) for s in ((2,), ())), np.zeros(0),
                   np.zeros((0, 7, 1)), image_id=n, metainfo=hands, class_ids=np.zeros(0, int))
        for n in range(1, 5)])
    assert values["coco/righthand AP"] == values["coco/AP"] == 0
    assert "coco/hand AP" not in values


def test_crowdpose_counts_one_class(path):
    with pytest.raises(ConfigError, match="one set of keypoints in one field, not person, dog"):
        CrowdPoseMetric(FARM, path)
