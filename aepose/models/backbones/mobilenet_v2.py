"""MobileNetV2: inverted residuals of depthwise convolutions.

Sandler, Howard, Zhu, Zhmoginov, Chen: MobileNetV2: Inverted Residuals and Linear Bottlenecks
(CVPR 2018). Module names are those of the published checkpoints.
"""

from __future__ import annotations

import torch
from torch import nn

from aepose.errors import ConfigError
from aepose.models.activation_checkpointing import CheckpointedBlock
from aepose.models.backbones.base import Backbone
from aepose.models.backbones.blocks import ConvBN
from aepose.models.initialization import init_kaiming
from aepose.models.specs import FeatureSpec
from aepose.registry import MODELS

# Table 2 of the paper, one row per stage: expansion, channels, blocks, stride of the first block.
STAGES = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
    (6, 320, 1, 1),
)
STEM_CHANNELS = 32
LAST_CHANNELS = 1280


def scale_channels(channels: int, width: float) -> int:
    """Return ``channels * width`` rounded to a multiple of 8, by at most a tenth downwards."""
    scaled = channels * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


class InvertedResidual(CheckpointedBlock):
    """Widen by a 1x1, filter by a depthwise 3x3, narrow by a linear 1x1 convolution.

    (N, inputs, H, W) -> (N, outputs, H / stride, W / stride); a shortcut where the shape stays.
    An expansion of 1 has no widening convolution.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        widen = [] if expansion == 1 else [ConvBN(inputs, hidden, 1, activation=nn.ReLU6)]
        self.conv = nn.Sequential(
            *widen,
            ConvBN(hidden, hidden, 3, stride, groups=hidden, activation=nn.ReLU6),
            ConvBN(hidden, outputs, 1, activation=None),
        )
        self.shortcut = stride == 1 and inputs == outputs

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        """Return convolutions(x), plus x where the shape stays."""
        return x + self.conv(x) if self.shortcut else self.conv(x)


@MODELS.register_module()
class MobileNetV2(Backbone):
    """MobileNetV2 without its classifier.

    width: factor of all channels but, below 1, the last ones

    (N, 3, H, W) normalised images -> [(N, 1280 * max(1, width), H/32, W/32)]; H and W are
    multiples of 32.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        if not width > 0:
            raise ConfigError(f"model.backbone.width = {width!r}: give a positive number")
        inputs = scale_channels(STEM_CHANNELS, width)
        self.conv1 = ConvBN(3, inputs, 3, stride=2, activation=nn.ReLU6)
        for stage, (expansion, channels, blocks, first_stride) in enumerate(STAGES, start=1):
            outputs = scale_channels(channels, width)
            layers = []
            for block in range(blocks):
                stride = first_stride if block == 0 else 1
                layers.append(InvertedResidual(inputs, outputs, stride, expansion))
                inputs = outputs
            setattr(self, f"layer{stage}", nn.Sequential(*layers))
        last = scale_channels(LAST_CHANNELS, max(1.0, width))
        self.conv2 = ConvBN(inputs, last, 1, activation=nn.ReLU6)
        self.out_features = (FeatureSpec(last, stride=32),)
        self.size_multiple = 32
        init_kaiming(self)

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Return the features of the last convolution, in a list of one."""
        x = self.conv1(images)
        for stage in range(1, len(STAGES) + 1):
            x = getattr(self, f"layer{stage}")(x)
        return [self.conv2(x)]
