"""A head with one output: heatmaps and tags from one convolution."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from aepose.errors import ConfigError
from aepose.metainfo import Metainfo
from aepose.models.heads.base import AEHead
from aepose.models.initialise import initialise_head
from aepose.registry import MODELS


@MODELS.register_module()
class AESimpleHead(AEHead):
    """One convolution on the backbone's first feature map.

    in_channels: channels of the backbone's maps; losses: one config, see :class:`AEHead`
    final_kernel: side of the convolution

    [(N, in_channels[0], h, w), ...] -> [(N, K + tags, h, w)]
    """

    def __init__(
        self,
        metainfo: Metainfo,
        in_channels: Sequence[int],
        losses: Sequence[dict],
        tag_per_joint: bool = True,
        final_kernel: int = 1,
    ) -> None:
        if len(losses) != 1:
            raise ConfigError(f"AESimpleHead has one output, so it takes 1 loss, not {len(losses)}")
        super().__init__(metainfo, losses, tag_per_joint)
        self.final_layer = nn.Conv2d(
            in_channels[0], self.output_channels(0), final_kernel, padding=final_kernel // 2
        )
        initialise_head(self)

    def forward(self, features: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Return the one output map."""
        return [self.final_layer(features[0])]
