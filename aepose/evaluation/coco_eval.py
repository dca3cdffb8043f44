"""COCO keypoint evaluation of result records: AP and AR over object keypoint similarity.

A backend does the counting (see :mod:`aepose.evaluation.backends`). Habits of the official
keypoint tools that pycocotools lacks are added here: whether a person counts is read from its
keypoints and not from the file's ``num_keypoints`` (but for CrowdPose); detections without a
keypoint score above 0 are left out; annotation ids are renumbered from 1, because an evaluator
takes a match with id 0 for none; so are those of images, and the people's categories are one;
parts of a whole body are scored one by one, all with the area of the whole detection, and each with
its own score where a record has one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aepose.datasets.annotations import join_fields
from aepose.evaluation.backends import MAX_DETECTIONS, Backend, find_backend
from aepose.evaluation.ground_truth import GroundTruth
from aepose.evaluation.records import Part, Record

STAT_NAMES = ("AP", "AP50", "AP75", "AP(M)", "AP(L)", "AR", "AR50", "AR75", "AR(M)", "AR(L)")
NUM_THRESHOLDS = 10  # OKS 0.50, 0.55, …, 0.95
_ALL, _MEDIUM, _LARGE = range(3)  # the evaluator's size ranges
_AT_50, _AT_75 = 0, 5  # places of these two thresholds


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


def evaluate_records(truth: GroundTruth, records: Sequence[Record], part: Part,
                     count_keypoints: bool = True, image_ids: Sequence[int] | None = None,
                     backend: Backend | None = None,
                     max_detections: int = MAX_DETECTIONS) -> CocoScores:
    """Return AP and AR of the records against the annotations.

    part: the keypoints to compare and their sigmas; of several classes, those of one
    count_keypoints: a person counts if one of these keypoints is labelled; False: if the file's
        ``num_keypoints`` is not 0
    image_ids: compare in these pictures only
    backend: what counts; None takes the fastest that is installed
    max_detections: so many records per picture count, those with the highest scores

    With no record at all every number is 0; where several classes are, with none of the part's, -1
    if nobody of it is annotated. Records with a NaN or an infinite number and those
    without a keypoint score above 0 are left out.
    """
    annotated, records = (truth.of_class(some, part.class_id) for some in (truth.people, records))
    if not records:
        return _NOTHING_FOUND if annotated or not truth.people else _NOBODY_TO_FIND
    if image_ids is not None and not len(image_ids):
        return _NOBODY_TO_FIND
    numbers = truth.image_numbers
    people = [_as_truth(person, part, count_keypoints) for person in annotated]
    found = as_detections(records, part)
    for entry in (*people, *found):
        entry.update(image_id=numbers[entry["image_id"]], category_id=1)
    precision, recall = (backend or find_backend()).count(
        [{"id": numbers[image["id"]], "width": image["width"], "height": image["height"]}
         for image in truth.images], [{"id": 1, "name": "person"}], people, found, part.sigmas,
        None if image_ids is None else [numbers[image] for image in image_ids], max_detections)
    return _sum_up(precision[..., 0], recall[..., 0])


def _sum_up(precision: np.ndarray, recall: np.ndarray) -> CocoScores:
    """Return the metrics of precision (10, 101, C, 3) and recall (10, C, 3)."""
    stats = {}
    for name, values in (("AP", precision), ("AR", recall)):
        stats[name] = mean_known(values[..., _ALL])
        stats[f"{name}50"] = mean_known(values[_AT_50, ..., _ALL])
        stats[f"{name}75"] = mean_known(values[_AT_75, ..., _ALL])
        stats[f"{name}(M)"] = mean_known(values[..., _MEDIUM])
        stats[f"{name}(L)"] = mean_known(values[..., _LARGE])
    return CocoScores(stats, tuple(mean_known(p) for p in precision[..., _ALL]),
                      tuple(mean_known(r) for r in recall[..., _ALL]))


def _as_truth(person: Record, part: Part, count: bool) -> Record:
    """Return what the evaluator reads of an annotation."""
    keypoints = np.array(join_fields(person, part.fields), np.float64)
    labelled = np.count_nonzero(keypoints[2::3] > 0) if count else person["num_keypoints"]
    kept = {k: person[k] for k in ("id", "image_id", "category_id", "bbox", "area", "iscrowd")}
    return {**kept, "keypoints": keypoints, "num_keypoints": labelled}


def as_detections(records: Sequence[Record], part: Part) -> list[Record]:
    """Return what the evaluator reads of the records, without those that must not take part.

    ``id`` is the number of the record, from 1; ``keypoints`` is a (3K,) float64 array.
    """
    rows = np.hstack([np.array([r[field] for r in records], np.float64) for field in part.fields])
    scores = [record.get(part.score_key, record["score"]) for record in records]
    # No threshold finds a NaN similarity too low: a NaN pose would count as a perfect match.
    kept = np.isfinite(rows).all(axis=1) & np.isfinite(scores) & (rows[:, 2::3] > 0).any(axis=1)
    detections = []
    for index in np.flatnonzero(kept).tolist():
        record = records[index]
        # Of every part, the area is that of the box around the whole detection.
        area = float(record["bbox"][2] * record["bbox"][3])
        detections.append({
            "id": index + 1, "image_id": record["image_id"], "category_id": record["category_id"],
            "score": scores[index], "iscrowd": 0, "area": area, "keypoints": rows[index]})
    return detections


def mean_known(values: Sequence[float] | np.ndarray) -> float:
    """Return the mean of the entries that are not -1 ("nobody to find"); -1 if all are."""
    values = np.asarray(values)
    known = values[values > -1]
    return float(known.mean()) if known.size else -1.0
