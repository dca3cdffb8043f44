"""Results: people of one picture, parts of them, what they know of themselves."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from aepose.drawing import write_image
from aepose.errors import ConfigError, DataError
from aepose.images import read_image
from aepose.metainfo import get_metainfo
from tests.results.conftest import make_result


@pytest.mark.parametrize("people", [0, 1, 2])
def test_it_counts_people(people):
    result = make_result(people)
    assert len(result) == len(list(result)) == people


@pytest.mark.parametrize(("name", "shape"), [
    ("keypoints", (2, 3, 3)), ("keypoints", (3, 3, 2)), ("scores", (3,)), ("scores", (2, 1)),
    ("tags", (2, 4, 2)), ("tags", (2, 2)), ("found", (2, 2)), ("identities", (3,)),
])
def test_arrays_that_do_not_fit_are_refused(name, shape):
    with pytest.raises(ValueError, match=f"{name}: expected"):
        make_result(**{name: np.zeros(shape, np.float32)})


def test_other_keypoints_than_the_metainfo_are_refused():
    with pytest.raises(ValueError, match="3, but metainfo 'coco' has 17"):
        make_result(metainfo=get_metainfo("coco"))


@pytest.mark.parametrize(("index", "expected"), [
    (np.array([1, 0]), [1, 0]), (np.array([False, True, False]), [1]), (np.array([], int), []),
    ([], []), (1, [1]), (-1, [2]), (np.int64(0), [0]), (slice(1, None), [1, 2]), ([2, 2], [2, 2]),
])
def test_index(known, index, expected):
    part = known[index]
    assert part.scores.tolist() == expected
    for name in ("keypoints", "keypoint_scores", "tags", "found", "identities"):
        np.testing.assert_array_equal(getattr(part, name), getattr(known, name)[expected])
    assert (part.image_id, part.image_path, part.frame) == (7, "a/b.c.jpg", 12)


@pytest.mark.parametrize("index", [3, -4])
def test_an_index_beyond(known, index):
    with pytest.raises(IndexError, match=f"person {index} of 3"):
        known[index]


@pytest.mark.parametrize(("options", "expected"), [
    ({}, [0, 1, 2]), ({"min_score": 1}, [1, 2]), ({"min_keypoints": 3}, [1]),
    ({"min_score": 2, "min_keypoints": 3}, []),
])
def test_filter(known, options, expected):
    assert known.filter(**options).scores.tolist() == expected


def test_words(known):
    assert repr(known) == "PoseResult(3 people, 9 keypoints, 2 of them filled in, b.c_000012)"
    assert repr(make_result(1)) == "PoseResult(1 person, 3 keypoints, b.c)"
    assert repr(make_result(0, image_path="")) == "PoseResult(0 people, 0 keypoints)"
    assert make_result(image_path="").name == "picture"
    assert known.names == ("head", "left", "right")
    with pytest.raises(ConfigError, match="does not know its keypoint set"):
        make_result().names  # noqa: B018


def test_where_nothing_says_so_a_score_means_found():
    scores = np.array([[0.5, 0, 0.1]], np.float32)
    assert make_result(1, keypoint_scores=scores).found.tolist() == [[True, False, True]]


def test_boxes(known):
    for person, box, found in zip(known.keypoints, known.boxes, known.found, strict=True):
        shown = person[found]
        np.testing.assert_array_equal(box, [*shown.min(axis=0), *shown.max(axis=0)])
    nobody = replace(known, found=np.zeros((3, 3), bool))
    assert np.isnan(nobody.boxes).all()
    assert make_result(0).boxes.shape == (0, 4)


def test_margins_by_hand():
    tags = np.array([[0, 0.2, 9], [2, 2, 2.3], [5, 0, 0]], np.float32)[..., None]
    found = np.array([[1, 1, 0], [1, 1, 1], [1, 0, 0]], bool)
    margins = make_result(3, tags=tags, found=found).grouping_margin
    # Mean tags 0.1, 2.1 and 5.
    expected = [[2.1 - 0.1, 1.9 - 0.1, np.nan], [1.9 - 0.1, 1.9 - 0.1, 2.2 - 0.2],
                [2.9, np.nan, np.nan]]
    np.testing.assert_allclose(margins, expected, atol=1e-6)


def test_margins_of_two_tags_and_of_somebody_elses_keypoint():
    tags = np.array([[[0, 0], [3, 4]], [[3, 4], [3, 4]]], np.float32)
    result = make_result(2, 2, tags=tags)
    np.testing.assert_allclose(result.grouping_margin, [[2.5, -2.5], [2.5, 2.5]])
    assert np.isnan(result[0].grouping_margin).all()
    assert make_result(0).grouping_margin.shape == (0, 3)


def test_drawings_of_files_arrays_and_frames(known, tmp_path):
    pixels = np.full((6, 8, 3), 90, np.uint8)
    path = tmp_path / "picture.png"
    write_image(path, pixels)
    of_file = replace(known, image_path=str(path), frame=None)
    expected = of_file.draw()
    assert (expected != pixels).any()
    for result, given in ((of_file, pixels), (replace(known, image=pixels), None)):
        np.testing.assert_array_equal(result.draw(given), expected)
    assert (of_file.draw(limbs=False, boxes=False) != expected).any()
    of_file.save(tmp_path / "new" / "drawing.png")
    np.testing.assert_array_equal(read_image(tmp_path / "new" / "drawing.png"), expected)


def test_pictures_that_are_not_there(known, tmp_path):
    with pytest.raises(DataError, match=r"give it: result\.draw\(image\)"):
        known.draw()  # a frame of a film
    with pytest.raises(DataError, match=r"b\.c\.jpg"):
        replace(known, frame=None).draw()
    write_image(tmp_path / "a.png", np.zeros((5, 8, 3), np.uint8))
    with pytest.raises(DataError, match="is 8x5, but the result is of one of 8x6"):
        replace(known, frame=None, image_path=str(tmp_path / "a.png")).draw()


def test_show(known, monkeypatch):
    result, shown = replace(known, image=np.zeros((6, 8, 3), np.uint8)), []
    monkeypatch.setattr(Image.Image, "show", lambda self: shown.append(self.size))
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("DISPLAY", ":0")
    result.show()
    assert shown == [(8, 6)]
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(DataError, match="no display"):
        result.show()


def test_what_cannot_be_drawn(known):
    result = replace(known, image=np.zeros((6, 8, 3), np.uint8))
    for options, message in (({"color": "tag"}, "no option 'color'; did you mean 'color_by'"),
                             ({"overlay": "tag"}, "overlay = 'tag': give 'heatmaps' or 'tags'"),
                             ({"overlay": "tags"}, "keep_maps=True")):
        with pytest.raises(ConfigError, match=message):
            result.draw(**options)
