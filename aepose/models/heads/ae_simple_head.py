"""A head with one output: heatmaps and tags from one convolution."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from aepose.metainfo import Metainfo
from aepose.models.backbones.blocks import deconv_bn
from aepose.models.heads.base import AEHead
from aepose.models.initialization import init_normal
from aepose.models.specs import FeatureSpec, KeypointAxis, OutputSpec
from aepose.ranges import Count, DepthOrNone
from aepose.registry import MODELS


@MODELS.register_module()
class AESimpleHead(AEHead):
    """Transposed convolutions on the backbone's first feature map, then one convolution.

    Xiao, Wu, Wei: Simple Baselines for Human Pose Estimation and Tracking (ECCV 2018).

    in_features: the backbone's maps; losses: one config, see :class:`AEHead`
    tag_per_joint: a tag map for each keypoint, or one for all
    final_kernel: side of the last convolution
    num_deconv_layers: transposed convolutions, each of which doubles the size; 3 bring features at
        1/32 to 1/4 of the input
    deconv_channels: their output channels
    scales: give the output scales, which :class:`~aepose.models.losses.SWAHRLoss` trains

    [(N, C, h, w), ...] -> [(N, K + tags, h * 2^d, w * 2^d)], d = num_deconv_layers, with K scales
    behind where ``scales`` is on
    """

    def __init__(
        self,
        metainfo: Metainfo,
        in_features: Sequence[FeatureSpec],
        losses: Sequence[dict | None],
        tag_per_joint: bool = True,
        final_kernel: Count = 1,
        num_deconv_layers: DepthOrNone = 0,
        deconv_channels: Count = 256,
        scales: bool = False,
    ) -> None:
        stride = in_features[0].stride // 2**num_deconv_layers
        output = OutputSpec.of(metainfo, stride, tag_per_joint=tag_per_joint, with_scales=scales)
        super().__init__([output], losses)
        channels = in_features[0].channels
        layers: list[nn.Module] = []
        for _ in range(num_deconv_layers):
            layers += deconv_bn(channels, deconv_channels)
            channels = deconv_channels
        self.deconv_layers = nn.Sequential(*layers)
        self.final_layer = nn.Conv2d(
            channels, output.channels, final_kernel, padding=final_kernel // 2
        )
        init_normal(self)
        self._add_scale_branches([channels])

    def keypoint_axes(self) -> dict[str, KeypointAxis]:
        """Return where the channels of the output are."""
        axis = KeypointAxis.of(self.outputs[0])
        return {"final_layer.weight": axis, "final_layer.bias": axis, **super().keypoint_axes()}

    def forward(self, features: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Return the one output map."""
        x = self.deconv_layers(features[0])
        return [self._with_scales(0, self.final_layer(x), x)]
