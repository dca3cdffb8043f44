"""Carrying weights over to a network for other keypoints: the channels of those of the same name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from aepose.errors import AeposeError
from aepose.metainfo import Metainfo, PoseClass, get_metainfo, metainfo_files
from aepose.metainfo.pairs import plain_name
from aepose.models.specs import KeypointAxis
from aepose.zoo.index import list_models


def keypoints_of(meta: Mapping[str, Any], source: str | Path) -> Metainfo | None:
    """Return the keypoint set that a checkpoint was trained on; None where nothing says which.

    meta: of the checkpoint ``source``, which comes from whoever made it. Published checkpoints say
        nothing, and are known by their files' names.
    """
    text = meta.get("aepose_config")
    if text is not None:
        try:
            described = json.loads(text)["metainfo"]
            # A file of keypoints is not read because a checkpoint says so.
            return None if any(metainfo_files(described)) else get_metainfo(described)
        except (AeposeError, KeyError, TypeError, ValueError, RecursionError):
            return None
    published = [model for model in list_models() if model.checkpoint == Path(source).name]
    return get_metainfo(published[0].dataset) if published else None


def same_names(before: Metainfo, now: Metainfo) -> list[tuple[int, int]]:
    """Return the keypoints of ``now`` that ``before`` has, too, as pairs of their indices there.

    Spelling makes no difference as far as it makes none in annotation files; see ``aliases``. Each
    class has its own names: it takes keypoints from the class that is called as it is, and those
    that this lacks, or all if there is none, from the first of the others that has them.
    """
    pairs = []
    for one in now.classes:
        known: dict[str, int] = {}
        for other in _nearest_first(before, now, one):
            names = other.metainfo.keypoint_names
            spelt = {plain_name(spelling): names.index(name)
                     for spelling, name in other.metainfo.aliases}
            spelt |= {plain_name(name): index for index, name in enumerate(names)}
            known = {spelling: other.start + k for spelling, k in spelt.items()} | known
        for index, name in enumerate(one.metainfo.keypoint_names, one.start):
            spellings = [name, *(other for other, meant in one.metainfo.aliases if meant == name)]
            found = [known[plain_name(s)] for s in spellings if plain_name(s) in known]
            pairs += [(index, found[0])] if found else []
    return pairs


def _nearest_first(before: Metainfo, now: Metainfo, one: PoseClass) -> list[PoseClass]:
    """Return the classes of ``before``, those that are called as ``one`` of ``now`` first."""
    # A set of one class is called as its creatures, or it is of people.
    called = one.name if len(now.classes) > 1 else now.name
    return sorted(before.classes, key=lambda other: (
        plain_name(other.name) != plain_name(called), other.name != one.name))


def carry_over(
    own: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor],
    axes: Mapping[str, KeypointAxis], pairs: Sequence[tuple[int, int]], counts: tuple[int, int],
) -> dict[str, torch.Tensor]:
    """Return a network's weights with channels of keypoints: those of ``pairs`` as a checkpoint's.

    own, state: entries of the network and of the checkpoint; axes: which of them have such channels
    pairs: indices of a keypoint in the network and in the checkpoint; counts: how many either has

    All other keypoints' channels are as in ``own``. Left out is what the checkpoint lacks, or has
    in a shape that other numbers of keypoints alone do not explain.
    """
    carried = {}
    for key, axis in axes.items():
        sizes = [(number, counts[1] if number == counts[0] else number) for number in axis.blocks]
        shape = list(own[key].shape)
        shape[axis.axis] = axis.before + sum(old for _, old in sizes)
        if key not in state or list(state[key].shape) != shape:
            continue
        rows = [(row, row) for row in range(axis.before)]
        here = there = axis.before
        for number, old in sizes:
            inside = pairs if number == counts[0] else [(row, row) for row in range(number)]
            rows += [(here + new, there + before) for new, before in inside]
            here, there = here + number, there + old
        new, before = torch.tensor(rows).T
        taken = state[key].index_select(axis.axis, before)
        carried[key] = own[key].index_copy(axis.axis, new.to(own[key].device), taken.to(own[key]))
    return carried
