import platform
from types import ModuleType

import cv2
import numpy as np
import pytest

from aepose.codecs.core import core
from aepose.codecs.dark import _log_patches, _same_logarithm, newton_step, step_in_cells
from aepose.codecs.gaussian import draw_gaussians
from aepose.codecs.matching import match_by_tag
from aepose.codecs.refine import refine
from tests.codecs.paths import PATHS, missing, on_path

WIDTH, HEIGHT = 24, 18


def peak(*centers):
    """Heatmaps (K, H, W) with one Gaussian per keypoint."""
    return draw_gaussians(
        np.array(centers), np.arange(len(centers)), len(centers), (WIDTH, HEIGHT), 2)


def found(centers, score=0.9):
    """One person (1, K, 4) in the cells nearest to the centres."""
    cells = np.clip(np.round(centers), 0, (WIDTH - 1, HEIGHT - 1))
    rest = np.broadcast_to([score, 7], cells.shape)
    return np.concatenate([cells, rest], axis=1, dtype=np.float32)[None]


INSIDE = [(10, 8), (10.3, 8), (10, 8.3), (9.6, 8.45), (10.49, 7.51), (2.4, 2.3), (21.3, 15.4)]


@pytest.mark.parametrize("center", INSIDE)
def test_finds_the_centre_of_a_gaussian(center):
    """Two cells or more from the border."""
    moved = newton_step(found([center]), peak(center))
    np.testing.assert_allclose(moved[0, 0, :2], center, atol=2e-4)
    np.testing.assert_array_equal(moved[0, 0, 2:], np.float32([0.9, 7]))


# The blur mirrors the map at its border and the differences repeat its last row: on the border the
# step is half a cell outwards, wherever the centre is, and beside it still up to half a cell off.
@pytest.mark.parametrize(("center", "expected"), [
    ((0, 8), (-0.5, 8)), ((0.3, 8.2), (-0.5, 8.2)), ((23, 17), (23.5, 17.5)),
    ((10.2, 16.8), (10.2, 17.5)), ((1.3, 8), (0.948, 8)), ((10, 1.3), (10, 0.948)),
])
def test_at_the_border_the_step_goes_outwards(center, expected):
    moved = newton_step(found([center]), peak(center))
    np.testing.assert_allclose(moved[0, 0, :2], expected, atol=1e-3)


def test_steps_inside_cells():
    """By half a cell at most, from the middle of the cells; what was not found stays."""
    centers = [(10.3, 8), (9.6, 8.45), (10, 8)]
    people = found(centers)
    people[0, 2, :3] = 0
    moved = step_in_cells(people, peak(*centers), 0.5)
    np.testing.assert_allclose(moved[0, :2, :2], np.add(centers[:2], 0.5), atol=2e-4)
    np.testing.assert_array_equal(moved[0, 2], people[0, 2])
    people[0, 0, 0] = 8  # beside the peak
    moved = step_in_cells(people, peak(*centers), 0.5)
    np.testing.assert_allclose(moved[0, 0, :2], (9, 8.5), atol=2e-4)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (2, 2), (6, 3), (40, 30)])
def test_patches_are_those_of_the_blurred_map(size):
    """To the last bit, in every cell: as OpenCV blurs, with the border repeated outwards."""
    width, height = size
    heatmaps = np.random.RandomState(0).rand(2, height, width).astype(np.float32)
    people = np.zeros((height * width, 2, 4), np.float32)
    people[..., :2] = np.argwhere(np.ones((width, height)))[:, None]
    patches = _log_patches(people, heatmaps)
    for k, heatmap in enumerate(heatmaps):
        blurred = np.pad(cv2.GaussianBlur(heatmap, (3, 3), 0), 1, mode="edge")
        windows = np.lib.stride_tricks.sliding_window_view(blurred, (3, 3))
        x, y = people[:, k, :2].astype(int).T
        np.testing.assert_array_equal(patches[:, k], np.log(np.clip(windows[y, x], 0.001, 50)))


def test_more_cells_than_float32_can_count():
    """The last of 65 maps of 512 x 512 begins at cell 2**24; an odd cell follows it."""
    heatmaps = np.broadcast_to(np.float32(0), (65, 512, 512)).copy()
    heatmaps[64, 199:204, 99:104] = draw_gaussians(
        np.array([[2.25, 2.0]]), np.array([0]), 1, (5, 5), 2)[0]
    people = np.zeros((1, 65, 4), np.float32)
    people[0, 64] = 101, 201, 0.9, 7
    moved = newton_step(people, heatmaps)
    np.testing.assert_allclose(moved[0, 64, :2], [101.25, 201], atol=2e-4)


@pytest.mark.parametrize("path", PATHS)
def test_peaks_and_missing_keypoints_beyond_that(path, device):
    """Of the last two of 66 maps, one holds a peak to find, one a weak one to fill in."""
    if missing(path):
        pytest.skip(missing(path))
    heatmaps, tags = np.zeros((66, 512, 512), np.float32), np.zeros((1, 512, 512, 1), np.float32)
    heatmaps[64, 201, 101], heatmaps[65, 301, 103] = 0.9, 0.05
    heatmaps[65, 11, 13], tags[0, 11, 13] = 0.06, 5        # somebody else's
    with on_path(path) as read:
        maps = read(heatmaps, tags)
        peaks = maps.find_peaks(2, threshold=0.1)
        people = match_by_tag(peaks, range(66), 2)
        filled = refine(people, maps, offset=0.0)
    assert people[:, 64].tolist() == [[101, 201, np.float32(0.9), 0]]
    np.testing.assert_allclose(filled[:, 65], [[102.75, 300.75, 0.05, 0]])
    assert (people[..., 2] > 0).sum() == 1
    assert (filled[..., 2] > 0).sum() == 2


