import numpy as np
import pytest

from aepose.codecs import refine as stages
from aepose.codecs.dark import newton_step
from aepose.codecs.refine import adjust, person_scores
from tests.codecs.paths import PATHS, missing, on_path

WIDTH, HEIGHT = 6, 5


@pytest.fixture(params=PATHS)
def refine(request, device):
    """Return a function (people, heatmaps, tags, offset) -> people, on each path of decoding."""
    if missing(request.param):
        pytest.skip(missing(request.param))
    with on_path(request.param) as read:
        yield lambda people, heatmaps, tags, **options: stages.refine(
            people, read(heatmaps, tags), **options)


def maps(*cells):
    """Heatmaps (K, H, W) from one {(x, y): value} per keypoint."""
    values = np.zeros((len(cells), HEIGHT, WIDTH), np.float32)
    for k, keypoint in enumerate(cells):
        for (x, y), value in keypoint.items():
            values[k, y, x] = value
    return values


def pose(*joints):
    """One person (1, K, 4) of (x, y, score, tag)."""
    return np.array([joints], np.float32)


ADJUST_CASES = {
    "right and below": ({(3, 2): 1, (4, 2): 0.5, (3, 3): 0.5}, (3, 2), (3.75, 2.75)),
    "left and above": ({(3, 2): 1, (2, 2): 0.5, (3, 1): 0.5}, (3, 2), (3.25, 2.25)),
    "equal neighbours go to minus": ({(3, 2): 1}, (3, 2), (3.25, 2.25)),
    "axes apart": ({(3, 2): 1, (4, 2): 0.5, (3, 1): 0.5}, (3, 2), (3.75, 2.25)),
    "diagonal neighbours do not count": ({(3, 2): 1, (4, 3): 0.9}, (3, 2), (3.25, 2.25)),
    # At the border the pixel itself stands in for the neighbour, and is higher.
    "top left corner": ({(0, 0): 1, (1, 0): 0.5, (0, 1): 0.5}, (0, 0), (0.25, 0.25)),
    "bottom right corner": ({(5, 4): 1, (4, 4): 0.5, (5, 3): 0.5}, (5, 4), (5.75, 4.75)),
    "plateau at the border": ({(0, 0): 1, (1, 0): 1, (0, 1): 1}, (0, 0), (0.25, 0.25)),
}


@pytest.mark.parametrize(("cells", "start", "expected"), ADJUST_CASES.values(), ids=ADJUST_CASES)
def test_adjust(cells, start, expected):
    people = pose((*start, 0.9, 7))
    before = people.copy()
    adjusted = adjust(people, maps(cells))
    np.testing.assert_array_equal(adjusted, pose((*expected, np.float32(0.9), 7)))
    assert adjusted.dtype == np.float32
    np.testing.assert_array_equal(people, before)


def test_adjust_offset():
    people = pose((3, 2, 0.9, 7))
    np.testing.assert_array_equal(adjust(people, maps({}), offset=0)[0, 0, :2], [2.75, 1.75])


def test_adjust_leaves_missing_keypoints():
    people = pose((0, 0, 0, 0), (3, 2, 0.9, 0))
    adjusted = adjust(people, maps({(1, 0): 1}, {(3, 2): 1}))
    np.testing.assert_array_equal(adjusted[0, :, :2], [[0, 0], [3.25, 2.25]])


def test_adjust_reads_each_keypoints_own_map():
    people = np.concatenate([pose((3, 2, 0.9, 0), (3, 2, 0.9, 0))] * 2)
    adjusted = adjust(people, maps({(4, 2): 1}, {(3, 3): 1}))
    np.testing.assert_array_equal(adjusted[:, :, :2], [[[3.75, 2.25], [3.25, 2.75]]] * 2)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([[0.5, 0.25]], [0.375]),
        ([[0.5, 0], [0, 0]], [0.25, 0]),
        (np.zeros((0, 2)), []),
    ],
)
def test_person_scores(scores, expected):
    scores = np.array(scores, np.float32)
    people = np.full((*scores.shape, 4), 9, np.float32)
    people[..., 2] = scores
    result = person_scores(people)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, np.array(expected, np.float32))


FOUND = (1.25, 1.25, 0.9, 3)  # the first keypoint; its tag map says 3 there
MISSING = (0, 0, 0, 0)

