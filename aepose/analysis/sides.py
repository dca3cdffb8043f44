"""Left and right: whether flip pairs mirror each other, in their names and in the data."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from aepose.analysis.findings import Finding, about
from aepose.metainfo import Metainfo
from aepose.metainfo.pairs import mirrored_name, mirrors

# Such a share of the people on the other side was not meant, if it cannot be chance (three standard
# deviations): of a creature seen from the side, left and right are as often this way as that.
_MOSTLY, _LEAST_PEOPLE = 0.6, 20
_FEW = 0.1  # of the people: so many may be mistakes
_SAMPLE = 1000  # people, to find what is far apart
# By these, a keypoint set is people's: an animal that is seen from above always shows its nose.
_OF_PEOPLE = {"nose", "left_wrist", "right_wrist"}
_CLEAR = 0.5  # sine of the angle between a body's axis and its left to right


def check_pair_names(metainfo: Metainfo) -> list[Finding]:
    """Return flip pairs whose names do not mirror, and sides that are in no pair."""
    wrong = [f"{a} and {b}" for a, b in metainfo.flip_pairs
             if not mirrors(a, b) and (mirrored_name(a), mirrored_name(b)) != (a, b)]
    paired = {name for pair in metainfo.flip_pairs for name in pair}
    alone = sorted(name for name in set(metainfo.keypoint_names) - paired
                   if mirrored_name(name) != name)
    return [
        *about("warning", "flip pair", wrong, "with names that do not mirror",
               "correct the metainfo's flip_pairs: mirrored pictures teach these wrongly"),
        *about("warning", "keypoint", alone, "of one side in no flip pair",
               "add them to the metainfo's flip_pairs, each with that of the other side"),
    ]


def check_sides(keypoints: np.ndarray, metainfo: Metainfo) -> list[Finding]:
    """Return pairs that the data have mostly exchanged.

    keypoints: (P, K, 3) x, y, visibility, pixels of the pictures

    A pair is compared with the other pairs of the same person: all point from left to right about
    the same way. That all are exchanged shows in people (not in animals) whose nose is visible,
    whose left is to the right in the picture.
    """
    index = [[metainfo.keypoint_names.index(name) for name in pair] for pair in metainfo.flip_pairs]
    if not index or not len(keypoints):
        return []
    left, right = (keypoints[:, [pair[side] for pair in index]] for side in (0, 1))
    both = (left[..., 2] > 0) & (right[..., 2] > 0)
    ways = np.where(both[..., None], right[..., :2] - left[..., :2], 0)
    lengths = np.linalg.norm(ways, axis=-1, keepdims=True)
    ways = np.divide(ways, lengths, out=np.zeros_like(ways), where=lengths > 0)
    agreement = (ways * (ways.sum(axis=1, keepdims=True) - ways)).sum(axis=-1)
    counted, against = (agreement != 0).sum(axis=0), (agreement < 0).sum(axis=0)
    swapped = [f"{a} and {b} (in {against[k]} of {counted[k]} people)"
               for k, (a, b) in enumerate(metainfo.flip_pairs)
               if _is_most(against[k], counted[k])]
    return [
        *about("warning", "flip pair", swapped, "mostly exchanged, by the person's other pairs",
               "look with `aepose browse`; exchange them in the file or in the metainfo"),
        *_all_exchanged(keypoints, ways, metainfo),
    ]


def _is_most(part: int, whole: int) -> bool:
    return whole >= _LEAST_PEOPLE and part > max(_MOSTLY * whole, whole / 2 + 1.5 * whole**0.5)


def _all_exchanged(keypoints: np.ndarray, ways: np.ndarray, metainfo: Metainfo) -> list[Finding]:
    if not set(metainfo.keypoint_names) >= _OF_PEOPLE:
        return []
    facing = keypoints[:, metainfo.keypoint_names.index("nose"), 2] == 2
    across = ways[facing].sum(axis=1)[:, 0]  # positive: from left to right in the picture, too
    counted, exchanged = int((across != 0).sum()), int((across > 0).sum())
    if not _is_most(exchanged, counted):
        return []
    return [Finding("warning", f"in {exchanged} of {counted} people whose nose is visible the left "
                    "side is on the left of the picture, as if seen from behind or in a mirror",
                    "look at some with `aepose browse`; left means the person's own left")]


def check_turn(keypoints: np.ndarray, ids: Sequence[Any], metainfo: Metainfo) -> list[Finding]:
    """Return whose left and right are the other way round than almost everybody's.

    keypoints: (P, K, 3) x, y, visibility, pixels of the pictures; ids: of the P annotations

    Pictures from above, or from below, show all creatures in one sense of rotation: going along the
    body, left is on one and the same side. Where one in ten is otherwise, it is the pictures.
    """
    pairs = np.array([[metainfo.keypoint_names.index(name) for name in pair]
                      for pair in metainfo.flip_pairs]).reshape(-1, 2)
    if not len(pairs) or not len(keypoints):
        return []
    known = np.where(keypoints[..., 2:] > 0, keypoints[..., :2], np.nan)
    left, right = known[:, pairs[:, 0]], known[:, pairs[:, 1]]
    sided = np.isin(np.arange(known.shape[1]), pairs)
    # The axis of the body goes through what has no side, and between what has.
    axis = np.concatenate([known[:, ~sided], (left + right) / 2], axis=1)
    some = axis[::max(1, len(axis) // _SAMPLE)]
    lengths = np.linalg.norm(some[:, :, None] - some[:, None], axis=-1)
    present = np.isfinite(lengths).mean(axis=0)
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # nobody has some
        typical = np.where(present > _MOSTLY, np.nanmedian(lengths, axis=0), 0)
        across = np.nanmean(right - left, axis=1)
    start, end = np.unravel_index(typical.argmax(), typical.shape)
    along = axis[:, end] - axis[:, start]
    sine = (along[:, 0] * across[:, 1] - along[:, 1] * across[:, 0]) / np.maximum(
        np.linalg.norm(along, axis=-1) * np.linalg.norm(across, axis=-1), np.finfo(float).tiny)
    one, other = sine > _CLEAR, sine < -_CLEAR
    few, many = sorted((one, other), key=np.sum)
    if many.sum() < _LEAST_PEOPLE or few.sum() > _FEW * (few.sum() + many.sum()):
        return []
    return about("warning", "annotation", [i for i, found in zip(ids, few, strict=True) if found],
                 f"with left and right the other way round than in {many.sum()} others", "look "
                 "with `aepose browse`: exchange them, unless the creature lies on its back")
