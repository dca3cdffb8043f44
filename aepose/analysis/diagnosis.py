"""Classify the errors in a set of results by kind.

The kinds are those of Ronchi and Perona, Benchmarking and Error Diagnosis in Multi-Instance Pose
Estimation (ICCV 2017). Each labelled keypoint of a person that was found is one of

good       near where it was annotated
jitter     close by, but farther off than annotators are from each other
inversion  near the same person's keypoint of the other side (a left ankle at the right one)
swap       near another person's keypoint of the same kind, of either side
miss       near nothing of its kind

Nearness is keypoint similarity, exp(-d^2 / (2 s^2 k^2)): d is the distance, s^2 the annotated area,
k twice the keypoint's sigma. It is good from 0.85 on and near from 0.5 on.

Detections are matched with people as COCO's evaluation does it, at a low similarity. A detection
without a partner is a *duplicate* where it is alike to a person that a better one was matched with,
and *background* otherwise; a person without a partner is *missed*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aepose.datasets.annotations import by_image, join_fields
from aepose.evaluation.coco_eval import as_detections
from aepose.evaluation.coco_metric import CocoMetric
from aepose.evaluation.oks import keypoint_similarity, oks_with_people
from aepose.evaluation.records import Record
from aepose.metainfo import Metainfo

KINDS = ("good", "jitter", "inversion", "swap", "miss")
GOOD, NEAR = 0.85, 0.5
# Object keypoint similarity from which a detection belongs to a person.
MATCHED = 0.1
# Other people whose box overlaps a person's by more than OVERLAP (of their union): least number.
CROWDING = {"alone": 0, "1 or 2 others": 1, "3 or more": 3}
OVERLAP = 0.1


@dataclass(frozen=True)
class Diagnosis:
    """Counts of errors.

    keypoints: (C, K, 5) int64: crowding level as in CROWDING, keypoint, kind as in KINDS
    found, missed: (C,) int64 people of that crowding
    background, duplicates: (C,) int64 detections without a partner, by the crowding of their box
    """

    keypoints: np.ndarray
    found: np.ndarray
    missed: np.ndarray
    background: np.ndarray
    duplicates: np.ndarray


def diagnose(metric: CocoMetric, records: Sequence[Record], matched: float = MATCHED) -> Diagnosis:
    """Return the errors that result records make against the annotations of ``metric``.

    records: the 20 best of each picture count, as in the evaluation; those with a number that is
        not finite and those without any found keypoint do not
    matched: least object keypoint similarity of a detection and its person

    People that the evaluation does not count (crowds, nobody labelled) are neither found nor
    missed, and detections that lie in them are no errors.
    """
    levels, count = len(CROWDING), metric.metainfo.num_keypoints
    total = Diagnosis(np.zeros((levels, count, len(KINDS)), np.int64),
                      *(np.zeros(levels, np.int64) for _ in range(4)))
    detections = as_detections(records, metric.scored[-1]) if records else []
    pictures = _people_by_image(detections, records, metric)
    for people, found in pictures.values():
        _diagnose_image(people, found, metric.metainfo, matched, total)
    return total


@dataclass(frozen=True)
class _People:
    """People of one picture, annotated or found; P of them.

    keypoints: (P, K, 3) float64, pixels of the picture; the third is visibility or score
    boxes: (P, 4) float64 x, y, w, h; areas: (P,) float64; counted: (P,) bool
    """

    keypoints: np.ndarray
    boxes: np.ndarray
    areas: np.ndarray
    counted: np.ndarray


def _people_by_image(
    detections: list[Record], records: Sequence[Record], metric: CocoMetric
) -> dict[int, tuple[_People, _People]]:
    """Return annotated and found people by picture; those found in order of falling score."""
    names, count = metric.scored[-1].fields, metric.metainfo.num_keypoints
    images = metric.ground_truth.images

    def annotated(person: Record) -> tuple:
        joints = np.array(join_fields(person, names), np.float64)
        labelled = (joints[2::3] > 0).any() if metric.counts_keypoints else person["num_keypoints"]
        return joints, person["bbox"], person["area"], bool(labelled) and not person["iscrowd"]

    def detected(detection: Record) -> tuple:
        box = records[detection["id"] - 1]["bbox"]
        return detection["keypoints"], box, detection["area"], True

    best_first = sorted(detections, key=lambda d: -d["score"])
    truth, found = by_image(images, metric.ground_truth.people), by_image(images, best_first)
    return {image: (_stack(list(map(annotated, truth[image])), count),
                    _stack(list(map(detected, found[image][:metric.max_detections])), count))
            for image in truth}


def _stack(people: list[tuple], count: int) -> _People:
    joints, boxes, areas, counted = zip(*people, strict=True) if people else ((),) * 4
    return _People(np.array(joints, np.float64).reshape(-1, count, 3),
                   np.array(boxes, np.float64).reshape(-1, 4), np.array(areas, np.float64),
                   np.array(counted, bool))


def _diagnose_image(
    people: _People, found: _People, metainfo: Metainfo, matched: float, total: Diagnosis
) -> None:
    """Add the errors in one picture."""
    similarity = oks_with_people(found.keypoints[..., :2], people.keypoints, people.boxes,
                                 people.areas, metainfo.sigmas)
    partner = match(similarity, people.counted, matched)
    level = crowding(people.boxes, people.boxes[people.counted], itself=people.counted)
    pairs = [(d, p) for d, p in enumerate(partner) if p >= 0 and people.counted[p]]
    kinds = _kinds(people, found, metainfo)
    for d, p in pairs:
        labelled = np.flatnonzero(people.keypoints[p, :, 2] > 0)
        np.add.at(total.keypoints, (level[p], labelled, kinds[d, p, labelled]), 1)
        total.found[level[p]] += 1
    taken = {p for _, p in pairs}
    for p in np.flatnonzero(people.counted):
        total.missed[level[p]] += p not in taken
    around = crowding(found.boxes, people.boxes[people.counted])
    for d in np.flatnonzero(np.array(partner, np.int64) < 0):
        alike = (similarity[d][people.counted] >= matched).any()
        (total.duplicates if alike else total.background)[around[d]] += 1


def match(similarity: np.ndarray, counted: np.ndarray, least: float) -> list[int]:
    """Return the person of each detection, -1 for none, as COCO's evaluation matches.

    similarity: (D, P), best detection first; counted: (P,) bool. A detection takes the most similar
    person that is free, and one that does not count only if no other is similar enough; unlike in
    the evaluation, any number of detections may take such a one.
    """
    partner, taken = [], np.zeros(len(counted), bool)
    for row in similarity:
        best = -1
        for group in (np.flatnonzero(counted & ~taken), np.flatnonzero(~counted)):
            if best < 0 and len(group) and row[group].max() >= least:
                best = int(group[row[group].argmax()])
        if best >= 0:
            taken[best] = True
        partner.append(best)
    return partner


def _kinds(people: _People, found: _People, metainfo: Metainfo) -> np.ndarray:
    """Return the (D, P, K) kind of each keypoint of each detection, were it that person's."""
    flip = metainfo.flip_index
    xy, true = found.keypoints[..., :2], people.keypoints[..., :2]
    labelled, sigmas = people.keypoints[..., 2] > 0, metainfo.sigmas
    own = keypoint_similarity(xy, true, people.areas, sigmas)
    # A keypoint's place is compared with that of its counterpart on the other side.
    inverted = keypoint_similarity(xy, true[:, flip], people.areas, sigmas)
    inverted = inverted * labelled[:, flip] * (flip != np.arange(len(flip)))
    likeness = np.maximum(own * labelled, inverted) * people.counted[:, None]
    swapped = np.zeros_like(own)
    for p in range(len(true)):
        others = np.delete(likeness, p, axis=1)
        swapped[:, p] = others.max(axis=1, initial=0.0)
    kinds = np.full(own.shape, KINDS.index("miss"))
    kinds[(swapped >= NEAR) & (swapped > inverted)] = KINDS.index("swap")
    kinds[(inverted >= NEAR) & (inverted >= swapped)] = KINDS.index("inversion")
    kinds[own >= NEAR] = KINDS.index("jitter")
    kinds[own >= GOOD] = KINDS.index("good")
    return kinds


def crowding(
    boxes: np.ndarray, others: np.ndarray, itself: np.ndarray | None = None
) -> np.ndarray:
    """Return the (P,) crowding level of boxes: index into CROWDING.

    boxes: (P, 4), others: (Q, 4) x, y, w, h; itself: (P,) bool, where a box is among the others
    """
    ends = boxes[:, None, :2] + boxes[:, None, 2:], others[None, :, :2] + others[None, :, 2:]
    overlap = np.minimum(*ends) - np.maximum(boxes[:, None, :2], others[None, :, :2])
    shared = overlap.clip(min=0).prod(axis=2)
    union = boxes[:, None, 2:].prod(axis=2) + others[None, :, 2:].prod(axis=2) - shared
    close = (shared > OVERLAP * union).sum(axis=1)
    if itself is not None:
        close = np.maximum(close - itself, 0)  # a box without area does not even overlap itself
    return np.searchsorted(list(CROWDING.values()), close, side="right") - 1