# (heatmap cells of the missing keypoint, its tag cells on a background of 3, expected x, y, score)
REFINE_CASES = {
    "highest": ({(3, 2): 0.5, (1, 1): 0.25}, {}, (3.25, 2.25, 0.5)),
    "quarter pixel": ({(3, 2): 0.5, (4, 2): 0.25, (3, 3): 0.25}, {}, (3.75, 2.75, 0.5)),
    "border": ({(5, 4): 0.5, (4, 4): 0.25}, {}, (5.75, 4.75, 0.5)),
    "no threshold": ({(3, 2): 1e-6}, {}, (3.25, 2.25, np.float32(1e-6))),
    "first of equals": ({(3, 2): 0.5, (1, 3): 0.5}, {}, (3.25, 2.25, 0.5)),
    "lower with the better tag": ({(3, 2): 0.5, (1, 1): 0.25}, {(3, 2): 4}, (1.25, 1.25, 0.25)),
    "a tag half a step off is as good": ({(3, 2): 0.5}, {(3, 2): 3.5}, (3.25, 2.25, 0.5)),
    "one and a half steps count as two": (
        {(3, 2): 2, (1, 1): 0.25},
        {(3, 2): 4.5},
        (1.25, 1.25, 0.25),
    ),
    "nothing there": ({}, {}, (0, 0, 0)),
    "peak of another person, zero background fits better": ({(3, 2): 0.5}, {(3, 2): 8}, (0, 0, 0)),
    "best is negative": (
        {(x, y): -0.5 for x in range(WIDTH) for y in range(HEIGHT)},
        {},
        (0, 0, 0),
    ),
}


def tag_maps(*cells):
    """Tags (K, H, W, 1): 3, and what {(x, y): value} says per keypoint."""
    return maps(
        *({(x, y): c.get((x, y), 3) for x in range(WIDTH) for y in range(HEIGHT)} for c in cells)
    )[..., None]


@pytest.mark.parametrize(
    ("cells", "tag_cells", "expected"), REFINE_CASES.values(), ids=REFINE_CASES
)
def test_refine(refine, cells, tag_cells, expected):
    people = pose(FOUND, MISSING)
    before = people.copy()
    refined = refine(people, maps({(1, 1): 1}, cells), tag_maps({}, tag_cells))
    np.testing.assert_array_equal(refined, pose(FOUND, (*expected, 0)))
    assert refined.dtype == np.float32
    np.testing.assert_array_equal(people, before)


def test_refine_offset(refine):
    refined = refine(pose(FOUND, MISSING), maps({}, {(3, 2): 0.5}), tag_maps({}, {}), offset=0)
    np.testing.assert_array_equal(refined[0, 1, :2], [2.75, 1.75])


def test_refine_uses_the_mean_tag_of_the_map_not_of_the_pose(refine):
    people = pose((1.25, 1.25, 0.9, 50), (2.75, 2.75, 0.9, 50), MISSING)
    tags = tag_maps({(1, 1): 4}, {(2, 2): 6}, {(3, 2): 5, (4, 4): 4, (0, 4): 6})
    refined = refine(people, maps({}, {}, {(3, 2): 0.5, (4, 4): 0.75, (0, 4): 0.75}), tags)
    np.testing.assert_array_equal(refined[0, 2], np.float32([3.25, 2.25, 0.5, 0]))


def test_refine_each_person_by_its_own_tag(refine):
    people = np.concatenate(
        [pose((1.25, 1.25, 0.9, 3), MISSING), pose((4.25, 1.25, 0.9, 9), MISSING)]
    )
    tags = tag_maps({(4, 1): 9}, {(4, 3): 9})
    refined = refine(people, maps({}, {(1, 3): 0.5, (4, 3): 0.25}), tags)
    np.testing.assert_array_equal(refined[:, 1], [[1.25, 3.25, 0.5, 0], [4.25, 3.25, 0.25, 0]])


def test_refine_with_one_tag_map_for_all(refine):
    tags = tag_maps({(3, 2): 8})
    refined = refine(pose(FOUND, MISSING), maps({}, {(3, 2): 0.5, (1, 1): 0.25}), tags)
    np.testing.assert_array_equal(refined[0, 1], [1.25, 1.25, 0.25, 0])


def test_refine_with_two_tags(refine):
    """At (1, 1) the distance is sqrt(0.5² + 0.5²), rounded 1; at (3, 2) it is 0.5, rounded 0."""
    tags = np.concatenate(
        [tag_maps({}, {(1, 3): 3.5, (3, 2): 3.5}), tag_maps({}, {(1, 3): 3.5})], axis=-1
    )
    people = np.array([[[1.25, 1.25, 0.9, 3, 3], [0, 0, 0, 0, 0]]], np.float32)
    refined = refine(people, maps({}, {(1, 3): 0.5, (3, 2): 0.25}), tags)
    np.testing.assert_array_equal(refined[0, 1], [3.25, 2.25, 0.25, 0, 0])


