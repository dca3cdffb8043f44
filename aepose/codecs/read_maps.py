"""Choose the map implementation: compiled, NumPy or PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aepose.arrays import is_tensor
from aepose.codecs.array_maps import CompiledMaps, NumpyMaps
from aepose.codecs.core import core
from aepose.codecs.maps import Maps, check_maps

if TYPE_CHECKING:
    import torch


def read_maps(heatmaps: np.ndarray | torch.Tensor, tags: np.ndarray | torch.Tensor) -> Maps:
    """Return maps to decode: where they are, and compiled if the core is there.

    heatmaps: (K, H, W) float32; tags: (K, H, W, L) float32, or (1, H, W, L) with one tag map for
    all keypoints; arrays, or tensors on one device

    Raises ValueError for anything else.
    """
    if is_tensor(heatmaps) and is_tensor(tags):
        if heatmaps.device.type != "cpu" or tags.device.type != "cpu":
            from aepose.codecs.device_maps import DeviceMaps

            return DeviceMaps(heatmaps, tags)
        check_maps(heatmaps, tags)  # before numpy(), which does not know every type
        heatmaps, tags = heatmaps.detach().numpy(), tags.detach().numpy()
    return (NumpyMaps if core() is None else CompiledMaps)(heatmaps, tags)
