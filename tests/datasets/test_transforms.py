from dataclasses import replace

import numpy as np
import pytest

from aepose.datasets.transforms import RandomAffine, RandomCrop, RandomFlip, make_eval_item
from aepose.datasets.transforms.random_affine import AffineDraw, warp_points
from aepose.errors import ConfigError
from aepose.structures import MapView, PoseSample

CONVENTIONS = pytest.mark.parametrize("convention", ["classic", "udp"])
STILL = {"scale": (1, 1), "rotation": 0, "translation": 0}


def make_sample(size=(96, 64), people=2, seed=0):
    """A noisy picture whose keypoints lie well inside it."""
    width, height = size
    rng = np.random.RandomState(seed)
    keypoints = rng.uniform(0.3, 0.7, (people, 3, 2)) * size
    return PoseSample(
        rng.randint(0, 256, (height, width, 3), np.uint8), keypoints.astype(np.float32),
        rng.randint(0, 3, (people, 3)).astype(np.uint8), rng.rand(height, width) < 0.5, 7, "a.jpg")


def dots(sample):
    """Replace the picture by black with a bright, soft dot at each keypoint of person 0."""
    height, width = sample.image.shape[:2]
    y, x = np.mgrid[:height, :width]
    maps = [np.exp(-((x - px) ** 2 + (y - py) ** 2) / 8) for px, py in sample.keypoints[0]]
    return replace(sample, image=(255 * np.stack(maps, axis=2)).astype(np.uint8))


def brightest(channel):
    """Centre of mass of a soft dot."""
    y, x = np.mgrid[:channel.shape[0], :channel.shape[1]]
    weight = channel.astype(float)
    return np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()


def arrays(sample):
    views = [part for v in sample.views for part in (v.keypoints, v.loss_mask)]
    return [sample.image, sample.keypoints, sample.visibility, sample.loss_mask, *views]


def assert_same(a, b):
    for left, right in zip(arrays(a), arrays(b), strict=True):
        np.testing.assert_allclose(left, right, atol=1e-4)


def test_flip(three):
    sample = dots(make_sample(people=1))
    sample.visibility[:] = [0, 1, 2]
    view = MapView(sample.keypoints / 4, np.arange(16 * 24).reshape(16, 24) % 5 > 0)
    flipped = RandomFlip(three, 1.0)(replace(sample, views=(view,)), np.random.RandomState(0))
    assert flipped.visibility.tolist() == [[0, 2, 1]]
    for keypoint, channel in enumerate((0, 2, 1)):
        np.testing.assert_allclose(
            brightest(flipped.image[..., channel]), flipped.keypoints[0, keypoint], atol=0.2)
    mirrored = view.keypoints[0, [0, 2, 1]]
    np.testing.assert_allclose(flipped.views[0].keypoints[0, :, 0], 23 - mirrored[:, 0])
    np.testing.assert_allclose(flipped.views[0].keypoints[0, :, 1], mirrored[:, 1])
    np.testing.assert_array_equal(flipped.views[0].loss_mask, view.loss_mask[:, ::-1])
    np.testing.assert_array_equal(flipped.loss_mask, sample.loss_mask[:, ::-1])


@pytest.mark.parametrize("people", [0, 2])
def test_flip_twice_changes_nothing(three, make_codec, people):
    sample = RandomAffine(make_codec(map_strides=(4, 2)))(
        make_sample(people=people), np.random.RandomState(0))
    before = [a.copy() for a in arrays(sample)]
    flip = RandomFlip(three, 1.0)
    assert_same(flip(flip(sample, np.random.RandomState(0)), np.random.RandomState(1)), sample)
    for now, then in zip(arrays(sample), before, strict=True):     # nor does it touch its input
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize(("probability", "expected"), [(0.0, 0), (0.5, 100), (1.0, 200)])
def test_flip_probability(three, probability, expected):
    flip, sample = RandomFlip(three, probability), make_sample()
    rng = np.random.RandomState(0)
    flips = sum(flip(sample, rng) is not sample for _ in range(200))
    assert flips == pytest.approx(expected, abs=30)


