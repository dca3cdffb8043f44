"""The Associative Embedding codec, which alone knows what a heatmap and a tag mean."""

from typing import TYPE_CHECKING

from aepose.lazy import lazily

if TYPE_CHECKING:
    from aepose.codecs.associative_embedding import AssociativeEmbeddingCodec
    from aepose.codecs.geometry import ClassicGeometry, UdpGeometry

__all__, __getattr__, __dir__ = lazily(__name__, {
    "AssociativeEmbeddingCodec": "aepose.codecs.associative_embedding",
    "ClassicGeometry": "aepose.codecs.geometry",
    "UdpGeometry": "aepose.codecs.geometry",
})