def test_leaves_its_input_alone():
    centers = [(10.3, 8), (3.4, 5.2)]
    people, heatmaps = found(centers), peak(*centers)
    before = people.copy(), heatmaps.copy()
    moved = newton_step(people, heatmaps)
    assert moved.dtype == np.float32
    np.testing.assert_array_equal(people, before[0])
    np.testing.assert_array_equal(heatmaps, before[1])


def test_each_keypoint_of_each_person_by_its_own_map():
    centers = np.array([[(5.3, 4.2), (15.6, 4.4)], [(16.4, 12.3), (6.2, 11.6)]])
    heatmaps = np.maximum(*(peak(*person) for person in centers))
    moved = newton_step(np.concatenate([found(person) for person in centers]), heatmaps)
    np.testing.assert_allclose(moved[..., :2], centers, atol=5e-3)


def test_missing_keypoints_move_too():
    """They stand in the corner; their score stays 0."""
    moved = newton_step(np.zeros((1, 1, 4), np.float32), peak((2, 3)))
    np.testing.assert_allclose(moved[0, 0], [-0.5, -0.5, 0, 0], atol=1e-6)


def cancelling():
    """A map whose blurred logarithm has, at x = 10, just the curvature that the ridge undoes."""
    heatmap = np.full((HEIGHT, WIDTH), 0.5)
    heatmap[:, [8, 12]] -= np.finfo(np.float32).eps
    return heatmap


@pytest.mark.parametrize("heatmap", [
    np.zeros((HEIGHT, WIDTH)), np.ones((HEIGHT, WIDTH)), np.full((HEIGHT, WIDTH), -3.0),
    np.full((HEIGHT, WIDTH), 1e9), cancelling(),
], ids=["empty", "plateau", "negative", "above the clip", "no curvature left"])
def test_stays_where_there_is_no_slope(heatmap):
    people = found([(10, 8)])
    np.testing.assert_array_equal(newton_step(people, heatmap[None].astype(np.float32)), people)


@pytest.mark.parametrize("seed", range(5))
def test_noise_gives_finite_positions(seed):
    rng = np.random.RandomState(seed)
    people = np.zeros((HEIGHT * WIDTH, 1, 4), np.float32)
    people[:, 0, :2] = np.argwhere(np.ones((WIDTH, HEIGHT)))
    heatmaps = rng.randn(1, HEIGHT, WIDTH).astype(np.float32)
    assert np.isfinite(newton_step(people, heatmaps)).all()


@pytest.mark.parametrize("keypoints", [1, 3])
@pytest.mark.parametrize("people", [0, 1, 3])
def test_shapes(keypoints, people):
    moved = newton_step(
        np.zeros((people, keypoints, 5), np.float32), np.zeros((keypoints, 9, 9), np.float32))
    assert moved.shape == (people, keypoints, 5)


@pytest.mark.parametrize(("people", "heatmaps", "message"), [
    (np.zeros((1, 2, 4)), np.zeros((3, 9, 9)), "people: expected"),
    (np.zeros((1, 3, 3)), np.zeros((3, 9, 9)), "people: expected"),
    (np.zeros((1, 3, 4)), np.zeros((1, 3, 9, 9)), "heatmaps: expected"),
])
def test_says_what_is_wrong(people, heatmaps, message):
    with pytest.raises(ValueError, match=message):
        newton_step(people.astype(np.float32), heatmaps.astype(np.float32))


class OtherCore(ModuleType):
    """A core on a processor whose logarithm differs from NumPy's in the last bit."""

    logarithm = staticmethod(lambda values: np.nextafter(np.log(values), np.float32(9)))
    newton_step = None


@pytest.mark.skipif(core() is None, reason="the compiled core is not built")
def test_the_core_serves_only_with_the_same_logarithm(monkeypatch):
    people, heatmaps = found([(10.3, 8)]), peak((10.3, 8))
    expected = newton_step(people, heatmaps)
    monkeypatch.setattr("aepose.codecs.dark.core_for", lambda *_: OtherCore("other"))
    np.testing.assert_array_equal(newton_step(people, heatmaps), expected)


@pytest.mark.skipif(core() is None or platform.machine() not in ("x86_64", "AMD64"),
                    reason="the compiled core is not built, or elsewhere")
def test_logarithms_of_all_sizes():
    """Whether NumPy uses the polynomial that the core has depends on the processor."""
    if not _same_logarithm(core()):
        pytest.skip("NumPy uses another logarithm on this processor")
    values = np.float32(2) ** np.random.default_rng(0).uniform(-126, 127, 100_000)
    values = values.astype(np.float32)
    np.testing.assert_array_equal(core().logarithm(values), np.log(values))
