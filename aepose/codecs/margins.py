"""Grouping margins: how clearly each keypoint's tag says whose it is."""

from __future__ import annotations

import numpy as np

from aepose.codecs.maps import Maps
from aepose.codecs.refine import mean_tags, to_cells


def grouping_margins(people: np.ndarray, found: np.ndarray, maps: Maps) -> np.ndarray:
    """Return (P, K) float32: how much farther each tag is from the nearest other person.

    people: (P, K, 3 + L) float32 as grouped and refined, pixels of the maps; found: (P, K) bool,
    the keypoints that a person's mean tag is taken over

    Of a keypoint the tag is read in its cell. From its (Euclidean) distance to the mean tag of the
    nearest other person that to its own person's is subtracted: near 0 grouping could as well have
    decided otherwise, below 0 the tag is nearer to somebody else's. NaN for a keypoint that is
    missing, and where there is nobody else.
    """
    margins = np.full(people.shape[:2], np.nan, np.float32)
    means, known = mean_tags(np.where(found[..., None], people, 0), maps)
    if known.sum() < 2:
        return margins
    person, keypoint = np.nonzero((people[..., 2] > 0) & known[:, None])
    x, y = to_cells(people[person, keypoint, :2], maps.heatmaps)
    tags = np.asarray(maps.tags[keypoint, y, x])
    distances = np.linalg.norm(tags[:, None] - means[None], axis=2)
    own = distances[np.arange(len(person)), person]
    distances[:, ~known] = np.inf
    distances[np.arange(len(person)), person] = np.inf
    margins[person, keypoint] = distances.min(axis=1) - own
    return margins