@pytest.mark.parametrize(
    "people",
    [
        np.zeros((0, 2, 4), np.float32),
        pose(FOUND, FOUND),
        pose(MISSING, MISSING),
    ],
    ids=["nobody", "nothing missing", "nothing found"],
)
def test_refine_leaves_alone(refine, people):
    refined = refine(people, maps({(3, 2): 0.5}, {(3, 2): 0.5}), tag_maps({}, {}))
    np.testing.assert_array_equal(refined, people)
    np.testing.assert_array_equal(adjust(people[:0], maps({}, {})), people[:0])


def broken(values, *index):
    values[index] = np.nan
    return values


ERROR_CASES = {
    "NaN under a keypoint": (
        pose(FOUND, MISSING), maps({}, {}), broken(tag_maps({}, {}), 0, 1, 1), "tags: NaN"),
    "NaN where is searched": (
        pose(FOUND, MISSING), maps({}, {}), broken(tag_maps({}, {}), 1, 4, 5), "tags: NaN"),
    "NaN in the heatmap that is searched": (
        pose(FOUND, MISSING), broken(maps({}, {}), 1, 0, 0), tag_maps({}, {}), "heatmaps: NaN"),
    "other number of tags": (
        np.zeros((1, 2, 5), np.float32), maps({}, {}), tag_maps({}, {}), "people: expected"),
    "other number of keypoints": (pose(FOUND), maps({}, {}), tag_maps({}, {}), "people: expected"),
    "one person without people axis": (
        pose(FOUND, MISSING)[0],
        maps({}, {}),
        tag_maps({}, {}),
        "people: expected",
    ),
    "no tags in people": (
        pose(FOUND, MISSING)[..., :3],
        maps({}, {}),
        tag_maps({}, {}),
        "people: expected",
    ),
    "batch axis": (
        pose(FOUND, MISSING),
        maps({}, {})[None],
        tag_maps({}, {}),
        "heatmaps: expected",
    ),
    "tags of another size": (
        pose(FOUND, MISSING),
        maps({}, {}),
        tag_maps({}, {})[:, 1:],
        "do not fit",
    ),
}


@pytest.mark.parametrize(
    ("people", "heatmaps", "tags", "message"), ERROR_CASES.values(), ids=ERROR_CASES
)
def test_refine_says_what_is_wrong(refine, people, heatmaps, tags, message):
    with pytest.raises(ValueError, match=message):
        refine(people, heatmaps, tags)


def test_nan_where_nobody_looks_is_no_error(refine):
    tags = broken(tag_maps({}, {}), 0, 4, 5)
    refined = refine(pose(FOUND, MISSING), maps({}, {(3, 2): 0.5}), tags)
    np.testing.assert_array_equal(refined[0, 1], np.float32([3.25, 2.25, 0.5, 0]))


def test_adjust_says_what_is_wrong():
    with pytest.raises(ValueError, match="people: expected"):
        adjust(pose(FOUND), maps({}, {}))


LAYOUTS = {
    "people strided": lambda people, heatmaps: (np.repeat(people, 2, axis=1)[:, ::2], heatmaps),
    "cells strided": lambda people, heatmaps: (people, np.repeat(heatmaps, 2, axis=2)[..., ::2]),
    "columns backwards": lambda people, heatmaps: (people, heatmaps[..., ::-1].copy()[..., ::-1]),
    "maps apart": lambda people, heatmaps: (people, np.repeat(heatmaps, 2, axis=0)[::2]),
    "read-only": lambda people, heatmaps: (frozen(people), frozen(heatmaps)),
}


def frozen(array):
    array = array.copy()
    array.flags.writeable = False
    return array


@pytest.mark.parametrize("function", [adjust, newton_step])
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_positions_do_not_depend_on_the_layout(function, layout):
    rng = np.random.default_rng(0)
    people, heatmaps = rng.random((3, 2, 5), np.float32) * 5, rng.random((2, 5, 6), np.float32)
    np.testing.assert_array_equal(function(*layout(people, heatmaps)), function(people, heatmaps))


def test_float64_stays_float64(refine):
    people = pose(FOUND, MISSING).astype(np.float64)
    heatmaps = maps({}, {(3, 2): 0.5})
    for moved in (adjust(people, heatmaps), refine(people, heatmaps, tag_maps({}, {}))):
        assert moved.dtype == np.float64
