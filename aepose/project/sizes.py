"""Sizes of a training on few pictures, from the size of the creatures in them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from aepose.codecs.geometry import SIZE_MULTIPLE
from aepose.errors import DataError

# Input pixels from a keypoint to the nearest other: two cells of a map at a quarter of the input.
_SPACING = 8
_LONGEST = 256  # input pixels: more of a creature costs time and shows nothing new
_MOST_GROWN = 2  # times; what a picture does not show no enlargement brings back
_ROOM = 2  # lengths of a creature within which all of it lies, and another beside it
_LARGEST_CROP = 512


@dataclass(frozen=True)
class Recipe:
    """What a config says of sizes.

    input_size: of the codec, the side that a test picture's short side becomes
    crop_size: of RandomCrop, the side of a training crop in pixels of that input
    reach: of the codec, how far keypoints may be from the others of a creature, in such pixels
    """

    input_size: int
    crop_size: int
    reach: int


def suggest_sizes(keypoints: np.ndarray, pictures: np.ndarray) -> Recipe:
    """Return sizes with which creatures and their keypoints are large enough, and no larger.

    keypoints: (P, K, 3) of all annotated creatures: x, y in pixels, visibility (above 0: labelled)
    pictures: (N, 2) width and height of the training pictures

    A creature is as long as the longer side of the box around its labelled keypoints. Pictures are
    taken as they are, unless most creatures would be longer than 256 pixels: then they are shrunk
    to that. Keypoints lie at least 8 pixels from their nearest neighbour, by the lower quartile of
    the keypoints' medians; for that, pictures are shrunk less or grown, up to twice. Crop and reach
    are twice as long as the longest tenth.

    Raises DataError if there are no pictures, or no creature with two labelled keypoints.
    """
    labelled = keypoints[..., 2] > 0
    people = labelled.sum(axis=1) > 1
    if not len(pictures) or not people.any():
        raise DataError("no picture has a creature with two labelled keypoints, which would tell "
                        "how large creatures are")
    xy = np.where(labelled[..., None], keypoints[..., :2], np.nan)[people]
    lengths = (np.nanmax(xy, axis=1) - np.nanmin(xy, axis=1)).max(axis=1)
    shrunk = min(1.0, _LONGEST / np.median(lengths))
    spread = _SPACING / max(_spacing(xy), _SPACING / _MOST_GROWN)
    factor = max(shrunk, spread)
    input_size = _round_up(factor * np.median(pictures.min(axis=1)))
    room = factor * _ROOM * np.percentile(lengths, 90)
    return Recipe(input_size, min(_round_up(room), input_size, _LARGEST_CROP), round(room))


def _spacing(xy: np.ndarray) -> float:
    """Return how far a keypoint of (P, K, 2), NaN where missing, lies from the nearest other."""
    away = np.linalg.norm(xy[:, :, None] - xy[:, None], axis=3)
    count = xy.shape[1]
    away[:, range(count), range(count)] = np.nan
    known = np.where(np.isnan(away), np.inf, away).min(axis=2)
    known[np.isinf(known)] = np.nan
    seen = ~np.isnan(known).all(axis=0)
    return float(np.percentile(np.nanmedian(known[:, seen], axis=0), 25))


def _round_up(side: float) -> int:
    return math.ceil(side / SIZE_MULTIPLE) * SIZE_MULTIPLE
