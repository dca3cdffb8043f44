"""From candidates to people: keypoints whose tags agree belong to one person.

The greedy grouping of Newell et al., Associative Embedding, NIPS 2017: keypoint after keypoint, the
candidates are assigned to the people found so far at the least total difference of tags.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aepose.codecs.assignment import assign
from aepose.codecs.core import core
from aepose.codecs.peaks import Peaks

NOBODY_COST = 1e10  # cost of giving a candidate to none of the known people


def match_by_tag(
    peaks: Peaks,
    order: Sequence[int],
    max_num_people: int,
    detection_threshold: float = 0.1,
    tag_threshold: float = 1.0,
    use_detection_val: bool = True,
    ignore_too_much: bool = False,
    first_people_only: bool = False,
    reach: float | None = None,
) -> np.ndarray:
    """Return the people as (P, K, 3 + L) float32: x, y, score and tags; 0 where not found.

    Coordinates are those of ``peaks``, pixels of the heatmaps. People come in the order in which
    their first keypoint was met. Nobody found gives (0, K, 3 + L).

    order: the keypoint indices in the order in which they are visited
    max_num_people: with ``ignore_too_much``, at most this many people; without it no limit
    detection_threshold: only candidates with a higher score count
    tag_threshold: a candidate joins a person only if its tag is closer than this to the person's
        mean tag; any other starts a person
    use_detection_val: prefer candidates of higher score where the tag distances, rounded to
        integers, are equal; without it the unrounded distance alone decides
    ignore_too_much: give no candidate to people after the first ``max_num_people``, and drop them
    first_people_only: give them none, but keep them: each has one keypoint
    reach: position in units of so many pixels counts as two tags more, so a candidate that is
        ``tag_threshold`` times as far from the middle of a person's keypoints does not join; None:
        tags alone, as published

    Raises ValueError if ``order`` is not a permutation of the keypoints, if ``max_num_people`` < 1,
    and for tags whose distances are not finite or lead to costs above 1e18.
    """
    num_keypoints, _, num_tags = peaks.tag.shape
    if reach is not None:
        peaks = peaks.with_positions(reach)
    order = [int(keypoint) for keypoint in order]
    if sorted(order) != list(range(num_keypoints)):
        raise ValueError(f"order: expected a permutation of 0 to {num_keypoints - 1}, got {order}")
    if max_num_people < 1:
        raise ValueError(f"max_num_people = {max_num_people}: expected at least 1")
    limit = max_num_people if ignore_too_much else sys.maxsize
    offered = max_num_people if first_people_only else limit
    compiled = core()
    options = order, offered, limit, detection_threshold, tag_threshold, use_detection_val
    if compiled is not None:
        parts = (peaks.xy, np.int32), (peaks.score, np.float32), (peaks.tag, np.float32)
        people = compiled.match(
            *(np.ascontiguousarray(part, dtype) for part, dtype in parts), *options)
    else:
        people = _match(peaks, *options)
    return np.ascontiguousarray(people[..., : 3 + num_tags])


def _match(
    peaks: Peaks, order: Sequence[int], offered: int, limit: int, detection_threshold: float,
    tag_threshold: float, use_detection_val: bool,
) -> np.ndarray:
    """Return (P, K, 3 + L) people, at most ``limit``; the first ``offered`` get candidates."""
    num_keypoints, _, num_tags = peaks.tag.shape
    people: dict[float, _Person] = {}
    for keypoint in order:
        candidates = _candidates(peaks, keypoint, detection_threshold)
        known = list(people.values())[:offered]
        owners = _owners(candidates, known, tag_threshold, use_detection_val)
        for candidate, owner in zip(candidates, owners, strict=True):
            if owner is None:
                _start(people, keypoint, candidate, num_keypoints)
            else:
                owner.join(keypoint, candidate)
    poses = [person.pose for person in people.values()][:limit]
    return np.stack(poses) if poses else np.zeros((0, num_keypoints, 3 + num_tags), np.float32)


@dataclass
class _Person:
    """A person under construction.

    pose: (K, 3 + L) float32, x, y, score and tags of the keypoints found so far
    tags: (K, L) float32, of which the first ``num_tags`` rows are the tags met so far
    """

    pose: np.ndarray
    tags: np.ndarray
    num_tags: int = 0

    def join(self, keypoint: int, candidate: np.ndarray) -> None:
        self.pose[keypoint] = candidate
        self.tags[self.num_tags] = candidate[3:]
        self.num_tags += 1

    @property
    def mean_tag(self) -> np.ndarray:
        """(L,) float32."""
        return self.tags[: self.num_tags].mean(axis=0)


def _start(
    people: dict[float, _Person], keypoint: int, candidate: np.ndarray, num_keypoints: int
) -> None:
    """Start a person with ``candidate``, keyed by its first tag.

    A person with the very same key is not doubled: the candidate replaces that person's keypoint
    and tag history. The published results were made this way.
    """
    person = people.get(float(candidate[3]))
    if person is None:
        pose = np.zeros((num_keypoints, len(candidate)), np.float32)
        person = _Person(pose, tags=np.zeros_like(pose[:, 3:]))
        people[float(candidate[3])] = person
    person.num_tags = 0
    person.join(keypoint, candidate)


def _candidates(peaks: Peaks, keypoint: int, detection_threshold: float) -> np.ndarray:
    """Return (R, 3 + L) float32 x, y, score and tags of the peaks above the threshold."""
    score = peaks.score[keypoint]
    # In float64: float32(0.1) is above 0.1, and both sides rounded to float32 would be equal.
    found = score.astype(np.float64) > detection_threshold
    parts = (peaks.xy[keypoint], score[:, None], peaks.tag[keypoint])
    return np.concatenate(parts, axis=1, dtype=np.float32)[found]


def _owners(
    candidates: np.ndarray, known: list[_Person], tag_threshold: float, use_detection_val: bool
) -> list[_Person | None]:
    """Return for each of (R, 3 + L) candidates the person that it joins, or None."""
    owners: list[_Person | None] = [None] * len(candidates)
    if not len(candidates) or not known:
        return owners
    values = candidates.astype(np.float64)
    means = np.stack([person.mean_tag for person in known])
    distance = np.linalg.norm(values[:, None, 3:] - means, axis=2)
    cost = np.round(distance) * 100 - values[:, 2:3] if use_detection_val else distance
    spare = max(0, len(candidates) - len(known))  # columns that stand for nobody
    for row, column in assign(np.pad(cost, ((0, 0), (0, spare)), constant_values=NOBODY_COST)):
        if column < len(known) and distance[row, column] < tag_threshold:
            owners[row] = known[column]
    return owners
