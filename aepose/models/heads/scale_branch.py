"""The branch of SWAHR that predicts how sharp the heatmap target of each cell should be."""

from __future__ import annotations

from torch import nn

from aepose.models.initialization import init_normal


def scale_branch(inputs: int, keypoints: int) -> nn.Sequential:
    """Return layers (N, inputs, H, W) -> (N, keypoints, H, W), any real numbers; at first all 0.

    A 1x1 convolution, BatchNorm and ReLU, then a 9x9 convolution of each map by itself, which
    starts at zero, so that training starts with plain targets.
    """
    last = nn.Conv2d(keypoints, keypoints, 9, padding=4, groups=keypoints)
    layers = nn.Sequential(nn.Conv2d(inputs, keypoints, 1), nn.BatchNorm2d(keypoints),
                           nn.ReLU(inplace=True), last)
    init_normal(layers)
    nn.init.zeros_(last.weight)
    return layers
