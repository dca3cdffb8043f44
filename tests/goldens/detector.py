"""aggregate.npz/.json and e2e.json.gz: whole pictures through network, aggregation and decoding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aepose.apis.build import build_model
from aepose.config import load_config
from aepose.datasets import collate_test
from aepose.datasets.image import read_image
from aepose.datasets.transforms import make_test_item
from aepose.evaluation import CocoMetric
from aepose.models import AssociativeEmbedding
from aepose.structures import PoseResult, TestItem
from tests.goldens.common import Options, Tally, difference, one_thread, read_json
from tests.goldens.networks import find_config
from tests.goldens.resize import find_image
from tests.goldens.weights import set_procedural_weights

MAPS = 1e-4  # of the largest value
PIXELS = 1e-3
# A near-tie may flip where the network's seventh digit differs, so a person in a hundred may move.
UNMOVED = 0.99
METRICS = ("AP", "AR")


def _detector(name: str, case: dict, options: Options, flip: bool) -> AssociativeEmbedding | None:
    path = find_config(name)
    if path is None:
        return None
    cfg = load_config(path, [f"codec.input_size={case['image_size']}", f"test_time.flip={flip}",
                             f"test_time.scales={case['test_scale_factor']}"])
    model = build_model(cfg).eval()
    salt = case.get("salt", "") if options.salt is None else options.salt
    set_procedural_weights(model, case["final_factor"], salt)
    return model


def _item(model: AssociativeEmbedding, path: Path, image_id: int = -1) -> TestItem:
    scales = model.test_time.scales
    return make_test_item(read_image(path), model.codec, scales, image_id, str(path))


def people_difference(actual: np.ndarray, expected: np.ndarray, tolerance: float) -> float:
    """Return 0 if nearly all people (P, K, C) are within ``tolerance``, else the share that is not.

    A different number of people is infinitely far.
    """
    if actual.shape != expected.shape:
        return float("inf")
    if not len(expected):
        return 0.0
    moved = np.abs(actual - expected).reshape(len(expected), -1).max(axis=1) > tolerance
    return 0.0 if moved.mean() <= 1 - UNMOVED else float(moved.mean())


def check_aggregate(folder: Path, options: Options) -> Tally:
    """Joined maps, and the people in them, over outputs, flip and scales."""
    golden, arrays = read_json(folder / "aggregate.json"), np.load(folder / "aggregate.npz")
    tally = Tally()
    for key, case in golden.items():
        config = key.split("|")[0]
        path = find_image(options.data, case["image"])
        model = _detector(config, case, options, case["flip_test"]) if path else None
        if model is None:
            tally.skip(key, "no such config yet" if path else "picture is not here")
            continue
        item = _item(model, path)
        images = model.data_preprocessor(collate_test([item]))["images"]
        with torch.no_grad(), one_thread():
            heatmaps, tags = model.aggregate(images, item)
        stored = {n: arrays[f"{key}.{n}"] for n in ("heatmap_sub", "tag_sub", "preds", "scores")}
        step = case["sub_stride"]
        for maps, name in ((heatmaps[0], "heatmap"), (tags[0], "tag")):
            scale = case[f"{name}s"]["absmax"]
            part = maps[:, ::step, ::step].numpy()
            same = list(maps[None].shape) == case[f"{name}s"]["shape"]
            error = difference(part, stored[f"{name}_sub"]) / scale if same else float("inf")
            tally.add(f"{key}.{name}", error, MAPS)
        found = model.codec.decode(heatmaps[0].numpy(), tags[0].numpy(), item)
        tally.add(f"{key}.people", _people(found, stored["preds"], stored["scores"]), 0)
    return tally


def _people(found: PoseResult, poses: np.ndarray, scores: np.ndarray) -> float:
    columns = [found.keypoints, found.keypoint_scores[..., None], found.tags]
    actual = np.concatenate(columns, axis=2)
    expected = poses.reshape(-1, *actual.shape[1:])
    return max(people_difference(actual, expected, PIXELS),
               people_difference(found.scores[:, None], np.reshape(scores, (-1, 1)), PIXELS))


def check_e2e(folder: Path, options: Options) -> Tally:
    """Every test picture from file to people in its pixels, and the metric over them."""
    tally = Tally()
    for key, case in read_json(folder / "e2e.json.gz").items():
        ann_file = find_image(options.data, "test_coco.json")
        model = _detector(case["config"], case, options, case["flip_test"]) if ann_file else None
        if model is None:
            tally.skip(key, "no such config yet" if ann_file else "pictures are not here")
            continue
        metric = CocoMetric(model.codec.metainfo, ann_file)
        results = [_predict(model, facts, options) for facts in case["images"]]
        for facts, result in zip(case["images"], results, strict=True):
            tally.add(f"{key}.{facts['image']}", _compare_picture(facts, result), 0)
        metric.process(None, results)
        metrics = metric.evaluate(len(results))
        for name in METRICS:
            error = difference(metrics[f"coco/{name}"], case["metrics"][name])
            tally.add(f"{key}.{name}", error, PIXELS)
    return tally


def _predict(model: AssociativeEmbedding, facts: dict[str, Any], options: Options) -> PoseResult:
    item = _item(model, find_image(options.data, facts["image"]), facts["image_id"])
    with torch.no_grad(), one_thread():
        return model.test_step(collate_test([item]))[0]


def _compare_picture(facts: dict[str, Any], result: PoseResult) -> float:
    poses = np.concatenate([result.keypoints, result.keypoint_scores[..., None]], axis=2)
    return max(people_difference(poses, _array(facts["preds"], 3), PIXELS),
               people_difference(result.scores[:, None], _array([facts["scores"]], 2).T, PIXELS))


def _array(values: Sequence, dimensions: int) -> np.ndarray:
    return np.array(values, np.float32, ndmin=dimensions)
