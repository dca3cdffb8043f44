"""The typed things that flow."""

from dataclasses import fields

import numpy as np
import torch

from aepose.structures import MapTargets, MapView


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
