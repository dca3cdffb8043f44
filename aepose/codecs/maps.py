"""Interface of the maps of one image: finding peaks, and the cells that missing keypoints fit.

Decoding looks at whole maps only to find peaks and to fill in missing keypoints. Those two searches
exist three times, with equal results: compiled and in NumPy (:mod:`aepose.codecs.array_maps`), and
in PyTorch (:mod:`aepose.codecs.device_maps`), so that of maps on a GPU only candidates cross to the
host. Everything else reads single cells, ``maps.heatmaps[k, y, x]``, or is compiled, too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from aepose.arrays import is_tensor
from aepose.codecs.peaks import PeakCells, Peaks, check_kernel, settle_ties, threshold_float32


class Maps(ABC):
    """Heatmaps (K, H, W) and tags (K, H, W, L) that can be read at index arrays, and searched.

    A NaN or an infinite value raises ValueError where it is met: in heatmaps always, in tags under
    a candidate and in the whole map of a keypoint that is searched. Other tags have no effect.
    """

    heatmaps: Any
    tags: Any  # one tag map for all keypoints shows up K times, without being copied

    @abstractmethod
    def peak_cells(self, most: int, kernel: int, threshold: np.float32) -> PeakCells:
        """Return the ``most`` highest local maxima above ``threshold`` of each heatmap."""

    @abstractmethod
    def best_cells(self, keypoint: np.ndarray, mean: np.ndarray) -> np.ndarray:
        """Return (n,) int64 y * W + x of the cells where keypoints fit people best.

        keypoint: (n,) int64; mean: (n, L) float32, the mean tag of a person

        The best cell has the highest (heatmap - rounded distance of its tag to the mean), in
        float32, halves rounded to even; of several the first in row order counts.
        """

    @abstractmethod
    def _heatmap(self, keypoint: int) -> np.ndarray:
        """Return a whole heatmap (H, W)."""

    def find_peaks(self, max_num_people: int, kernel: int = 5, threshold: float = 0.0) -> Peaks:
        """Return the M = ``max_num_people`` highest peaks above ``threshold`` of each heatmap.

        kernel: side of the window in which a peak is the maximum, pixels of the heatmaps

        Among equal scores the order is that of torch.topk on a CPU.

        Raises ValueError for maps with fewer than M cells, for an even or non-positive ``kernel``,
        for a negative ``threshold`` and for values that are not finite.
        """
        check_kernel(kernel)
        if not threshold >= 0:
            raise ValueError(f"threshold = {threshold}: expected at least 0")
        _, height, width = self.heatmaps.shape
        if not 1 <= max_num_people <= height * width:
            raise ValueError(
                f"max_num_people = {max_num_people}: expected 1 to {height * width}, "
                f"the number of cells of a {width}x{height} map"
            )
        return self._peaks(max_num_people, kernel, threshold)

    def _peaks(self, most: int, kernel: int, threshold: float) -> Peaks:
        """Do what :meth:`find_peaks` does, with options that fit."""
        limit = threshold_float32(threshold)
        found = self.peak_cells(most, kernel, limit)
        score, cell = found.score, found.cell
        for k in np.flatnonzero(found.tied):
            score[k], cell[k] = settle_ties(self._heatmap(k), most, kernel, limit)
        y, x = np.divmod(cell, self.heatmaps.shape[2])
        tag = self.tags[np.arange(len(cell))[:, None], y, x]
        tag = np.where(score[..., None] > 0, tag, np.float32(0))
        check_finite("tags", tag)
        return Peaks(xy=np.stack([x, y], axis=-1).astype(np.int32), score=score, tag=tag)


def check_maps(heatmaps: Any, tags: Any) -> None:
    """Raise ValueError unless arrays or tensors are float32 (K, H, W) and (K or 1, H, W, L)."""
    both = heatmaps, tags
    if not (all(isinstance(part, np.ndarray) for part in both) or all(map(is_tensor, both))):
        raise ValueError("heatmaps and tags: expected two NumPy arrays or two tensors, got "
                         f"{type(heatmaps).__name__} and {type(tags).__name__}")
    axes_of = {"heatmaps": "(K, H, W)", "tags": "(K or 1, H, W, L)"}
    for (name, axes), maps in zip(axes_of.items(), (heatmaps, tags), strict=True):
        if maps.ndim != axes.count(",") + 1 or 0 in maps.shape:
            raise ValueError(f"{name}: expected {axes}, none of them 0, got {tuple(maps.shape)}")
        if str(maps.dtype).removeprefix("torch.") != "float32":
            raise ValueError(f"{name}: expected float32, got {maps.dtype}")
    shape = tuple(heatmaps.shape)
    if tags.shape[0] not in (1, shape[0]) or tuple(tags.shape[1:3]) != shape[1:]:
        raise ValueError(f"tags {tuple(tags.shape)} do not fit heatmaps {shape}: expected "
                         f"{(*shape, 'L')}, or a leading 1")


def check_finite(name: str, values: np.ndarray) -> None:
    """Raise ValueError if there is a NaN or an infinite value."""
    # A sum that is finite has finite parts, at half the price of looking at each.
    with np.errstate(over="ignore", invalid="ignore"):
        total = values.sum()
    if not np.isfinite(total) and not np.isfinite(values).all():
        raise ValueError(f"{name}: NaN or infinite values; the network's output is broken")
