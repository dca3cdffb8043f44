"""Annotation files, result files and pictures."""

import json
import math
import warnings

import cv2
import numpy as np
import pytest
from hypothesis import given

from aepose.codecs import AssociativeEmbeddingCodec
from aepose.datasets import CocoKeypoints, Draw
from aepose.datasets.transforms import make_eval_item
from aepose.errors import AeposeWarning, DataError, ImageError
from aepose.evaluation import CocoMetric, load_records
from aepose.images import read_image
from tests.evaluation.test_coco_metric import TWO
from tests.hostile.mutants import changed_bytes, changed_json, hostile

PIXELS = np.random.RandomState(0).randint(0, 256, (48, 64, 3), np.uint8)
CODEC = AssociativeEmbeddingCodec(TWO, 64, max_num_people=4)
TRANSFORMS = ({"type": "RandomAffine"}, {"type": "RandomFlip"})


def entry(number, image, keypoints, **changes):
    return {"id": number, "image_id": image, "category_id": 1, "iscrowd": 0, "area": 300.0,
            "bbox": [5, 5, 20, 15], "keypoints": keypoints, "num_keypoints": 2, **changes}


ANNOTATIONS = {
    "images": [{"id": n, "file_name": f"{n}.png", "width": 64, "height": 48} for n in (1, 2)],
    "categories": [{"id": 1, "name": "person", "keypoints": ["head", "foot"]},
                   {"id": 2, "name": "ball"}],
    "annotations": [
        entry(1, 1, [5, 5, 2, 25, 20, 1]), entry(2, 2, [8, 9, 2, 30, 40, 2]),
        entry(3, 1, [0] * 6, num_keypoints=0, segmentation=[[1, 1, 9, 1, 9, 9]]),
        entry(4, 2, [0] * 6, iscrowd=1, segmentation={"size": [48, 64], "counts": [9, 9, 3054]}),
        entry(5, 2, [0] * 6, segmentation={"size": [48, 64], "counts": "PP3"}),
        {"id": 6, "image_id": 2, "category_id": 2, "bbox": [1, 2, 3, 4]}],
}
RESULTS = [{"image_id": n, "category_id": 1, "score": 0.9 - n / 10, "bbox": [5, 5, 20, 15],
            "keypoints": [5, 5, 0.9, 25, 20, 0.4]} for n in (1, 2)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    for number in (1, 2):
        cv2.imwrite(str(folder / f"{number}.png"), PIXELS)
    (folder / "good.json").write_text(json.dumps(ANNOTATIONS))
    return folder


def outcome(act):
    """Return what an action gives, or the error that names what is wrong; nothing else may come."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AeposeWarning)
        warnings.simplefilter("error", RuntimeWarning)  # NumPy's, of numbers that overflow
        try:
            return act()
        except DataError as error:
            return error


def train(folder):
    dataset = CocoKeypoints("file.json", "", TWO, CODEC, str(folder), TRANSFORMS)
    items = [outcome(lambda index=index: dataset[Draw(index, 0)]) for index in range(len(dataset))]
    for item in items:  # a picture may not be as the file says
        assert isinstance(item, ImageError) or math.isfinite(item.targets[0].heatmaps.sum())
    return items


def evaluate(folder):
    metric = CocoMetric(TWO, folder / "file.json")
    records = [{**r, "image_id": image["id"], "category_id": metric.ground_truth.category_ids[0]}
               for r, image in zip(RESULTS, metric.ground_truth.images, strict=False)]
    return metric.compute_from_records(records)


@hostile
@given(content=changed_json(ANNOTATIONS))
def test_annotations(folder, content):
    (folder / "file.json").write_text(json.dumps(content))
    trained, metrics = (outcome(lambda act=act: act(folder)) for act in (train, evaluate))
    for found in (trained, metrics):
        assert not isinstance(found, DataError) or str(found).startswith(f"{folder}/file.json")
    if isinstance(metrics, dict):
        assert all(-1 <= value <= 1 for value in metrics.values())
        # What evaluation can use, training can, unless there is nobody to train on.
        assert not isinstance(trained, DataError) or "'annotations'" in str(trained) or (
            "has no picture with annotations" in str(trained))


@hostile
@given(content=changed_json(RESULTS))
def test_results(folder, content):
    (folder / "found.json").write_text(json.dumps(content))
    metric = CocoMetric(TWO, folder / "good.json")
    records = outcome(lambda: load_records(folder / "found.json", metric))
    if isinstance(records, DataError):
        assert str(records).startswith(f"{folder}/found.json")
    else:
        assert all(-1 <= value <= 1 for value in metric.compute_from_records(records).values())


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".webp", ".tiff", ".gif", ".ppm"])
def test_pictures(folder, suffix):
    content = cv2.imencode(suffix, PIXELS)[1].tobytes()
    path = folder / f"picture{suffix}"

    @hostile
    @given(data=changed_bytes(content))
    def check(data):
        path.write_bytes(data)
        found = outcome(lambda: make_eval_item(read_image(path), CODEC, (1,), image_path=path))
        if isinstance(found, DataError):
            assert str(path) in str(found)
        else:
            assert found.images[0].dtype == np.uint8

    check()
