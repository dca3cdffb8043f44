"""Regions of pictures, as COCO writes them: polygons or run lengths, checked and made a mask.

pycocotools trusts what it is given: points far away, sizes of another picture or run lengths that
do not add up make it read and write where it must not. So everything is checked when a file is
read, by :func:`check_region`, and only what passed is decoded.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from aepose.datasets.values import are_numbers, describe, shown
from aepose.errors import DataError

# Coordinates lie at most so many times the picture's longer side from its corner.
FARTHEST = 10
# Pixels around all polygons of a region: the decoder needs about a hundred bytes for each.
_LONGEST_OUTLINE = 2e6
_MOST_POLYGONS = 10_000  # of a region
_MOST_CHARACTERS = 7  # of one run length, 5 bits each


def farthest(size: tuple[int, int]) -> float:
    """Return the largest coordinate that is believed in a picture of ``size`` (W, H)."""
    return FARTHEST * max(size)


def check_region(region: Any, size: tuple[int, int], where: str) -> None:
    """Raise DataError, which begins with ``where``, unless a region can be decoded.

    region: a list of polygons, each x, y, x, y, … of at least 3 points near the picture; or run
        lengths, as numbers or compressed, that fill the picture of ``size`` (W, H) exactly
    """
    if isinstance(region, list):
        if len(region) > _MOST_POLYGONS:
            raise DataError(f"{where} has {len(region)} polygons; at most {_MOST_POLYGONS} are "
                            "taken")
        for polygon in region:
            _check_polygon(polygon, size, where)
        _check_outlines(region, size, where)
        return
    if not isinstance(region, dict) or not isinstance(region.get("counts"), (list, str)):
        raise DataError(f"{where} is neither RLE nor polygons (it is {shown(region)})")
    width, height = size
    given = region.get("size")
    if not are_numbers(given, 2, limit=2**63):
        raise DataError(f"{where} is RLE whose 'size' is {shown(given)}; it must be height and "
                        "width")
    if given != [height, width]:
        raise DataError(f"{where} is {shown(given[1])}x{shown(given[0])}, but its picture is "
                        f"{width}x{height}")
    counts = region["counts"]
    if isinstance(counts, str):
        runs = _uncompress(counts, where)
        # In floating point, which does not begin again behind the greatest integer.
        total, least = int(runs.sum(dtype=np.float64)), int(runs.min(initial=0))
    else:
        if not {int}.issuperset(map(type, counts)):
            raise DataError(f"{where} is RLE whose 'counts' are not all whole numbers")
        total, least = sum(counts), min(counts, default=0)
    if least < 0 or total != width * height:
        raise DataError(f"{where} is RLE whose counts "
                        + (f"add up to {shown(total)}" if least >= 0 else "are partly negative")
                        + f", but its picture has {width * height} pixels; the file is damaged, or "
                        "the region is another picture's")


def decode_region(region: Any, size: tuple[int, int]) -> np.ndarray:
    """Return the (H, W) bool mask of a region that :func:`check_region` let pass."""
    width, height = size
    if isinstance(region, dict):
        region = {"size": [height, width], "counts": region["counts"]}
    if isinstance(region, list):  # one mask of all polygons, not one of each
        region = coco_mask.merge(coco_mask.frPyObjects(region, height, width))
    elif isinstance(region["counts"], list):
        region = coco_mask.frPyObjects(region, height, width)
    return coco_mask.decode(region).astype(bool)


def _check_polygon(polygon: Any, size: tuple[int, int], where: str) -> None:
    limit = farthest(size)
    length = len(polygon) if isinstance(polygon, list) else 0
    if not are_numbers(polygon, length, limit):
        raise DataError(f"{where} is a polygon with {describe(polygon, limit)}; it must be numbers "
                        f"x, y, x, y, … at most {FARTHEST} times the sides of its picture "
                        f"({size[0]}x{size[1]}) away")
    if length < 6 or length % 2:
        raise DataError(f"{where} is a polygon of {length} numbers; it must be x, y of at least 3 "
                        "points (an empty list says that there is no region)")


def _check_outlines(polygons: list[list[float]], size: tuple[int, int], where: str) -> None:
    limit = farthest(size)
    if sum(map(len, polygons)) * limit <= _LONGEST_OUTLINE:
        return
    around = 0.0
    for polygon in polygons:
        x, y = np.array(polygon, np.float64).reshape(-1, 2).T
        around += np.abs(x - np.roll(x, 1)).sum() + np.abs(y - np.roll(y, 1)).sum()
    if around > _LONGEST_OUTLINE:
        raise DataError(f"{where} is {around:.0f} pixels around; at most {_LONGEST_OUTLINE:.0f} "
                        "are taken")


def _uncompress(text: str, where: str) -> np.ndarray:
    """Return the run lengths, int64, of COCO's compressed text.

    A character holds 5 bits, the lowest first, and whether more follow; from the fourth number on
    it is the difference from the last but one.
    """
    try:
        codes = np.frombuffer(text.encode("ascii"), np.uint8).astype(np.int64) - 48
    except UnicodeEncodeError:
        codes = np.array([-1])
    ends = np.flatnonzero(codes & 32 == 0)
    starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else np.zeros(0, np.int64)
    if (codes < 0).any() or (codes > 63).any() or (len(codes) and (
            not len(ends) or ends[-1] != len(codes) - 1
            or (ends - starts).max() >= _MOST_CHARACTERS)):
        raise DataError(f"{where} is RLE whose 'counts' are no compressed run lengths")
    if not len(codes):
        return np.zeros(0, np.int64)
    place = np.arange(len(codes)) - np.repeat(starts, ends - starts + 1)
    runs = np.add.reduceat((codes & 31) << 5 * place, starts)
    runs -= np.where(codes[ends] & 16, 1 << 5 * (ends - starts + 1), 0)
    for first in (1, 2):
        runs[first::2] = np.cumsum(runs[first::2])
    return runs
