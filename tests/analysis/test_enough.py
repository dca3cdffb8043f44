"""What is too little is said."""

import numpy as np
import pytest

from aepose.analysis.enough import check_films, check_numbers, check_size


def creatures(number, side=100, rare=None):
    """(P, 3, 3): three keypoints within a square; the last is labelled ``rare`` times."""
    joints = np.array([[0, 0, 2], [side, 0, 2], [0, side, 1]], float)
    people = np.tile(joints, (number, 1, 1))
    if rare is not None:
        people[rare:, 2] = 0
    return people


@pytest.mark.parametrize(("keypoints", "test_mode", "said"), [
    (creatures(100), False, []), (creatures(50), True, []), (creatures(0), False, []),
    (creatures(99), False, ["99 people with keypoints to train on: hardly enough"]),
    (creatures(49), True, ["49 people with keypoints to test on: what differs by less than about "
                           "0.14 in AP may be chance"]),
    (creatures(200, rare=9), False, ["1 keypoint hardly ever labelled: right (9 times)"]),
    (creatures(200, rare=10), False, []), (creatures(200, rare=0), False, []),
])
def test_numbers(three, keypoints, test_mode, said):
    assert [found.text for found in check_numbers(keypoints, three, test_mode)] == said


@pytest.mark.parametrize(("side", "scale", "said"), [
    # Pictures of 256 go into 64: a quarter, and eight cells of 4 pixels are 32.
    (128, 1, None), (127, 1, "no longer than 32 pixels"), (40, 1, "no longer than 10 pixels"),
    (40, 4, None), (0, 1, None),
])
def test_size(make_codec, side, scale, said):
    found = check_size(creatures(10, side), np.full((10, 2), 256), make_codec(64), scale)
    assert len(found) == (said is not None)
    assert said is None or said in found[0].text
    if said and side == 40:
        assert "make codec.input_size 3.2 times as large" in found[0].advice


def entries(*films):
    return [{"file_name": f"{film}_{i}.png"} for film in films for i in range(4)]


@pytest.mark.parametrize(("train", "val", "said"), [
    (entries("a", "b"), entries("c"), []), (entries("a"), [], []), ([], [], []),
    (entries("a", "b"), entries("b", "c"), ["1 film both trained and tested on: b"]),
])
def test_films(train, val, said):
    assert [found.text for found in check_films(train, val)] == said
