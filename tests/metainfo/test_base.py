from dataclasses import replace

import numpy as np
import pytest

from aepose.errors import ConfigError
from aepose.metainfo import get_metainfo
from tests.golden_check import OWN
from tests.goldens.common import read_json


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
    ({"part_fields": (("keypoints", 2),)}, "part_fields have 2 keypoints in all, expected 3"),
    ({"part_fields": (("hand_kpts", 3),)}, "part_fields are hand_kpts; give 'keypoints' first"),
    ({"part_fields": (("keypoints", 2), ("keypoints", 1))}, "each field once"),
])
def test_contradictions(three, change, message):
    with pytest.raises(ConfigError, match=message):
        replace(three, **change)


def test_annotation_fields(three):
    assert three.annotation_fields == (("keypoints", 3),)
    parts = (("keypoints", 1), ("foot_kpts", 2))
    assert replace(three, part_fields=parts).annotation_fields == parts


FLIP_INDEX = {
    "coco": [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15],
    "aic": [3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8, 12, 13],
    "mhp": [5, 4, 3, 2, 1, 0, 6, 7, 8, 9, 15, 14, 13, 12, 11, 10],
    "crowdpose": [1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 12, 13],
    "coco_wholebody": [
        0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15, 20, 21, 22, 17, 18, 19,
        *range(39, 22, -1), *range(49, 39, -1), 50, 51, 52, 53, 58, 57, 56, 55, 54,
        68, 67, 66, 65, 70, 69, 62, 61, 60, 59, 64, 63,
        77, 76, 75, 74, 73, 72, 71, 82, 81, 80, 79, 78, 87, 86, 85, 84, 83, 90, 89, 88,
        *range(112, 133), *range(91, 112),
    ],
}

def facts_of(metainfo):
    swaps = {a: b for pair in metainfo.flip_pairs for a, b in (pair, pair[::-1])}
    return {
        "keypoints": list(metainfo.keypoint_names), "swap": swaps,
        "sigmas": list(metainfo.sigmas), "skeleton": [list(limb) for limb in metainfo.skeleton],
        "colors": [list(color) for color in metainfo.keypoint_colors],
        "skeleton_colors": [list(color) for color in metainfo.skeleton_colors],
    }


@pytest.mark.parametrize("name", FLIP_INDEX)
def test_known_sets(name):
    metainfo = get_metainfo(name)
    assert metainfo.name == name
    assert metainfo.flip_index.tolist() == FLIP_INDEX[name]
    assert sum(count for _, count in metainfo.annotation_fields) == metainfo.num_keypoints
    if name != "coco":
        assert metainfo.grouping_index == tuple(range(metainfo.num_keypoints))
    assert facts_of(metainfo) == read_json(OWN / "keypoints.json.gz")[name]


def test_whole_body_fields():
    assert get_metainfo("coco_wholebody").annotation_fields == (
        ("keypoints", 17), ("foot_kpts", 6), ("face_kpts", 68), ("lefthand_kpts", 21),
        ("righthand_kpts", 21))


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
