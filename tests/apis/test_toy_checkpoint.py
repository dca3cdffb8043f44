"""The checkpoint that ships with the package really sees people."""

import json

import pytest

from aepose.apis import TOY_CHECKPOINT, load_model
from aepose.evaluation import CocoMetric
from aepose.toy import make_toy_dataset


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return make_toy_dataset(tmp_path_factory.mktemp("toy"), 1, 24, seed=5)


def test_size():
    assert TOY_CHECKPOINT.stat().st_size <= 6e6


@pytest.mark.parametrize("multi_scale", [False, True])
def test_it_finds_and_groups_people(toy, multi_scale):
    ann_file = toy / "annotations" / "person_keypoints_val2017.json"
    images = json.loads(ann_file.read_text())["images"]
    model = load_model()
    files = (toy / "val2017" / image["file_name"] for image in images)
    results = list(model.predict(files, multi_scale=multi_scale))
    for result, image in zip(results, images, strict=True):
        result.image_id = image["id"]
    metric = CocoMetric(model.metainfo, ann_file)
    metric.process(None, results)
    metrics = metric.compute_metrics(metric.results)
    assert metrics["AP"] > 0.6
    assert metrics["AP50"] > 0.85
