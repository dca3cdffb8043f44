"""What all Associative Embedding heads share: their outputs' layout and their losses."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from aepose.errors import ConfigError
from aepose.metainfo import Metainfo
from aepose.models.losses import PoseLoss
from aepose.registry import MODELS, build
from aepose.structures import HeadOutput, MapTargets


class AEHead(nn.Module):
    """Base of heads; a subclass gives ``forward(features) -> list of maps``.

    losses: one config per output, lowest resolution first. Output i is the channel concatenation
        of K heatmaps and, where its loss has push and pull, K tag maps (one without
        ``tag_per_joint``).
    """

    def __init__(
        self, metainfo: Metainfo, losses: Sequence[dict], tag_per_joint: bool = True
    ) -> None:
        super().__init__()
        self.num_keypoints = metainfo.num_keypoints
        self.num_tags = metainfo.num_keypoints if tag_per_joint else 1
        self.losses: list[PoseLoss] = [
            build(MODELS, cfg, f"model.keypoint_head.losses.{i}") for i, cfg in enumerate(losses)
        ]

    def output_channels(self, index: int) -> int:
        """Channels of output ``index``."""
        return self.num_keypoints + (self.num_tags if self.losses[index].with_tags else 0)

    def split(self, maps: Sequence[torch.Tensor]) -> list[HeadOutput]:
        """Split the raw maps into heatmaps and tags."""
        outputs = []
        for m in maps:
            tags = m[:, self.num_keypoints:]
            outputs.append(HeadOutput(m[:, : self.num_keypoints], tags if tags.shape[1] else None))
        return outputs

    def loss(
        self, maps: Sequence[torch.Tensor], targets: Sequence[MapTargets]
    ) -> dict[str, torch.Tensor]:
        """Return each loss averaged over the batch and summed over outputs, times its factor.

        An output is compared with the targets of its own resolution; raises ConfigError if there
        are none.
        """
        by_size = {t.heatmaps.shape[-2:]: t for t in targets}
        total: dict[str, torch.Tensor] = {}
        for output, loss in zip(self.split(maps), self.losses, strict=True):
            size = output.heatmaps.shape[-2:]
            if size not in by_size:
                raise ConfigError(
                    f"the head gives maps of {tuple(size)}, but codec.map_strides gives targets of "
                    f"{[tuple(s) for s in by_size]}; set codec.map_strides to fit the network"
                )
            for name, value in loss(output, by_size[size]).items():
                total[name] = total.get(name, 0) + value.mean()
        return total
