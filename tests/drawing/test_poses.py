"""Drawings show what they should, where they should, and never fail on odd pictures."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from aepose.drawing import (
    PERSON_COLORS,
    DrawStyle,
    draw_heatmaps,
    draw_maps,
    draw_poses,
    draw_tags,
    write_image,
)
from aepose.drawing.image import Label
from aepose.errors import ConfigError, DataError
from aepose.metainfo import get_metainfo
from aepose.results import PoseResult
from tests.farm import FARM, creature

COCO = get_metainfo("coco")
LEFT_SHOULDER, RIGHT_SHOULDER = 5, 6
GREY = 128


def picture(height=200, width=300):
    return np.full((height, width, 3), GREY, np.uint8)


def result_of(people, scores=None):
    """people: list of {keypoint index: (x, y, score)}."""
    joints = np.zeros((len(people), COCO.num_keypoints, 3), np.float32)
    for row, person in zip(joints, people, strict=True):
        for k, values in person.items():
            row[k] = values
    scores = np.full(len(people), 0.5, np.float32) if scores is None else np.float32(scores)
    return PoseResult(joints[..., :2], joints[..., 2], scores, joints[..., 2:])


def standing(x, y=40, size=100, score=0.9):
    """Everyone's 17 keypoints on a grid below and right of (x, y)."""
    return {k: (x + size * (k % 3) / 3, y + size * k / 17, score) for k in range(17)}


def count(image, color):
    """How many pixels have about this color; edges are smooth, so few have exactly it."""
    return (np.abs(image.astype(int) - color) < 40).all(axis=2).sum()


def test_the_picture_is_not_changed():
    image = picture()
    drawn = draw_poses(image, result_of([standing(60)]), COCO)
    assert (image == GREY).all()
    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8
    assert (drawn != GREY).any()


def test_nobody_leaves_the_picture_as_it_is():
    assert (draw_poses(picture(), result_of([]), COCO) == GREY).all()


@pytest.mark.parametrize(("scores", "threshold", "joined"), [
    ((0.9, 0.9), 0.1, True),
    ((0.9, 0.05), 0.1, False),
    ((0.9, 0.05), 0.0, True),
    ((0.9, 0.0), 0.0, False),  # not found, whatever the threshold
])
def test_a_limb_needs_both_its_ends(scores, threshold, joined):
    person = {LEFT_SHOULDER: (100, 100, scores[0]), RIGHT_SHOULDER: (200, 100, scores[1])}
    drawn = draw_poses(picture(), result_of([person]), COCO, DrawStyle(threshold))
    limb = COCO.skeleton.index(("left_shoulder", "right_shoulder"))
    assert count(drawn, COCO.keypoint_colors[LEFT_SHOULDER]) > 0
    assert (count(drawn[98:103, 140:160], COCO.skeleton_colors[limb]) > 0) == joined
    assert (count(drawn[95:106, 195:206], COCO.keypoint_colors[RIGHT_SHOULDER]) > 0) == joined


@pytest.mark.parametrize("place", [(-5, 50), (50, -5), (300, 50), (50, 1e9), (np.nan, 50)])
def test_nothing_is_drawn_of_keypoints_outside(place):
    inside = {LEFT_SHOULDER: (100, 100, 0.9)}
    alone = draw_poses(picture(), result_of([inside]), COCO)
    both = draw_poses(picture(), result_of([{**inside, RIGHT_SHOULDER: (*place, 0.9)}]), COCO)
    np.testing.assert_array_equal(both, alone)
    outside = result_of([{RIGHT_SHOULDER: (*place, 0.9)}])
    assert (draw_poses(picture(), outside, COCO) == GREY).all()


def test_people_have_their_own_colors_and_labels():
    drawn = draw_poses(picture(), result_of([standing(20), standing(180)]), COCO)
    for color, own, other in ((PERSON_COLORS[0], drawn[:, :150], drawn[:, 150:]),
                              (PERSON_COLORS[1], drawn[:, 150:], drawn[:, :150])):
        assert count(own, color) > 300
        assert count(other, color) == 0


def test_the_better_person_lies_on_top():
    people = [standing(100), {k: (x, y + 2, s) for k, (x, y, s) in standing(100).items()}]
    low_first = draw_poses(picture(), result_of(people, [0.2, 0.8]), COCO)
    high_first = draw_poses(picture(), result_of(people, [0.8, 0.2]), COCO)
    assert (low_first != high_first).any()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 40), (40, 1), (7, 5), (2000, 30)])
def test_odd_sizes(height, width):
    people = [standing(0, 0, size=min(height, width) - 0.5), standing(-1, -1, 1000)]
    drawn = draw_poses(picture(height, width), result_of(people), COCO)
    assert drawn.shape == (height, width, 3)


