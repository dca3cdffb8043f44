"""The head of a backbone that predicts by itself, in several stages."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from aepose.errors import ConfigError
from aepose.metainfo import Metainfo
from aepose.models.heads.base import AEHead
from aepose.registry import MODELS


@MODELS.register_module()
class AEMultiStageHead(AEHead):
    """No layers: the stages of the stacked hourglass are the outputs.

    in_channels: channels of the backbone's maps, one per stage; losses: one config per stage, see
        :class:`AEHead`. Where a stage has no push and pull its tag maps are there, but unused.

    [(N, K + tags, h, w), ...] -> the same
    """

    def __init__(
        self,
        metainfo: Metainfo,
        in_channels: Sequence[int],
        losses: Sequence[dict],
        tag_per_joint: bool = True,
    ) -> None:
        super().__init__(metainfo, losses, tag_per_joint, num_outputs=len(in_channels))
        expected = self.num_keypoints + self.num_tags
        if any(channels != expected for channels in in_channels):
            raise ConfigError(
                f"model.keypoint_head: {self.num_keypoints} heatmaps and {self.num_tags} tag "
                f"map(s) make {expected} channels, but the backbone's stages have "
                f"{list(in_channels)}; it must predict by itself (HourglassAENet), with the same "
                "tag_per_joint as the head"
            )

    def forward(self, features: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Return the backbone's maps."""
        return list(features)
