"""How clearly tags say whose a keypoint is."""

from __future__ import annotations

import numpy as np


def grouping_margins(tags: np.ndarray, found: np.ndarray, class_ids: np.ndarray) -> np.ndarray:
    """Return (P, K) float32: by how much each keypoint's tag is nearer to its own person's.

    tags: (P, K, L); found: (P, K) bool; class_ids: (P,)

    Of a keypoint's tag, the distance (Euclidean over L) to the mean tag of the nearest other person
    of its class less that to its own person's. Near 0 the join is doubtful, below 0 the tag is
    nearer to somebody else's. NaN for keypoints that were not found, and where there is nobody
    else.
    """
    margins = np.full(found.shape, np.nan, np.float32)
    known = found.any(axis=1)
    if known.sum() < 2:
        return margins
    shares = found / np.maximum(found.sum(axis=1, keepdims=True), 1)
    means = (tags * shares[..., None]).sum(axis=1)
    person, keypoint = np.nonzero(found)
    away = np.linalg.norm(tags[person, keypoint][:, None] - means, axis=2)
    own = np.arange(len(person)), person
    distance = away[own]
    away[:, ~known] = away[own] = np.inf
    away[class_ids[person][:, None] != class_ids] = np.inf
    nearest = away.min(axis=1)
    margins[person, keypoint] = np.where(np.isfinite(nearest), nearest - distance, np.nan)
    return margins
