"""COCO keypoint evaluation of result records: AP and AR over object keypoint similarity.

pycocotools does the counting. Three habits of the official keypoint tools that pycocotools lacks
are added here: whether a person counts is read from its keypoints and not from the file's
``num_keypoints``; detections without a keypoint score above 0 are left out; annotation ids are
renumbered from 1, because pycocotools takes a match with id 0 for none.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from aepose.datasets.annotations import load_annotations
from aepose.errors import DataError
from aepose.evaluation.oks import pose_boxes
from aepose.structures import PoseResult

# In the order in which the evaluator sums up.
STAT_NAMES = ("AP", "AP50", "AP75", "AP(M)", "AP(L)", "AR", "AR50", "AR75", "AR(M)", "AR(L)")
NUM_THRESHOLDS = 10  # OKS 0.50, 0.55, …, 0.95

Record = dict[str, Any]


@dataclass(frozen=True)
class CocoScores:
    """What one evaluation gives; -1 where there is nobody to find.

    stats: the ten numbers of STAT_NAMES
    ap_per_oks, ar_per_oks: 10 values each, people of all sizes, OKS thresholds 0.50 to 0.95
    """

    stats: dict[str, float]
    ap_per_oks: tuple[float, ...]
    ar_per_oks: tuple[float, ...]


def load_ground_truth(ann_file: str | PathLike[str], num_keypoints: int) -> COCO:
    """Return the indexed annotations of a COCO-format keypoint file.

    Raises DataError for all that ``load_annotations`` refuses, for a file without a category and
    for an annotation without the area, box or category that the evaluation needs.
    """
    data = load_annotations(ann_file, num_keypoints)
    if not data["categories"]:
        raise DataError(f"{ann_file}: 'categories' is empty; evaluation needs the category of the "
                        "people")
    for annotation in data["annotations"]:
        for key in ("area", "bbox", "category_id"):
            if key not in annotation:
                raise DataError(f"{ann_file}: annotation {annotation['id']} has no '{key}'; "
                                "evaluation needs it, add it to the file")
    people = [_as_ground_truth(a, number) for number, a in enumerate(data["annotations"], start=1)]
    return _index({**data, "annotations": people})


def _as_ground_truth(annotation: Record, number: int) -> Record:
    visibility = annotation["keypoints"][2::3]
    return {**annotation, "id": number, "iscrowd": annotation.get("iscrowd", 0),
            "num_keypoints": sum(v > 0 for v in visibility)}


def _index(data: dict[str, Any]) -> COCO:
    coco = COCO()
    coco.dataset = data
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress
        coco.createIndex()
    return coco


def to_records(result: PoseResult, category_id: int) -> list[Record]:
    """Return the people of one picture as COCO result records, in the order of ``result``.

    Each has image_id, category_id, keypoints (3K numbers: x, y in pixels of the picture, score),
    score, and bbox (x, y, w, h around all K keypoints); plain numbers that JSON can hold.
    """
    rows = np.concatenate([result.keypoints, result.keypoint_scores[..., None]], axis=-1)
    boxes = pose_boxes(result.keypoints).tolist()
    people = rows.reshape(len(result), 3 * rows.shape[1]).tolist()
    return [{"image_id": result.image_id, "category_id": category_id, "keypoints": keypoints,
             "score": score, "bbox": box}
            for keypoints, score, box in zip(people, result.scores.tolist(), boxes, strict=True)]


def _as_detection(record: Record, number: int) -> Record | None:
    """Return what the evaluator reads of a record, or None for one that must not take part."""
    x, y, scores = (np.asarray(record["keypoints"][i::3], np.float64) for i in range(3))
    # No threshold finds a NaN similarity too low: a NaN pose would count as a perfect match.
    finite = np.isfinite(record["score"]) and np.isfinite(x + y + scores).all()
    if not finite or not (scores > 0).any():
        return None
    return {**record, "id": number, "iscrowd": 0, "area": float(np.ptp(x) * np.ptp(y))}


def _mean_known(values: np.ndarray) -> float:
    """Return the mean of the entries that are not -1 ("nobody to find"); -1 if all are."""
    known = values[values > -1]
    return float(known.mean()) if known.size else -1.0


def evaluate_records(ground_truth: COCO, records: list[Record],
                     sigmas: Sequence[float]) -> CocoScores:
    """Return AP and AR of the records against the annotations, 20 detections per picture.

    sigmas: K per-keypoint constants of the OKS

    With no record at all every number is 0. Records with a NaN or an infinite number and those
    without a keypoint score above 0 are left out.
    """
    if not records:
        zeros = (0.0,) * NUM_THRESHOLDS
        return CocoScores(dict.fromkeys(STAT_NAMES, 0.0), zeros, zeros)
    candidates = (_as_detection(record, number) for number, record in enumerate(records, start=1))
    detections = _index({"images": ground_truth.dataset["images"],
                         "categories": ground_truth.dataset["categories"],
                         "annotations": [d for d in candidates if d is not None]})
    evaluator = COCOeval(ground_truth, detections, iouType="keypoints")
    evaluator.params.kpt_oks_sigmas = np.asarray(sigmas, np.float64)
    with contextlib.redirect_stdout(io.StringIO()):
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    # precision: (thresholds, recalls, categories, size ranges, limits), recall lacks the second;
    # the first size range is that of people of all sizes, the only limit is 20.
    precision, recall = evaluator.eval["precision"][..., 0, 0], evaluator.eval["recall"][..., 0, 0]
    stats = [float(value) for value in evaluator.stats]
    return CocoScores(dict(zip(STAT_NAMES, stats, strict=True)),
                      tuple(_mean_known(p) for p in precision),
                      tuple(_mean_known(r) for r in recall))
