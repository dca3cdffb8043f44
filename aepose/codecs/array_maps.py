"""Maps in NumPy arrays, searched by the compiled core or by NumPy."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from aepose.codecs.core import core
from aepose.codecs.maps import Maps, check_finite, check_maps
from aepose.codecs.peaks import PeakCells, Peaks, peak_cells


class NumpyMaps(Maps):
    """Maps in NumPy arrays, searched by NumPy."""

    def __init__(self, heatmaps: np.ndarray, tags: np.ndarray) -> None:
        """Raise ValueError unless the maps are float32 (K, H, W) and (K or 1, H, W, L)."""
        check_maps(heatmaps, tags)
        self.heatmaps, self.tags = heatmaps, np.broadcast_to(tags, (*heatmaps.shape, tags.shape[3]))

    def peak_cells(self, most: int, kernel: int, threshold: np.float32) -> PeakCells:
        for heatmap in self.heatmaps:
            check_finite("heatmaps", heatmap)
        return peak_cells(self.heatmaps, most, kernel, threshold)

    def best_cells(self, keypoint: np.ndarray, mean: np.ndarray) -> np.ndarray:
        cells = np.zeros(len(keypoint), np.int64)
        for k in np.unique(keypoint):
            heatmap, tags = self.heatmaps[k], self.tags[k]
            check_finite("heatmaps", heatmap)
            check_finite("tags", tags)
            for i in np.flatnonzero(keypoint == k):
                # Channel by channel: numpy is slow along a last axis of one or two.
                squares = sum((tags[..., c] - value) ** 2 for c, value in enumerate(mean[i]))
                cells[i] = (heatmap - np.round(np.sqrt(squares))).argmax()
        return cells

    def _heatmap(self, keypoint: int) -> np.ndarray:
        return self.heatmaps[keypoint]


class CompiledMaps(NumpyMaps):
    """Maps in NumPy arrays, searched by the compiled core.

    Maps are not copied where the cells of each follow each other at one distance: tags may lie in
    memory as (K, H, W, L) or, faster and as aggregation leaves them, as (L, K, H, W).
    """

    def __init__(self, heatmaps: np.ndarray, tags: np.ndarray) -> None:
        super().__init__(heatmaps, tags)
        self.heatmaps = _dense(heatmaps)
        self._core = core().Maps(self.heatmaps, _dense(tags))

    def _peaks(self, most: int, kernel: int, threshold: float) -> Peaks:
        return Peaks(*self._core.find_peaks(most, kernel, threshold))

    def refine(self, people: np.ndarray, offset: float) -> np.ndarray:
        """Do what :func:`aepose.codecs.refine.refine` does, with float32 people that fit."""
        return self._core.refine(np.require(people, requirements="CA"), offset)


def core_for(people: np.ndarray, heatmaps: Any) -> ModuleType | None:
    """Return the compiled core if it is there and reads such people and heatmaps where they are."""
    readable = (isinstance(heatmaps, np.ndarray) and heatmaps.size
                and people.dtype == heatmaps.dtype == np.float32 and _dense(heatmaps) is heatmaps)
    return core() if readable else None


def _dense(maps: np.ndarray) -> np.ndarray:
    """Return (K, H, W) or (K, H, W, L) whose rows follow each other; a copy only if need be."""
    _, height, width, *rest = maps.shape
    _, row, cell, *_ = maps.strides
    steady = height == 1 or width == 1 or row == width * cell
    step = cell if width > 1 else row if height > 1 else maps.itemsize
    whole = all(stride % maps.itemsize == 0 for stride in maps.strides) and maps.flags.aligned
    packed = bool(rest) or step == maps.itemsize
    return maps if steady and whole and packed else np.require(maps, requirements="CA")
