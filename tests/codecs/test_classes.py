"""Several classes in one set of maps."""

import numpy as np
import pytest

from aepose.analysis.ceiling import item_without_pixels, perfect_maps
from aepose.codecs import AssociativeEmbeddingCodec
from aepose.structures import MapView
from tests.codecs.paths import PATHS, missing, on_path
from tests.farm import FARM, PICTURES, creature, farm_data

CREATURES = PICTURES[1]
IMAGE = farm_data()["images"][1]


def make_codec(metainfo=FARM, **options):
    return AssociativeEmbeddingCodec(metainfo, (128, 96), size_multiple=32, **{
        "map_strides": [2], "sigma": 1, "max_num_people": 5, **options})


def annotated(creatures):
    joints = np.zeros((len(creatures), 7, 3), np.float32)
    for row, one in zip(joints, creatures, strict=True):
        row[slice(0, 4) if one[0] == "person" else slice(4, 7)] = creature(*one)
    return joints


def maps_of(codec, joints, item):
    """(K, H, W) and (K, H, W, 1), float32, of perfect maps."""
    (output,) = perfect_maps(codec, joints, item)
    return output.heatmaps[0].numpy(), output.tags[0].numpy()[..., None]


def owned(result, index):
    """What was found of a class, in the order of its people's first x."""
    own = result[result.class_ids == index]
    keypoints = own.keypoints[:, FARM.classes[index].keypoints]
    return keypoints[np.argsort(keypoints[:, 0, 0])]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("options", [
    {}, {"convention": "udp"}, {"adjust": False, "refine": False},
    {"grouping_order": ["dog.left_ear", "person.head"]},
], ids=str)
def test_creatures_that_overlap_keep_their_class(path, options, monkeypatch):
    if missing(path):
        pytest.skip(missing(path))
    codec = make_codec(**options)
    item, joints = item_without_pixels(codec, IMAGE), annotated(CREATURES)
    with on_path(path) as read:
        monkeypatch.setattr("aepose.codecs.decoder.read_maps", read)
        result = codec.decode(*maps_of(codec, joints, item), item)
    assert sorted(result.class_names) == ["dog", "dog", "person", "person"]
    own = result.own_keypoints
    assert own.sum(axis=1).tolist() == [4, 4, 3, 3]
    assert (result.found == own).all()
    for part in (result.keypoints, result.keypoint_scores, result.tags):
        assert not part[~own].any()
    for index, name in enumerate(("person", "dog")):
        expected = np.array([creature(*one)[:, :2] for one in sorted(CREATURES, key=lambda c: c[1])
                             if one[0] == name])
        assert np.abs(owned(result, index) - expected).max() <= 2  # a cell of the map


def test_each_class_is_decoded_as_if_alone():
    """Bit by bit, whatever the other has in its maps; with one tag map for all, too."""
    rng = np.random.default_rng(0)
    heatmaps = rng.random((7, 48, 64), np.float32)
    codec = make_codec()
    item = item_without_pixels(codec, IMAGE)
    for tags in (rng.random((7, 48, 64, 2), np.float32), rng.random((1, 48, 64, 1), np.float32)):
        result, done = codec.decode(heatmaps, tags, item), 0
        for index, one in enumerate(FARM.classes):
            alone = make_codec(one.metainfo).decode(
                heatmaps[one.keypoints], tags if len(tags) == 1 else tags[one.keypoints], item)
            both = result[result.class_ids == index]
            assert len(alone) == len(both) >= 5
            done += len(both)
            for name in ("keypoints", "keypoint_scores", "tags", "found"):
                np.testing.assert_array_equal(getattr(both, name)[:, one.keypoints],
                                              getattr(alone, name))
            np.testing.assert_array_equal(both.scores, alone.scores)
        assert done == len(result)


def test_what_is_filled_in_is_of_the_own_class():
    codec = make_codec()
    item, joints = item_without_pixels(codec, IMAGE), annotated(CREATURES[:3])
    joints[2, 3, 2] = 0  # the person's foot is not to be seen
    heatmaps, tags = maps_of(codec, joints, item)
    result = codec.decode(heatmaps + np.float32(0.01), tags, item)
    assert result.class_names == ("person", "dog", "dog")
    assert ((result.keypoint_scores > 0) == result.own_keypoints).all()
    assert result.found.sum() == result.own_keypoints.sum() - 1


def test_targets_push_and_pull_in_one_space():
    """Nobody has a keypoint of another class, and all share the rows of the tag indices."""
    codec, joints = make_codec(), annotated(CREATURES)
    targets = codec.encode_view(
        MapView(joints[..., :2] / 2, np.ones((48, 64), bool)), joints[..., 2])
    assert targets.tag_valid.sum(dim=1).tolist() == [3, 3, 4, 4, 0]
    keypoints = targets.tag_index[targets.tag_valid] // (48 * 64)
    assert keypoints.tolist() == [4, 5, 6] * 2 + [0, 1, 2, 3] * 2
    assert (targets.heatmaps.amax(dim=(1, 2)) == 1).all()


def test_maps_of_another_set():
    with pytest.raises(ValueError, match="heatmaps: expected 7 for the keypoints of 'farm', got 8"):
        make_codec().group(np.zeros((8, 48, 64), np.float32), np.zeros((8, 48, 64, 1), np.float32))
