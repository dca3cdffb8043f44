import re

import numpy as np
import pytest
import torch

from aepose.codecs import ClassicGeometry, UdpGeometry
from aepose.errors import ConfigError
from aepose.metainfo import Metainfo
from aepose.structures import EvalItem, MapView, PoseSample

CONVENTIONS = pytest.mark.parametrize("convention", ["classic", "udp"])
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


@pytest.mark.parametrize(("x", "y"), [(3.0, 4.0), (3.75, 4.25), (15.5, 11.5), (-0.5, 4.75)])
def test_udp_draws_between_cells(make_codec, x, y):
    """The peak is at the keypoint; the tag is read in the cell of its truncated position."""
    classic, udp = (encode(make_codec(convention=c), [[[x, y, 2], [0, 0, 0], [0, 0, 0]]])
                    for c in ("classic", "udp"))
    assert udp.tag_index[0].tolist() == classic.tag_index[0].tolist() == [flat(0, int(x), int(y)),
                                                                          0, 0]
    row, column = int(y), int(x)
    expected = np.exp(-((x - column) ** 2 + (y - row) ** 2) / 8)
    assert udp.heatmaps[0, row, column].item() == pytest.approx(expected)
    assert classic.heatmaps[0, row, column].item() == 1
    assert (udp.heatmaps > 0).equal(classic.heatmaps > 0)       # the same patch


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
    views = tuple(MapView(np.full((1, 3, 2), w / 4, np.float32), np.ones((h, w), bool))
                  for w, h in codec.map_sizes)
    image = np.arange(64 * 64 * 3).reshape(64, 64, 3).astype(np.uint8)[:, ::-1]
    item = codec.encode(PoseSample(
        image, np.zeros((1, 3, 2), np.float32), np.full((1, 3), 2, np.uint8),
        np.ones((64, 64), bool), 3, "a.jpg", views))
    np.testing.assert_array_equal(item.image.numpy().transpose(1, 2, 0), image)
    assert [t.heatmaps.shape[-1] for t in item.targets] == [16, 32]
    assert [t.tag_index[0, 0].item() for t in item.targets] == [4 * 16 + 4, 8 * 32 + 8]


def separated(rng, number, size, gap):
    """Positions (number, 2) in a map of ``size``, ``gap`` from each other, 2 from the border."""
    chosen = []
    while len(chosen) < number:
        point = rng.uniform(2, np.array(size) - 2)
        if all(np.abs(point - other).max() > gap for other in chosen):
            chosen.append(point)
    return np.array(chosen)


def perfect_maps(codec, keypoints, visibility, size):
    """Heatmaps of the targets, and tags (K, H, W, 1) that are 3p near the keypoints of person p."""
    targets = codec.encode_view(MapView(keypoints, np.ones(size[::-1], bool)), visibility)
    tags = np.full((*targets.heatmaps.shape, 1), -50, np.float32)
    for p, k in np.argwhere(visibility > 0):
        x, y = keypoints[p, k].astype(int)
        tags[k, max(0, y - 2): y + 3, max(0, x - 2): x + 3] = 3 * p
    return targets.heatmaps.numpy(), tags


def make_item(codec, size=(512, 512)):
    frame = codec.geometry.eval_frame(size, codec.train_size, (1,))
    return EvalItem([], (1,), frame.base_size, frame.center, frame.scale, size, 5, "a.jpg")


def in_cells(codec, result, item):
    """Keypoints of a result in cells of a map at 1/4."""
    size = item.base_size[0] // 4, item.base_size[1] // 4
    return codec.geometry.to_map(result.keypoints, size, item.center, item.scale)


