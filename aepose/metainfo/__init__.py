"""What a data set says about its keypoints: names, flip pairs, sigmas, skeleton, colours."""

from aepose.metainfo.base import Metainfo, get_metainfo

__all__ = ["Metainfo", "get_metainfo"]
