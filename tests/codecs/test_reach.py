"""Position as part of the tags."""

import numpy as np
import pytest

from aepose.errors import ConfigError
from tests.codecs.test_associative_embedding import (
    CONVENTIONS,
    PLACES,
    encode_places,
    in_cells,
    make_item,
)


@CONVENTIONS
@pytest.mark.parametrize(("reach", "stride", "people"), [(100, 4, 2), (100, 2, 2), (20, 4, 6)])
def test_nobody_reaches_farther(make_codec, convention, reach, stride, people):
    """Tags are nearly the same. From the middle of one's keypoints it is up to 56 input pixels to
    the next of them, and 115 and more to one of the other person."""
    codec, size = make_codec(256, convention=convention, reach=reach), 256 // stride
    heatmaps = encode_places(codec, PLACES * 4 / stride, size)
    middle = 104 // stride                            # between the two
    heatmaps[0, middle:] *= 0.9                       # another is stronger in each map
    heatmaps[1, :middle] *= 0.9
    tags = np.arange(0, 0.3, 0.1, np.float32)[:, None, None, None].repeat(size, 1).repeat(size, 2)
    tags[:, middle:] += 0.01
    item = make_item(codec)
    result = codec.decode(heatmaps, tags, item)
    assert result.tags.shape == (people, 3, 1)
    if people == 2:
        cells = in_cells(codec, result, item)
        assert np.abs(cells[np.argsort(result.tags[:, 0, 0])] - PLACES).max() < 1.2


@pytest.mark.parametrize(("reach", "score"), [(None, 0.05), (400, 0.05), (100, 0)])
def test_nothing_is_filled_in_beyond(make_codec, reach, score):
    """The third keypoint of person 1 is not seen, but weakly where person 0 is."""
    codec, size = make_codec(256, reach=reach, use_detection_val=False), 64
    heatmaps = encode_places(codec, PLACES, size)
    heatmaps[2, :26] *= 0.05
    heatmaps[2, 26:] = 0
    tags = np.zeros((1, size, size, 1), np.float32)
    tags[:, 26:] = 0.3
    result = codec.decode(heatmaps, tags, make_item(codec))
    person = int(np.argmax(result.tags[:, 0, 0]))
    assert not result.found[person, 2]
    assert result.keypoint_scores[person, 2] == pytest.approx(score)


@pytest.mark.parametrize("reach", [0, -1, float("nan"), "100"])
def test_a_reach_that_cannot_be(make_codec, reach):
    with pytest.raises(ConfigError, match=f"codec.reach = {reach!r}: give a positive number"):
        make_codec(reach=reach)
