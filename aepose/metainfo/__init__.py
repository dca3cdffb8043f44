"""Keypoint sets: names, flip pairs, sigmas, skeleton, colours; known ones, and one's own."""

from aepose.metainfo.base import Metainfo, get_metainfo
from aepose.metainfo.own import is_metainfo_file, read_metainfo_file

__all__ = ["Metainfo", "get_metainfo", "is_metainfo_file", "read_metainfo_file"]
