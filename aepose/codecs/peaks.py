"""Peak finding: the highest local maxima of each heatmap, with their tags.

First stage of decoding (Newell et al., Associative Embedding, NIPS 2017): every keypoint of every
person is looked for at once, so each heatmap may hold as many peaks as there are people.

:meth:`aepose.codecs.maps.Maps.find_peaks` runs this stage, here or in compiled code or on a GPU.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np


@dataclass
class Peaks:
    """The M best candidates of each of K keypoints, highest score first.

    xy: (K, M, 2) int32, x then y, pixels of the heatmaps
    score: (K, M) float32, heatmap values; a keypoint with fewer than M peaks is filled up with
        candidates of score 0, which count for nothing
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

    def with_positions(self, unit: float) -> Peaks:
        """Return candidates that have two tags more: x and y in units of so many pixels."""
        position = self.xy / np.float32(unit)
        return replace(self, tag=np.concatenate([self.tag, position], axis=2, dtype=np.float32))


@dataclass
class PeakCells:
    """The cells of the M highest peaks of each of K heatmaps, highest first.

    score: (K, M) float32, 0 behind the last one
    cell: (K, M) int64, y * W + x
    tied: (K,) bool, whether equal values leave open which cells come, or in which order
    """

    score: np.ndarray
    cell: np.ndarray
    tied: np.ndarray


def check_kernel(kernel: int) -> None:
    """Raise ValueError unless ``kernel`` is the side of a window around a cell."""
    if kernel < 1 or kernel % 2 == 0:
        raise ValueError(f"kernel = {kernel}: expected an odd number of pixels, at least 1")


def suppress(heatmap: np.ndarray, kernel: int) -> np.ndarray:
    """Return (H, W) float32 ``heatmap`` with every cell zeroed that is not a local maximum.

    A cell stays if it equals the maximum of the ``kernel`` x ``kernel`` window around it, so all
    cells of a plateau stay. Cells outside the map do not count.

    Raises ValueError for an even or non-positive ``kernel``.
    """
    check_kernel(kernel)
    return np.where(heatmap == _window_maximum(heatmap, kernel), heatmap, np.float32(0))


def peak_cells(
    heatmaps: np.ndarray, most: int, kernel: int, threshold: np.float32
) -> PeakCells:
    """Return the ``most`` highest local maxima above ``threshold`` of (K, H, W) ``heatmaps``."""
    found = PeakCells(*empty_peaks(len(heatmaps), most), np.zeros(len(heatmaps), bool))
    for k, heatmap in enumerate(heatmaps):
        cell = np.flatnonzero(heatmap > threshold)
        if not len(cell):
            continue
        maximum = _window_maximum(heatmap, kernel).reshape(-1)[cell]
        score = heatmap.reshape(-1)[cell]
        cell, score = cell[score == maximum], score[score == maximum]
        # One more than asked for, to see whether the last one is equal to it.
        order = np.argsort(-score, kind="stable")[: most + 1]
        found.tied[k] = (np.diff(score[order]) == 0).any()
        kept = order[:most]
        found.score[k, : len(kept)], found.cell[k, : len(kept)] = score[kept], cell[kept]
    return found


def empty_peaks(num_keypoints: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (K, M) scores and cells of no peaks."""
    shape = num_keypoints, most
    return np.zeros(shape, np.float32), np.zeros(shape, np.int64)


def settle_ties(
    heatmap: np.ndarray, most: int, kernel: int, threshold: np.float32
) -> tuple[np.ndarray, np.ndarray]:
    """Return (M,) scores and cells of the peaks above ``threshold`` of one (H, W) heatmap.

    Among equal scores the order, and the choice at the end, is that of torch.topk over the whole
    map on a CPU, which published poses were made with.
    """
    import torch

    maxima = torch.from_numpy(suppress(heatmap, kernel).reshape(-1))
    score, cell = (part.numpy() for part in maxima.topk(most))
    above = score > threshold
    return np.where(above, score, np.float32(0)), cell * above


def threshold_float32(value: float) -> np.float32:
    """Return the float32 t such that x > t is x > value for every float32 x.

    Rounding is not enough: float32(0.1) is above 0.1.
    """
    with np.errstate(over="ignore"):
        rounded = np.float32(value)
    return np.nextafter(rounded, np.float32(-np.inf)) if float(rounded) > value else rounded


def _window_maximum(heatmap: np.ndarray, kernel: int) -> np.ndarray:
    """Return for each cell of (H, W) the maximum of the window around it."""
    height, width = (min(kernel, 2 * side - 1) for side in heatmap.shape)
    # Twenty times as fast as torch's max_pool2d on a CPU.
    return cv2.dilate(heatmap, np.ones((height, width), np.uint8))
