"""Residual blocks shared by the backbones.

He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition (CVPR 2016).
"""

from __future__ import annotations

import torch
from torch import nn


def conv_bn(inputs: int, outputs: int, kernel: int, stride: int = 1) -> tuple[nn.Conv2d, nn.Module]:
    """Return a convolution without bias that keeps the size (over stride), and its BatchNorm."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
    return conv, nn.BatchNorm2d(outputs)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut. (N, inputs, H, W) -> (N, channels, H, W)."""

    expansion = 1

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv_bn(inputs, channels, 3)
        self.conv2, self.bn2 = conv_bn(channels, channels, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return relu(x + convolutions(x))."""
        out = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(out)) + x)


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions beside a shortcut.

    (N, inputs, H, W) -> (N, 4 * channels, H, W); the shortcut is a 1x1 convolution where the
    number of channels changes.
    """

    expansion = 4

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        outputs = channels * self.expansion
        self.conv1, self.bn1 = conv_bn(inputs, channels, 1)
        self.conv2, self.bn2 = conv_bn(channels, channels, 3)
        self.conv3, self.bn3 = conv_bn(channels, outputs, 1)
        self.downsample = (
            nn.Sequential(*conv_bn(inputs, outputs, 1)) if inputs != outputs else None
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return relu(shortcut(x) + convolutions(x))."""
        out = torch.relu(self.bn1(self.conv1(x)))
        out = torch.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return torch.relu(out + (x if self.downsample is None else self.downsample(x)))
