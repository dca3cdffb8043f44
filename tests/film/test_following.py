"""Results of a film: identities and smooth positions, frame by frame."""

from dataclasses import replace

import numpy as np
import pytest

from aepose.errors import ConfigError
from aepose.film.following import Followed, smoothed
from aepose.film.smoothing import OneEuro, savitzky_golay
from aepose.film.tracking import NOBODY
from aepose.metainfo import get_metainfo
from aepose.results import PoseResult
from tests.farm import FARM, creature

COCO = get_metainfo("coco")
BODY = np.random.default_rng(0).uniform(0, 100, (17, 2))


def walk(frames=12, noise=0.0, step=4, seed=0):
    """Two people, one to the right and one to the left, the second not in frame 5.

    step: pixels per frame
    """
    rng = np.random.default_rng(seed)
    for number in range(frames):
        moved = step * number
        places = np.stack([BODY, BODY])[: 1 + (number != 5)]
        places += np.array([[moved, 0], [600 - moved, 20]])[: len(places), None]
        places = places + noise * rng.normal(size=(len(places), 17, 2))
        scores = np.full((len(places), 17), 0.9, np.float32)
        yield PoseResult(places.astype(np.float32), scores, scores[:, 0], scores[..., None],
                         metainfo=COCO, frame=number)


def followed(**options):
    return Followed(walk(**options), COCO)


def test_everybody_keeps_their_identity():
    results = followed()
    assert [r.identities.tolist() for r in results] == [[0, 1]] * 5 + [[0]] + [[0, 1]] * 6
    assert (results.frames, results.people, results.classes) == (12, 23, {0: 0, 1: 0})
    assert results.doubtful == []


@pytest.mark.parametrize("kind", ["one-euro", "savgol"])
def test_smooth_positions_are_nearer_to_the_truth(kind):
    truth = list(walk(60, step=0.4))
    found = list(smoothed(followed(frames=60, noise=2.0, step=0.4), kind, 25))
    rough = list(walk(60, noise=2.0, step=0.4))
    errors = [np.mean([np.linalg.norm(r.keypoints[0] - t.keypoints[0], axis=1).mean()
                       for r, t in zip(results[10:], truth[10:], strict=True)])
              for results in (found, rough)]
    assert errors[0] < 0.8 * errors[1]
    assert [r.frame for r in found] == list(range(60))


def test_nothing_is_smoothed_unless_asked_for():
    for ours, theirs in zip(smoothed(followed(noise=2.0), None, 25), walk(noise=2.0), strict=True):
        np.testing.assert_array_equal(ours.keypoints, theirs.keypoints)
    with pytest.raises(ConfigError, match="smoothing = 'kalman'"):
        smoothed(followed(), "kalman", 25)


def test_savitzky_golay_frame_by_frame_is_that_of_the_whole():
    """Of a person who is in all frames, also at the ends; who is missing has no weight."""
    results = list(followed(noise=2.0))
    found = list(smoothed(iter(results), "savgol", 25))
    places = np.array([r.keypoints[0] for r in results], np.float64)
    expected = savitzky_golay(places, np.ones(places.shape[:2], bool), window=9)
    np.testing.assert_allclose([r.keypoints[0] for r in found], expected, atol=1e-3)
    there = [r for r in results if len(r) > 1]
    assert len(found[5]) == 1
    assert np.isfinite(found[6].keypoints).all()
    assert len(there) == 11


def test_one_euro_goes_by_the_frames_before():
    short, long = (list(smoothed(followed(frames=n, noise=2.0), "one-euro", 25)) for n in (6, 12))
    for ours, theirs in zip(short, long, strict=False):
        np.testing.assert_array_equal(ours.keypoints, theirs.keypoints)
    first = next(walk(noise=2.0))
    expected = OneEuro(25).update(first.keypoints, first.found, [0, 1])
    np.testing.assert_allclose(short[0].keypoints, expected, atol=1e-3)


@pytest.mark.parametrize("kind", ["one-euro", "savgol"])
def test_who_has_no_identity_stays(kind):
    strangers = [replace(r, identities=np.full(len(r), NOBODY)) for r in walk(noise=2.0)]
    for ours, theirs in zip(smoothed(strangers, kind, 25), strangers, strict=True):
        np.testing.assert_array_equal(ours.keypoints, theirs.keypoints)


def test_nobody_changes_the_class():
    """A person leaves where a dog comes up, and all that are numbered are numbered together."""
    results = []
    for number in range(8):
        class_ids = np.array([0, 0] if number < 4 else [0, 1])
        places = np.zeros((2, 7, 2), np.float32)
        for row, kind, x in zip(places, class_ids, (20, 60), strict=True):
            own = FARM.classes[kind].keypoints
            row[own] = creature(("person", "dog")[kind], x + number, 30)[:, :2]
        scores = FARM.own_keypoints(class_ids).astype(np.float32)
        results.append(PoseResult(places, scores, scores.max(axis=1), scores[..., None],
                                  metainfo=FARM, frame=number, class_ids=class_ids))
    followed = Followed(results, FARM)
    assert [r.identities.tolist() for r in followed] == [[0, 1]] * 4 + [[0, 2]] * 4
    assert followed.classes == {0: 0, 1: 0, 2: 1}
    known = Followed(results, FARM, individuals=2)
    assert [r.identities.tolist() for r in known] == [[0, 1]] * 4 + [[0, NOBODY]] * 4
    smooth = smoothed(Followed(results, FARM), "one-euro", 25)
    for ours, theirs in zip(smooth, results, strict=True):
        assert not ours.keypoints[~theirs.own_keypoints].any()
