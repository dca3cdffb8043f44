"""How well the people that one network found agree with those of another, for the same pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aepose.codecs.assignment import assign
from aepose.evaluation.oks import pairwise_oks
from aepose.results import PoseResult
from aepose.results.formats import pose_boxes

SAME = 0.99  # OKS from which two poses are one person's
HALF_A_PIXEL = 0.5


@dataclass(frozen=True)
class Agreement:
    """Of some pictures: who was found by both, and how far apart their keypoints are.

    first, second: people found by each; same: pairs with OKS above SAME
    keypoints: of these pairs, those that both have; moved: those farther apart than half a pixel
    largest: distance of two such keypoints, pixels of the picture
    """

    first: int = 0
    second: int = 0
    same: int = 0
    keypoints: int = 0
    moved: int = 0
    largest: float = 0.0

    @property
    def share(self) -> float:
        """The share of people that agree, 1 if neither found anybody."""
        most = max(self.first, self.second)
        return self.same / most if most else 1.0

    def __add__(self, other: Agreement) -> Agreement:
        return Agreement(self.first + other.first, self.second + other.second,
                         self.same + other.same, self.keypoints + other.keypoints,
                         self.moved + other.moved, max(self.largest, other.largest))


def agreement(first: PoseResult, second: PoseResult, least: float = SAME) -> Agreement:
    """Compare the people of one picture; each is paired with one other at most, by OKS.

    least: OKS above which a pair counts as the same
    """
    counts = len(first), len(second)
    if not all(counts):
        return Agreement(*counts)
    a, b = (np.asarray(result.keypoints, np.float64) for result in (first, second))
    areas = [pose_boxes(poses)[:, 2:].prod(axis=1) for poses in (a, b)]
    oks = pairwise_oks(a, b, first.known_metainfo.sigmas, *areas)
    oks[first.class_ids[:, None] != second.class_ids[None]] = 0
    pairs = np.array([(i, j) for i, j in assign(1 - oks) if oks[i, j] > least]).reshape(-1, 2)
    i, j = pairs.T.astype(np.int64)
    both = (first.keypoint_scores[i] > 0) & (second.keypoint_scores[j] > 0)
    apart = np.linalg.norm(a[i] - b[j], axis=2)[both]
    return Agreement(*counts, len(pairs), apart.size, int((apart > HALF_A_PIXEL).sum()),
                     float(apart.max(initial=0.0)))
