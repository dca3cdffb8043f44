"""Gaussian heatmap targets."""

from __future__ import annotations

import numpy as np


def draw_gaussians(
    centers: np.ndarray, channels: np.ndarray, num_channels: int, size: tuple[int, int],
    sigma: float,
) -> np.ndarray:
    """Return (num_channels, H, W) float32 maps with one Gaussian per keypoint, merged by maximum.

    centers: (n, 2) x, y, whose truncated positions (cells) lie inside the map
    channels: (n,) integers; size: (W, H); sigma: in map cells

    A Gaussian of height 1 is drawn on a patch of 6 sigma + 3 cells around the cell of its centre.
    """
    width, height = size
    radius = int(3 * sigma + 1)
    steps = np.arange(-radius, radius + 1)
    cells = np.trunc(centers).astype(np.int64)
    # Separable: an exponential per row and column of a patch, not per cell.
    distance = steps - (centers - cells)[..., None]
    profiles = np.exp(-(distance**2) / (2 * sigma**2))
    patches = (profiles[:, 1, :, None] * profiles[:, 0, None, :]).astype(np.float32)
    # A border as wide as the radius saves clipping each patch.
    padded_width, padded_height = width + 2 * radius, height + 2 * radius
    maps = np.zeros((num_channels, padded_height, padded_width), np.float32)
    x, y = cells.T + radius
    start = (channels.astype(np.int64) * padded_height + y) * padded_width + x
    index = steps[:, None] * padded_width + steps + start[:, None, None]
    np.maximum.at(maps.reshape(-1), index.reshape(-1), patches.reshape(-1))
    return np.ascontiguousarray(maps[:, radius:-radius, radius:-radius])