@CONVENTIONS
@pytest.mark.parametrize("hidden", [0.0, 0.3])
@pytest.mark.parametrize(("seed", "people"), [(0, 1), (1, 2), (2, 5), (3, 10)])
@pytest.mark.parametrize(("input_size", "picture"), [
    (256, (512, 512)), ((320, 192), (640, 384)), ((192, 320), (384, 640)),
])
def test_encoded_people_are_decoded(
        make_codec, coco, seed, people, hidden, convention, input_size, picture):
    rng = np.random.RandomState(seed)
    codec = make_codec(input_size, coco, convention=convention)
    (size,) = codec.map_sizes
    keypoints = np.stack(
        [separated(rng, people, size, 7) for _ in range(17)], axis=1).astype(np.float32)
    visibility = (rng.rand(people, 17) >= hidden).astype(np.uint8) * 2
    visibility[:, 0] = 2
    heatmaps, tags = perfect_maps(codec, keypoints, visibility, size)
    item = make_item(codec, picture)
    result = codec.decode(heatmaps, tags, item)

    assert item.base_size == codec.train_size
    assert (len(result), result.image_id, result.image_size) == (people, 5, picture)
    order = (result.tags[:, 0, 0] / 3).round().astype(int)
    assert sorted(order) == list(range(people))
    seen, cells = visibility[order] > 0, in_cells(codec, result, item)
    error = np.abs(cells - keypoints[order])[seen]
    if convention == "classic":
        np.testing.assert_array_equal(np.floor(cells[seen]), np.trunc(keypoints[order][seen]))
        assert error.max() <= 0.75
    else:
        assert np.median(error) < 1e-3
        assert error.max() <= 0.5           # where another person's Gaussian overlaps
    np.testing.assert_array_equal(
        result.tags[seen][:, 0], np.broadcast_to(order[:, None] * 3, seen.shape)[seen])
    scores = result.keypoint_scores
    np.testing.assert_allclose(result.scores, scores.sum(axis=1, where=seen) / 17, rtol=1e-6)
    assert scores[seen].min() >= (1 if convention == "classic" else 0.9)
    assert scores.max() <= 1


PLACES = np.array([[[10.3, 8.2], [20.4, 9.4], [15.6, 20.3]],
                   [[40.4, 30.3], [50.2, 31.6], [45.7, 44.8]]], np.float32)


@CONVENTIONS
@pytest.mark.parametrize("num_tags", [1, 2])
@pytest.mark.parametrize("tag_maps", [1, 3])
def test_one_tag_map_for_all_keypoints(make_codec, convention, tag_maps, num_tags):
    """With flip test there are two tags per cell; the missing keypoint has only a weak peak."""
    codec, size = make_codec(256, convention=convention), 64
    heatmaps = encode_places(codec, PLACES, size)
    heatmaps[2, 30:] *= 0.05                          # below the detection threshold
    tags = np.full((tag_maps, size, size, num_tags), -50, np.float32)
    tags[:, :26] = [3, 4][:num_tags]
    tags[:, 26:] = [9, 8][:num_tags]
    item = make_item(codec)
    result = codec.decode(heatmaps, tags, item)
    assert result.tags.shape == (2, 3, num_tags)
    assert result.tags[:, 0].tolist() == [[3, 4][:num_tags], [9, 8][:num_tags]]
    cells = in_cells(codec, result, item)
    found = np.ones((2, 3), bool)
    found[1, 2] = False
    limit = 0.75 if convention == "classic" else 1e-3
    assert np.abs(cells - PLACES)[found].max() <= limit
    # Filled in by a quarter step: from the middle of the cell, or in UDP from the nearest cell.
    expected = [45.25, 44.25] if convention == "classic" else [45.75, 44.75]
    np.testing.assert_allclose(cells[1, 2], expected, atol=1e-4)
    assert 0 < result.keypoint_scores[1, 2] < 0.1


def encode_places(codec, places, size):
    """Heatmaps (K, size, size) of people that are all visible."""
    view = MapView(places, np.ones((size, size), bool))
    return codec.encode_view(view, np.full(places.shape[:2], 2)).heatmaps.numpy()


