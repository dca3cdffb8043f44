"""COCO keypoint evaluation of result records: AP and AR over object keypoint similarity.

pycocotools does the counting. Habits of the official keypoint tools that pycocotools lacks are
added here: whether a person counts is read from its keypoints and not from the file's
``num_keypoints`` (but for CrowdPose); detections without a keypoint score above 0 are left out;
annotation ids are renumbered from 1, because pycocotools takes a match with id 0 for none; parts
of a whole body are scored one by one, all with the area of the whole detection.
"""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from aepose.datasets.annotations import join_fields, load_annotations
from aepose.errors import DataError
from aepose.evaluation.records import Part, Record
from aepose.metainfo import Metainfo

# In the order in which the evaluator sums up.
STAT_NAMES = ("AP", "AP50", "AP75", "AP(M)", "AP(L)", "AR", "AR50", "AR75", "AR(M)", "AR(L)")
NUM_THRESHOLDS = 10  # OKS 0.50, 0.55, …, 0.95
# A person's area as a share of its box, for data sets that give no area.
BOX_SHARE = 0.53


@dataclass(frozen=True)
class CocoScores:
    """What one evaluation gives; -1 where there is nobody to find.

    stats: the ten numbers of STAT_NAMES
    ap_per_oks, ar_per_oks: 10 values each, people of all sizes, OKS thresholds 0.50 to 0.95
    """

    stats: dict[str, float]
    ap_per_oks: tuple[float, ...]
    ar_per_oks: tuple[float, ...]


_NOTHING_FOUND = CocoScores(dict.fromkeys(STAT_NAMES, 0.0), *((0.0,) * NUM_THRESHOLDS,) * 2)
_NOBODY_TO_FIND = CocoScores(dict.fromkeys(STAT_NAMES, -1.0), *((-1.0,) * NUM_THRESHOLDS,) * 2)


@dataclass(frozen=True)
class GroundTruth:
    """The annotations of a keypoint file, ready to be compared with.

    images, categories: as in the file; people: its annotations, numbered from 1, with ``area`` in
    square pixels and ``iscrowd``
    """

    images: list[dict[str, Any]]
    categories: list[dict[str, Any]]
    people: list[Record]

    @property
    def category_id(self) -> int:
        """The category that result records get."""
        return self.categories[0]["id"]


def load_ground_truth(ann_file: str | PathLike[str], metainfo: Metainfo, use_area: bool = True,
                      needed: Sequence[str] = ()) -> GroundTruth:
    """Return the annotations of a COCO-format keypoint file.

    use_area: take each person's area from the file; False: take 0.53 of its box
    needed: more fields that every annotation must have

    Raises DataError for all that ``load_annotations`` refuses, for a file without a category and
    for an annotation without what the evaluation needs.
    """
    data = load_annotations(ann_file, metainfo.annotation_fields)
    if not data["categories"]:
        raise DataError(f"{ann_file}: 'categories' is empty; evaluation needs the category of the "
                        "people")
    keys = ("bbox", "category_id", *(("area",) if use_area else ()), *needed)
    people = []
    for number, annotation in enumerate(data["annotations"], start=1):
        where = f"{ann_file}: annotation {annotation['id']}"
        _check_person(annotation, keys, where)
        area = annotation["area"] if use_area else _box_area(annotation["bbox"])
        people.append({**annotation, "id": number, "area": area,
                       "iscrowd": annotation.get("iscrowd", 0)})
    return GroundTruth(data["images"], data["categories"], people)


def _check_person(annotation: Record, keys: Sequence[str], where: str) -> None:
    for key in keys:
        if key not in annotation:
            hint = (" (or evaluate with use_area=False, which takes it from the box)"
                    if key == "area" else "")
            raise DataError(f"{where} has no '{key}'; evaluation needs it, add it to the file"
                            + hint)
    box = annotation["bbox"]
    if not isinstance(box, list) or len(box) != 4 or not all(_is_number(v) for v in box):
        raise DataError(f"{where}: 'bbox' is {box!r}; it must be 4 numbers x, y, width, height")
    if "area" in keys and not _is_number(annotation["area"]):
        raise DataError(f"{where}: 'area' is {annotation['area']!r}; it must be a number")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _box_area(box: Sequence[float]) -> float:
    return box[2] * box[3] * BOX_SHARE


