import numpy as np
import pytest

from aepose.errors import DataError
from aepose.project.sizes import Recipe, suggest_sizes


def creatures(length, spacing, number=20, labelled=6):
    """Straight ones: keypoints in pairs ``spacing`` apart, from one end of ``length`` to the other.
    """
    x = np.array([0, spacing, length / 2, length / 2 + spacing, length - spacing, length])
    keypoints = np.stack([x + 100, np.full(6, 50.0), np.arange(6) < labelled], axis=1)
    return np.repeat(keypoints[None], number, axis=0)


@pytest.mark.parametrize(("length", "spacing", "size", "expected"), [
    # As it is; the short side counts, and all is rounded up.
    (100, 20, (1024, 1024), Recipe(1024, 256, 200)),
    (100, 20, (1000, 470), Recipe(512, 256, 200)),
    # Shrunk to 256 pixels, or as far as the spacing allows.
    (1024, 100, (2048, 2048), Recipe(512, 512, 512)),
    (1024, 16, (2048, 2048), Recipe(1024, 512, 1024)),
    # Grown to a spacing of 8, and twice at most.
    (50, 5, (640, 640), Recipe(1024, 192, 160)),
    (50, 1, (640, 640), Recipe(1280, 256, 200)),
    # A crop is no larger than a picture.
    (200, 20, (256, 256), Recipe(256, 256, 400)),
])
def test_sizes(length, spacing, size, expected):
    assert suggest_sizes(creatures(length, spacing), np.full((10, 2), size)) == expected


def test_keypoints_without_a_label_do_not_count():
    sizes = np.full((10, 2), 640)
    known = creatures(100, 20, labelled=4)
    strange = known.copy()
    strange[:, 4:, :2] = -5000
    assert suggest_sizes(strange, sizes) == suggest_sizes(known, sizes)
    empty = np.concatenate([known, creatures(900, 2, labelled=1)])
    assert suggest_sizes(empty, sizes) == suggest_sizes(known, sizes)


@pytest.mark.parametrize(("keypoints", "pictures"), [
    (creatures(100, 20), np.zeros((0, 2))),
    (creatures(100, 20, labelled=1), np.full((10, 2), 640)),
    (np.zeros((0, 6, 3)), np.full((10, 2), 640)),
])
def test_nothing_to_go_by(keypoints, pictures):
    with pytest.raises(DataError, match="how large creatures are"):
        suggest_sizes(keypoints, pictures)
