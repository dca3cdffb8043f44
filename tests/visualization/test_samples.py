"""Drawings of samples show what the targets hold, not what they should hold."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from aepose.datasets import CocoKeypoints
from aepose.drawing.poses import PERSON_COLORS
from aepose.structures import MapView, PoseSample
from aepose.visualization import draw_eval_item, draw_tag_index, draw_train_item

GREY, SIDE, CELLS = 100, 64, 16
# Two people of three keypoints in input pixels; the first has one outside.
PEOPLE = np.array([[[10, 10], [20, 40], [30, -9]], [[50, 10], [44, 44], [54, 44]]], np.float32)


@pytest.fixture
def sample():
    """Of its input, the right quarter does not count."""
    mask = np.ones((SIDE, SIDE), bool)
    mask[:, 48:] = False
    view = MapView(PEOPLE / 4, mask[::4, ::4])
    return PoseSample(np.full((SIDE, SIDE, 3), GREY, np.uint8), PEOPLE,
                      np.array([[2, 1, 2], [2, 2, 0]], np.uint8), mask, 1, "a.jpg", (view,))


@pytest.fixture
def item(sample, make_codec):
    return make_codec().encode(sample)


def near(image, x, y, color):
    """Whether ``color`` is found within two pixels of (x, y)."""
    patch = image[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].astype(int)
    return bool((np.abs(patch - color) < 60).all(axis=2).any())


def test_panels(sample, item, three):
    drawn = draw_train_item(sample, item, three)
    title = drawn.shape[0] - SIDE
    assert drawn.shape[1] == 3 * SIDE
    people, heat, tags = (drawn[title:, i * SIDE : (i + 1) * SIDE] for i in range(3))
    red = people[..., 0].astype(int) - people[..., 2]
    assert red[:, 60:].min() > 30           # the ignored part is striped
    assert (people[20:30, :5] == GREY).all()
    assert heat[10, 10].sum() > heat[60, 40].sum() + 200
    assert near(tags, 10, 10, PERSON_COLORS[0])
    assert near(tags, 50, 10, PERSON_COLORS[1])
    assert not near(tags, 54, 44, PERSON_COLORS[1])     # not labelled


def test_a_row_per_resolution(sample, item, three):
    once = draw_train_item(sample, item, three)
    twice = draw_train_item(sample, replace(item, targets=item.targets * 2), three)
    assert twice.shape == (2 * once.shape[0], *once.shape[1:])


def test_tag_indices_are_drawn_where_they_point(item, three):
    targets = item.targets[0]
    assert targets.tag_index[1, 0] == 2 * CELLS + 12
    image = item.image.numpy().transpose(1, 2, 0)
    right = draw_tag_index(image, targets, three)
    moved = targets.tag_index.clone()
    moved[1, 0] += 5 * CELLS                # five rows down
    wrong = draw_tag_index(image, replace(targets, tag_index=moved), three)
    assert near(right, 50, 10, PERSON_COLORS[1])
    assert not near(wrong, 50, 6, PERSON_COLORS[1])
    assert near(wrong, 50, 30, PERSON_COLORS[1])


def test_limbs_join_by_keypoint(item, three):
    """A wrong keypoint at the right cell shows too: other limbs are drawn."""
    targets = item.targets[0]
    image = item.image.numpy().transpose(1, 2, 0)
    swapped = targets.tag_index.clone()
    swapped[1, 0] += CELLS * CELLS          # 'left' in place of 'head'
    swapped[1, 1] += CELLS * CELLS          # 'right' in place of 'left'
    wrong = draw_tag_index(image, replace(targets, tag_index=swapped), three)
    middle = (47, 27)
    assert near(draw_tag_index(image, targets, three), *middle, PERSON_COLORS[1])
    assert not near(wrong, *middle, PERSON_COLORS[1])


def test_a_long_input(three, make_codec):
    codec = make_codec((128, 64))
    image = np.full((64, 128, 3), GREY, np.uint8)
    people = PEOPLE + np.array([64, 0], np.float32)
    view = MapView(people / 4, np.ones((16, 32), bool))
    sample = PoseSample(image, people, np.full((2, 3), 2, np.uint8),
                        np.ones((64, 128), bool), 1, "a.jpg", (view,))
    drawn = draw_train_item(sample, codec.encode(sample), three)[-64:]
    assert drawn.shape == (64, 3 * 128, 3)
    assert near(drawn[:, 256:], 64 + 50, 10, PERSON_COLORS[1])


def test_nobody(sample, three, make_codec):
    empty = replace(sample, keypoints=PEOPLE[:0], visibility=sample.visibility[:0],
                    views=(replace(sample.views[0], keypoints=PEOPLE[:0]),))
    item = make_codec().encode(empty)
    assert draw_train_item(empty, item, three).shape[1] == 3 * SIDE
    assert not torch.any(item.targets[0].tag_valid)


@pytest.mark.parametrize("scales", [(1,), (0.5, 1, 2)])
@pytest.mark.parametrize("input_size", [128, (192, 64)])
def test_test_scales(make_codec, three, tiny_coco, scales, input_size):
    codec = make_codec(input_size)
    dataset = CocoKeypoints("people.json", "pictures", three, codec, str(tiny_coco[0]),
                            test_mode=True, scales=scales)
    sample = dataset.load_sample(0)
    item = dataset[0]
    drawn = draw_eval_item(sample, item, codec, three)
    widths, heights = zip(*((i.shape[1], i.shape[0]) for i in item.images), strict=True)
    assert drawn.shape[1] == max(widths)
    assert drawn.shape[0] > sum(heights)
    last = drawn[-heights[-1] :, : widths[-1]]
    assert (last != item.images[-1]).any()      # people are drawn on the smallest too
