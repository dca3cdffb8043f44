"""Networks: backbones, heads, losses and the detector that joins them."""

from aepose.models.associative_embedding import AssociativeEmbedding
from aepose.models.backbones import HourglassAENet, HRNet, MobileNetV2, ResNet
from aepose.models.heads import AEHigherResolutionHead, AEMultiStageHead, AESimpleHead
from aepose.models.losses import PoseLoss

__all__ = [
    "AEHigherResolutionHead",
    "AEMultiStageHead",
    "AESimpleHead",
    "AssociativeEmbedding",
    "HRNet",
    "HourglassAENet",
    "MobileNetV2",
    "PoseLoss",
    "ResNet",
]
