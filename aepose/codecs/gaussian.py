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
    places = cells[..., None] + steps
    # Separable: an exponential per row and column of a patch, not per cell.
    distance = places - centers[..., None]
    profiles = np.exp(-(distance**2) / (2 * sigma**2))
    # What would lie outside of the map becomes 0 and goes to its edge, where it changes nothing.
    limits = np.array([[width - 1], [height - 1]])
    profiles[(places < 0) | (places > limits)] = 0
    columns, rows = np.clip(places, 0, limits).swapaxes(0, 1)
    patches = (profiles[:, 1, :, None] * profiles[:, 0, None, :]).astype(np.float32)
    starts = (channels.astype(np.int64)[:, None] * height + rows) * width
    # Zeros from the system cost nothing where nothing is drawn, which is most of the map.
    maps = np.zeros((num_channels, height, width), np.float32)
    np.maximum.at(
        maps.reshape(-1), (starts[:, :, None] + columns[:, None, :]).reshape(-1),
        patches.reshape(-1),
    )
    return maps
