import numpy as np
import pytest

from aepose.structures import MapView, PoseSample, TestItem

WIDTH, HEIGHT = 16, 12


def encode(codec, people, mask=None):
    """Encode people (P, 3, 3) x, y, visibility in pixels of a 16x12 map."""
    joints = np.array(people, np.float32).reshape(-1, 3, 3)
    mask = np.ones((HEIGHT, WIDTH), bool) if mask is None else mask
    return codec.encode_view(MapView(joints[..., :2], mask), joints[..., 2].astype(np.uint8))


def flat(keypoint, x, y):
    return (keypoint * HEIGHT + y) * WIDTH + x


@pytest.mark.parametrize(("x", "y", "visibility", "cell"), [
    (3.0, 4.0, 2, (3, 4)), (3.99, 4.99, 2, (3, 4)), (3.2, 4.2, 1, (3, 4)),
    (-0.99, -0.99, 2, (0, 0)), (-1.0, 5, 2, None), (5, -1.0, 2, None),
    (15.99, 11.99, 2, (15, 11)), (16.0, 5, 2, None), (5, 12.0, 2, None),
    (3, 4, 0, None), (1e9, -1e9, 2, None),
])
def test_keypoint_cells(make_codec, x, y, visibility, cell):
    targets = encode(make_codec(), [[[0, 0, 0], [x, y, visibility], [0, 0, 0]]])
    assert targets.tag_valid.sum() == (cell is not None)
    assert not targets.heatmaps[[0, 2]].any()
    if cell is None:
        assert not targets.heatmaps.any()
        assert not targets.tag_index.any()
    else:
        assert targets.tag_index[0].tolist() == [flat(1, *cell), 0, 0]
        assert np.argwhere(targets.heatmaps[1].numpy() == 1).tolist() == [[cell[1], cell[0]]]


def test_keypoints_are_packed_to_the_front(make_codec):
    mask = np.ones((HEIGHT, WIDTH), bool)
    mask[:, :3] = False
    targets = encode(make_codec(max_num_people=3), [
        [[1, 2, 0], [3, 4, 2], [5, 6, 1]], [[9, 9, 0]] * 3], mask)
    assert targets.tag_index.tolist() == [[flat(1, 3, 4), flat(2, 5, 6), 0], [0] * 3, [0] * 3]
    assert targets.tag_valid.tolist() == [[True, True, False], [False] * 3, [False] * 3]
    np.testing.assert_array_equal(targets.loss_mask, mask)


def test_nobody(make_codec):
    targets = encode(make_codec(), [])
    assert not targets.heatmaps.any()
    assert targets.heatmaps.shape == (3, HEIGHT, WIDTH)
    assert targets.tag_valid.shape == targets.tag_index.shape == (30, 3)
    assert not targets.tag_valid.any()


def test_of_too_many_people_those_with_most_keypoints_stay(make_codec):
    counts = [1, 3, 0, 2, 3, 1]
    people = [[[p, k, 2 * (k < count)] for k in range(3)] for p, count in enumerate(counts)]
    targets = encode(make_codec(max_num_people=4), people)
    assert targets.tag_valid.sum(dim=1).tolist() == [1, 3, 2, 3]     # in their order
    assert targets.tag_index[:, 0].tolist() == [flat(0, p, 0) for p in (0, 1, 3, 4)]
    assert targets.heatmaps[0, 0, 5] == 1                            # all are drawn


def test_encode_gives_one_target_per_view(make_codec):
    codec = make_codec(64, map_strides=(4, 2))
    views = tuple(MapView(np.full((1, 3, 2), s / 4, np.float32), np.ones((s, s), bool))
                  for s in codec.map_sizes)
    image = np.arange(64 * 64 * 3).reshape(64, 64, 3).astype(np.uint8)[:, ::-1]
    item = codec.encode(PoseSample(
        image, np.zeros((1, 3, 2), np.float32), np.full((1, 3), 2, np.uint8),
        np.ones((64, 64), bool), 3, "a.jpg", views))
    np.testing.assert_array_equal(item.image.numpy().transpose(1, 2, 0), image)
    assert [t.heatmaps.shape[-1] for t in item.targets] == [16, 32]
    assert [t.tag_index[0, 0].item() for t in item.targets] == [4 * 16 + 4, 8 * 32 + 8]


def separated(rng, number, size, gap):
    """Positions (number, 2) in a square map, each ``gap`` from the others and 2 from the border."""
    chosen = []
    while len(chosen) < number:
        point = rng.uniform(2, size - 2, 2)
        if all(np.abs(point - other).max() > gap for other in chosen):
            chosen.append(point)
    return np.array(chosen)


def perfect_maps(codec, keypoints, visibility, size):
    """Heatmaps of the targets, and tags (K, H, W, 1) that are 3p near the keypoints of person p."""
    targets = codec.encode_view(MapView(keypoints, np.ones((size, size), bool)), visibility)
    tags = np.full((*targets.heatmaps.shape, 1), -50, np.float32)
    for p, k in np.argwhere(visibility > 0):
        x, y = keypoints[p, k].astype(int)
        tags[k, max(0, y - 2): y + 3, max(0, x - 2): x + 3] = 3 * p
    return targets.heatmaps.numpy(), tags


@pytest.mark.parametrize("hidden", [0.0, 0.3])
@pytest.mark.parametrize(("seed", "people"), [(0, 1), (1, 2), (2, 5), (3, 10)])
def test_encoded_people_are_decoded(make_codec, coco, seed, people, hidden):
    rng = np.random.RandomState(seed)
    codec, size = make_codec(256, coco), 64
    keypoints = np.stack(
        [separated(rng, people, size, 7) for _ in range(17)], axis=1).astype(np.float32)
    visibility = (rng.rand(people, 17) >= hidden).astype(np.uint8) * 2
    visibility[:, 0] = 2
    heatmaps, tags = perfect_maps(codec, keypoints, visibility, size)
    frame = codec.geometry.test_frame((512, 512), 256, (1,))
    item = TestItem([], (1,), frame.base_size, frame.center, frame.scale, (512, 512), 5, "a.jpg")
    result = codec.decode(heatmaps, tags, item)

    assert (len(result), result.image_id, result.image_size) == (people, 5, (512, 512))
    order = (result.tags[:, 0, 0] / 3).round().astype(int)
    assert sorted(order) == list(range(people))
    seen = visibility[order] > 0
    in_cells = result.keypoints / 8
    np.testing.assert_array_equal(np.floor(in_cells[seen]), np.trunc(keypoints[order][seen]))
    assert np.abs(in_cells - keypoints[order])[seen].max() <= 0.75
    np.testing.assert_array_equal(
        result.tags[seen][:, 0], np.broadcast_to(order[:, None] * 3, seen.shape)[seen])
    np.testing.assert_allclose(result.scores, seen.mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(result.keypoint_scores[seen], 1)


@pytest.mark.parametrize("stages", [
    {}, {"adjust": False}, {"refine": False}, {"ignore_too_much": True},
    {"use_detection_val": False},
])
def test_empty_maps_hold_nobody(make_codec, stages):
    people, scores = make_codec(**stages).group(
        np.zeros((3, 16, 16), np.float32), np.zeros((3, 16, 16, 2), np.float32))
    assert people.shape == (0, 3, 5)
    assert scores.shape == (0,)
