"""Mean squared error of heatmaps."""

from __future__ import annotations

import torch


def heatmap_loss(
    heatmaps: torch.Tensor,
    targets: torch.Tensor,
    mask: torch.Tensor,
    supervise_empty: bool = True,
) -> torch.Tensor:
    """Return (N,): per picture the mean over K, H, W of (heatmaps - targets)^2 * mask.

    heatmaps, targets: (N, K, H, W); mask: (N, H, W) bool. The mean counts masked cells too, as
    published. ``supervise_empty=False`` leaves out the maps of keypoints that nobody shows.
    """
    error = (heatmaps - targets).square() * mask[:, None]
    if not supervise_empty:
        error = error * (targets.amax(dim=(2, 3), keepdim=True) > 0)
    return error.mean(dim=(1, 2, 3))
