"""Smoothing: noise becomes less, movement stays, size does not matter, nothing missing pulls."""

import numpy as np
import pytest

from aepose.film.smoothing import OneEuro, savitzky_golay

RATE = 25
SHAPE = np.array([[0, 0], [20, 0], [0, 40], [20, 40]], float)


def walk(frames=80, speed=0.0, noise=1.0, seed=0):
    """(true, noisy) keypoints (T, 4, 2) of a person who walks to the right, pixels a frame."""
    true = SHAPE + np.arange(frames)[:, None, None] * (speed, 0)
    return true, true + np.random.default_rng(seed).normal(0, noise, true.shape)


def one_euro(keypoints, found=None, identities=None, **options):
    smoother = OneEuro(RATE, **options)
    found = np.ones(keypoints.shape[:2], bool) if found is None else found
    return np.concatenate([smoother.update(k[None], f[None], [0])
                           for k, f in zip(keypoints, found, strict=True)])


def savgol(keypoints, found=None, **options):
    found = np.ones(keypoints.shape[:2], bool) if found is None else found
    return savitzky_golay(keypoints, found, **options)


def jitter(keypoints):
    """Pixels: spread of what a keypoint does beyond moving on evenly."""
    return np.diff(keypoints[10:-10], n=2, axis=0).std()


BOTH = pytest.mark.parametrize("smooth", [one_euro, savgol])


@BOTH
@pytest.mark.parametrize("speed", [0.0, 1.0])
def test_noise_becomes_less_and_movement_stays(smooth, speed):
    true, noisy = walk(speed=speed)
    smoothed = smooth(noisy)
    assert jitter(smoothed) < 0.5 * jitter(noisy)
    lag = (true - smoothed)[20:-20, :, 0].mean()
    assert abs(lag) < 0.15 + 0.8 * speed
    assert np.abs(smoothed - true)[20:-20, :, 1].mean() < np.abs(noisy - true)[20:-20, :, 1].mean()


@BOTH
def test_large_and_small_people_are_smoothed_alike(smooth):
    _, noisy = walk(speed=2.0)
    assert smooth(8 * noisy) == pytest.approx(8 * smooth(noisy), abs=1e-6)


@BOTH
def test_a_keypoint_that_was_not_found_does_not_pull(smooth):
    """Wherever it was filled in, nothing else changes."""
    _, noisy = walk(speed=2.0)
    found = np.random.default_rng(1).random(noisy.shape[:2]) < 0.8
    found[:, 0] = found[0] = True
    elsewhere = np.where(found[..., None], noisy, 1000.0)
    assert np.array_equal(smooth(noisy, found), smooth(elsewhere, found))


@BOTH
def test_a_keypoint_that_was_not_found_is_filled_in(smooth):
    true, _ = walk(speed=2.0, noise=0)
    found = np.ones(true.shape[:2], bool)
    found[40:43, 1] = False
    given = true.copy()
    given[40:43, 1] = 0
    assert smooth(given, found)[40:43, 1] == pytest.approx(smooth(true)[40:43, 1], abs=1.5)


@BOTH
def test_a_keypoint_that_is_never_found_stays_as_it_is(smooth):
    true, noisy = walk()
    found = np.ones(true.shape[:2], bool)
    found[:, 2] = False
    assert np.array_equal(smooth(noisy, found)[:, 2], noisy[:, 2])


def test_one_euro_begins_with_what_is_there():
    _, noisy = walk()
    assert np.array_equal(one_euro(noisy)[0], noisy[0])


def test_one_euro_lags_less_when_fast():
    """In frames: how far behind, by how fast."""
    lags = []
    for speed in (1.0, 8.0):
        true, noisy = walk(speed=speed, noise=0.2)
        lags.append((true - one_euro(noisy))[40:, :, 0].mean() / speed)
    assert 0 < lags[1] < 0.7 * lags[0]


def test_one_euro_follows_identities_and_not_the_order():
    _, first = walk(speed=1.0)
    _, second = walk(speed=-1.0, seed=3)
    smoother, one, other = OneEuro(RATE), [], []
    for t, pair in enumerate(zip(first, second + 300, strict=True)):
        order = [0, 1] if t % 2 else [1, 0]
        smoothed = smoother.update(np.array(pair)[order], np.ones((2, 4), bool), order)
        one.append(smoothed[order.index(0)])
        other.append(smoothed[order.index(1)])
    assert np.array_equal(one, one_euro(first))
    assert np.array_equal(other, one_euro(second + 300))


def test_one_euro_leaves_who_has_no_identity():
    smoother = OneEuro(RATE)
    _, noisy = walk(5)
    for keypoints in noisy:
        given = keypoints[None]
        assert np.array_equal(smoother.update(given, np.ones((1, 4), bool), [-1]), given)


@pytest.mark.parametrize(("missing", "known"), [(5, True), (6, False)])
def test_one_euro_forgets(missing, known):
    smoother, there = OneEuro(RATE, forget=5), np.ones((1, 4), bool)
    smoother.update(SHAPE[None], there, [0])
    for _ in range(missing - 1):
        smoother.update(np.zeros((0, 4, 2)), np.zeros((0, 4), bool), [])
    later = smoother.update(SHAPE[None] + 9, there, [0])
    assert np.array_equal(later, SHAPE[None] + 9) != known


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_savitzky_golay_keeps_polynomials(order):
    t = np.linspace(-1, 1, 40)
    curve = np.stack([sum(t**n for n in range(order + 1)), 3 - t**order], axis=-1)[:, None]
    found = np.random.default_rng(0).random((40, 1)) < 0.7
    given = np.where(found[..., None], curve, -50)
    smoothed = savitzky_golay(given, found, window=11, order=order)
    assert smoothed[found] == pytest.approx(curve[found])


def test_savitzky_golay_is_scipys_where_all_is_found():
    signal = pytest.importorskip("scipy.signal")
    _, noisy = walk(speed=1.0)
    expected = signal.savgol_filter(noisy, 9, 2, axis=0)
    assert savgol(noisy)[4:-4] == pytest.approx(expected[4:-4])


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_short_films(frames):
    _, noisy = walk(frames)
    assert savgol(noisy).shape == noisy.shape
    assert np.isfinite(savgol(noisy)).all()
    assert one_euro(noisy).shape == noisy.shape


@pytest.mark.parametrize(("window", "order"), [(8, 2), (3, 3), (1, 1), (5, -1)])
def test_windows_without_sense(window, order):
    with pytest.raises(ValueError, match=f"window = {window} must be odd and more than"):
        savitzky_golay(np.zeros((9, 1, 2)), np.ones((9, 1), bool), window, order)


@pytest.mark.parametrize("options", [{"frames_per_second": 0}, {"frames_per_second": 25,
                                                                "min_cutoff": -1}])
def test_values_without_sense(options):
    with pytest.raises(ValueError, match="must be above 0"):
        OneEuro(**options)
