"""Backbones: images to features; one file per architecture."""

from __future__ import annotations

from typing import Any

from aepose.errors import ConfigError, nearest
from aepose.metainfo import Metainfo, get_metainfo
from aepose.models.backbones.base import Backbone
from aepose.models.backbones.hourglass_ae import HourglassAENet
from aepose.models.backbones.hrnet import HRNet
from aepose.models.backbones.mobilenet_v2 import MobileNetV2
from aepose.models.backbones.resnet import ResNet
from aepose.models.backbones.timm import Timm
from aepose.registry import MODELS, build

__all__ = ["Backbone", "HRNet", "HourglassAENet", "MobileNetV2", "ResNet", "Timm",
           "create_backbone"]


def create_backbone(
    name: str, /, metainfo: str | Metainfo | None = None, **options: Any
) -> Backbone:
    """Return a backbone by itself, without detector, codec and losses, with freshly drawn weights.

    name: of a registered backbone, such as 'HRNet'; options: its arguments
    metainfo: the keypoint set, or its name; only a backbone that predicts keypoints itself
        (HourglassAENet) needs it

    Raises ConfigError for an unknown name, an unknown or a missing option.

    >>> create_backbone('ResNet', depth=50).out_features
    (FeatureSpec(channels=2048, stride=32),)
    """
    found = MODELS.get(name)
    if not (isinstance(found, type) and issubclass(found, Backbone)):
        known = [n for n, cls in MODELS.module_dict.items()
                 if isinstance(cls, type) and issubclass(cls, Backbone)]
        raise ConfigError(f"backbone {name!r} is unknown" + nearest(name, known))
    if not isinstance(metainfo, Metainfo | None):
        metainfo = get_metainfo(metainfo)
    context = {} if metainfo is None else {"metainfo": metainfo}
    return build(MODELS, {"type": name, **options}, "backbone", **context)