@CONVENTIONS
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", [(96, 64), (64, 96), (70, 70)])
@pytest.mark.parametrize("out", [(128, 128), (192, 128), (128, 192)])
def test_affine_moves_picture_and_keypoints_alike(make_codec, size, seed, convention, out):
    codec = make_codec(out, map_strides=(4, 2), convention=convention)
    sample = dots(make_sample(size, seed=seed))
    affine = RandomAffine(codec, scale=(0.75, 1.5), rotation=30, translation=10, scale_type="long")
    warped = affine(sample, np.random.RandomState(seed))
    assert warped.image.shape == (out[1], out[0], 3)
    assert warped.loss_mask.shape == (out[1], out[0])
    assert {warped.keypoints.dtype, *(v.keypoints.dtype for v in warped.views)} == {np.dtype("f4")}
    for keypoint in range(3):
        np.testing.assert_allclose(
            brightest(warped.image[..., keypoint]), warped.keypoints[0, keypoint], atol=0.5)
    for view, stride in zip(warped.views, (4, 2), strict=True):
        assert view.size == (out[0] // stride, out[1] // stride)
        last = convention == "udp"
        factor = (np.array(view.size) - last) / (np.array(out) - last)
        np.testing.assert_allclose(view.keypoints, warped.keypoints * factor, atol=1e-3)


@CONVENTIONS
@pytest.mark.parametrize("scale_type", ["short", "long"])
@pytest.mark.parametrize("out", [(128, 64), (64, 192), (128, 128)])
@pytest.mark.parametrize("size", [(96, 64), (64, 96), (300, 40)])
@pytest.mark.parametrize(("scale", "rotation"), [(1, 0), (0.75, 90), (1.3, -25)])
def test_the_corners_of_the_window_are_those_of_every_output(
        make_codec, convention, scale_type, out, size, scale, rotation):
    """The window by its definition: so many times the picture, with the aspect of the input."""
    codec = make_codec(out, map_strides=(4, 2), convention=convention)
    last = int(convention == "udp")
    aspect = np.array(out) - last
    fit = (min if scale_type == "short" else max)(np.array(size) / aspect)
    half = scale * fit * aspect / 2
    # A classic rotation turns the window clockwise, one of UDP the picture, so y is down.
    angle = np.deg2rad(rotation) * (-1 if last else 1)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    corners = (np.array(size) - last) / 2 + (7, -3) + half * signs @ turn.T
    affine = RandomAffine(codec, scale_type=scale_type)
    for shown in (codec.train_size, *codec.map_sizes):
        matrix = affine.matrix(size, AffineDraw(scale, rotation, (7, -3)), shown)
        expected = (signs + 1) / 2 * (np.array(shown) - last)
        np.testing.assert_allclose(warp_points(corners, matrix), expected, atol=2e-3)


@CONVENTIONS
@pytest.mark.parametrize("side", [64, 128])
def test_a_square_of_two_numbers_is_that_of_one(make_codec, three, convention, side):
    """Bit for bit, in training and tests."""
    sample = make_sample((96, 64))

    def everything(input_size):
        codec = make_codec(input_size, map_strides=(4, 2), convention=convention)
        rng = np.random.RandomState(0)
        item = codec.encode(RandomFlip(three)(RandomAffine(codec)(sample, rng), rng))
        tested = make_eval_item(sample.image, codec, (0.5, 1, 2))
        return [item.image, *(part for t in item.targets for part in vars(t).values()),
                *tested.images, tested.base_size, tested.center, tested.scale]

    for one, two in zip(everything(side), everything((side, side)), strict=True):
        np.testing.assert_array_equal(one, two)


# In UDP a window as many steps long as the picture has pixels fills the 63 steps of the output.
@pytest.mark.parametrize(("convention", "scale_type", "size", "corner"), [
    ("classic", "long", (96, 64), (0, 64 / 6)), ("classic", "short", (96, 64), (-16, 0)),
    ("classic", "long", (64, 96), (64 / 6, 0)), ("classic", "short", (64, 96), (0, -16)),
    ("classic", "short", (64, 64), (0, 0)),
    ("udp", "long", (96, 64), (31.5 - 47.5 * 63 / 96, 31.5 - 31.5 * 63 / 96)),
    ("udp", "short", (96, 64), (31.5 - 47.5 * 63 / 64, 31.5 - 31.5 * 63 / 64)),
    ("udp", "long", (64, 96), (31.5 - 31.5 * 63 / 96, 31.5 - 47.5 * 63 / 96)),
    ("udp", "short", (64, 64), (31.5 / 64, 31.5 / 64)),
])
def test_scale_type(make_codec, convention, scale_type, size, corner):
    sample = make_sample(size)
    sample.loss_mask[:] = True
    sample.keypoints[0, 0] = 0
    affine = RandomAffine(make_codec(convention=convention), scale_type=scale_type, **STILL)
    warped = affine(sample, np.random.RandomState(0))
    np.testing.assert_allclose(warped.keypoints[0, 0], corner, atol=1e-4)
    # Padding does not count in the loss.
    assert warped.loss_mask.mean() == pytest.approx(
        min(size) / max(size) if scale_type == "long" else 1, abs=0.05)


@pytest.mark.parametrize(("scale_type", "corner", "counted"), [
    ("short", (0, -7.5 * 64 / 45), 1), ("long", (16, 0), 0.75)])
def test_scale_type_of_a_long_input(make_codec, scale_type, corner, counted):
    sample = make_sample((90, 60))
    sample.loss_mask[:] = True
    sample.keypoints[0, 0] = 0
    warped = RandomAffine(make_codec((128, 64)), scale_type=scale_type, **STILL)(
        sample, np.random.RandomState(0))
    np.testing.assert_allclose(warped.keypoints[0, 0], corner, atol=1e-4)
    assert warped.loss_mask.mean() == pytest.approx(counted, abs=0.02)


def test_nothing_moves_where_nothing_is_drawn(make_codec):
    sample = make_sample((64, 64))
    warped = RandomAffine(make_codec(map_strides=(1,)), **STILL)(sample, np.random.RandomState(0))
    assert_same(replace(warped, views=()), sample)
    np.testing.assert_array_equal(warped.views[0].loss_mask, sample.loss_mask)


@CONVENTIONS
@pytest.mark.parametrize("size", [(1, 1), (2, 1), (3, 5), (1, 40)])
@pytest.mark.parametrize("people", [0, 1])
def test_tiny_pictures(make_codec, three, size, people, convention):
    codec = make_codec(convention=convention)
    sample = make_sample(size, people)
    for seed in range(5):
        rng = np.random.RandomState(seed)
        item = codec.encode(RandomFlip(three)(RandomAffine(codec)(sample, rng), rng))
        assert item.image.shape == (3, 64, 64)
        assert item.targets[0].heatmaps.isfinite().all()


def test_draws(make_codec):
    affine = RandomAffine(make_codec(), scale=(0.75, 1.5), rotation=30, translation=40)
    rng = np.random.RandomState(0)
    drawn = [affine.draw((100, 200), rng) for _ in range(500)]
    assert drawn[:3] == [affine.draw((100, 200), r) for r in [np.random.RandomState(0)]
                         for _ in range(3)]
    scales, rotations = [d.scale for d in drawn], [d.rotation for d in drawn]
    assert (min(scales), max(scales)) == pytest.approx((0.75, 1.5), abs=0.01)
    assert (min(rotations), max(rotations)) == pytest.approx((-30, 30), abs=0.5)
    for axis, side in enumerate((100, 200)):
        relative = [d.shift[axis] / (d.scale * side / 5) for d in drawn]
        assert min(relative) == pytest.approx(-1, abs=0.1)
        assert max(relative) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(("side", "shifts"), [
    (4, {0}), (5, {-1, 0}), (9, {-1, 0}), (10, {-2, -1, 0, 1}), (15, {-3, -2, -1, 0, 1, 2}),
])
def test_every_shift_within_the_bounds_is_drawn_and_no_other(make_codec, side, shifts):
    affine = RandomAffine(make_codec(), scale=(1, 1), translation=40)
    rng = np.random.RandomState(0)
    drawn = [affine.draw((side, 10), rng).shift for _ in range(200)]
    assert {dx for dx, _ in drawn} == shifts
    assert {dy for _, dy in drawn} == {-2, -1, 0, 1}


def test_affine_is_determined_by_its_random_state(make_codec):
    affine, sample = RandomAffine(make_codec()), make_sample()
    first, again, other = (affine(sample, np.random.RandomState(s)) for s in (1, 1, 2))
    for left, right in zip(arrays(first), arrays(again), strict=True):
        np.testing.assert_array_equal(left, right)
    assert not np.allclose(first.keypoints, other.keypoints)


@pytest.mark.parametrize(("options", "message"), [
    ({"scale_type": "shrt"}, "scale_type = 'shrt': give 'short' or 'long'"),
    ({"scale": (1.5, 0.75)}, "scale = .*two rising positive numbers"),
    ({"scale": (0, 1)}, "scale = .*two rising positive numbers"),
])
def test_wrong_options(make_codec, options, message):
    with pytest.raises(ConfigError, match=message):
        RandomAffine(make_codec(), **options)


@CONVENTIONS
@pytest.mark.parametrize("scales", [(1,), (0.5, 1, 2)])
@pytest.mark.parametrize("input_size", [64, (128, 64), (64, 128)])
def test_test_item(make_codec, scales, convention, input_size):
    codec = make_codec(input_size, convention=convention)
    sample = dots(make_sample((96, 64)))
    item = make_eval_item(sample.image, codec, scales, 7, "a.jpg")
    assert item.scales == tuple(sorted(scales, reverse=True))
    assert (item.image_size, item.image_id, item.image_path) == ((96, 64), 7, "a.jpg")
    for image in item.images:
        size = image.shape[1], image.shape[0]
        found = np.array([brightest(image[..., k]) for k in range(3)])
        back = codec.geometry.to_image(found, size, item.center, item.scale)
        np.testing.assert_allclose(back, sample.keypoints[0], atol=0.5)
    at_one = item.images[item.scales.index(1)]
    assert (at_one.shape[1], at_one.shape[0]) == item.base_size


@CONVENTIONS
@pytest.mark.parametrize("size", [(300, 200), (200, 300)])
@pytest.mark.parametrize("crop", [64, (128, 64)])
def test_crops_show_people_at_the_scale_of_tests(make_codec, convention, size, crop):
    codec = make_codec(128, map_strides=(4, 2), convention=convention)
    sample = dots(make_sample(size, people=1))
    sample.visibility[:] = 2
    still = RandomCrop(codec, crop, scale=(1, 1), rotation=0, shift=0, anywhere=0)
    warped = still(sample, np.random.RandomState(0))
    width, height = (crop, crop) if isinstance(crop, int) else crop
    assert warped.image.shape == (height, width, 3)
    assert [v.size for v in warped.views] == [(width // s, height // s) for s in (4, 2)]
    tested = make_eval_item(sample.image, codec, (1,)).images[0]
    for keypoint in range(3):
        np.testing.assert_allclose(
            brightest(warped.image[..., keypoint]), warped.keypoints[0, keypoint], atol=0.5)
        away = brightest(tested[..., keypoint]) - brightest(tested[..., 0])
        np.testing.assert_allclose(
            warped.keypoints[0, keypoint] - warped.keypoints[0, 0], away, atol=0.3)
    box = warped.keypoints[0].min(axis=0) + warped.keypoints[0].max(axis=0)
    np.testing.assert_allclose(box, (width, height), atol=1.1)


def test_crops_are_around_people_or_anywhere(make_codec):
    sample = make_sample((600, 600))
    sample.keypoints[:] = [[[90, 110], [100, 90], [-900, 0]], [[480, 500], [500, 520], [900, 0]]]
    sample.visibility[:] = [2, 1, 0]

    def inside(anywhere, sample=sample):
        """Which people are in each of 100 crops."""
        transform = RandomCrop(make_codec(576), 128, rotation=180, shift=0.2, anywhere=anywhere)
        crops = [transform(sample, np.random.RandomState(seed)).keypoints for seed in range(100)]
        return (np.array([(k[:, :2] > 0) & (k[:, :2] < 128) for k in crops])).all(axis=(2, 3))

    around = inside(0)
    assert (around.sum(axis=1) == 1).all()
    assert 30 < around[:, 0].sum() < 70
    assert inside(1).any(axis=1).sum() < 20
    assert 30 < inside(0.5).any(axis=1).sum() < 75
    alone = replace(sample, visibility=np.array([[2, 1, 0], [0, 0, 0]], np.uint8))
    assert inside(0, alone).sum(axis=0).tolist() == [100, 0]
    nobody = replace(sample, visibility=np.zeros((2, 3), np.uint8))
    np.testing.assert_array_equal(inside(0, nobody).any(axis=1).sum() < 20, True)


@pytest.mark.parametrize(("options", "error"), [
    ({"size": 100}, "RandomCrop.size = 100: give a multiple of codec.size_multiple, 64"),
    ({"size": (64, 96)}, r"RandomCrop.size = \(64, 96\): give a height"),
    ({"size": 64, "scale": (1.2, 0.8)}, "RandomCrop.scale"),
    ({"size": 64, "scale": (0, 1)}, "RandomCrop.scale"),
])
def test_crops_that_cannot_be(make_codec, options, error):
    with pytest.raises(ConfigError, match=error):
        RandomCrop(make_codec(), **options)
