"""Kinds of errors."""

import json

import numpy as np
import pytest

from aepose.analysis.diagnosis import CROWDING, KINDS, crowding, diagnose, match
from aepose.evaluation import CocoMetric
from aepose.metainfo import Metainfo

FACE = Metainfo(
    name="face", keypoint_names=("nose", "left", "right"), flip_pairs=(("left", "right"),),
    sigmas=(0.1,) * 3, skeleton=(), keypoint_colors=((0, 0, 0),) * 3, skeleton_colors=())
SIDE = 100  # with it, a similarity of s lies 20 * sqrt(-2 ln s) pixels away
GOOD_TO, NEAR_TO = 11.4, 23.5
A = [(50, 0), (0, 100), (100, 100)]
B = [(350, 0), (300, 100), (400, 100)]
FAR = (900, 900)


def person(points, visibility=(2, 2, 2), image_id=1, **changes):
    joints = [v for (x, y), seen in zip(points, visibility, strict=True) for v in (x, y, seen)]
    corner = np.min(points, axis=0).tolist()
    return {"image_id": image_id, "category_id": 1, "iscrowd": 0, "area": SIDE**2,
            "bbox": [*corner, SIDE, SIDE], "num_keypoints": 3, "keypoints": joints, **changes}


def found(points, score=0.9, image_id=1):
    corner = np.min(points, axis=0)
    size = np.max(points, axis=0) - corner
    return {"image_id": image_id, "category_id": 1, "score": score,
            "bbox": [*corner.tolist(), *size.tolist()],
            "keypoints": [v for point in points for v in (*point, 0.8)]}


def run(folder, people, records, **options):
    path = folder / "people.json"
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 999, "height": 999} for i in (1, 2)]
    path.write_text(json.dumps({
        "images": images, "categories": [{"id": 1, "name": "person"}],
        "annotations": [{"id": i, **p} for i, p in enumerate(people)]}))
    return diagnose(CocoMetric(FACE, path), records, **options)


def shifted(points, index, by):
    return [(x + by * (k == index), y) for k, (x, y) in enumerate(points)]


def moved(points, by):
    return [(x + by, y) for x, y in points]


def placed(points, **places):
    return [places.get(name, point)
            for name, point in zip(FACE.keypoint_names, points, strict=True)]


# What was found of person A, beside B: kinds of nose, left and right.
KEYPOINTS = {
    "exact": (A, "good good good"),
    "just good": (shifted(A, 0, GOOD_TO - 0.1), "good good good"),
    "no longer good": (shifted(A, 0, GOOD_TO + 0.1), "jitter good good"),
    "just near": (shifted(A, 0, NEAR_TO - 0.1), "jitter good good"),
    "no longer near": (shifted(A, 0, NEAR_TO + 0.1), "miss good good"),
    "sides exchanged": (placed(A, left=A[2], right=A[1]), "good inversion inversion"),
    "both on one side": (placed(A, left=A[2]), "good inversion good"),
    "another's": (placed(A, left=B[1]), "good swap good"),
    "another's other side": (placed(A, left=B[2]), "good swap good"),
    "the nose on an eye": (placed(A, nose=A[1]), "miss good good"),
    "the nose on another's eye": (placed(A, nose=B[1]), "miss good good"),
    "nowhere": (placed(A, right=FAR), "good good miss"),
}


@pytest.mark.parametrize("case", KEYPOINTS)
def test_keypoints(tmp_path, case):
    points, expected = KEYPOINTS[case]
    result = run(tmp_path, [person(A), person(B)], [found(points)])
    counts = result.keypoints.sum(axis=0)
    assert [KINDS[row.argmax()] for row in counts] == expected.split()
    assert counts.sum() == 3
    assert (result.found.sum(), result.missed.sum()) == (1, 1)


@pytest.mark.parametrize(("visibility", "points", "expected"), [
    ((2, 2, 0), placed(A, right=FAR), [1, 1, 0]),
    ((1, 2, 2), A, [1, 1, 1]),
    ((2, 2, 0), placed(A, left=A[2]), [1, 1, 0]),
])
def test_only_labelled_keypoints_count(tmp_path, visibility, points, expected):
    result = run(tmp_path, [person(A, visibility)], [found(points)])
    assert result.keypoints.sum(axis=(0, 2)).tolist() == expected
    # An unlabelled keypoint's place, 0 or not, is no place to be confused with.
    assert result.keypoints[..., KINDS.index("inversion")].sum() == 0


