"""Declarations of what backbones and heads give: channels, strides, heatmaps and tags."""

from __future__ import annotations

from dataclasses import dataclass

from aepose.metainfo import Metainfo


@dataclass(frozen=True)
class FeatureSpec:
    """A feature map of a backbone: (N, channels, H / stride, W / stride) of (N, 3, H, W)."""

    channels: int
    stride: int


@dataclass(frozen=True)
class OutputSpec:
    """An output of a head: heatmaps, then tag maps, along the channels, at 1 / stride of the input.

    heatmaps: K, or 0 for an output without
    tags: K, 1 for one tag map that all keypoints share, or 0 for an output without
    """

    stride: int
    heatmaps: int
    tags: int

    @classmethod
    def of(
        cls, metainfo: Metainfo, stride: int, with_tags: bool = True, tag_per_joint: bool = True
    ) -> OutputSpec:
        """Return the output with heatmaps, and with tags or not, of a keypoint set."""
        keypoints = metainfo.num_keypoints
        tags = (keypoints if tag_per_joint else 1) if with_tags else 0
        return cls(stride, keypoints, tags)

    @property
    def channels(self) -> int:
        """Heatmaps and tag maps."""
        return self.heatmaps + self.tags
