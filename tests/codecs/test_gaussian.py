import numpy as np
import pytest

from aepose.codecs.gaussian import draw_gaussians


def slow(cells, channels, num_channels, size, sigma):
    """One cell after the other: the highest of the Gaussians whose patch reaches it."""
    maps = np.zeros((num_channels, size[1], size[0]), np.float32)
    radius = int(3 * sigma + 1)
    for (cx, cy), channel in zip(cells, channels, strict=True):
        for y in range(max(0, cy - radius), min(size[1], cy + radius + 1)):
            for x in range(max(0, cx - radius), min(size[0], cx + radius + 1)):
                value = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * sigma**2))
                maps[channel, y, x] = max(maps[channel, y, x], value)
    return maps


@pytest.mark.parametrize("sigma", [1, 2, 3])
@pytest.mark.parametrize("number", [0, 1, 30])
@pytest.mark.parametrize("size", [(20, 14), (5, 4), (1, 1)])
def test_against_loops(number, size, sigma):
    rng = np.random.RandomState(number)
    cells = rng.randint(0, size, (number, 2))
    channels = rng.randint(0, 3, number)
    maps = draw_gaussians(cells, channels, 3, size, sigma)
    assert maps.dtype == np.float32
    np.testing.assert_allclose(maps, slow(cells, channels, 3, size, sigma), atol=1e-7)


def test_edge_of_the_patch():
    row = draw_gaussians(np.array([[15, 0]]), np.array([0]), 1, (31, 1), 2)[0, 0]
    assert row[15] == 1
    assert np.flatnonzero(row).tolist() == list(range(8, 23))


@pytest.mark.parametrize("corner", [(0, 0), (9, 0), (0, 6), (9, 6)])
def test_corners(corner):
    maps = draw_gaussians(np.array([corner]), np.array([0]), 1, (10, 7), 2)
    assert maps[0, corner[1], corner[0]] == maps.max() == 1
