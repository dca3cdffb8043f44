import numpy as np
import pytest

from aepose.evaluation import oks_nms, pairwise_oks, soft_oks_nms
from aepose.evaluation.oks import oks_with_people
from aepose.results.formats import pose_boxes

SIGMAS = (0.1, 0.1)
POSE = np.array([[10.0, 20.0], [110.0, 120.0]])  # its box has 10000 square pixels


def at(*shifts):
    """(P, 2, 2) copies of POSE, moved right by each of ``shifts`` pixels."""
    return np.stack([POSE + np.array([shift, 0]) for shift in shifts]).astype(np.float32)


def shifted_oks(shift, area=10000.0, sigma=0.1):
    return np.exp(-shift ** 2 / (2 * area * (2 * sigma) ** 2))


@pytest.mark.parametrize(("shift", "areas", "expected"), [
    (0, (10000, 10000), 1.0),
    (20, (10000, 10000), shifted_oks(20)),
    (20, (5000, 15000), shifted_oks(20)),
    (-20, (2500, 2500), shifted_oks(20, area=2500)),
    (1e6, (10000, 10000), 0.0),
])
def test_oks_of_a_shifted_pose(shift, areas, expected):
    actual = pairwise_oks(at(0), at(shift), SIGMAS, areas[:1], areas[1:])
    np.testing.assert_allclose(actual, [[expected]], rtol=1e-12)


def test_oks_weighs_each_keypoint_by_its_sigma():
    moved = POSE + np.array([[20, 0], [0, 0]])
    for sigmas in ((0.1, 0.5), (0.5, 0.1)):
        expected = shifted_oks(20, sigma=sigmas[0])
        actual = pairwise_oks(POSE[None], moved[None], sigmas, [10000], [10000])
        np.testing.assert_allclose(actual, [[(expected + 1) / 2]])


def test_oks_shape_is_first_by_second():
    actual = pairwise_oks(at(0, 20, 40), at(0, 20), SIGMAS, [10000] * 3, [10000] * 2)
    assert actual.shape == (3, 2)
    np.testing.assert_allclose(actual[:, 0], [1, shifted_oks(20), shifted_oks(40)])
    assert pairwise_oks(at(0)[:0], at(0), SIGMAS, [], [1]).shape == (0, 1)


def test_an_unlabelled_person_is_an_area():
    """Of three times the box's sides: here x from 50 to 200 and y from 80 to 140."""
    outside = [[30, 100], [220, 100], [100, 60], [100, 160]]        # each by 20
    found = np.array([[[50, 80], [200, 140]], *([point, [100, 100]] for point in outside)])
    actual = oks_with_people(found, np.zeros((1, 2, 3)), np.array([[100, 100, 50, 20]]),
                             np.array([10000]), SIGMAS)
    half = (1 + shifted_oks(20)) / 2
    np.testing.assert_allclose(actual, [[1], [half], [half], [half], [half]])


def test_poses_shrunk_to_a_point_are_comparable():
    point = np.zeros((1, 2, 2))
    np.testing.assert_array_equal(pairwise_oks(point, point, SIGMAS, [0], [0]), [[1]])


def test_boxes_include_missing_keypoints_at_the_origin():
    poses = np.array([POSE, [[0, 0], [30, 40]]], np.float32)
    np.testing.assert_array_equal(pose_boxes(poses), [[10, 20, 100, 100], [0, 0, 30, 40]])
    assert pose_boxes(poses[:0]).shape == (0, 4)


@pytest.mark.parametrize(("shifts", "scores", "threshold", "kept"), [
    ((0, 500), (0.2, 0.7), 0.9, [1, 0]),
    ((0, 5, 500), (0.5, 0.9, 0.1), 0.9, [1, 2]),  # OKS 0.969
    ((0, 20, 500), (0.5, 0.9, 0.1), 0.9, [1, 0, 2]),  # OKS 0.607
    ((0, 20, 500), (0.5, 0.9, 0.1), 0.5, [1, 2]),
    # The middle pose drops both neighbours; had an outer one won, the other would have stayed.
    ((0, 20, 40), (0.8, 0.9, 0.7), 0.5, [1]),
    ((0, 20, 40), (0.9, 0.8, 0.7), 0.5, [0, 2]),
    ((0,), (0.3,), 0.9, [0]),
    ((0, 0), (0.3, 0.4), 1.0, [1, 0]),  # nothing exceeds an OKS of 1
])
def test_hard_nms(shifts, scores, threshold, kept):
    actual = oks_nms(at(*shifts), np.array(scores, np.float32), SIGMAS, threshold)
    assert actual.tolist() == kept


@pytest.mark.parametrize(("shifts", "scores", "max_kept", "kept"), [
    ((0, 500), (0.2, 0.7), 20, [1, 0]),
    # The copy of the best pose falls behind a worse pose that stands alone, but is not dropped.
    ((0, 0, 500), (0.8, 0.9, 0.5), 20, [1, 2, 0]),
    ((0, 0, 500), (0.8, 0.9, 0.1), 20, [1, 0, 2]),
    # An OKS of 0.607 lowers 0.5 to 0.5 * exp(-0.607^2 / 0.9) = 0.332.
    ((0, 20, 500), (0.5, 0.9, 0.34), 20, [1, 2, 0]),
    ((0, 20, 500), (0.5, 0.9, 0.32), 20, [1, 0, 2]),
    ((0, 0, 500), (0.8, 0.9, 0.5), 2, [1, 2]),
    ((0,), (0.3,), 20, [0]),
])
def test_soft_nms(shifts, scores, max_kept, kept):
    scores = np.array(scores, np.float32)
    before = scores.copy()
    assert soft_oks_nms(at(*shifts), scores, SIGMAS, 0.9, max_kept).tolist() == kept
    np.testing.assert_array_equal(scores, before)


def test_soft_nms_keeps_twenty():
    shifts, scores = np.arange(30) * 500, np.linspace(0.1, 0.9, 30)
    assert soft_oks_nms(at(*shifts), scores, SIGMAS, 0.9).tolist() == list(range(29, 9, -1))


@pytest.mark.parametrize("nms", [oks_nms, soft_oks_nms])
def test_nms_of_nobody(nms):
    assert nms(at(0)[:0], np.zeros(0, np.float32), SIGMAS, 0.9).shape == (0,)
