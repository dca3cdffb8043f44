import numpy as np
import pytest

from aepose.errors import ConfigError
from aepose.metainfo import get_metainfo
from aepose.project.sketch import DEFAULT_SIGMA, content_of, metainfo_text, sketch_metainfo


@pytest.mark.parametrize(("names", "expected"), [
    ("a b c", ["a b", "b c"]), ("a", []),
    ("nose left_ear right_ear tail left_hip right_hip",
     ["nose left_ear", "nose right_ear", "nose tail", "tail left_hip", "tail right_hip"]),
    ("left_ear right_ear left_hip right_hip",
     ["left_ear left_hip", "right_ear right_hip", "left_ear right_ear"]),
    ("left_ear right_ear", ["left_ear right_ear"]),
])
def test_limbs_by_names(names, expected):
    assert [" ".join(limb) for limb in sketch_metainfo("x", names.split()).skeleton] == expected


# A creature with a body of three, and two wings; what nobody has is joined to nothing.
NAMES = ("head", "middle", "tail", "wing_l", "wing_r", "horn")
SHAPE = np.array([[0, 0], [10, 0], [20, 0], [10, -6], [10, 6], [0, 0]])


def test_limbs_by_distance():
    rng = np.random.default_rng(0)
    scale = rng.uniform(0.5, 2, (40, 1, 1))
    places = scale * (SHAPE + rng.normal(0, 0.3, (40, 6, 2)))
    visible = np.where(np.arange(6) == 5, rng.random((40, 6)) < 0.05, 2)[..., None]
    visible[0] = 0
    found = sketch_metainfo("x", NAMES, keypoints=np.concatenate([places, visible], axis=-1))
    assert set(map(frozenset, found.skeleton)) == set(map(frozenset, (
        ("head", "middle"), ("middle", "tail"), ("middle", "wing_l"), ("middle", "wing_r"))))
    assert found.flip_pairs == (("wing_l", "wing_r"),)
    assert found.sigmas == (DEFAULT_SIGMA,) * 6


def test_the_file_says_the_same(tmp_path):
    sketch = sketch_metainfo("x", NAMES)
    path = tmp_path / "keypoints.json"
    path.write_text(metainfo_text(content_of(sketch), [["guessed", "as well"]]))
    assert get_metainfo(path) == sketch


@pytest.mark.parametrize(("names", "message"), [("a b a", "'a' stands there twice"),
                                                ("", "metainfo.keypoint_names")])
def test_names_that_cannot_be_used(names, message):
    with pytest.raises(ConfigError, match=message):
        sketch_metainfo("x", names.split())
