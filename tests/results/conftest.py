"""A result that tests share."""

import numpy as np
import pytest

from aepose.results import PoseResult


def make_result(people=2, num_keypoints=3, **changes):
    rng = np.random.default_rng(people)
    arrays = {
        "keypoints": rng.uniform(1, 7, (people, num_keypoints, 2)).astype(np.float32),
        "keypoint_scores": np.full((people, num_keypoints), 0.5, np.float32),
        "scores": np.arange(people, dtype=np.float32),
        "tags": rng.normal(size=(people, num_keypoints, 2)).astype(np.float32),
    }
    return PoseResult(**{**arrays, "image_id": 7, "image_path": "a/b.c.jpg", "image_size": (8, 6),
                         **changes})


@pytest.fixture
def known(three):
    """A result of three people with everything known."""
    found = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]], bool)
    return make_result(3, metainfo=three, found=found, identities=np.array([4, 2, 9]), frame=12,
                       time=0.48, seconds={"read": 0.5})
