import numpy as np
import pytest

from aepose.codecs.gaussian import draw_gaussians


def slow(centers, channels, num_channels, size, sigma):
    """One cell after the other: the highest of the Gaussians whose patch reaches it."""
    maps = np.zeros((num_channels, size[1], size[0]), np.float32)
    radius = int(3 * sigma + 1)
    for (cx, cy), channel in zip(centers, channels, strict=True):
        left, top = int(cx) - radius, int(cy) - radius
        for y in range(max(0, top), min(size[1], top + 2 * radius + 1)):
            for x in range(max(0, left), min(size[0], left + 2 * radius + 1)):
                value = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * sigma**2))
                maps[channel, y, x] = max(maps[channel, y, x], value)
    return maps


@pytest.mark.parametrize("sigma", [1, 2, 3])
@pytest.mark.parametrize("number", [0, 1, 30])
@pytest.mark.parametrize("size", [(20, 14), (5, 4), (1, 1)])
@pytest.mark.parametrize("whole", [True, False])
def test_against_loops(number, size, sigma, whole):
    rng = np.random.RandomState(number)
    # Up to a cell left of and above the map: positions there are truncated into it.
    centers = rng.uniform(-0.99, size, (number, 2)).astype(np.float32)
    centers = np.trunc(centers) if whole else centers
    channels = rng.randint(0, 3, number)
    maps = draw_gaussians(centers, channels, 3, size, sigma)
    assert maps.dtype == np.float32
    np.testing.assert_allclose(maps, slow(centers, channels, 3, size, sigma), atol=1e-7)


def test_edge_of_the_patch():
    row = draw_gaussians(np.array([[15, 0]]), np.array([0]), 1, (31, 1), 2)[0, 0]
    assert row[15] == 1
    assert np.flatnonzero(row).tolist() == list(range(8, 23))


def test_patch_lies_around_the_cell_of_a_centre_between_cells():
    row = draw_gaussians(np.array([[15.9, 0]]), np.array([0]), 1, (31, 1), 2)[0, 0]
    assert np.flatnonzero(row).tolist() == list(range(8, 23))
    assert row[16] == row.max() == np.float32(np.exp(-0.01 / 8))


@pytest.mark.parametrize("corner", [(0, 0), (9, 0), (0, 6), (9, 6)])
def test_corners(corner):
    maps = draw_gaussians(np.array([corner]), np.array([0]), 1, (10, 7), 2)
    assert maps[0, corner[1], corner[0]] == maps.max() == 1
