"""Backbones: pictures to features; one file per architecture."""

from aepose.models.backbones.hrnet import HRNet

__all__ = ["HRNet"]
