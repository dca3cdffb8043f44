"""From grouped candidates to final poses: sub-pixel positions, scores and missing keypoints.

Last stages of decoding with Associative Embedding (Newell et al., NIPS 2017). In the classic pixel
convention integer positions name pixels, and half a pixel is added to reach their centres; in the
UDP convention integer positions are the centres: ``offset`` is 0, and :mod:`aepose.codecs.dark`
takes the place of :func:`adjust`.
"""

from __future__ import annotations

import numpy as np

from aepose.codecs.peaks import check_tags

PIXEL_CENTRE = 0.5
QUARTER = 0.25


def adjust(people: np.ndarray, heatmaps: np.ndarray, offset: float = PIXEL_CENTRE) -> np.ndarray:
    """Return ``people`` moved by a quarter pixel towards the higher neighbours, to pixel centres.

    people: (P, K, 3 + L) float32, x, y, score, tags; x and y whole pixels of the heatmaps
    heatmaps: (K, H, W) float32
    offset: added to x and y, from the corner of a cell to its centre

    A keypoint moves by +0.25 where the right (lower) neighbour is higher than the left (upper)
    one, else by -0.25; at the border the pixel itself is its neighbour.
    Keypoints without a positive score stay as they are.

    Raises ValueError for people that do not fit the heatmaps.
    """
    check_people(people, heatmaps)
    adjusted = people.copy()
    person, keypoint = np.nonzero(people[..., 2] > 0)
    x, y = to_cells(people[person, keypoint, :2], heatmaps)
    steps = _quarter_steps(heatmaps, keypoint, x, y)
    adjusted[person, keypoint, :2] += steps + np.float32(offset)
    return adjusted


def person_scores(people: np.ndarray) -> np.ndarray:
    """Return (P,) float32: the mean score of each person's K keypoints, 0 for missing ones.

    people: (P, K, 3 + L) float32, before :func:`refine`, which gives missing keypoints a score
    """
    return people[..., 2].mean(axis=1)


def refine(
    people: np.ndarray, heatmaps: np.ndarray, tags: np.ndarray, offset: float = PIXEL_CENTRE
) -> np.ndarray:
    """Return ``people`` with missing keypoints filled where the tags fit the person best.

    people: (P, K, 3 + L) float32, x, y, score, tags; pixels of the heatmaps
    heatmaps: (K, H, W) float32
    tags: (K, H, W, L) float32, or (1, H, W, L) with one tag map for all keypoints
    offset: added to x and y of a filled keypoint, which also moves by a quarter pixel as in
        :func:`adjust`

    A keypoint of score 0 becomes the cell with the highest (heatmap - rounded distance of its tag
    to the person's mean tag), the first in row order of several, if the heatmap is positive there.
    Its x, y and score are set; its tags stay. Other keypoints do not change.

    Raises ValueError for people or tags that do not fit the heatmaps.
    """
    check_people(people, heatmaps)
    check_tags(tags, heatmaps)
    tags = np.broadcast_to(tags, (*heatmaps.shape, tags.shape[-1]))
    means = _mean_tags(people, heatmaps, tags)
    known = np.array([mean is not None for mean in means], bool)
    person, keypoint = np.nonzero((people[..., 2] == 0) & known[:, None])
    best = [
        _best_cell(heatmaps[k], tags[k], means[p]) for p, k in zip(person, keypoint, strict=True)
    ]
    y, x = np.divmod(np.array(best, np.int64), heatmaps.shape[2])
    score = heatmaps[keypoint, y, x]
    xy = np.stack([x, y], axis=1) + _quarter_steps(heatmaps, keypoint, x, y) + offset
    filled = score > 0
    refined = people.copy()
    refined[person[filled], keypoint[filled], :2] = xy[filled]
    refined[person[filled], keypoint[filled], 2] = score[filled]
    return refined


def _mean_tags(
    people: np.ndarray, heatmaps: np.ndarray, tags: np.ndarray
) -> list[np.ndarray | None]:
    """Return per person the mean (L,) tag under its found keypoints, None if none is found.

    The tag maps are read in the cell of the position, wherever :func:`adjust` moved it.
    """
    means: list[np.ndarray | None] = []
    for pose in people:
        keypoint = np.flatnonzero(pose[:, 2] > 0)
        x, y = to_cells(pose[keypoint, :2], heatmaps)
        means.append(tags[keypoint, y, x].mean(axis=0) if len(keypoint) else None)
    return means


def _best_cell(heatmap: np.ndarray, tags: np.ndarray, mean: np.ndarray) -> int:
    """Return the flat index of the first cell with the highest heatmap - rounded tag distance.

    heatmap: (H, W); tags: (H, W, L); mean: (L,). Looking at part of the cells first, to leave out
    those that cannot win, was measured: twice as slow as these few passes over one map.
    """
    # Channel by channel: numpy is slow along a last axis of one or two.
    squares = sum((tags[..., channel] - value) ** 2 for channel, value in enumerate(mean))
    return int((heatmap - np.round(np.sqrt(squares))).argmax())


def to_cells(xy: np.ndarray, heatmaps: np.ndarray) -> np.ndarray:
    """Return (2, n) int64 x and y of the cells of (n, 2) positions: truncated, kept in the map."""
    height, width = heatmaps.shape[1:]
    return np.clip(xy.astype(np.int64), 0, [width - 1, height - 1]).T


def _quarter_steps(
    heatmaps: np.ndarray, keypoint: np.ndarray, x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """Return (n, 2) float32 steps of +-0.25 in x and y for n cells; equal neighbours give -0.25."""
    height, width = heatmaps.shape[1:]
    right = heatmaps[keypoint, y, np.minimum(x + 1, width - 1)]
    left = heatmaps[keypoint, y, np.maximum(x - 1, 0)]
    below = heatmaps[keypoint, np.minimum(y + 1, height - 1), x]
    above = heatmaps[keypoint, np.maximum(y - 1, 0), x]
    towards = np.stack([right > left, below > above], axis=1)
    return np.where(towards, np.float32(QUARTER), np.float32(-QUARTER))


def check_people(people: np.ndarray, heatmaps: np.ndarray) -> None:
    """Raise ValueError unless ``people`` is (P, K, 3 + L) for ``heatmaps`` (K, H, W)."""
    if heatmaps.ndim != 3:
        raise ValueError(f"heatmaps: expected (K, H, W), got {heatmaps.shape}")
    if people.ndim != 3 or people.shape[1] != len(heatmaps) or people.shape[2] < 4:
        raise ValueError(
            f"people: expected (P, {len(heatmaps)}, 3 + L) for heatmaps "
            f"{heatmaps.shape}, got {people.shape}"
        )
