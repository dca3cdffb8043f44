"""The head of HigherHRNet: outputs at the features' resolution and at twice that.

Cheng, Xiao, Wang, Shi, Huang, Zhang: HigherHRNet: Scale-Aware Representation Learning for Bottom-Up
Human Pose Estimation (CVPR 2020). Module names are those of the published checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from aepose.errors import ConfigError
from aepose.metainfo import Metainfo
from aepose.models.backbones.blocks import BasicBlock, deconv_bn
from aepose.models.heads.base import AEHead
from aepose.models.initialization import init_normal
from aepose.models.specs import FeatureSpec, KeypointAxis, OutputSpec
from aepose.ranges import Count, DepthOrNone
from aepose.registry import MODELS


@MODELS.register_module()
class AEHigherResolutionHead(AEHead):
    """One output from the backbone's first feature map, one more from each doubling of its size.

    in_features: the backbone's maps
    losses: one config per output, 1 + num_deconv_layers of them, see :class:`AEHead`
    tag_per_joint: a tag map for each keypoint, or one for all
    tag_outputs: indices of the outputs that have tags; as published the first alone
    final_kernel: side of the convolution behind each output
    num_deconv_layers: transposed convolutions, each of which doubles the size
    num_deconv_filters: channels behind each of them; None for those of the features
    num_basic_blocks: residual blocks behind each of them
    cat_output: let a transposed convolution see the output before it, besides the features
    scales: give each output scales, which :class:`~aepose.models.losses.SWAHRLoss` trains; they are
        no part of what a transposed convolution sees

    [(N, C, h, w), ...] -> [(N, K + tags, h, w), (N, K, 2h, 2w), ...], each with K scales behind
    where ``scales`` is on

    Raises ConfigError for a ``tag_outputs`` that names no output.
    """

    def __init__(
        self,
        metainfo: Metainfo,
        in_features: Sequence[FeatureSpec],
        losses: Sequence[dict | None],
        tag_per_joint: bool = True,
        tag_outputs: Sequence[int] = (0,),
        final_kernel: Count = 1,
        num_deconv_layers: DepthOrNone = 1,
        num_deconv_filters: Count | None = None,
        num_basic_blocks: DepthOrNone = 4,
        cat_output: bool = True,
        scales: bool = False,
    ) -> None:
        number, (first, *_) = 1 + num_deconv_layers, in_features
        if not isinstance(tag_outputs, (list, tuple)) or not all(
                type(index) is int and 0 <= index < number for index in tag_outputs):
            raise ConfigError(f"model.keypoint_head.tag_outputs = {tag_outputs!r}: give a list of "
                              f"indices from 0 to {number - 1}")
        super().__init__([OutputSpec.of(metainfo, first.stride // 2**i, i in tag_outputs,
                                        tag_per_joint, scales) for i in range(number)], losses)
        filters = first.channels if num_deconv_filters is None else num_deconv_filters
        channels = [first.channels, *[filters] * num_deconv_layers]
        self.cat_output = cat_output
        self.final_layers = nn.ModuleList(
            nn.Conv2d(c, output.channels, final_kernel, padding=final_kernel // 2)
            for c, output in zip(channels, self.outputs, strict=True)
        )
        self.deconv_layers = nn.ModuleList()
        for index in range(num_deconv_layers):
            inputs = channels[index] + (self.outputs[index].channels if cat_output else 0)
            deconv = nn.Sequential(*deconv_bn(inputs, filters))
            init_normal(deconv)
            blocks = (nn.Sequential(BasicBlock(filters)) for _ in range(num_basic_blocks))
            self.deconv_layers.append(nn.Sequential(deconv, *blocks))
        # The residual blocks are left as PyTorch starts them.
        init_normal(self.final_layers)
        self._add_scale_branches(channels)

    def keypoint_axes(self) -> dict[str, KeypointAxis]:
        """Return where the channels of each output are, and what reads them to double the size."""
        axes = super().keypoint_axes()
        for index, (final, output) in enumerate(zip(self.final_layers, self.outputs, strict=True)):
            for part in ("weight", "bias"):
                axes[f"final_layers.{index}.{part}"] = KeypointAxis.of(output)
            if self.cat_output and index < len(self.deconv_layers):
                # Of a transposed convolution the inputs come first.
                axes[f"deconv_layers.{index}.0.0.weight"] = KeypointAxis.of(
                    output, before=final.in_channels)
        return axes

    def forward(self, features: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Return the output maps, lowest resolution first."""
        x = features[0]
        maps = self.final_layers[0](x)
        outputs = [self._with_scales(0, maps, x)]
        for deconv, final in zip(self.deconv_layers, self.final_layers[1:], strict=True):
            if self.cat_output:
                x = torch.cat([x, maps], dim=1)
            for layer in deconv:  # unlike a call of all, lets go of each one's input
                x = layer(x)
            maps = final(x)
            outputs.append(self._with_scales(len(outputs), maps, x))
        return outputs
