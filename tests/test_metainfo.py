from dataclasses import replace

import numpy as np
import pytest

from aepose.errors import ConfigError
from aepose.metainfo import get_metainfo


def test_indices(three):
    assert three.num_keypoints == 3
    assert three.flip_index.tolist() == [0, 2, 1]
    assert three.skeleton_index.tolist() == [[0, 1], [0, 2]]
    assert replace(three, skeleton=(), skeleton_colors=()).skeleton_index.shape == (0, 2)


@pytest.mark.parametrize(("order", "expected"), [
    ((), (0, 1, 2)), (("right",), (2, 0, 1)), (("left", "right", "head"), (1, 2, 0)),
])
def test_grouping_index(three, order, expected):
    assert replace(three, grouping_order=order).grouping_index == expected


@pytest.mark.parametrize(("change", "message"), [
    ({"flip_pairs": (("left", "rigth"),)}, "metainfo 'three': unknown keypoint 'rigth'.*'right'"),
    ({"skeleton": (("head", "foot"), ("head", "left"))}, "unknown keypoint 'foot'; known: head"),
    ({"grouping_order": ("haed",)}, "unknown keypoint 'haed'; did you mean 'head'"),
    ({"sigmas": (0.1,) * 2}, "sigmas has 2 entries, expected 3"),
    ({"keypoint_colors": ((0, 0, 0),) * 4}, "keypoint_colors has 4 entries, expected 3"),
    ({"skeleton_colors": ()}, "skeleton_colors has 0 entries, expected 2"),
])
def test_contradictions(three, change, message):
    with pytest.raises(ConfigError, match=message):
        replace(three, **change)


def test_coco():
    coco = get_metainfo("coco")
    assert coco.name == "coco"
    assert coco.num_keypoints == 17
    assert coco.flip_index.tolist() == [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
    np.testing.assert_array_equal(coco.flip_index[coco.flip_index], np.arange(17))
    assert coco.grouping_index == (0, 1, 2, 3, 4, 5, 6, 11, 12, 7, 8, 9, 10, 13, 14, 15, 16)
    for left, right in coco.flip_pairs:
        pair = [coco.sigmas[coco.keypoint_names.index(name)] for name in (left, right)]
        assert pair[0] == pair[1]


@pytest.mark.parametrize(("name", "message"), [
    ("cocoo", "'cocoo' is not a known keypoint set; did you mean 'coco'"),
    ("base", "'base' is not"),
])
def test_unknown_set(name, message):
    with pytest.raises(ConfigError, match=message):
        get_metainfo(name)
