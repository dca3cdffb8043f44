"""Pictures side by side, and at another width."""

import numpy as np
import pytest

from aepose.drawing import fit_width, tile_images

RED, BLUE = (200, 10, 10), (10, 10, 200)


def plain(width, height, color=RED):
    return np.full((height, width, 3), color, np.uint8)


@pytest.mark.parametrize("sizes", [
    [(400, 300)], [(400, 300)] * 3, [(400, 300)] * 12, [(300, 900), (900, 300), (40, 40)],
    [(4000, 10), (10, 4000)],
])
def test_no_holes_but_behind_the_last_row(sizes):
    """Rows fill the width, gaps are even and white."""
    tiled = tile_images([plain(*size) for size in sizes], width=640, height=100, gap=4)
    assert tiled.shape[1] == 640
    white = (tiled == 255).all(axis=2)
    assert white[:4].all()
    assert white[-4:].all()
    assert white[:, :4].all()
    rows = np.flatnonzero(~white.all(axis=1))
    lines = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
    for line in lines[:-1]:
        middle = white[line[len(line) // 2]]
        assert np.flatnonzero(~middle)[-1] == 635
    middles = [np.r_[True, white[line[len(line) // 2]]].astype(int) for line in lines]
    assert sum((np.diff(middle) == -1).sum() for middle in middles) == len(sizes)


def test_order_and_proportions():
    tiled = tile_images([plain(200, 100), plain(100, 100, BLUE)], width=1000, height=100, gap=8)
    assert (tiled[50, 8:208] == RED).all()
    assert (tiled[50, 216:316] == BLUE).all()
    assert (tiled[8:108, 100] == RED).all()


@pytest.mark.parametrize(("size", "width", "expected"), [
    ((400, 300), 200, (150, 200)), ((400, 300), 800, (600, 800)), ((1000, 1), 10, (1, 10)),
])
def test_fit_width(size, width, expected):
    assert fit_width(plain(*size), width).shape == (*expected, 3)
