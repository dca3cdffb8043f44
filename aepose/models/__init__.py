"""Networks: backbones, heads, losses and the detector that joins them."""

from aepose.models.associative_embedding import AssociativeEmbedding
from aepose.models.backbones import HRNet
from aepose.models.heads import AESimpleHead
from aepose.models.losses import PoseLoss

__all__ = ["AESimpleHead", "AssociativeEmbedding", "HRNet", "PoseLoss"]
