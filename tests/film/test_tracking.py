"""Tracking: people keep their identities where poses alone tell who is who."""

import tracemalloc
from itertools import permutations

import numpy as np
import pytest

from aepose.film.tracking import NOBODY, Tracker, match

SIGMAS = (0.05,) * 6
SHAPE = np.array([[0, 0], [20, 0], [0, 30], [20, 30], [0, 60], [20, 60]], float)


def frame(*places, found=None, scores=None):
    """The arguments of ``update``: people of one shape at (x, y) places."""
    keypoints = np.array([SHAPE + place for place in places]).reshape(-1, 6, 2)
    found = np.ones(keypoints.shape[:2], bool) if found is None else np.array(found)
    scores = np.ones(len(places)) if scores is None else np.array(scores)
    return keypoints, found, scores


def follow(frames, **options):
    tracker = Tracker(SIGMAS, **options)
    return [tracker.update(*arguments) for arguments in frames]


def ids(tracked):
    return [t.identities.tolist() for t in tracked]


def test_order_of_poses_does_not_matter():
    tracked = follow([frame((0, 0), (100, 0)), frame((103, 0), (2, 0)), frame((4, 1), (105, 0))])
    assert ids(tracked) == [[0, 1], [1, 0], [0, 1]]
    assert not any(t.doubtful for t in tracked)
    assert tracked[0].identities.dtype == np.int64


def test_people_who_cross_keep_their_identities():
    """They pass one another, 60 pixels a second, and swap places; the motion tells them apart."""
    frames = [frame((4 * t, 0), (120 - 4 * t, 6)) for t in range(31)]
    assert ids(follow(frames)) == [[0, 1]] * 31


def test_a_crossing_of_equal_poses_is_doubtful():
    tracked = follow([frame((4 * t, 0), (120 - 4 * t, 0)) for t in range(31)])
    doubtful = [t for t, one in enumerate(tracked) if one.doubtful]
    assert doubtful
    assert set(doubtful) <= set(range(9, 22))
    assert min(tracked[doubtful[0]].margins) < 0.1


@pytest.mark.parametrize(("gap", "identity"), [(6, 0), (7, 1)])
def test_gap(gap, identity):
    """Who is missed for at most ``max_gap`` frames is known again; who comes later is new."""
    frames = [frame((3 * t, 0)) for t in range(10)]
    missed = [frame() for _ in range(gap)]
    again = [frame((3 * t, 0)) for t in range(10 + gap, 14 + gap)]
    tracked = ids(follow(frames + missed + again, max_gap=6))
    assert tracked[:10] == [[0]] * 10
    assert tracked[10 : 10 + gap] == [[]] * gap
    assert tracked[-1] == [identity]


def test_somebody_missed_is_expected_where_the_motion_leads():
    """Two people go to the right; the left one is missed until it is where the other one was."""
    frames = [frame((5 * t, 0), (60 + 5 * t, 0)) for t in range(12)]
    frames += [frame((60 + 5 * t, 0)) for t in range(12, 20)]
    frames += [frame((60 + 5 * t, 0), (5 * t, 0)) for t in range(20, 24)]
    assert ids(follow(frames))[-1] == [1, 0]


def test_a_newcomer_has_an_identity_from_its_second_frame():
    frames = [frame((0, 0))] + [frame((0, 0), (200, 0))] * 3
    assert ids(follow(frames)) == [[0], [0, NOBODY], [0, 1], [0, 1]]


def test_a_pose_that_flashes_up_gets_none():
    frames = [frame((0, 0)), frame((0, 0), (200, 0)), frame((0, 0)), frame((0, 0), (200, 0))]
    assert ids(follow(frames)) == [[0], [0, NOBODY], [0], [0, NOBODY]]


def test_a_double_gets_none():
    frames = [frame((0, 0)), *[frame((0, 0), (2, 0))] * 3]
    assert ids(follow(frames)) == [[0], *[[0, NOBODY]] * 3]


def test_weak_poses_continue_and_do_not_begin():
    frames = [frame((0, 0), scores=[0.9]), frame((1, 0), (200, 0), scores=[0.1, 0.1]),
              frame((2, 0), (200, 0), scores=[0.1, 0.1])]
    assert ids(follow(frames)) == [[0], [0, NOBODY], [0, NOBODY]]


def test_strong_poses_choose_before_weak_ones():
    """The weak pose lies better, and the strong one is believed."""
    frames = [frame((0, 0))] * 3 + [frame((0, 0), (6, 0), scores=[0.1, 0.9])]
    assert ids(follow(frames))[-1] == [NOBODY, 0]


def test_filled_in_keypoints_do_not_pull():
    """Three keypoints of the standing person are filled in far away, in every frame."""
    odd = frame((0, 0), (100, 0), found=[[1, 1, 1, 0, 0, 0], [1] * 6])
    odd = odd[0].copy(), odd[1].astype(bool), odd[2]
    odd[0][0, 3:] += 100, 0
    frames = [frame((0, 0), (100, 0)), *[odd] * 20, frame((0, 0), (100, 0))]
    tracked = follow(frames)
    assert ids(tracked) == [[0, 1]] * 22
    assert tracked[-1].margins.min() > 0.6


