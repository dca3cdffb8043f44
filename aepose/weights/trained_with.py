"""Say where a config differs from the one that weights were trained with, though they fit."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from aepose.codecs import AssociativeEmbeddingCodec
from aepose.errors import AeposeError, warn_once
from aepose.metainfo import Metainfo, get_metainfo, metainfo_files
from aepose.registry import MODELS, find

# Of the codec, what a network has learnt; the rest is how its maps are read.
_LEARNT = ("input_size", "map_strides", "sigma", "convention")
_KNOWN_LOSSES = ("PoseLoss", "SWAHRLoss")
_SHOWN = 6  # keypoints in a line


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
    before, now = (given.get("codec") or {} for given in (stored, config))
    defaults = {option.name: option.default for option in fields(AssociativeEmbeddingCodec)}
    lines = _differing_options("codec", before, now, _LEARNT, defaults)
    before, now = ((given.get("model") or {}).get("keypoint_head") or {}
                   for given in (stored, config))
    if before and now:
        lines += _differing_head(before, now)
    if any(metainfo_files(stored.get("metainfo"))):  # a checkpoint does not say what is read
        return lines
    before, now = get_metainfo(stored["metainfo"]), get_metainfo(config["metainfo"])
    return lines + _differing_keypoints(before, now)


def _differing_options(key: str, before: Mapping[str, Any], now: Mapping[str, Any],
                       names: Iterable[str], defaults: Mapping[str, Any]) -> list[str]:
    pairs = {name: tuple(_plain(given.get(name, defaults.get(name))) for given in (before, now))
             for name in names}
    return [f"trained with {key}.{name} = {old}, which is {new} now"
            for name, (old, new) in pairs.items() if _meaning(name, old) != _meaning(name, new)]


def _differing_head(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Compare two heads: what they are, and what their losses train."""
    key = "model.keypoint_head"
    lines = _differing_options(key, before, now, ["type"], {})
    if not lines:  # so the class is one that the config of today names, and not a stranger
        known = inspect.signature(find(MODELS, now["type"], key)).parameters
        options = {name: part.default for name, part in known.items()}
        lines = _differing_options(key, before, now, sorted({*before, *now} - {"losses"}), options)
    for index, losses in enumerate(zip(before.get("losses") or (), now.get("losses") or (),
                                       strict=False)):
        old, new = map(_trained_parts, losses)
        lines += [f"trained without a loss for the {part} of output {index}, which "
                  f"{key}.losses.{index} has now" for part in new if part not in old]
    return lines


def _trained_parts(loss: Mapping[str, Any] | None) -> list[str]:
    """Return which parts of an output a loss trains; one of somebody's own may train any."""
    factors = {"heatmaps": "heatmap", "tags": "push"}
    return [part for part, factor in factors.items() if loss is not None and
            (loss["type"] not in _KNOWN_LOSSES or loss.get(factor, 1) is not None)]


def _differing_keypoints(before: Metainfo, now: Metainfo) -> list[str]:
    if before.num_keypoints != now.num_keypoints:
        return [f"trained on the {before.num_keypoints} keypoints of '{before.name}', which are "
                f"the {now.num_keypoints} of '{now.name}' now"]
    renamed = [f"{old} is now {new}" for old, new in zip(
        before.keypoint_names, now.keypoint_names, strict=True) if old != new]
    if renamed:
        return [f"trained on the keypoints of '{before.name}', not those of '{now.name}': "
                + _some(renamed)]
    lines = []
    if (before.flip_index != now.flip_index).any():
        lines.append(f"trained with the flip pairs of '{before.name}', which are others in "
                     f"'{now.name}'")
    changed = [f"{old} of {name} is now {new}" for name, old, new in zip(
        now.keypoint_names, before.sigmas, now.sigmas, strict=True) if old != new]
    if changed:
        lines.append(f"trained with the OKS sigmas of '{before.name}', by which AP is measured, "
                     f"not those of '{now.name}': {_some(changed)}")
    return lines


def _some(texts: Sequence[str]) -> str:
    """Join the first texts, and say how many there are if not all are there."""
    more = f", … ({len(texts)})" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more


def _meaning(name: str, value: Any) -> Any:
    square = name == "input_size" and isinstance(value, int)
    return [value, value] if square else value


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, (list, tuple)) else value
