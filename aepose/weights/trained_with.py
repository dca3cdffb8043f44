"""Say where a config differs from the one that weights were trained with, though they fit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aepose.codecs import AssociativeEmbeddingCodec
from aepose.errors import AeposeError, warn_once
from aepose.metainfo import Metainfo, get_metainfo, is_metainfo_file

# Of the codec, what a network has learnt; the rest is how its maps are read.
_LEARNT = ("input_size", "map_strides", "sigma", "convention")


def warn_of_differences(meta: Mapping[str, Any], config: Mapping[str, Any],
                        source: str | Path) -> None:
    """Warn, in a line each, of what ``config`` says otherwise than the one in a checkpoint.

    meta: of the checkpoint ``source``, which comes from whoever made it; one that says nothing that
        can be read differs in nothing
    """
    try:
        stored = json.loads(meta["aepose_config"])
        lines = differences(stored, config)
    except (AeposeError, KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return
    for line in lines:
        warn_once(f"checkpoint {source}: {line}")


def differences(stored: Mapping[str, Any], config: Mapping[str, Any]) -> list[str]:
    """Return a line for each thing that changes what the network's maps mean.

    >>> differences({'metainfo': 'coco', 'codec': {'sigma': 2}}, {'metainfo': 'coco', 'codec':
    ...     {'sigma': 1}})
    ['trained with codec.sigma = 2, which is 1 now']
    """
    pairs = {name: tuple(_plain((given.get("codec") or {}).get(name, _default(name)))
                         for given in (stored, config)) for name in _LEARNT}
    lines = [f"trained with codec.{name} = {before}, which is {now} now"
             for name, (before, now) in pairs.items()
             if _meaning(name, before) != _meaning(name, now)]
    if is_metainfo_file(stored.get("metainfo")):  # a checkpoint does not say what is read
        return lines
    before, now = get_metainfo(stored["metainfo"]), get_metainfo(config["metainfo"])
    return lines + _differing_keypoints(before, now)


def _differing_keypoints(before: Metainfo, now: Metainfo) -> list[str]:
    if before.num_keypoints != now.num_keypoints:
        return [f"trained on the {before.num_keypoints} keypoints of '{before.name}', which are "
                f"the {now.num_keypoints} of '{now.name}' now"]
    renamed = [f"{old} is now {new}" for old, new in zip(
        before.keypoint_names, now.keypoint_names, strict=True) if old != new]
    if renamed:
        return [f"trained on the keypoints of '{before.name}', not those of '{now.name}': "
                + ", ".join(renamed[:6]) + (f", … ({len(renamed)})" if len(renamed) > 6 else "")]
    if (before.flip_index != now.flip_index).any():
        return [f"trained with the flip pairs of '{before.name}', which are others in '{now.name}'"]
    return []


def _default(name: str) -> Any:
    return getattr(AssociativeEmbeddingCodec, name, None)


def _meaning(name: str, value: Any) -> Any:
    square = name == "input_size" and isinstance(value, int)
    return [value, value] if square else value


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, (list, tuple)) else value
