"""What a rescoring looks at: numbers of each person found, and what they are to tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aepose.datasets.annotations import by_image, join_fields
from aepose.evaluation import CocoMetric, Record, pairwise_oks
from aepose.evaluation.oks import oks_with_people
from aepose.metainfo import Metainfo
from aepose.results.formats import pose_boxes

_FAR = 10.0  # of mean tags: farther apart makes no difference; so far where nobody else is
_TINY = 1e-9


@dataclass(frozen=True)
class KeypointSet:
    """What is known of the keypoints: enough to measure people, and to know results of others.

    fields: the fields of a record and how many keypoints each holds, K in all
    limbs: pairs of indices; sigmas: K
    """

    fields: tuple[tuple[str, int], ...]
    limbs: tuple[tuple[int, int], ...]
    sigmas: tuple[float, ...]

    @classmethod
    def of(cls, metainfo: Metainfo) -> KeypointSet:
        """Return what a metainfo says."""
        limbs = tuple((int(one), int(other)) for one, other in metainfo.skeleton_index)
        return cls(tuple(metainfo.annotation_fields), limbs, tuple(map(float, metainfo.sigmas)))

    def joints(self, records: Sequence[Record]) -> np.ndarray:
        """Return (P, K, 3) float64 x, y, score, or visibility of annotations."""
        rows = [join_fields(record, [name for name, _ in self.fields]) for record in records]
        return np.array(rows, np.float64).reshape(len(records), len(self.sigmas), 3)


def person_features(
    records: Sequence[Record], keypoints: KeypointSet, extras: bool
) -> np.ndarray:
    """Return (P, F) float64 features of the P people found in any number of pictures.

    The scores of the K keypoints; of the lengths of limbs, divided by the person's size, the spread
    and the greatest; the score so far; the logarithm of the size, which is the root of the mean
    squared distance from the centre; and of the others in the picture, how many have a higher
    score, and the greatest OKS with one of them.

    extras: also the share of keypoints that are ``found``, the mean distance of tags from the
        person's own mean, and the distance of that from the nearest other person's; the records
        then have ``found`` and ``tags``
    """
    joints = keypoints.joints(records)
    points, scores = joints[..., :2], np.array([r["score"] for r in records], np.float64)
    offsets = points - points.mean(axis=1, keepdims=True)
    size = np.maximum(np.sqrt((offsets**2).sum(axis=2).mean(axis=1)), _TINY)
    starts, ends = np.array(keypoints.limbs, int).reshape(-1, 2).T
    limbs = np.linalg.norm(points[:, starts] - points[:, ends], axis=2) / size[:, None]
    if not limbs.size:
        limbs = np.zeros((len(records), 1))
    around = np.zeros((len(records), 2))
    for people in pictures(records):
        around[people] = _among_others(points[people], scores[people], keypoints.sigmas)
    columns = [joints[..., 2], limbs.std(axis=1), limbs.max(axis=1), scores, np.log(size), around]
    if extras:
        columns += _tag_features(records)
    return np.column_stack(columns)


def pictures(records: Sequence[Record]) -> list[np.ndarray]:
    """Return the indices of the records of each picture."""
    places: dict[int | str, list[int]] = {}
    for number, record in enumerate(records):
        places.setdefault(record["image_id"], []).append(number)
    return [np.array(numbers) for numbers in places.values()]


def _among_others(
    points: np.ndarray, scores: np.ndarray, sigmas: Sequence[float]
) -> np.ndarray:
    """Return (P, 2): people of the picture with a higher score, the greatest OKS with one."""
    areas = pose_boxes(points)[:, 2:].prod(axis=1)
    better = scores[None] > scores[:, None]
    similarity = pairwise_oks(points, points, sigmas, areas, areas)
    return np.stack([better.sum(axis=1), np.where(better, similarity, 0).max(axis=1)], axis=1)


def _tag_features(records: Sequence[Record]) -> list[np.ndarray]:
    """Return three (P,) arrays: share found, spread of tags, distance to the nearest other's."""
    found = np.array([record["found"] for record in records], np.float64)
    tags = np.array([record["tags"] for record in records], np.float64)
    tags = tags.reshape(*found.shape, -1)
    number = np.maximum(found.sum(axis=1), 1)
    mean = (tags * found[..., None]).sum(axis=1) / number[:, None]
    spread = (np.linalg.norm(tags - mean[:, None], axis=2) * found).sum(axis=1) / number
    margin = np.full(len(records), _FAR)
    for people in pictures(records):
        apart = np.linalg.norm(mean[people][:, None] - mean[people][None], axis=2)
        np.fill_diagonal(apart, _FAR)
        margin[people] = np.minimum(apart.min(axis=1), _FAR)
    return [found.mean(axis=1), spread, margin]


def targets(records: Sequence[Record], metric: CocoMetric) -> tuple[np.ndarray, np.ndarray]:
    """Return (P,) OKS of each person found with its own annotated one, and (P,) bool: to learn.

    An annotated person belongs to one found alone, the most similar pairs first. All others get 0:
    somebody who is found twice is as wrong the second time as somebody who is not there, however
    good the pose. Who is most like somebody that the evaluation does not count (a crowd, nobody
    labelled) is neither right nor wrong, and nothing to learn from.
    """
    oks, known = np.zeros(len(records)), np.ones(len(records), bool)
    keypoints = KeypointSet.of(metric.metainfo)
    truth = by_image(metric.ground_truth.images, metric.ground_truth.people)
    for numbers in pictures(records):
        people = truth[records[numbers[0]]["image_id"]]
        if not people:
            continue
        annotated = keypoints.joints(people)
        boxes, areas = (np.array([person[key] for person in people], np.float64)
                        for key in ("bbox", "area"))
        labelled = ((annotated[..., 2] > 0).any(axis=1) if metric.counts_keypoints
                    else np.array([person["num_keypoints"] > 0 for person in people]))
        counted = labelled & ~np.array([bool(person["iscrowd"]) for person in people])
        found = keypoints.joints([records[i] for i in numbers])[..., :2]
        similarity = oks_with_people(found, annotated, boxes, areas, keypoints.sigmas)
        known[numbers] = counted[similarity.argmax(axis=1)] | (similarity.max(axis=1) == 0)
        oks[numbers] = _one_to_one(similarity[:, counted])
    return oks, known


def _one_to_one(similarity: np.ndarray) -> np.ndarray:
    """Return (D,) of (D, P): what each has with its partner, 0 without one."""
    left, own = similarity.copy(), np.zeros(len(similarity))
    for _ in range(min(left.shape)):
        one, other = np.unravel_index(left.argmax(), left.shape)
        own[one] = left[one, other]
        left[one], left[:, other] = -1, -1
    return own