def test_lines_grow_with_the_picture_and_the_person():
    def share(height, width, size):
        drawn = draw_poses(picture(height, width), result_of([standing(10, 40, size)]), COCO)
        return (drawn != GREY).any(axis=2).sum()
    assert share(2000, 3000, 1500) > 50 * share(200, 300, 100)
    assert share(2000, 3000, 1500) > 10 * share(2000, 3000, 100)


def test_labels_do_not_hide_each_other():
    drawn = draw_poses(picture(), result_of([{0: (150, 100, 0.9)}] * 4), COCO)
    width, height = Label("0: 0.50", (300, 200)).size
    for color in PERSON_COLORS[:4]:
        assert count(drawn, color) > width * height / 3


@pytest.mark.parametrize("image", [
    np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.float32),
    np.zeros((0, 4, 3), np.uint8),
])
def test_other_arrays_are_refused(image):
    with pytest.raises(ValueError, match="image: expected"):
        draw_poses(image, result_of([]), COCO)


def test_other_keypoints_are_refused():
    empty = np.zeros((1, 5, 2), np.float32)
    result = PoseResult(empty, empty[..., 0], np.zeros(1, np.float32), empty[..., :1])
    with pytest.raises(ValueError, match="5 keypoints"):
        draw_poses(picture(), result, COCO)


def two_people_maps():
    heatmaps, tags = np.zeros((2, 50, 75), np.float32), np.zeros((2, 50, 75, 2), np.float32)
    for k, x, tag in ((0, 20, -1.0), (1, 30, -1.0), (0, 60, 2.0)):
        heatmaps[k, 24:27, x - 1:x + 2] = 1
        tags[k, 20:30, x - 5:x + 5, 0] = tag
    return heatmaps, tags


