"""Look up a keypoint set by name, file or dict."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aepose.errors import ConfigError, nearest
from aepose.metainfo.classes import JoinedMetainfo, check_classes, join_classes
from aepose.metainfo.own import make_metainfo, read_commented_json
from aepose.metainfo.structure import Metainfo

_NO_SETS = {"base", "classes", "own", "pairs", "structure"}  # modules that hold no set


def get_metainfo(source: str | Path | Mapping[str, Any] | Metainfo) -> Metainfo:
    """Return a keypoint set.

    source: the name of a known one, such as ``'coco'``; a file (``.json``) or a dict of one's own,
        see :func:`~aepose.metainfo.own.make_metainfo`; of several classes a dict or a file with
        ``name`` and ``classes``, a source by the name of each; or the set itself

    Raises ConfigError, naming the nearest known set, for an unknown name, and for a file or a dict
    that does not describe a set.
    """
    if isinstance(source, Metainfo):
        return source
    if is_metainfo_file(source):
        source = read_metainfo_file(source)
    if isinstance(source, Mapping):
        if "classes" not in source:
            return make_metainfo(source)
        check_classes(source)
        return join_classes(source["name"], {
            name: _get_member(name, own) for name, own in source["classes"].items()})
    modules = pkgutil.iter_modules([str(Path(__file__).parent)])
    known = [module.name for module in modules if module.name not in _NO_SETS]
    if source not in known:
        raise ConfigError(f"metainfo = {source!r} is not a known keypoint set"
                          + nearest(str(source), known) + "; a file of one's own ends in .json")
    return importlib.import_module(f"aepose.metainfo.{source}").METAINFO


def _get_member(name: str, source: Any) -> Metainfo:
    try:
        return get_metainfo(source)
    except ConfigError as error:
        raise ConfigError(f"class '{name}': {error}") from None


def plain_metainfo(metainfo: Metainfo) -> dict[str, Any]:
    """Return plain values that :func:`get_metainfo` makes the same set of."""
    if isinstance(metainfo, JoinedMetainfo):
        return {"name": metainfo.name,
                "classes": {name: plain_metainfo(own) for name, own in metainfo.members}}
    return asdict(metainfo)


def is_metainfo_file(metainfo: Any) -> bool:
    """Return whether what a config gives as ``metainfo`` is the name of a file."""
    return isinstance(metainfo, (str, Path)) and str(metainfo).lower().endswith(".json")


def metainfo_files(metainfo: Any) -> Iterator[str]:
    """Yield the files that a config's ``metainfo`` names, also for a class."""
    if is_metainfo_file(metainfo):
        yield str(metainfo)
    elif isinstance(metainfo, Mapping) and isinstance(metainfo.get("classes"), Mapping):
        for own in metainfo["classes"].values():
            yield from metainfo_files(own)


def read_metainfo_file(path: str | Path) -> dict[str, Any]:
    """Return the content of a metainfo file, checked; see :func:`get_metainfo`.

    Files that it names for its classes stand beside it; their content takes their place. Raises
    ConfigError that names the file.
    """
    content = read_commented_json(path, "metainfo file", "name, keypoint_names, …")
    content = with_files_read(content, Path(path).parent)
    try:
        get_metainfo(content)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    return content


def with_files_read(metainfo: Any, folder: Path) -> Any:
    """Return what a config gives as ``metainfo``, with the content of files for their names.

    folder: where names of files begin
    """
    if is_metainfo_file(metainfo):
        return read_metainfo_file(folder / metainfo)
    if isinstance(metainfo, Mapping) and isinstance(metainfo.get("classes"), Mapping):
        return {**metainfo, "classes": {name: with_files_read(own, folder)
                                        for name, own in metainfo["classes"].items()}}
    return metainfo
