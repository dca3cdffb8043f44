"""Look up a keypoint set by name, file or dict."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aepose.errors import ConfigError, nearest
from aepose.metainfo.own import is_metainfo_file, make_metainfo, read_metainfo_file
from aepose.metainfo.structure import Metainfo

_NO_SETS = {"base", "own", "structure"}  # modules of this package that hold no set


def get_metainfo(source: str | Path | Mapping[str, Any] | Metainfo) -> Metainfo:
    """Return a keypoint set.

    source: the name of a known one, such as ``'coco'``; a file (``.json``) or a dict of one's own,
        see :func:`~aepose.metainfo.own.make_metainfo`; or the set itself

    Raises ConfigError, naming the nearest known set, for an unknown name, and for a file or a dict
    that does not describe a set.
    """
    if isinstance(source, Metainfo):
        return source
    if isinstance(source, Mapping):
        return make_metainfo(source)
    if is_metainfo_file(source):
        return make_metainfo(read_metainfo_file(source))
    modules = pkgutil.iter_modules([str(Path(__file__).parent)])
    known = [module.name for module in modules if module.name not in _NO_SETS]
    if source not in known:
        raise ConfigError(f"metainfo = {source!r} is not a known keypoint set"
                          + nearest(str(source), known) + "; a file of one's own ends in .json")
    return importlib.import_module(f"aepose.metainfo.{source}").METAINFO