def test_a_pose_without_a_found_keypoint_is_nobody():
    nothing = frame((0, 0), found=np.zeros((1, 6), bool))
    assert ids(follow([nothing, nothing, nothing])) == [[NOBODY]] * 3


@pytest.mark.parametrize(("others", "identity"), [((), 0), (((60, 44),), NOBODY)])
def test_a_leap(others, identity):
    """Further than any motion: believed where nobody else is about."""
    still = [frame((0, 0), *others)] * 4
    leapt = frame((30, 22), *others)
    assert ids(follow([*still, leapt]))[-1][0] == identity


def test_individuals_limit_the_identities():
    places = [(0, 0), (100, 0), (200, 0)]
    frames = [frame(*places)] * 4
    assert ids(follow(frames, individuals=2)) == [[0, 1, NOBODY]] * 4
    late = [frame(places[0])] * 2 + [frame(*places)] * 3
    assert max(max(row) for row in ids(follow(late, individuals=2))) == 1


def test_who_reappears_gets_the_free_identity():
    """Long after, and far away; without ``individuals`` it is somebody new."""
    frames = [frame((0, 0), (100, 0))] * 3 + [frame((100, 0))] * 80
    frames += [frame((400, 300), (100, 0))] * 3
    assert ids(follow(frames, individuals=2))[-3:] == [[NOBODY, 1], [0, 1], [0, 1]]
    assert ids(follow(frames))[-1] == [2, 1]


@pytest.mark.parametrize(("arguments", "message"), [
    ({"individuals": 0}, "individuals = 0 must be 1 or more"),
    ({"max_gap": 0}, "max_gap = 0 must be 1 or more")])
def test_values_without_sense(arguments, message):
    with pytest.raises(ValueError, match=message):
        Tracker(SIGMAS, **arguments)


@pytest.mark.parametrize(("keypoints", "found"), [((2, 6, 2), (1, 6)), ((1, 5, 2), (1, 6)),
                                                  ((1, 6, 3), (1, 6)), ((1, 6, 2), (1, 5))])
def test_other_shapes(keypoints, found):
    with pytest.raises(ValueError, match=r"expected keypoints \(1, 6, 2\)"):
        Tracker(SIGMAS).update(np.zeros(keypoints), np.ones(found, bool), np.ones(1))


def test_input_stays_as_it_is():
    keypoints, found, scores = frame((0, 0), (100, 0))
    before = keypoints.copy()
    tracker = Tracker(SIGMAS)
    for _ in range(3):
        tracker.update(keypoints, found, scores)
    assert np.array_equal(keypoints, before)


def random_film(frames, seed=0):
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, 400, (6, 2))
    for _ in range(frames):
        places = places + rng.normal(0, 3, places.shape)
        kept = rng.permutation(6)[: rng.integers(2, 7)]
        keypoints, found, _ = frame(*places[kept])
        yield (keypoints + rng.normal(0, 1, keypoints.shape), rng.random(found.shape) < 0.9,
               rng.random(len(kept)))


def test_deterministic():
    first, second = (ids(follow(random_film(150), individuals=6)) for _ in range(2))
    assert first == second
    assert all(len(set(row) - {NOBODY}) == len([i for i in row if i != NOBODY]) for row in first)


def test_memory_stays_flat():
    tracker, seen = Tracker(SIGMAS), []
    tracemalloc.start()
    for number, arguments in enumerate(random_film(600)):
        tracker.update(*arguments)
        if number in (200, 599):
            seen.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert seen[1] < seen[0] + 20_000


@pytest.mark.parametrize(("similar", "expected"), [
    ([[0.9, 0.1], [0.2, 0.8]], [(0, 0, 0.8), (1, 1, 0.7)]),
    # Both ways cost nearly the same: 1.1 against 1.0.
    ([[0.6, 0.5], [0.5, 0.5]], [(0, 0, 0.1), (1, 1, 0.1)]),
    # A row stays alone rather than below the least similarity.
    ([[0.9], [0.8]], [(0, 0, 0.1)]),
    ([[0.05]], []),
    ([[0.1]], []),
])
def test_match(similar, expected):
    found = match(np.array(similar), 0.1)
    assert [pair[:2] for pair in found] == [pair[:2] for pair in expected]
    assert [pair[2] for pair in found] == pytest.approx([pair[2] for pair in expected])


def test_margins_are_those_of_all_ways():
    """Against trying every way to match."""
    rng = np.random.default_rng(0)
    for _ in range(40):
        similar = rng.random((rng.integers(1, 4), rng.integers(1, 4)))
        rows, columns = similar.shape
        worth = np.concatenate([np.maximum(similar - 0.3, -9 * (similar <= 0.3)),
                                np.zeros((rows, rows))], axis=1)
        ways = list(permutations(range(columns + rows), rows))
        sums = {way: sum(worth[r, c] for r, c in enumerate(way)) for way in ways}
        best = max(sums.values())
        for row, column, margin in match(similar, 0.3):
            others = [s for way, s in sums.items() if way[row] != column]
            assert margin == pytest.approx(best - max(others))


def test_nobody():
    assert ids(follow([frame(), frame((0, 0)), frame(), frame((0, 0))])) == [[], [0], [], [0]]
