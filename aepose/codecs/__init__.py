"""The Associative Embedding codec, which alone knows what a heatmap and a tag mean."""

from aepose.codecs.associative_embedding import AssociativeEmbeddingCodec
from aepose.codecs.geometry import ClassicGeometry, UdpGeometry

__all__ = ["AssociativeEmbeddingCodec", "ClassicGeometry", "UdpGeometry"]
