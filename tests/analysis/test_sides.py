from dataclasses import replace

import numpy as np
import pytest

from aepose.analysis.sides import check_pair_names, check_sides, check_turn


@pytest.mark.parametrize(("pairs", "said"), [
    ((("left", "right"),), []),
    ((("head", "left"),), ["1 flip pair with names that do not mirror: head and left",
                           "1 keypoint of one side in no flip pair: right"]),
    ((), ["2 keypoints of one side in no flip pair: left, right"]),
])
def test_pair_names(three, pairs, said):
    assert [found.text for found in check_pair_names(replace(three, flip_pairs=pairs))] == said


def people(coco, number, facing=True, seed=0):
    """Upright people, (P, 17, 3): the left side is to the right in the picture if they face us."""
    rng = np.random.default_rng(seed)
    keypoints = np.zeros((number, 17, 3))
    keypoints[..., 2] = 2
    keypoints[..., :2] = rng.uniform(-2, 2, (number, 17, 2)) + 100
    for left, right in coco.flip_pairs:
        for name, side in ((left, 10), (right, -10)):
            keypoints[:, coco.keypoint_names.index(name), 0] += side if facing else -side
    return keypoints


def exchanged(coco, keypoints, *pairs):
    changed = keypoints.copy()
    for left, right in pairs:
        index = [coco.keypoint_names.index(name) for name in (left, right)]
        changed[:, index] = changed[:, index[::-1]]
    return changed


WRISTS, EYES = ("left_wrist", "right_wrist"), ("left_eye", "right_eye")


@pytest.mark.parametrize(("number", "pairs", "said"), [
    (40, [], []), (0, [], []),
    (40, [WRISTS], ["1 flip pair mostly exchanged, by the person's other pairs: left_wrist and "
                    "right_wrist (in 40 of 40 people)"]),
    (40, [WRISTS, EYES], ["2 flip pairs mostly exchanged, by the person's other pairs: left_eye and"
                          " right_eye (in 40 of 40 people), left_wrist and right_wrist (in 40 of 40"
                          " people)"]),
    (19, [WRISTS], []),
])
def test_exchanged_pairs(coco, number, pairs, said):
    keypoints = exchanged(coco, people(coco, number), *pairs)
    assert [found.text for found in check_sides(keypoints, coco)] == said


@pytest.mark.parametrize(("visible", "said"), [(2, ["in 40 of 40 people whose nose is visible"]),
                                               (1, [])])
def test_all_sides_exchanged(coco, visible, said):
    keypoints = people(coco, 40, facing=False)
    keypoints[:, 0, 2] = visible
    assert [found.text[:40] for found in check_sides(keypoints, coco)] == said


def test_an_animal_whose_nose_is_visible_from_behind(three):
    names = ("nose", "left_ear", "right_ear")
    mouse = replace(three, keypoint_names=names, flip_pairs=(names[1:],), skeleton=(),
                    skeleton_colors=())
    upward = np.tile(np.float64([[20, 10, 2], [10, 20, 2], [30, 20, 2]]), (40, 1, 1))
    assert not check_sides(upward, mouse)


def test_creatures_seen_from_the_side(coco):
    """Left and right as often this way as that is no error."""
    keypoints = people(coco, 200)
    wrists = [coco.keypoint_names.index(name) for name in WRISTS]
    keypoints[:100, wrists] = keypoints[:100, wrists[::-1]]
    assert not check_sides(keypoints, coco)


def from_above(three, number, middle=True, seed=0):
    """Creatures turned any way, (P, K, 3), and their keypoints: head, tail, two pairs of legs."""
    names = ("head", "tail", "leg1_l", "leg1_r", "leg2_l", "leg2_r")[0 if middle else 2:]
    shape = np.array([[0, -40], [0, 40], [-15, -20], [15, -20], [-15, 20], [15, 20]])[-len(names):]
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, number)
    turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], -1)
    places = shape @ turn.reshape(-1, 2, 2) + rng.normal(0, 2, (number, len(names), 2)) + 200
    metainfo = replace(
        three, keypoint_names=names, flip_pairs=(("leg1_l", "leg1_r"), ("leg2_l", "leg2_r")),
        sigmas=(0.1,) * len(names), skeleton=(), keypoint_colors=((0, 0, 0),) * len(names),
        skeleton_colors=())
    return np.concatenate([places, np.full((number, len(names), 1), 2)], axis=-1), metainfo


@pytest.mark.parametrize("middle", [True, False])
@pytest.mark.parametrize(("number", "swapped", "said"), [
    (60, [], []), (0, [], []), (20, [7], []),
    (60, [7], ["1 annotation with left and right the other way round than in 59 others: 107"]),
    (60, [3, 7], ["2 annotations with left and right the other way round than in 58 others: 103, "
                  "107"]),
    (60, range(30), []), (60, range(7), []),             # seen from above and from below
])
def test_some_turned_the_other_way(three, middle, number, swapped, said):
    keypoints, metainfo = from_above(three, number, middle)
    keypoints = keypoints.copy()
    for one in swapped:
        keypoints[one, -4:] = keypoints[one, [-3, -4, -1, -2]]
    found = check_turn(keypoints, range(100, 100 + number), metainfo)
    assert [one.text for one in found] == said


def test_no_turn_without_pairs_or_labels(three):
    keypoints, metainfo = from_above(three, 60)
    assert not check_turn(keypoints, range(60), replace(metainfo, flip_pairs=()))
    keypoints[..., 2] = 0
    assert not check_turn(keypoints, range(60), metainfo)
