"""Maps in tensors, for example on a GPU: searched where they are, read cell by cell."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from aepose.codecs.maps import Maps, check_maps
from aepose.codecs.peaks import PeakCells

CHUNK = 1 << 25  # floats of a temporary tensor in a search


class DeviceMaps(Maps):
    """Heatmaps and tags in tensors on one device.

    Only candidates and single cells cross to the host, and the heatmaps of keypoints with peaks of
    equal height, whose order is settled there.
    """

    def __init__(self, heatmaps: torch.Tensor, tags: torch.Tensor) -> None:
        """Raise ValueError unless the maps are float32 (K, H, W) and (K or 1, H, W, L)."""
        check_maps(heatmaps, tags)
        if heatmaps.device != tags.device:
            raise ValueError(f"heatmaps on {heatmaps.device} and tags on {tags.device}: expected "
                             "them on one device")
        self._heat = heatmaps.detach()
        self._tags = tags.detach().expand(*heatmaps.shape, -1)
        self.heatmaps, self.tags = _Cells(self._heat), _Cells(self._tags)

    def peak_cells(self, most: int, kernel: int, threshold: np.float32) -> PeakCells:
        self._check_finite("heatmaps", self._heat)
        height, width = self._heat.shape[1:]
        window = min(kernel, 2 * height - 1), min(kernel, 2 * width - 1)
        around = F.max_pool2d(
            self._heat[None], window, stride=1, padding=tuple(side // 2 for side in window))[0]
        peak = (self._heat == around) & (self._heat > float(threshold))
        maxima = torch.where(peak, self._heat, 0.0).flatten(1)
        # One more than asked for, to see whether the last one is equal to it.
        score, cell = maxima.topk(min(most + 1, maxima.shape[1]))
        score, cell = score.cpu().numpy(), cell.cpu().numpy()
        cell[score == 0] = 0
        tied = ((np.diff(score) == 0) & (score[:, 1:] > 0)).any(axis=1)
        return PeakCells(score[:, :most].copy(), cell[:, :most].copy(), tied)

    def best_cells(self, keypoint: np.ndarray, mean: np.ndarray) -> np.ndarray:
        cells = np.zeros(len(keypoint), np.int64)
        if not len(keypoint):
            return cells
        keypoints, counts = np.unique(keypoint, return_counts=True)
        searched = torch.from_numpy(keypoints).to(self._heat.device)
        for part, values in (("heatmaps", self._heat), ("tags", self._tags)):
            self._check_finite(part, values[searched])
        # Keypoint after keypoint, so that all means travel together: each transfer is waited for.
        order = np.argsort(keypoint, kind="stable")
        means = torch.from_numpy(mean[order]).to(self._heat.device).split(counts.tolist())
        at_once = max(1, CHUNK // self._heat[0].numel())
        found = [self._search(int(k), some) for k, of_keypoint in zip(keypoints, means, strict=True)
                 for some in of_keypoint.split(at_once)]
        cells[order] = torch.cat(found).cpu().numpy()
        return cells

    def _search(self, keypoint: int, mean: torch.Tensor) -> torch.Tensor:
        """Return (n,) flat cells of a keypoint that fit the mean tags (n, L) best."""
        tags = self._tags[keypoint].flatten(0, 1).T
        squares = sum((tag - m[:, None]) ** 2 for tag, m in zip(tags, mean.T, strict=True))
        return (self._heat[keypoint].flatten() - squares.sqrt().round()).argmax(dim=1)

    def _check_finite(self, name: str, values: torch.Tensor) -> None:
        if not values.isfinite().all():
            raise ValueError(f"{name}: NaN or infinite values; the network's output is broken")

    def _heatmap(self, keypoint: int) -> np.ndarray:
        return self._heat[keypoint].cpu().numpy()


class _Cells:
    """A tensor that is read like an array, at index arrays; what is read comes to the host."""

    def __init__(self, values: torch.Tensor) -> None:
        self._values = values
        self.shape = tuple(values.shape)
        self.ndim = values.ndim

    def __getitem__(self, index: tuple[np.ndarray, ...]) -> np.ndarray:
        places = np.broadcast_arrays(*index)
        device = self._values.device
        # One transfer each way.
        stacked = torch.from_numpy(np.stack(places).astype(np.int64)).to(device)
        return self._values[tuple(stacked)].cpu().numpy()

    def __len__(self) -> int:
        return self.shape[0]
