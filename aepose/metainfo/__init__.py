"""Keypoint sets: names, flip pairs, sigmas, skeleton, colours; known ones, and one's own."""

from aepose.metainfo.base import (
    get_metainfo,
    is_metainfo_file,
    metainfo_files,
    plain_metainfo,
    read_metainfo_file,
    with_files_read,
)
from aepose.metainfo.structure import PERSON, Metainfo, PoseClass

__all__ = ["PERSON", "Metainfo", "PoseClass", "get_metainfo", "is_metainfo_file", "metainfo_files",
           "plain_metainfo", "read_metainfo_file", "with_files_read"]
