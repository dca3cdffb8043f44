"""ResNet of bottlenecks.

He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition (CVPR 2016); as in torchvision
the 3x3 convolution of a bottleneck carries its stride. Module names are those of the published
checkpoints, which are torchvision's.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from aepose.errors import ConfigError
from aepose.models.backbones.base import Backbone
from aepose.models.backbones.blocks import Bottleneck, conv_bn
from aepose.models.initialization import init_kaiming
from aepose.models.specs import FeatureSpec
from aepose.registry import MODELS

# Bottlenecks in each of the four stages.
STAGE_BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


@MODELS.register_module()
class ResNet(Backbone):
    """ResNet without its classifier.

    depth: 50, 101 or 152 layers

    (N, 3, H, W) normalised images -> [(N, 2048, H/32, W/32)]; H and W are multiples of 32.
    """

    def __init__(self, depth: int = 50) -> None:
        super().__init__()
        if depth not in STAGE_BLOCKS:
            raise ConfigError(f"model.backbone.depth = {depth!r}: ResNet has a depth of "
                              + ", ".join(map(str, STAGE_BLOCKS)))
        self.conv1, self.bn1 = conv_bn(3, 64, 7, stride=2)
        inputs = 64
        for stage, blocks in enumerate(STAGE_BLOCKS[depth]):
            channels = 64 * 2**stage
            layers = []
            for block in range(blocks):
                layers.append(Bottleneck(inputs, channels, 2 if stage and block == 0 else 1))
                inputs = channels * Bottleneck.expansion
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.out_features = (FeatureSpec(inputs, stride=32),)
        self.size_multiple = 32
        init_kaiming(self)

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Return the features of the last stage, in a list of one."""
        x = torch.relu_(self.bn1(self.conv1(images)))
        x = F.max_pool2d(x, 3, stride=2, padding=1)
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
        return [x]
