"""Backbones: pictures to features; one file per architecture."""

from aepose.models.backbones.hourglass_ae import HourglassAENet
from aepose.models.backbones.hrnet import HRNet
from aepose.models.backbones.mobilenet_v2 import MobileNetV2
from aepose.models.backbones.resnet import ResNet

__all__ = ["HRNet", "HourglassAENet", "MobileNetV2", "ResNet"]