def test_maps_side_by_side():
    drawn = draw_maps(picture(), *two_people_maps())
    assert drawn.shape == (200, 600, 3)
    heat, tag = drawn[:, :300].astype(int), drawn[:, 300:].astype(int)
    assert heat[101, 81].sum() > 600
    assert heat[50, 81].tolist() == [GREY // 2] * 3
    same, other = np.abs(tag[101, 81] - tag[101, 121]), np.abs(tag[101, 81] - tag[101, 241])
    assert same.max() < 5
    assert other.max() > 100


def test_maps_with_one_tag_map_for_all_keypoints():
    heatmaps, tags = two_people_maps()
    shared = tags.sum(axis=0, keepdims=True)
    drawn = draw_maps(picture(), heatmaps, np.repeat(shared, 2, axis=0))
    np.testing.assert_array_equal(draw_maps(picture(), heatmaps, shared), drawn)


def test_maps_without_any_peak():
    drawn = draw_maps(picture(1, 1), np.zeros((17, 1, 1)), np.zeros((17, 1, 1, 1)))
    assert drawn.shape == (1, 2, 3)


@pytest.mark.parametrize(("heatmaps", "tags", "named"), [
    ((4, 4), (1, 4, 4, 1), "heatmaps"),
    ((2, 4, 4), (2, 4, 4), "tags"),
    ((2, 4, 4), (3, 4, 4, 1), "tags"),
    ((2, 4, 4), (2, 4, 5, 1), "tags"),
])
def test_maps_that_do_not_fit(heatmaps, tags, named):
    with pytest.raises(ValueError, match=named):
        draw_maps(picture(), np.zeros(heatmaps), np.zeros(tags))


@pytest.mark.parametrize("name", ["a.png", "new/folder/a.PNG", "a.jpg", "a.b.jpeg"])
def test_written_pictures_read_back(tmp_path, name):
    image = picture(20, 30)
    image[:10] = 250, 20, 20
    write_image(tmp_path / name, image)
    found = cv2.cvtColor(cv2.imread(str(tmp_path / name)), cv2.COLOR_BGR2RGB)
    np.testing.assert_allclose(found[[3, 16]], image[[3, 16]], atol=6)


@pytest.mark.parametrize("name", ["a.gif", "a", "file/a.png", "folder.png"])
def test_paths_that_cannot_be_written(tmp_path, name):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(DataError, match=name.replace(".", r"\.")):
        write_image(tmp_path / name, picture())


def test_maps_lie_where_the_matrix_says():
    """A map of a quarter of the size, whose window begins at (40, 20) of the picture."""
    heatmaps, tags = two_people_maps()
    matrix = np.array([[0.25, 0, -10], [0, 0.25, -5]])
    drawn = draw_heatmaps(picture(), heatmaps, matrix)
    assert drawn[120, 120].sum() > 600  # cell (20, 25)
    assert (drawn[:20] == GREY // 2).all()
    tagged = draw_tags(picture(), heatmaps, tags, matrix).astype(int)
    same, other = (np.abs(tagged[120, 120] - tagged[120, x]) for x in (160, 280))
    assert same.max() < 5 < 100 < other.max()


@pytest.mark.parametrize("option", ["person", "tag"])
def test_colors_of_people(option, monkeypatch):
    """By tag, those with alike tags have alike colours."""
    colors = {}
    monkeypatch.setattr(Label, "draw", lambda self, _c, _x, _y, color: colors.update(
        {self.text: np.array(color)}))
    result = result_of([standing(20), standing(120), standing(220)])
    result.tags = np.zeros((3, 17, 1), np.float32) + np.float32([0, 0.1, 3])[:, None, None]
    draw_poses(picture(), result, COCO, DrawStyle(color_by=option, scores=False))
    near, far = (np.abs(colors["0"] - colors[other]).max() for other in "12")
    assert (near < 60 < 150 < far) == (option == "tag")


def test_filled_in_keypoints_are_hollow_and_doubtful_ones_ringed():
    point = {LEFT_SHOULDER: (150, 100, 0.9), RIGHT_SHOULDER: (40, 180, 0.9)}
    other = {LEFT_SHOULDER: (250, 50, 0.9)}
    result = result_of([point, other])
    color = COCO.keypoint_colors[LEFT_SHOULDER]
    plain = draw_poses(picture(), result, COCO)
    result.found[0, LEFT_SHOULDER] = False
    hollow = draw_poses(picture(), result, COCO)
    around = np.s_[90:111, 140:161]
    assert 0 < count(hollow[around], color) < count(plain[around], color)
    assert hollow[100, 150].sum() < plain[100, 150].sum()
    assert count(plain, (255, 0, 0)) == 0
    doubts = draw_poses(picture(), result, COCO, DrawStyle(doubts=True))  # all tags are 0
    assert count(doubts[170:191, 30:51], (255, 0, 0)) > 20
    assert count(doubts[around], (255, 0, 0)) == 0  # it was not joined by its tag


@pytest.mark.parametrize(("options", "label"), [
    ({}, "7: 0.50"), ({"scores": False}, "7"), ({"identities": False}, "0.50"),
    ({"scores": False, "identities": False}, ""),
])
def test_labels(options, label, monkeypatch):
    texts = []
    monkeypatch.setattr(Label, "draw", lambda self, *_: texts.append(self.text))
    result = result_of([standing(100)])
    result.identities = np.array([7])
    draw_poses(picture(), result, COCO, DrawStyle(**options))
    assert texts == [label] * bool(label)


def test_discs_of_close_keypoints_do_not_hide_each_other():
    """A face of a whole body: points 3 pixels apart on a person of a thousand."""
    face = {k: (500 + 3 * k, 300, 0.9) for k in range(5)}
    far = {15: (400, 950, 0.9), 16: (600, 950, 0.9)}
    drawn = draw_poses(picture(1000, 1000), result_of([{**face, **far}]), COCO,
                       DrawStyle(limbs=False, boxes=False))
    columns = drawn[300, 495:520].astype(int)
    assert (np.abs(np.diff(columns, axis=0)).max(axis=1) > 60).sum() >= 6


@pytest.mark.parametrize(("height", "width"), [(100, 100), (4320, 7680)])
def test_text_can_be_read_in_small_and_large_pictures(height, width):
    label = Label("0: 0.50", (width, height))
    assert label.ascent >= 8
    assert label.size[1] < height / 4
    assert label.size[1] > height / 100


def test_an_unknown_color_rule_is_refused():
    with pytest.raises(ConfigError, match="color_by = 'score'"):
        DrawStyle(color_by="score")


def test_of_several_classes_only_the_own_keypoints_are_drawn():
    """Those of the other class lie at 0, 0, where nothing appears; the label tells the class."""
    class_ids = np.array([0, 1])
    places = np.zeros((2, 7, 2), np.float32)
    places[0, :4], places[1, 4:] = (creature(kind, x, 80, 2)[:, :2]
                                    for kind, x in (("person", 100), ("dog", 200)))
    scores = FARM.own_keypoints(class_ids).astype(np.float32)
    result = PoseResult(places, scores, np.float32([0.9, 0.8]), scores[..., None],
                        metainfo=FARM, class_ids=class_ids)
    drawn = draw_poses(picture(), result, FARM)
    assert (drawn[:40, :40] == GREY).all()
    x, y = places[1, 4].astype(int)
    assert not (drawn[y - 1 : y + 2, x - 1 : x + 2] == GREY).all(axis=-1).any()
    unnamed = draw_poses(picture(), result, FARM, DrawStyle(classes=False))
    assert (drawn != unnamed).any()
    alone = draw_poses(picture(), replace(result, metainfo=None, class_ids=class_ids * 0), FARM,
                       DrawStyle(classes=False))
    assert (unnamed == alone).all()