def _index(images: list[dict], categories: list[dict], annotations: list[Record]) -> COCO:
    coco = COCO()
    coco.dataset = {"images": images, "categories": categories, "annotations": annotations}
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress
        coco.createIndex()
    return coco


def _as_truth(person: Record, part: Part, count: bool) -> Record:
    """Return what the evaluator reads of an annotation."""
    keypoints = join_fields(person, part.fields)
    labelled = sum(v > 0 for v in keypoints[2::3]) if count else person["num_keypoints"]
    kept = {k: person[k] for k in ("id", "image_id", "category_id", "bbox", "area", "iscrowd")}
    return {**kept, "keypoints": keypoints, "num_keypoints": labelled}


def _as_detection(record: Record, number: int, part: Part) -> Record | None:
    """Return what the evaluator reads of a record, or None for one that must not take part."""
    keypoints = join_fields(record, part.fields)
    x, y, scores = (np.asarray(keypoints[i::3], np.float64) for i in range(3))
    # No threshold finds a NaN similarity too low: a NaN pose would count as a perfect match.
    finite = np.isfinite(record["score"]) and np.isfinite(x + y + scores).all()
    if not finite or not (scores > 0).any():
        return None
    # Of every part, the area is that of the box around the whole detection.
    area = record["bbox"][2] * record["bbox"][3]
    kept = {k: record[k] for k in ("image_id", "category_id", "score")}
    return {**kept, "id": number, "iscrowd": 0, "area": float(area), "keypoints": keypoints}


def mean_known(values: Sequence[float] | np.ndarray) -> float:
    """Return the mean of the entries that are not -1 ("nobody to find"); -1 if all are."""
    values = np.asarray(values)
    known = values[values > -1]
    return float(known.mean()) if known.size else -1.0


def evaluate_records(truth: GroundTruth, records: Sequence[Record], part: Part,
                     count_keypoints: bool = True,
                     image_ids: Sequence[int] | None = None) -> CocoScores:
    """Return AP and AR of the records against the annotations, 20 detections per picture.

    part: the keypoints to compare and their sigmas
    count_keypoints: a person counts if one of these keypoints is labelled; False: if the file's
        ``num_keypoints`` is not 0
    image_ids: compare in these pictures only

    With no record at all every number is 0. Records with a NaN or an infinite number and those
    without a keypoint score above 0 are left out.
    """
    if not records:
        return _NOTHING_FOUND
    if image_ids is not None and not len(image_ids):
        return _NOBODY_TO_FIND
    candidates = (_as_detection(record, number, part)
                  for number, record in enumerate(records, start=1))
    people = [_as_truth(person, part, count_keypoints) for person in truth.people]
    evaluator = COCOeval(
        _index(truth.images, truth.categories, people),
        _index(truth.images, truth.categories, [d for d in candidates if d is not None]),
        iouType="keypoints",
    )
    evaluator.params.kpt_oks_sigmas = np.asarray(part.sigmas, np.float64)
    if image_ids is not None:
        evaluator.params.imgIds = sorted(image_ids)
    with contextlib.redirect_stdout(io.StringIO()):
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    # precision: (thresholds, recalls, categories, size ranges, limits), recall lacks the second;
    # the first size range is that of people of all sizes, the only limit is 20.
    precision, recall = evaluator.eval["precision"][..., 0, 0], evaluator.eval["recall"][..., 0, 0]
    stats = [float(value) for value in evaluator.stats]
    return CocoScores(dict(zip(STAT_NAMES, stats, strict=True)),
                      tuple(mean_known(p) for p in precision),
                      tuple(mean_known(r) for r in recall))
