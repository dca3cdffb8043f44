"""Networks: backbones, heads, losses and the detector that joins them."""

from aepose.models.associative_embedding import AssociativeEmbedding
from aepose.models.backbones import (
    Backbone,
    HourglassAENet,
    HRNet,
    MobileNetV2,
    ResNet,
    Timm,
    create_backbone,
)
from aepose.models.heads import AEHead, AEHigherResolutionHead, AEMultiStageHead, AESimpleHead
from aepose.models.losses import PoseLoss, SWAHRLoss
from aepose.models.specs import FeatureSpec, OutputSpec

__all__ = [
    "AEHead",
    "AEHigherResolutionHead",
    "AEMultiStageHead",
    "AESimpleHead",
    "AssociativeEmbedding",
    "Backbone",
    "FeatureSpec",
    "HRNet",
    "HourglassAENet",
    "MobileNetV2",
    "OutputSpec",
    "PoseLoss",
    "ResNet",
    "SWAHRLoss",
    "Timm",
    "create_backbone",
]
