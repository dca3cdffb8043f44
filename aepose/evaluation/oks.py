"""Object keypoint similarity (OKS) between poses, and the non-maximum suppression built on it.

Poses are (P, K, 2) arrays in pixels of one picture; sigmas are the K per-keypoint constants of the
data set's metainfo.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aepose.results.formats import pose_boxes


def pairwise_oks(first: np.ndarray, second: np.ndarray, sigmas: Sequence[float],
                 first_areas: np.ndarray, second_areas: np.ndarray) -> np.ndarray:
    """Return the (P, Q) OKS of each pose of ``first`` with each of ``second``.

    first: (P, K, 2), second: (Q, K, 2), pixels of the same picture
    first_areas: (P,), second_areas: (Q,) square pixels; a pair is measured by the mean of its two

    All K keypoints count alike. The result is float64 in [0, 1]; 1 for equal poses.
    """
    offsets = np.asarray(first, np.float64)[:, None] - np.asarray(second, np.float64)[None]
    squared = (offsets ** 2).sum(axis=-1)
    areas = (np.asarray(first_areas, np.float64)[:, None]
             + np.asarray(second_areas, np.float64)[None]) / 2
    # The smallest positive number keeps poses shrunk to a point comparable: 0 / tiny is 0.
    variances = (2 * np.asarray(sigmas, np.float64)) ** 2
    exponents = squared / variances / (areas + np.spacing(1.0))[..., None] / 2
    return np.exp(-exponents).mean(axis=-1)


def keypoint_similarity(found: np.ndarray, annotated: np.ndarray, areas: np.ndarray,
                        sigmas: Sequence[float]) -> np.ndarray:
    """Return the (D, P, K) similarity of each found keypoint with each person's same keypoint.

    found: (D, K, 2), annotated: (P, K, 2), pixels of the picture; areas: (P,) square pixels
    """
    squared = ((found[:, None] - annotated[None]) ** 2).sum(axis=-1)
    variances = (2 * np.asarray(sigmas, np.float64)) ** 2
    return np.exp(-squared / variances / (areas[:, None] + np.spacing(1.0)) / 2)


def oks_with_people(found: np.ndarray, people: np.ndarray, boxes: np.ndarray, areas: np.ndarray,
                    sigmas: Sequence[float]) -> np.ndarray:
    """Return the (D, P) OKS of found poses with annotated people, as COCO's evaluation counts it.

    found: (D, K, 2); people: (P, K, 3), of which those labelled (third above 0) count; boxes:
    (P, 4) x, y, w, h; all in pixels of the picture; areas: (P,) square pixels

    A person without a labelled keypoint is an area of three times the box's sides, which keypoints
    inside meet and others miss by their distance.
    """
    labelled = people[..., 2] > 0
    near = keypoint_similarity(found, people[..., :2], areas, sigmas)
    similarity = (near * labelled).sum(axis=2) / np.maximum(labelled.sum(axis=1), 1)
    for p in np.flatnonzero(~labelled.any(axis=1)):
        corner, size = boxes[p, :2], boxes[p, 2:]
        offsets = found - np.clip(found, corner - size, corner + 2 * size)
        similarity[:, p] = keypoint_similarity(
            offsets, np.zeros((1, *offsets.shape[1:])), areas[p : p + 1], sigmas)[:, 0].mean(axis=1)
    return similarity


def _self_oks(keypoints: np.ndarray, sigmas: Sequence[float]) -> np.ndarray:
    """Return the (P, P) OKS among the poses of one picture; the area is that of the pose's box.

    In float32, because the precision is part of the result: soft suppression leaves a pose's
    working score exactly as it was where OKS^2 is lost in rounding, and equal scores are ordered
    differently from nearly equal ones.
    """
    areas = pose_boxes(np.asarray(keypoints, np.float64))[:, 2:].prod(axis=1)
    return pairwise_oks(keypoints, keypoints, sigmas, areas, areas).astype(np.float32)


def _best_first(scores: np.ndarray) -> np.ndarray:
    """Return the (P,) order of falling scores.

    The order among equal scores is that of NumPy's default sort, which is not a stable one and
    may vary with the processor. The reference results were sorted so: a stable sort would move
    AP off theirs (by 1e-5 on 538 pictures with many equal scores).
    """
    return np.argsort(scores)[::-1]


def oks_nms(keypoints: np.ndarray, scores: np.ndarray, sigmas: Sequence[float],
            threshold: float) -> np.ndarray:
    """Return the indices of the poses that hard suppression keeps, best score first.

    keypoints: (P, K, 2), pixels of the picture; scores: (P,)

    The best pose is kept and every pose whose OKS with it exceeds ``threshold`` is dropped; the
    same among the rest, until none is left.
    """
    similarity = _self_oks(keypoints, sigmas)
    order = _best_first(scores)
    kept = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(best)
        order = rest[similarity[best, rest] <= threshold]
    return np.array(kept, dtype=np.int64)


def soft_oks_nms(keypoints: np.ndarray, scores: np.ndarray, sigmas: Sequence[float],
                 threshold: float, max_kept: int = 20) -> np.ndarray:
    """Return the indices of at most ``max_kept`` poses in the order soft suppression picks them.

    keypoints: (P, K, 2), pixels of the picture; scores: (P,)

    Each pick multiplies the working scores of the poses left by exp(-OKS^2 / threshold). The
    working scores only decide who is picked next: the caller's scores stay as they are, so the
    effect on AP comes from the limit, which is the evaluator's, as nobody is removed, and from the
    order among equal scores.
    """
    similarity = _self_oks(keypoints, sigmas)
    order = _best_first(scores)
    working = np.asarray(scores, np.float32)[order]
    kept = []
    while len(order) and len(kept) < max_kept:
        best, order = order[0], order[1:]
        kept.append(best)
        working = working[1:] * np.exp(-similarity[best, order] ** 2 / threshold)
        again = _best_first(working)
        order, working = order[again], working[again]
    return np.array(kept, dtype=np.int64)
