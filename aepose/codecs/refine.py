"""Refinement of grouped candidates: sub-pixel positions, scores and missing keypoints.

Last stages of decoding with Associative Embedding (Newell et al., NIPS 2017). In the classic pixel
convention integer positions name pixels, and half a pixel is added to reach their centres; in the
UDP convention integer positions are the centres: ``offset`` is 0, and :mod:`aepose.codecs.dark`
takes the place of :func:`adjust`.
"""

from __future__ import annotations

import numpy as np

from aepose.codecs.array_maps import CompiledMaps, core_for
from aepose.codecs.maps import Maps, check_finite

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
    compiled = core_for(people, heatmaps)
    if compiled is not None:
        return compiled.adjust(np.require(people, requirements="CA"), heatmaps, offset)
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


def refine(people: np.ndarray, maps: Maps, offset: float = PIXEL_CENTRE) -> np.ndarray:
    """Return ``people`` with missing keypoints filled where the tags fit the person best.

    people: (P, K, 3 + L) float32, x, y, score, tags; pixels of the heatmaps
    maps: the heatmaps and tags of the picture
    offset: added to x and y of a filled keypoint, which also moves by a quarter pixel as in
        :func:`adjust`

    A keypoint of score 0 becomes the cell with the highest (heatmap - rounded distance of its tag
    to the person's mean tag), the first in row order of several, if the heatmap is positive there.
    Its x, y and score are set; its tags stay. Other keypoints do not change.

    Raises ValueError for people that do not fit the maps and for values that are not finite.
    """
    check_people(people, maps.heatmaps, maps.tags.shape[-1])
    if isinstance(maps, CompiledMaps) and people.dtype == np.float32:
        return maps.refine(people, offset)
    means, known = _mean_tags(people, maps)
    person, keypoint = np.nonzero((people[..., 2] == 0) & known[:, None])
    best = maps.best_cells(keypoint, means[person])
    y, x = np.divmod(best, maps.heatmaps.shape[2])
    score = maps.heatmaps[keypoint, y, x]
    xy = np.stack([x, y], axis=1) + _quarter_steps(maps.heatmaps, keypoint, x, y) + offset
    filled = score > 0
    refined = people.copy()
    refined[person[filled], keypoint[filled], :2] = xy[filled]
    refined[person[filled], keypoint[filled], 2] = score[filled]
    return refined


def drop_far(people: np.ndarray, found: np.ndarray, reach: float) -> np.ndarray:
    """Return people whose filled-in keypoints far from those found are missing again, at 0.

    people: (P, K, 3 + L) after :func:`refine`; found: (P, K) bool, one of each at least; reach:
    pixels of the maps from the middle of a person's found keypoints
    """
    seen = found[..., None]
    middle = (people[..., :2] * seen).sum(axis=1) / seen.sum(axis=1)
    away = np.linalg.norm(people[..., :2] - middle[:, None], axis=2)
    return np.where((found | (away <= reach))[..., None], people, np.float32(0))


def _mean_tags(people: np.ndarray, maps: Maps) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean tags (P, L) under the found keypoints, and (P,) bool: is any found?

    The tag maps are read in the cell of the position, wherever :func:`adjust` moved it.
    """
    person, keypoint = np.nonzero(people[..., 2] > 0)
    x, y = to_cells(people[person, keypoint, :2], maps.heatmaps)
    tags = np.ascontiguousarray(maps.tags[keypoint, y, x])
    check_finite("tags", tags)
    counts = np.bincount(person, minlength=len(people))
    means = np.zeros((len(people), maps.tags.shape[-1]), np.float32)
    ends = np.cumsum(counts)
    for p in np.flatnonzero(counts):
        means[p] = tags[ends[p] - counts[p] : ends[p]].mean(axis=0)
    return means, counts > 0


def to_cells(xy: np.ndarray, heatmaps: np.ndarray) -> np.ndarray:
    """Return (2, n) int64 x and y of the cells of (n, 2) positions: truncated, kept in the map."""
    height, width = heatmaps.shape[1:]
    return np.clip(xy.astype(np.int64), 0, [width - 1, height - 1]).T


def _quarter_steps(
    heatmaps: np.ndarray, keypoint: np.ndarray, x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """Return (n, 2) float32 steps of +-0.25 in x and y for n cells; equal neighbours give -0.25."""
    height, width = heatmaps.shape[1:]
    right, left = np.minimum(x + 1, width - 1), np.maximum(x - 1, 0)
    below, above = np.minimum(y + 1, height - 1), np.maximum(y - 1, 0)
    # One look at all four: on a GPU each costs a transfer.
    after_x, before_x, after_y, before_y = heatmaps[
        keypoint, np.stack([y, y, below, above]), np.stack([right, left, x, x])]
    towards = np.stack([after_x > before_x, after_y > before_y], axis=1)
    return np.where(towards, np.float32(QUARTER), np.float32(-QUARTER))


def check_people(people: np.ndarray, heatmaps: np.ndarray, num_tags: int | None = None) -> None:
    """Raise ValueError unless ``people`` is (P, K, 3 + L) for ``heatmaps`` (K, H, W)."""
    if len(heatmaps.shape) != 3:
        raise ValueError(f"heatmaps: expected (K, H, W), got {heatmaps.shape}")
    keypoints, last = heatmaps.shape[0], 3 + (num_tags or 1)
    fits = people.ndim == 3 and people.shape[1] == keypoints and people.shape[2] >= last
    if not fits or (num_tags and people.shape[2] != last):
        raise ValueError(
            f"people: expected (P, {keypoints}, {f'{last}' if num_tags else '3 + L'}) for heatmaps "
            f"{heatmaps.shape}, got {people.shape}"
        )
