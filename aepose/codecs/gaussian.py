"""Gaussian heatmap targets."""

from __future__ import annotations

import numpy as np


def draw_gaussians(
    cells: np.ndarray, channels: np.ndarray, num_channels: int, size: tuple[int, int], sigma: float
) -> np.ndarray:
    """Return (num_channels, H, W) float32 maps with one Gaussian per keypoint, merged by maximum.

    cells: (n, 2) integers x, y, inside the map; channels: (n,) integers; size: (W, H).
    A Gaussian is drawn on a patch of 6 sigma + 3 cells around its centre, with peak value 1.
    """
    width, height = size
    radius = int(3 * sigma + 1)
    offsets = np.arange(-radius, radius + 1)
    dy, dx = (grid.ravel() for grid in np.meshgrid(offsets, offsets, indexing="ij"))
    values = np.exp(-(dx**2 + dy**2) / (2 * sigma**2)).astype(np.float32)
    # A border as wide as the radius saves clipping each patch. Writing the patch cells of all
    # keypoints in rising order of value makes the largest value the last one written.
    rising = np.argsort(values, kind="stable")
    padded_width, padded_height = width + 2 * radius, height + 2 * radius
    maps = np.zeros((num_channels, padded_height, padded_width), np.float32)
    x, y = cells[:, 0] + radius, cells[:, 1] + radius
    start = (channels.astype(np.int64) * padded_height + y) * padded_width + x
    step = (dy * padded_width + dx)[rising]
    maps.reshape(-1)[step[:, None] + start[None, :]] = values[rising][:, None]
    return np.ascontiguousarray(maps[:, radius:-radius, radius:-radius])
