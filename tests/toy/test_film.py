"""Toy films: same seed same frames, and people who do what tracking finds hard."""

import numpy as np
import pytest

from aepose.toy.film import draw_film


@pytest.fixture(scope="module")
def film():
    return list(draw_film(150, 4, seed=3, size=(144, 96)))


def boxes(frame):
    return frame.keypoints.min(axis=1), frame.keypoints.max(axis=1)


def test_same_seed_gives_same_frames():
    first, second, other = (list(draw_film(4, 3, seed, size=(96, 64))) for seed in (1, 1, 2))
    for a, b in zip(first, second, strict=True):
        assert np.array_equal(a.image, b.image)
        assert np.array_equal(a.keypoints, b.keypoints)
        assert np.array_equal(a.visibility, b.visibility)
    assert not np.array_equal(first[0].image, other[0].image)


def test_a_longer_film_begins_with_the_shorter_one():
    short, long = (list(draw_film(n, 3, size=(96, 64))) for n in (3, 6))
    assert all(np.array_equal(a.image, b.image) for a, b in zip(short, long, strict=False))


def test_shapes(film):
    for number, frame in enumerate(film):
        people = len(frame.identities)
        assert frame.number == number
        assert frame.image.shape == (96, 144, 3)
        assert frame.image.dtype == np.uint8
        assert frame.keypoints.shape == (people, 17, 2)
        assert frame.visibility.shape == (people, 17)
        assert np.all(np.diff(frame.identities) > 0)
        assert (frame.visibility > 0).any(axis=1).all()
        inside = ((frame.keypoints >= 0) & (frame.keypoints <= (143, 95))).all(axis=2)
        assert np.array_equal(frame.visibility > 0, inside)


def test_nobody():
    frame, = draw_film(1, 0, size=(96, 64))
    assert frame.keypoints.shape == (0, 17, 2)
    assert frame.visibility.shape == (0, 17)
    assert frame.identities.shape == (0,)


def test_people_move_smoothly(film):
    """No keypoint jumps: at most 10 % of the picture's height from frame to frame."""
    last = {}
    for frame in film:
        now = dict(zip(frame.identities.tolist(), frame.keypoints, strict=True))
        for identity in now.keys() & last.keys():
            assert np.abs(now[identity] - last[identity]).max() < 0.1 * 96
        last = now


def test_people_leave_and_come_back(film):
    there = np.array([np.isin(np.arange(4), frame.identities) for frame in film])
    starts = (there[1:] & ~there[:-1]).sum(axis=0)
    assert starts.sum() >= 2
    assert not there.all(axis=0).all()


def test_people_cross_and_hide_each_other(film):
    order, hidden = set(), 0
    for frame in film:
        pelvis = dict(zip(frame.identities.tolist(), frame.keypoints[:, 11, 0], strict=True))
        if 0 in pelvis and 1 in pelvis:
            order.add(pelvis[0] < pelvis[1])
        hidden += ((frame.visibility == 1).mean(axis=1) > 0.6).sum()
    assert order == {True, False}
    assert hidden > 5


def test_visible_keypoints_are_those_on_top(film):
    share = np.concatenate([frame.visibility.ravel() for frame in film])
    assert 0.5 < (share == 2).mean() < 0.95
    assert 0.05 < (share == 1).mean() < 0.45
