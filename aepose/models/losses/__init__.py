"""Losses for heatmaps and tags."""

from aepose.models.losses.pose_loss import PoseLoss

__all__ = ["PoseLoss"]