def test_a_crowds_keypoints_are_nobodys(tmp_path):
    found_beside = [found(placed(A, left=B[1]))]
    for crowd, kind in ((0, "swap"), (1, "miss")):
        result = run(tmp_path, [person(A), person(B, iscrowd=crowd)], found_beside)
        assert result.keypoints[:, 1, KINDS.index(kind)].sum() == 1


CROWD = person(B, (0, 0, 0), iscrowd=1, num_keypoints=0)
PEOPLE = {
    "nothing": ([], [], (0, 0, 0, 0)),
    "nobody found": ([person(A)], [], (0, 1, 0, 0)),
    "found": ([person(A)], [found(A)], (1, 0, 0, 0)),
    "nobody there": ([], [found(A)], (0, 0, 0, 1)),
    "twice": ([person(A)], [found(A, 0.5), found(moved(A, 5), 0.9)], (1, 0, 1, 0)),
    "and something else": ([person(A)], [found(A), found(B)], (1, 0, 0, 1)),
    "in another picture": ([person(A)], [found(A, image_id=2)], (0, 1, 0, 1)),
    "in a crowd": ([person(A), CROWD], [found(A), found(B), found(B)], (1, 0, 0, 0)),
    "unlabelled person": ([person(A), person(B, (0, 0, 0))], [found(A), found(B)], (1, 0, 0, 0)),
    "more than twenty": ([person(A)], [found(B, 0.9)] * 20 + [found(A, 0.1)], (0, 1, 0, 20)),
    "NaN": ([person(A)], [{**found(A), "score": float("nan")}], (0, 1, 0, 0)),
}


@pytest.mark.parametrize("case", PEOPLE)
def test_people(tmp_path, case):
    people, records, expected = PEOPLE[case]
    result = run(tmp_path, people, records)
    sums = [getattr(result, n).sum() for n in ("found", "missed", "duplicates", "background")]
    assert tuple(sums) == expected


def test_the_better_scored_detection_is_the_one_that_counts(tmp_path):
    wrong_nose = placed(A, nose=FAR)
    result = run(tmp_path, [person(A)], [found(A, 0.5), found(wrong_nose, 0.9)])
    assert result.keypoints[..., KINDS.index("miss")].sum() == 1


def test_how_alike_a_detection_must_be(tmp_path):
    two_of_three_off = placed(A, nose=FAR, left=FAR)
    for least, expected in ((0.1, 1), (0.5, 0)):
        result = run(tmp_path, [person(A)], [found(two_of_three_off)], matched=least)
        assert result.found.sum() == expected


def test_crowding_of_people_and_of_errors(tmp_path):
    crowd = [person(moved(A, by)) for by in (0, 20, 40, 60)]
    result = run(tmp_path, [*crowd, person(B, image_id=2)],
                 [found(A), found(B, image_id=2), found(B, 0.1)])
    assert list(CROWDING) == ["alone", "1 or 2 others", "3 or more"]
    assert result.found.tolist() == [1, 0, 1]
    assert result.missed.tolist() == [0, 0, 3]
    assert result.background.tolist() == [1, 0, 0]


@pytest.mark.parametrize(("boxes", "expected"), [
    ([], []),
    ([[0, 0, 10, 10]], [0]),
    ([[0, 0, 0, 0]], [0]),
    ([[0, 0, 10, 10], [5, 0, 10, 10]], [1, 1]),
    ([[0, 0, 10, 10], [9, 9, 10, 10]], [0, 0]),
    ([[0, 0, 10, 40], [9, 0, 10, 40]], [0, 0]),
    ([[0, 0, 40, 10], [0, 9, 40, 10]], [0, 0]),
    ([[0, 0, 10, 10]] * 4 + [[50, 0, 10, 10]], [2, 2, 2, 2, 0]),
])
def test_crowding(boxes, expected):
    boxes = np.array(boxes, float).reshape(-1, 4)
    levels = crowding(boxes, boxes, np.ones(len(boxes), bool))
    assert levels.tolist() == expected


@pytest.mark.parametrize(("similarity", "counted", "expected"), [
    ([[0.9, 0.8], [0.9, 0.8]], [1, 1], [0, 1]),
    ([[0.05, 0.0]], [1, 1], [-1]),
    ([[0.3, 0.9], [0.3, 0.9]], [1, 0], [0, 1]),
    ([[0.0, 0.9], [0.0, 0.9]], [1, 0], [1, 1]),
    ([[0.9], [0.8]], [1], [0, -1]),
])
def test_match(similarity, counted, expected):
    assert match(np.array(similarity), np.array(counted, bool), 0.1) == expected
