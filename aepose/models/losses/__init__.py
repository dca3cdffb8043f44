"""Losses for heatmaps and tags."""

from aepose.models.losses.pose_loss import STATISTICS, PoseLoss

__all__ = ["STATISTICS", "PoseLoss"]
