from dataclasses import fields

import numpy as np
import pytest
import torch

from aepose.results import PoseResult
from aepose.structures import MapTargets, MapView


def result(people=2, **changes):
    arrays = {
        "keypoints": np.arange(people * 6, dtype=np.float32).reshape(people, 3, 2),
        "keypoint_scores": np.full((people, 3), 0.5, np.float32),
        "scores": np.arange(people, dtype=np.float32),
        "tags": np.zeros((people, 3, 2), np.float32),
    }
    return PoseResult(**{**arrays, **changes}, image_id=7, image_path="a.jpg", image_size=(8, 6))


@pytest.mark.parametrize("people", [0, 1, 2])
def test_result_counts_people(people):
    assert len(result(people)) == people


@pytest.mark.parametrize(("name", "shape"), [
    ("keypoints", (2, 3, 3)), ("keypoints", (3, 3, 2)), ("scores", (3,)), ("scores", (2, 1)),
    ("tags", (2, 4, 2)), ("tags", (2, 2)),
])
def test_result_refuses_arrays_that_do_not_fit(name, shape):
    with pytest.raises(ValueError, match=f"{name}: expected"):
        result(**{name: np.zeros(shape, np.float32)})


@pytest.mark.parametrize(("index", "expected"), [
    (np.array([1, 0]), [1, 0]), (np.array([False, True]), [1]), (np.array([], int), []),
])
def test_select(index, expected):
    whole = result()
    part = whole[index]
    assert part.scores.tolist() == expected
    np.testing.assert_array_equal(part.keypoints, whole.keypoints[expected])
    assert (part.image_id, part.image_path, part.image_size) == (7, "a.jpg", (8, 6))


def targets(value):
    return MapTargets(
        torch.full((3, 4, 5), float(value)), torch.ones(4, 5, dtype=torch.bool),
        torch.full((2, 3), value), torch.zeros(2, 3, dtype=torch.bool))


def test_targets_stack_and_move():
    stacked = MapTargets.stack([targets(0), targets(1)])
    assert [tuple(getattr(stacked, f.name).shape) for f in fields(stacked)] == [
        (2, 3, 4, 5), (2, 4, 5), (2, 2, 3), (2, 2, 3)]
    assert stacked.tag_index[:, 0, 0].tolist() == [0, 1]
    assert {getattr(stacked.to("meta"), f.name).device.type for f in fields(stacked)} == {"meta"}


def test_size_of_a_view_is_width_then_height():
    assert MapView(np.zeros((0, 3, 2)), np.ones((4, 5), bool)).size == (5, 4)
