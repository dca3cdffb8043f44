"""The checkpoint that ships with the package really sees people, and all ways of asking agree."""

import json
from pathlib import Path

import numpy as np
import pytest

from aepose.apis.evaluate import evaluate
from aepose.apis.loading import load_model
from aepose.evaluation import CocoMetric, load_ground_truth
from aepose.experiment import Experiment
from aepose.metainfo import get_metainfo
from aepose.toy import make_toy_dataset
from aepose.zoo.hub import TOY_CHECKPOINT


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return make_toy_dataset(tmp_path_factory.mktemp("toy"), 1, 24, seed=5)


def test_size():
    assert TOY_CHECKPOINT.stat().st_size <= 6e6


@pytest.fixture(scope="module")
def ann_file(toy):
    return toy / "annotations" / "person_keypoints_val2017.json"


@pytest.fixture(scope="module")
def predict(toy, ann_file):
    """Return the results of all pictures, with their ids."""
    images = json.loads(ann_file.read_text())["images"]
    model = load_model(device="cpu")

    def run(**options):
        files = [toy / "val2017" / image["file_name"] for image in images]
        results = list(model.predict(files, **options))
        for result, image in zip(results, images, strict=True):
            result.image_id = image["id"]
        return results

    return run


def metrics_of(results, ann_file):
    metric = CocoMetric("coco", ann_file)
    metric.process(None, results)
    return metric.compute_metrics(metric.results)


@pytest.mark.parametrize("multi_scale", [False, True])
def test_it_finds_and_groups_people(predict, ann_file, multi_scale):
    metrics = metrics_of(predict(multi_scale=multi_scale), ann_file)
    assert metrics["AP"] > 0.6
    assert metrics["AP50"] > 0.85


@pytest.mark.parametrize("batch_size", [1, 4])
def test_people_are_those_of_a_test(toy, predict, tmp_path, batch_size):
    """To the bit one by one; in batches additions may have another order."""
    config = Path(__file__).parents[2] / "configs" / "toy" / "hrnet_w16_toy_256x256.py"
    experiment = Experiment.load(config, [f"data_root={toy}"])
    evaluate(experiment, TOY_CHECKPOINT, tmp_path / "work", batch_size=batch_size, out=tmp_path)
    tested = json.loads((tmp_path / "predictions.json").read_text())
    found = [r for one in predict(batch_size=batch_size) for r in one.to_coco()]
    assert len(found) == len(tested) > 50
    tolerance = 0 if batch_size == 1 else 1e-3
    for ours, theirs in zip(found, tested, strict=True):
        assert ours["image_id"] == theirs["image_id"]
        np.testing.assert_allclose(ours["keypoints"], theirs["keypoints"], rtol=0, atol=tolerance)


def test_the_metric_of_supervision_agrees(predict, ann_file):
    """Its results are visible where found, its truth where labelled."""
    supervision = pytest.importorskip("supervision")
    from supervision.metrics import KeyPointMeanAveragePrecision

    results = predict()
    people = load_ground_truth(ann_file, get_metainfo("coco")).people
    metric = KeyPointMeanAveragePrecision(get_metainfo("coco").sigmas)
    for result in results:
        own = [person for person in people if person["image_id"] == result.image_id]
        joints = np.array([person["keypoints"] for person in own]).reshape(-1, 17, 3)
        metric.update(result.to_supervision(), supervision.KeyPoints(
            joints[..., :2].astype(np.float32), class_id=np.zeros(len(own), int),
            visible=joints[..., 2] > 0, data={
                "area": np.array([person["area"] for person in own], float),
                "iscrowd": np.array([person["iscrowd"] for person in own], int),
                "xyxy": np.array([[x, y, x + w, y + h] for x, y, w, h in
                                  (person["bbox"] for person in own)], float).reshape(-1, 4)}))
    theirs, ours = metric.compute(), metrics_of(results, ann_file)
    assert theirs.map50_95 == pytest.approx(ours["AP"], abs=1e-6)
    assert theirs.map50 == pytest.approx(ours["AP50"], abs=1e-6)