@CONVENTIONS
@pytest.mark.parametrize("people", [0, 1, 2])
def test_a_single_keypoint(make_codec, convention, people):
    metainfo = Metainfo(
        name="one", keypoint_names=("head",), flip_pairs=(), sigmas=(0.1,), skeleton=(),
        keypoint_colors=((0, 0, 0),), skeleton_colors=())
    codec, size = make_codec(256, metainfo, convention=convention), 64
    heatmaps = encode_places(codec, PLACES[:people, :1], size)
    tags = np.zeros((1, size, size, 1), np.float32)
    tags[:, 26:] = 9
    item = make_item(codec)
    result = codec.decode(heatmaps, tags, item)
    assert result.keypoints.shape == (people, 1, 2)
    limit = 0.75 if convention == "classic" else 1e-3
    found = in_cells(codec, result, item)
    order = np.argsort(found[:, 0, 1])
    np.testing.assert_allclose(found[order], PLACES[:people, :1], atol=limit)


@pytest.mark.parametrize(("convention", "expected"), [
    ("classic", ClassicGeometry), ("udp", UdpGeometry),
])
def test_convention(make_codec, convention, expected):
    assert type(make_codec(convention=convention).geometry) is expected


@pytest.mark.parametrize("convention", ["UDP", "upd", "", None, True, ["udp"]])
def test_unknown_convention(make_codec, convention):
    with pytest.raises(ConfigError, match=r"codec\.convention = .*: give 'classic' or 'udp'"):
        make_codec(convention=convention)


