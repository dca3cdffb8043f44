"""aepose: bottom-up human pose estimation with Associative Embedding."""

from aepose.version import __version__

__all__ = ["__version__"]
