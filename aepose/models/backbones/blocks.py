"""Blocks shared by the backbones and heads.

He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition (CVPR 2016). Sums and activations
work in place: backward does not need what they overwrite, and less memory is written.
"""

from __future__ import annotations

import torch
from torch import nn

from aepose.models.activation_checkpointing import CheckpointedBlock


def conv_bn(
    inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1
) -> tuple[nn.Conv2d, nn.Module]:
    """Return a convolution without bias that keeps the size (over stride), and its BatchNorm."""
    conv = nn.Conv2d(
        inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=False
    )
    return conv, nn.BatchNorm2d(outputs)


def deconv_bn(inputs: int, outputs: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    """Return a 4x4 transposed convolution that doubles the size, its BatchNorm, and a ReLU."""
    deconv = nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=False)
    return deconv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)


class ConvBN(nn.Module):
    """A convolution that keeps the size (over stride), BatchNorm, and an activation (or None).

    (N, inputs, H, W) -> (N, outputs, H / stride, W / stride)
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        activation: type[nn.Module] | None = nn.ReLU,
    ) -> None:
        super().__init__()
        self.conv, self.bn = conv_bn(inputs, outputs, kernel, stride, groups)
        self.activation = None if activation is None else activation(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return activation(BatchNorm(convolution(x)))."""
        x = self.bn(self.conv(x))
        return x if self.activation is None else self.activation(x)


class BasicBlock(CheckpointedBlock):
    """Two 3x3 convolutions beside a shortcut. (N, channels, H, W) -> the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv_bn(channels, channels, 3)
        self.conv2, self.bn2 = conv_bn(channels, channels, 3)

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        """Return relu(x + convolutions(x))."""
        out = torch.relu_(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x
        return torch.relu_(out)


class Bottleneck(CheckpointedBlock):
    """1x1, 3x3, 1x1 convolutions beside a shortcut; the 3x3 one carries the stride.

    (N, inputs, H, W) -> (N, 4 * channels, H / stride, W / stride); the shortcut is a 1x1
    convolution where the shape changes.
    """

    expansion = 4

    def __init__(self, inputs: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        outputs = channels * self.expansion
        self.conv1, self.bn1 = conv_bn(inputs, channels, 1)
        self.conv2, self.bn2 = conv_bn(channels, channels, 3, stride)
        self.conv3, self.bn3 = conv_bn(channels, outputs, 1)
        same = inputs == outputs and stride == 1
        self.downsample = None if same else nn.Sequential(*conv_bn(inputs, outputs, 1, stride))

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        """Return relu(shortcut(x) + convolutions(x))."""
        out = torch.relu_(self.bn1(self.conv1(x)))
        out = torch.relu_(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += x if self.downsample is None else self.downsample(x)
        return torch.relu_(out)
