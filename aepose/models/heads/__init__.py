"""Heads: features to heatmaps and tags."""

from aepose.models.heads.ae_simple_head import AESimpleHead

__all__ = ["AESimpleHead"]
