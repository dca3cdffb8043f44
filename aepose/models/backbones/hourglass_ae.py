"""Stacked hourglasses that predict heatmaps and tags at the end of each.

Newell, Huang, Deng: Associative Embedding (NIPS 2017): hourglasses of plain 3x3 convolutions that
grow wider on the way down, unlike the residual ones of Newell, Yang, Deng: Stacked Hourglass
Networks for Human Pose Estimation (ECCV 2016). Module names are those of the published checkpoint.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from aepose.errors import ConfigError
from aepose.metainfo import Metainfo
from aepose.models.activation_checkpointing import CheckpointedBlock
from aepose.models.backbones.base import Backbone
from aepose.models.backbones.blocks import ConvBN
from aepose.models.initialization import init_normal
from aepose.models.specs import FeatureSpec, KeypointAxis, OutputSpec
from aepose.precision import at_least_float32
from aepose.ranges import Count, Depth
from aepose.registry import MODELS


class Hourglass(CheckpointedBlock):
    """One level of an hourglass, with all lower ones inside.

    channels: of this level and of each lower one, which has half the resolution

    (N, channels[0], H, W) -> the same shape; H and W are multiples of 2^(levels - 1).
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        here, below, *_ = channels
        self.up1 = ConvBN(here, here, 3)
        self.low1 = ConvBN(here, below, 3)
        self.low2 = Hourglass(channels[1:]) if len(channels) > 2 else ConvBN(below, below, 3)
        self.low3 = ConvBN(below, here, 3)

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        """Return the sum of this level's and the lower levels' features."""
        low = self.low3(self.low2(self.low1(F.max_pool2d(x, 2))))
        return self.up1(x) + F.interpolate(low, scale_factor=2, mode="nearest")


@MODELS.register_module()
class HourglassAENet(Backbone):
    """The stacked hourglass; its final convolutions are part of it, as each feeds the next stack.

    metainfo, tag_per_joint: make C, the channels of an output: K heatmaps and K tag maps, or one
    stage_channels: channels at a quarter of the input and at each halving after it
    feat_channels: channels behind each hourglass

    (N, 3, H, W) normalised images -> num_stacks maps (N, C, H/4, W/4), float32; H and W are
    multiples of 4 * 2^(len(stage_channels) - 1).
    """

    def __init__(
        self,
        metainfo: Metainfo,
        num_stacks: Depth = 4,
        tag_per_joint: bool = True,
        stage_channels: Sequence[Count] = (256, 384, 512, 640, 768),
        feat_channels: Count = 256,
    ) -> None:
        super().__init__()
        if num_stacks < 1:
            raise ConfigError(f"model.backbone.num_stacks = {num_stacks!r}: give at least 1")
        if len(stage_channels) < 2:
            raise ConfigError(f"model.backbone.stage_channels = {stage_channels!r}: give at least "
                              "two numbers, one per resolution")
        self._output = OutputSpec.of(metainfo, 4, tag_per_joint=tag_per_joint)
        outputs = self._output.channels
        first = stage_channels[0]
        self.out_features = (FeatureSpec(outputs, stride=4),) * num_stacks
        self.size_multiple = 4 * 2 ** (len(stage_channels) - 1)
        self.stem = nn.Sequential(
            ConvBN(3, 64, 7, stride=2), ConvBN(64, 128, 3), nn.MaxPool2d(2),
            ConvBN(128, 128, 3), ConvBN(128, first, 3),
        )
        self.hourglass_modules = nn.ModuleList(
            nn.Sequential(
                Hourglass(stage_channels), ConvBN(first, feat_channels, 3),
                ConvBN(feat_channels, feat_channels, 3),
            )
            for _ in range(num_stacks)
        )
        self.out_convs = nn.ModuleList(
            nn.Sequential(OrderedDict(conv=nn.Conv2d(feat_channels, outputs, 1)))
            for _ in range(num_stacks)
        )
        self.remap_out_convs = nn.ModuleList(
            ConvBN(outputs, first, 1, activation=None) for _ in range(num_stacks - 1)
        )
        self.remap_feature_convs = nn.ModuleList(
            ConvBN(feat_channels, first, 1, activation=None) for _ in range(num_stacks - 1)
        )
        init_normal(self)

    @property
    def float32_layers(self) -> nn.ModuleList:
        """The predictions of each stack."""
        return self.out_convs

    def keypoint_axes(self) -> dict[str, KeypointAxis]:
        """Return where the predictions of each stack are, and what feeds them to the next."""
        out, remap = KeypointAxis.of(self._output), KeypointAxis.of(self._output, axis=1)
        return {
            **{f"out_convs.{i}.conv.{part}": out for i in range(len(self.out_convs))
               for part in ("weight", "bias")},
            **{f"remap_out_convs.{i}.conv.weight": remap
               for i in range(len(self.remap_out_convs))},
        }

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Return each stack's heatmaps and tags."""
        x = self.stem(images)
        outputs = []
        for stack, (hourglass, out_conv) in enumerate(
            zip(self.hourglass_modules, self.out_convs, strict=True)
        ):
            features = hourglass(x)
            # Tags are compared with each other: half precision would be too coarse for them.
            with torch.autocast(features.device.type, enabled=False):
                outputs.append(out_conv(at_least_float32(features)))
            if stack < len(self.remap_out_convs):
                x = (x + self.remap_out_convs[stack](outputs[-1])
                     + self.remap_feature_convs[stack](features))
        return outputs