@pytest.mark.parametrize(("options", "message"), [
    ({"detection_threshold": -0.1}, "codec.detection_threshold = -0.1: give a number that is not"),
    ({"detection_threshold": float("nan")}, "codec.detection_threshold = nan: give a number"),
    ({"detection_threshold": "0.1"}, "codec.detection_threshold = '0.1': give a number"),
    ({"tag_threshold": -1}, "codec.tag_threshold = -1: give a number that is not negative"),
    ({"max_num_people": 30.5}, "codec.max_num_people = 30.5: give a whole number"),
    ({"nms_kernel": 5.0}, "codec.nms_kernel = 5.0: give a whole number"),
    ({"nms_kernel": 4}, "codec.nms_kernel = 4: give an odd number"),
    ({"subpixel": "half"}, "codec.subpixel = 'half': give 'quarter', 'newton', or None"),
    *(({"grouping_order": order}, f"codec.grouping_order = {order!r}: give a list of different key")
      for order in (["haed"], ["left", "left"], "head", [0], [["left"]])),
    ({"input_size": 96}, "codec.input_size = 96: give a multiple of codec.size_multiple, 64"),
    ({"input_size": (96, 64)}, "codec.input_size = (96, 64): give a width that is a multiple of"),
    ({"input_size": [128, 96]}, "codec.input_size = [128, 96]: give a height that is a multiple"),
    *(({"input_size": size}, f"codec.input_size = {size!r}: give the side of a square")
      for size in ((128,), (128, 64, 64), (128, 0), (128, 64.0), True, "128")),
    ({"size_multiple": 0}, "codec.size_multiple = 0: give a positive number"),
    ({"size_multiple": 32.0}, "codec.size_multiple = 32.0: give a whole number"),
    ({"map_strides": []}, "codec.map_strides = []: give a list of different positive whole"),
    ({"map_strides": [4, 0]}, "codec.map_strides = [4, 0]: give a list"),
    ({"map_strides": [4, 2.0]}, "codec.map_strides = [4, 2.0]: give a list"),
    ({"map_strides": [4, 4]}, "codec.map_strides = [4, 4]: give a list"),
    ({"map_strides": [True]}, "codec.map_strides = [True]: give a list"),
    ({"map_strides": 4}, "codec.map_strides = 4: give a list"),
])
def test_options_that_cannot_be_used(make_codec, options, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        make_codec(**options)


@pytest.mark.parametrize("strides", [[4, 2], (2, 4), [2, 4]])
def test_the_order_of_strides_does_not_matter(make_codec, strides):
    codec = make_codec(128, map_strides=strides)
    assert codec.map_strides == (4, 2)
    assert codec.map_sizes == ((32, 32), (64, 64))


@pytest.mark.parametrize("given", [(128, 64), [128, 64]])
def test_an_input_of_width_and_height(make_codec, given):
    codec = make_codec(given, map_strides=(4, 2))
    assert codec.train_size == (128, 64)
    assert codec.map_sizes == ((32, 16), (64, 32))


@pytest.mark.parametrize(("multiple", "expected"), [
    (32, (160, 96)), (64, (192, 128)), (96, (192, 96)), (128, (256, 128)),
])
def test_sides_are_multiples_of_what_the_codec_says(make_codec, multiple, expected):
    side = {32: 96, 64: 128, 96: 96, 128: 128}[multiple]
    codec = make_codec(side, size_multiple=multiple)
    assert codec.geometry.eval_frame((150, 100), codec.train_size, (1,)).base_size == expected


BROKEN_MAPS = {
    "lists": ([[[0.5]]], [[[[0.5]]]], "expected two NumPy arrays or two tensors, got list and"),
    "an array and a tensor": (
        np.zeros((3, 16, 16), np.float32), torch.zeros(3, 16, 16, 1), "got ndarray and Tensor"),
    "half-precision tensors": (
        torch.zeros(3, 16, 16).half(), torch.zeros(3, 16, 16, 1), "float32, got torch.float16"),
    "empty tensors": (torch.zeros(0, 16, 16), torch.zeros(0, 16, 16, 1), "none of them 0"),
    "a batch axis": (torch.zeros(1, 3, 16, 16), torch.zeros(3, 16, 16, 1), "(K, H, W)"),
    "NaN in a tensor": (torch.full((3, 16, 16), torch.nan), torch.zeros(3, 16, 16, 1), "NaN"),
    "a map with too few cells": (torch.zeros(3, 4, 4), torch.zeros(3, 4, 4, 1), "expected 1 to 16"),
}


@pytest.mark.parametrize(("heatmaps", "tags", "message"), BROKEN_MAPS.values(), ids=BROKEN_MAPS)
def test_decode_says_what_is_wrong(make_codec, heatmaps, tags, message):
    codec = make_codec()
    with pytest.raises(ValueError, match=re.escape(message)):
        codec.decode(heatmaps, tags, make_item(codec))


@pytest.mark.parametrize("planar", [False, True])
def test_tensors_and_arrays_give_the_same(make_codec, planar):
    rng = np.random.default_rng(0)
    codec = make_codec(max_num_people=8)
    heatmaps = rng.random((3, 20, 24), np.float32)
    tags = rng.normal(size=(3, 20, 24, 2)).astype(np.float32)
    expected = codec.decode(heatmaps, tags, make_item(codec))
    tags = torch.from_numpy(tags)
    if planar:
        tags = tags.permute(3, 0, 1, 2).contiguous().permute(1, 2, 3, 0)
    found = codec.decode(torch.from_numpy(heatmaps).requires_grad_(), tags, make_item(codec))
    for name in ("keypoints", "keypoint_scores", "scores", "tags"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


@pytest.mark.parametrize("option", [
    {"max_num_people": 7}, {"nms_kernel": 3}, {"detection_threshold": 0.99}, {"tag_threshold": 0.3},
    {"use_detection_val": False}, {"ignore_too_much": True}, {"adjust": False},
    {"refine": False}, {"first_people_only": True}, {"reach": 10}, {"grouping_order": ["right"]},
], ids=str)
def test_every_option_of_decoding_counts(make_codec, option):
    rng = np.random.default_rng(0)
    heatmaps = rng.random((3, 20, 24), np.float32)
    tags = rng.normal(size=(3, 20, 24, 2)).astype(np.float32)
    found, changed = (make_codec(**{"max_num_people": 8, **o}).group(heatmaps, tags)[0]
                      for o in ({}, option))
    assert not np.array_equal(found, changed)


@pytest.mark.parametrize("stages", [
    {}, {"adjust": False}, {"refine": False}, {"ignore_too_much": True},
    {"use_detection_val": False}, {"convention": "udp"},
])
def test_empty_maps_hold_nobody(make_codec, stages):
    people, scores, *_ = make_codec(**stages).group(
        np.zeros((3, 16, 16), np.float32), np.zeros((3, 16, 16, 2), np.float32))
    assert people.shape == (0, 3, 5)
    assert scores.shape == (0,)
