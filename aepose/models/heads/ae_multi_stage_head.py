"""The head of a backbone that predicts by itself, in several stages."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from aepose.errors import ConfigError
from aepose.metainfo import Metainfo
from aepose.models.heads.base import AEHead
from aepose.models.specs import FeatureSpec, OutputSpec
from aepose.registry import MODELS


@MODELS.register_module()
class AEMultiStageHead(AEHead):
    """No layers: the stages of the stacked hourglass are the outputs.

    in_features: the backbone's maps, one per stage; losses: one config per stage, see
        :class:`AEHead`
    tag_per_joint: a tag map for each keypoint, or one for all

    [(N, K + tags, h, w), ...] -> the same
    """

    def __init__(
        self,
        metainfo: Metainfo,
        in_features: Sequence[FeatureSpec],
        losses: Sequence[dict | None],
        tag_per_joint: bool = True,
    ) -> None:
        outputs = [OutputSpec.of(metainfo, feature.stride, tag_per_joint=tag_per_joint)
                   for feature in in_features]
        given = [feature.channels for feature in in_features]
        if given != [output.channels for output in outputs]:
            raise ConfigError(
                f"model.keypoint_head: {outputs[0].heatmaps} heatmaps and {outputs[0].tags} tag "
                f"map(s) make {outputs[0].channels} channels, but the backbone's stages have "
                f"{given}; it must predict by itself (HourglassAENet), with the same "
                "tag_per_joint as the head"
            )
        super().__init__(outputs, losses)

    def forward(self, features: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Return the backbone's maps."""
        return list(features)
