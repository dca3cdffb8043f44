"""Regions are refused before the decoder, which would crash on them, sees them."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from aepose.datasets.regions import check_region, decode_region
from aepose.errors import DataError

SIZE = (64, 48)
PIXELS = 64 * 48
SQUARE = [4, 4, 20, 4, 20, 12, 4, 12]


def compressed(mask):
    encoded = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": encoded["size"], "counts": encoded["counts"].decode()}


def rle(counts, size=(48, 64)):
    return {"size": list(size), "counts": counts}


def blobs(seed):
    rng = np.random.RandomState(seed)
    return rng.rand(48, 64) < rng.rand()


@pytest.mark.parametrize("mask", [blobs(seed) for seed in range(8)]
                         + [np.zeros((48, 64), bool), np.ones((48, 64), bool)])
def test_compressed_run_lengths(mask):
    region = compressed(mask)
    check_region(region, SIZE, "it")
    np.testing.assert_array_equal(decode_region(region, SIZE), mask)


@pytest.mark.parametrize(("region", "pixels"), [
    ([SQUARE], 16 * 8), ([SQUARE, [30, 4, 40, 4, 40, 12, 30, 12]], 16 * 8 + 10 * 8),
    ([[-64, -48, 128, -48, 128, 96, -64, 96]], PIXELS), ([SQUARE] * 10_000, 16 * 8),
    (rle([PIXELS]), 0), (rle([0, PIXELS]), PIXELS), (rle([10, 5, PIXELS - 15]), 5),
])
def test_good_regions(region, pixels):
    check_region(region, SIZE, "it")
    assert decode_region(region, SIZE).sum() == pixels


NAN, INF = float("nan"), float("inf")
WHOLE = compressed(blobs(0))["counts"]
WRONG_TEXTS = ["", "0", "0000000", "PZ2T1", "é", "~", "p", "oooooooo1", WHOLE[:-1], WHOLE + "1"]


@pytest.mark.parametrize(("region", "message"), [
    ([[INF, 1, 2, 2, 3, 3]], "a polygon with .*inf"),
    ([[1, 1, 2, 2, 3, NAN]], "polygon with .*nan"),
    ([[1e30, 1, 2, 2, 3, 3]], r"1e\+30; .*10 times the sides .*64x48"),
    ([[-1e9, -1e9, 5, 5, -1e9, 5]], "-1000000000"),
    ([[0, 0, 1e8, 1e8, 0, 1e8]], "among them 100000000.0"),
    ([[0, 0, 1e4, 1e4, 0, 1e4]], "among them 10000.0"),
    ([[0, 0, 10**400, 1.5, 0, 1]], "among them 1000"), ([["a"] * 6], "among them 'a'"),
    ([[0, 0, 600, 400] * 3000], "is .* pixels around; at most 2000000"),
    ([[0, 0, 600, 0, 600, 400]] * 1500, "is 3000000 pixels around"),
    ([SQUARE] * 10_001, "has 10001 polygons; at most 10000"),
    ([[1, 2, 3, 4]], "polygon of 4 numbers"), ([[1, 2, 3, 4, 5, 6, 7]], "polygon of 7 numbers"),
    ([1, 2, 3, 4, 5, 6], "a polygon with int 1"), ([SQUARE, None], "a polygon with NoneType"),
    ("abc", "neither RLE nor polygons"), (5, "neither"), ({"size": [48, 64]}, "neither"),
    (rle(7), "neither"), (rle([5]), "add up to 5, but its picture has 3072 pixels"),
    (rle([PIXELS, 1]), "add up to 3073"), (rle([-5, PIXELS + 5]), "partly negative"),
    (rle([2**32, PIXELS - 2**32]), "partly negative"), (rle([PIXELS + 2**32]), "add up to"),
    (rle([0.5, PIXELS - 0.5]), "not all whole"), (rle([[PIXELS]]), "not all whole"),
    (rle([True, PIXELS - 1]), "not all whole"),
    (rle([PIXELS], (64, 48)), "is 48x64, but its picture is 64x48"),
    (rle([PIXELS], (4294967344, 64)), "is 64x4294967344, but"),
    (rle("PZ2T1", (100000, 100000)), "is 100000x100000, but"),
    (rle([PIXELS], (48,)), "'size' is"), ({"counts": [PIXELS], "size": None}, "'size' is None"),
    *((rle(text), "counts") for text in WRONG_TEXTS),
], ids=str)
def test_bad_regions(region, message):
    with pytest.raises(DataError, match=f"it .*{message}"):
        check_region(region, SIZE, "it")


def as_text(differences):
    """COCO's text of run lengths, of which all but the first three are given as differences."""
    text = ""
    for value in differences:
        while True:
            code, value = value & 31, value >> 5
            more = value != (-1 if code & 16 else 0)
            text += chr(code + 32 * more + 48)
            if not more:
                break
    return text


def test_run_lengths_whose_sum_begins_again_at_the_greatest_integer():
    """Modulo 2^64 these fill the picture; one of them reaches far beyond it."""
    size, left, differences = (64, 48), 2**64 + 64 * 48, []
    for times in range(2**17, 0, -1):  # how often a difference counts in the sum
        step = min(2**34 - 1, left // times)
        left -= step * times
        differences += [step, 0]
    assert not left
    # The second number is the first that is no difference; the chain of the others stays at 0.
    region = {"size": [48, 64], "counts": as_text([0, *differences])}
    with pytest.raises(DataError, match="add up to"):
        check_region(region, size, "x")
