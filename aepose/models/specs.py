"""Declarations of what backbones and heads give: channels, strides, heatmaps, tags and scales."""

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
    """An output of a head: heatmaps, tag maps, scale maps, in this order along the channels.

    stride: pixels of the input per cell
    heatmaps: K, or 0 for an output without
    tags: K, 1 for one tag map that all keypoints share, or 0 for an output without
    scales: K, or 0 for an output without; a training alone reads them, see
        :class:`~aepose.models.losses.SWAHRLoss`
    """

    stride: int
    heatmaps: int
    tags: int
    scales: int = 0

    @classmethod
    def of(
        cls, metainfo: Metainfo, stride: int, with_tags: bool = True, tag_per_joint: bool = True,
        with_scales: bool = False,
    ) -> OutputSpec:
        """Return the output with heatmaps, and with tags and scales or not, of a keypoint set."""
        keypoints = metainfo.num_keypoints
        tags = (keypoints if tag_per_joint else 1) if with_tags else 0
        return cls(stride, keypoints, tags, keypoints if with_scales else 0)

    @property
    def channels(self) -> int:
        """Heatmaps and tag maps: what a test reads."""
        return self.heatmaps + self.tags


@dataclass(frozen=True)
class KeypointAxis:
    """Where a weight has channels that belong to keypoints.

    axis: of the weight; before: channels in front of them that belong to none
    blocks: how many channels follow on each other for heatmaps, tags or scales: K, one for each
        keypoint, or 1 that all share
    """

    axis: int
    blocks: tuple[int, ...]
    before: int = 0

    @classmethod
    def of(cls, output: OutputSpec, axis: int = 0, before: int = 0) -> KeypointAxis:
        """Return where the heatmaps and tags of an output are."""
        blocks = tuple(count for count in (output.heatmaps, output.tags) if count)
        return cls(axis, blocks, before)
