"""From heatmaps to candidates: the highest local maxima of each keypoint, with their tags.

First stage of decoding (Newell et al., Associative Embedding, NIPS 2017): every keypoint of every
person is looked for at once, so each heatmap may hold as many peaks as there are people.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch


@dataclass
class Peaks:
    """The M best candidates of each of K keypoints, highest score first.

    xy: (K, M, 2) int32, x then y, pixels of the heatmaps
    score: (K, M) float32, heatmap values; a keypoint with fewer than M peaks is filled up with
        cells of score 0 in no particular order
    tag: (K, M, L) float32, the tags at ``xy``
    """

    xy: np.ndarray
    score: np.ndarray
    tag: np.ndarray

    def __post_init__(self) -> None:
        if self.score.ndim != 2:
            raise ValueError(f"score: expected (K, M), got {self.score.shape}")
        if self.xy.shape != (*self.score.shape, 2):
            raise ValueError(f"xy: expected {(*self.score.shape, 2)}, got {self.xy.shape}")
        if self.tag.ndim != 3 or self.tag.shape[:2] != self.score.shape or not self.tag.shape[2]:
            raise ValueError(f"tag: expected {(*self.score.shape, 'L')}, got {self.tag.shape}")


def suppress(heatmaps: np.ndarray, kernel: int) -> np.ndarray:
    """Return (K, H, W) float32 ``heatmaps`` with every cell zeroed that is not a local maximum.

    A cell stays if it equals the maximum of the ``kernel`` x ``kernel`` window around it, so all
    cells of a plateau stay. Cells outside the map do not count.

    Raises ValueError for an even or non-positive ``kernel`` and for maps that are not finite
    (K, H, W) float32.
    """
    if kernel < 1 or kernel % 2 == 0:
        raise ValueError(f"kernel = {kernel}: expected an odd number of pixels, at least 1")
    _check_maps("heatmaps", heatmaps, "(K, H, W)")
    window = np.ones((kernel, kernel), np.uint8)
    # Twenty times as fast as torch's max_pool2d on a CPU.
    highest = np.stack([cv2.dilate(heatmap, window) for heatmap in heatmaps])
    return np.where(heatmaps == highest, heatmaps, np.float32(0))


def find_peaks(
    heatmaps: np.ndarray, tags: np.ndarray, max_num_people: int, kernel: int = 5
) -> Peaks:
    """Return the M = ``max_num_people`` highest peaks of each heatmap.

    heatmaps: (K, H, W) float32
    tags: (K, H, W, L) float32, or (1, H, W, L) with one tag map for all keypoints
    kernel: side of the window in which a peak is the maximum, pixels of ``heatmaps``

    Among equal scores the order is that of torch.topk on a CPU.

    Raises ValueError for maps of another shape or type, for values that are not finite, for maps
    with fewer than M cells and for an even or non-positive ``kernel``.
    """
    maxima = suppress(heatmaps, kernel)
    check_tags(tags, heatmaps)
    num_keypoints, height, width = heatmaps.shape
    if not 1 <= max_num_people <= height * width:
        raise ValueError(
            f"max_num_people = {max_num_people}: expected 1 to {height * width}, "
            f"the number of cells of a {width}x{height} map"
        )
    score, cell = torch.from_numpy(maxima).flatten(1).topk(max_num_people)
    y, x = np.divmod(cell.numpy(), width)
    tag_map = np.broadcast_to(tags, (num_keypoints, *tags.shape[1:]))
    tag = tag_map[np.arange(num_keypoints)[:, None], y, x]
    return Peaks(xy=np.stack([x, y], axis=-1).astype(np.int32), score=score.numpy(), tag=tag)


def check_tags(tags: np.ndarray, heatmaps: np.ndarray) -> None:
    """Raise ValueError unless ``tags`` is finite (K or 1, H, W, L) float32 for ``heatmaps``.

    heatmaps: (K, H, W)
    """
    _check_maps("tags", tags, "(K or 1, H, W, L)")
    if tags.shape[0] not in (1, heatmaps.shape[0]) or tags.shape[1:3] != heatmaps.shape[1:]:
        raise ValueError(
            f"tags {tags.shape} do not fit heatmaps {heatmaps.shape}: expected "
            f"{(heatmaps.shape[0], *heatmaps.shape[1:], 'L')}, or a leading 1"
        )


def _check_maps(name: str, maps: np.ndarray, axes: str) -> None:
    """Raise ValueError unless ``maps`` is finite float32 with one axis per letter in ``axes``."""
    if maps.ndim != axes.count(",") + 1 or maps.size == 0:
        raise ValueError(f"{name}: expected {axes}, none of them 0, got {maps.shape}")
    if maps.dtype != np.float32:
        raise ValueError(f"{name}: expected float32, got {maps.dtype}")
    # The extremes of an array with a NaN are NaN: no mask of the size of the maps is needed.
    if not np.isfinite([maps.min(), maps.max()]).all():
        raise ValueError(f"{name}: NaN or infinite values; the network's output is broken")
