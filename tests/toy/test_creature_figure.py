"""Individuals of a description: proportions and pose within their ranges, what shows, sigmas."""

import numpy as np
import pytest

from aepose.toy.canvas import Canvas
from aepose.toy.creature_figure import (
    creature_metainfo,
    draw_individual,
    place_individual,
    sample_individual,
    visible_joints,
)
from aepose.toy.creature_file import get_creature
from tests.toy.test_creature_file import FISH, other_fish

LIGHT = (0.6, 0.8)


def sampled(creature, count=20):
    return [sample_individual(creature, np.random.default_rng(seed)) for seed in range(count)]


def bend(individual, name, above, top):
    """Degrees, clockwise, from the way top -> above to the way above -> name."""
    first, second = (individual.points[end] - individual.points[start]
                     for start, end in ((top, above), (above, name)))
    angle = np.arctan2(second[1], second[0]) - np.arctan2(first[1], first[0])
    return np.degrees(angle) % 360


def drawn(creature, *seeds):
    """A canvas with individuals, all in one place, the later ones over the earlier ones."""
    canvas = Canvas(np.zeros((120, 120, 3), np.uint8))
    placed = [place_individual(sample_individual(creature, np.random.default_rng(seed)), number,
                               np.array([30.0, 30.0]), 150.0, LIGHT)
              for number, seed in enumerate(seeds, start=1)]
    for one in placed:
        draw_individual(canvas, one)
    return canvas, placed


def test_proportions_and_pose_stay_within_their_ranges():
    fish = get_creature({**FISH, "turn": [20, 40]})
    for individual in sampled(fish):
        points = individual.points
        assert 0.5 <= np.hypot(*(points["body"] - points["nose"])) <= 0.7
        # The body lies behind the nose, whose direction is from 20 to 40 degrees clockwise of up.
        x, y = points["body"] - points["nose"]
        assert 20 <= np.degrees(np.arctan2(-x, y)) <= 40
        assert 80 <= bend(individual, "left_fin", "body", "nose") <= 140
        assert 220 <= bend(individual, "right_fin", "body", "nose") <= 280
        assert individual.ends["tail"] == (0.1, 0.05)


def test_sides_have_equal_proportions_and_angles_of_their_own():
    beetle = get_creature("beetle")
    for individual in sampled(beetle, 3):
        points = individual.points
        left, right = (np.hypot(*(points[f"{side}_front"] - points[f"{side}_front_knee"]))
                       for side in ("left", "right"))
        assert left == pytest.approx(right)
        assert individual.ends["left_front"] == individual.ends["right_front"]
        assert (bend(individual, "left_front_knee", "thorax", "tail")
                + bend(individual, "right_front_knee", "thorax", "tail")) % 360 > 1e-3


@pytest.mark.parametrize(("name", "first", "second", "both"), [
    ("beetle", "left_hind", "right_hind", False), ("hand", "index_1", "pinky_1", True)])
def test_which_way_round(name, first, second, both):
    """Left is left of who looks along the body; hands are of either side."""
    tip, root = {"beetle": ("head", "tail"), "hand": ("middle_4", "wrist")}[name]
    signs = set()
    for individual in sampled(get_creature(name)):
        points = individual.points
        (ax, ay), (bx, by) = points[tip] - points[root], points[second] - points[first]
        signs.add(np.sign(ax * by - ay * bx))
    assert signs == ({-1, 1} if both else {1})


@pytest.mark.parametrize(("path", "value", "hidden"), [
    (("name",), "fish", set()),
    (("joints", "left_fin", "length"), 0.01, {"left_fin", "right_fin"}),
    (("joints", "tail", "layer"), -1, set()),
])
def test_what_a_creature_hides_of_itself(path, value, hidden):
    """Fins lie under the body, and show as long as they are longer than it is wide."""
    fish = get_creature(other_fish(path, value))
    canvas, (placed,) = drawn(fish, 3)
    shows = dict(zip(fish.keypoints, visible_joints(canvas, placed), strict=True))
    assert {name for name in shows if not shows[name]} == hidden


def test_who_lies_on_top_hides():
    canvas, (below, above) = drawn(get_creature(FISH), 3, 3)
    assert not visible_joints(canvas, below).any()
    assert visible_joints(canvas, above).all()
    assert canvas.owned_by(1) == 0
    assert canvas.owned_by(2) > 1000


def test_the_box_is_where_the_drawing_is():
    canvas, (placed,) = drawn(get_creature("hand"), 1)
    rows, columns = np.nonzero(canvas.owner)
    corner = np.array([columns.min(), rows.min()])
    edge = 3.0  # the dark line round each part lies outside
    assert np.abs(corner - 30).max() <= edge
    assert max(np.ptp(columns), np.ptp(rows)) == pytest.approx(placed.size, abs=2 * edge)


def test_keypoint_set():
    beetle, hand = (creature_metainfo(get_creature(name)) for name in ("beetle", "hand"))
    sigmas = dict(zip(beetle.keypoint_names, beetle.sigmas, strict=True))
    assert min(sigmas.values()) == 0.025
    assert sigmas["thorax"] > sigmas["head"] > sigmas["left_front"] == sigmas["right_front"]
    assert beetle.flip_index.tolist() == [0, 1, 2, 4, 3, 6, 5, 8, 7]
    assert hand.flip_index.tolist() == list(range(21))
    assert len(hand.skeleton) == 20
    # In other units the description says the same.
    joints = {name: {key: [8 * v for v in np.broadcast_to(value, 2).tolist()]
                     if key in ("length", "radius", "base") else value
                     for key, value in joint.items()} for name, joint in FISH["joints"].items()}
    hulls = [{**FISH["hulls"][0], "radius": 8 * 0.12}]
    assert creature_metainfo(get_creature({**FISH, "joints": joints, "hulls": hulls})) == (
        creature_metainfo(get_creature(FISH)))
