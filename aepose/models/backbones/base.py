"""Base class of backbones, which declare their features and the input size they need."""

from __future__ import annotations

from torch import nn

from aepose.models.specs import FeatureSpec, KeypointAxis


class Backbone(nn.Module):
    """Base of backbones.

    A subclass gives ``forward(images) -> list of maps``, one for each of ``out_features``, of
    normalised images (N, 3, H, W), and sets in its constructor:

    out_features: its feature maps, in order
    size_multiple: H and W must be multiples of it

    pretrained: whether a training starts from weights that those who made the network publish;
        only :class:`~aepose.models.backbones.timm.Timm` knows of such
    """

    out_features: tuple[FeatureSpec, ...]
    size_multiple: int
    pretrained: bool = False

    @property
    def float32_layers(self) -> nn.ModuleList:
        """Layers that compute in float32 under autocast, too."""
        return nn.ModuleList()

    def keypoint_axes(self) -> dict[str, KeypointAxis]:
        """Return which weights have channels of keypoints, by name: of most backbones none."""
        return {}
