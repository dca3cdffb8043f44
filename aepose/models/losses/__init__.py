"""Losses for heatmaps and tags."""

from aepose.models.losses.pose_loss import STATISTICS, PoseLoss
from aepose.models.losses.swahr_loss import SWAHRLoss

__all__ = ["STATISTICS", "PoseLoss", "SWAHRLoss"]
