"""Left and right: whether flip pairs mirror each other, in their names and in the data."""

from __future__ import annotations

import numpy as np

from aepose.analysis.findings import Finding, about
from aepose.metainfo import Metainfo
from aepose.metainfo.pairs import mirrored_name, mirrors

# Such a share of the people on the other side was not meant, if it cannot be chance (three standard
# deviations): of a creature seen from the side, left and right are as often this way as that.
_MOSTLY, _LEAST_PEOPLE = 0.6, 20


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
    the same way. That all are exchanged shows in people whose nose is visible, whose left is
    to the right in the picture.
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
    if "nose" not in metainfo.keypoint_names:
        return []
    facing = keypoints[:, metainfo.keypoint_names.index("nose"), 2] == 2
    across = ways[facing].sum(axis=1)[:, 0]  # positive: from left to right in the picture, too
    counted, exchanged = int((across != 0).sum()), int((across > 0).sum())
    if not _is_most(exchanged, counted):
        return []
    return [Finding("warning", f"in {exchanged} of {counted} people whose nose is visible the left "
                    "side is on the left of the picture, as if seen from behind or in a mirror",
                    "look at some with `aepose browse`; left means the person's own left")]
