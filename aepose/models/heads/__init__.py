"""Heads: features to heatmaps and tags."""

from aepose.models.heads.ae_higher_resolution_head import AEHigherResolutionHead
from aepose.models.heads.ae_multi_stage_head import AEMultiStageHead
from aepose.models.heads.ae_simple_head import AESimpleHead
from aepose.models.heads.base import AEHead

__all__ = ["AEHead", "AEHigherResolutionHead", "AEMultiStageHead", "AESimpleHead"]
