import numpy as np
import pytest
import torch

from aepose.codecs.peaks import Peaks, suppress, threshold_float32
from tests.codecs.paths import PATHS, missing, on_path


@pytest.fixture(params=PATHS)
def find_peaks(request, device):
    """Return a function (heatmaps, tags, people, ...) -> Peaks, on each path of decoding."""
    if missing(request.param):
        pytest.skip(missing(request.param))
    with on_path(request.param) as read:
        yield lambda heatmaps, tags, *options: read(heatmaps, tags).find_peaks(*options)


def heatmap(cells, size=(8, 7), background=0.0):
    """One map (1, H, W) of ``size`` (W, H) with the given {(x, y): value}."""
    width, height = size
    values = np.full((1, height, width), background, np.float32)
    for (x, y), value in cells.items():
        values[0, y, x] = value
    return values


def nonzero(maps):
    return {
        (int(x), int(y)): round(float(maps[k, y, x]), 6)
        for k, y, x in zip(*np.nonzero(maps), strict=True)
    }


SUPPRESS_CASES = {
    "one peak": ({(3, 3): 0.5}, 5, {(3, 3): 0.5}),
    "lower peak in the window": ({(3, 3): 0.5, (5, 1): 0.4}, 5, {(3, 3): 0.5}),
    "slightly lower": ({(3, 3): 0.5, (4, 3): 0.4999}, 5, {(3, 3): 0.5}),
    "lower peak outside the window": ({(3, 3): 0.5, (6, 3): 0.4}, 5, {(3, 3): 0.5, (6, 3): 0.4}),
    "smaller kernel": ({(3, 3): 0.5, (5, 1): 0.4}, 3, {(3, 3): 0.5, (5, 1): 0.4}),
    "plateau": ({(3, 3): 0.5, (4, 3): 0.5, (5, 3): 0.4}, 5, {(3, 3): 0.5, (4, 3): 0.5}),
    "corners": ({(0, 0): 0.5, (7, 6): 0.4}, 5, {(0, 0): 0.5, (7, 6): 0.4}),
    "border beside lower": ({(0, 3): 0.5, (1, 3): 0.4}, 5, {(0, 3): 0.5}),
    "kernel of one cell": ({(3, 3): 0.5, (4, 3): 0.4}, 1, {(3, 3): 0.5, (4, 3): 0.4}),
    "kernel larger than the map": ({(0, 0): 0.5, (7, 6): 0.4}, 21, {(0, 0): 0.5}),
    "nothing": ({}, 5, {}),
}


@pytest.mark.parametrize(
    ("cells", "kernel", "expected"), SUPPRESS_CASES.values(), ids=SUPPRESS_CASES
)
def test_suppress(cells, kernel, expected):
    maps = heatmap(cells)
    before = maps.copy()
    assert nonzero(suppress(maps[0], kernel)[None]) == expected
    np.testing.assert_array_equal(maps, before)


def test_suppress_keeps_negative_maxima():
    maps = suppress(heatmap({(0, 0): -0.5}, size=(4, 1), background=-1.0)[0], kernel=3)
    np.testing.assert_array_equal(maps, [[-0.5, 0, -1, -1]])


@pytest.mark.parametrize("kernel", [0, -1, 4])
def test_suppress_says_what_is_wrong(kernel):
    with pytest.raises(ValueError, match=f"kernel = {kernel}: expected an odd number"):
        suppress(heatmap({})[0], kernel)


@pytest.mark.parametrize(
    ("cells", "kernel", "expected"), SUPPRESS_CASES.values(), ids=SUPPRESS_CASES
)
def test_peaks_are_what_is_not_suppressed(find_peaks, cells, kernel, expected):
    """The second keypoint's map is empty; each is treated apart."""
    maps = np.concatenate([heatmap(cells), heatmap({})])
    peaks = find_peaks(maps, tag_maps(1, 1), 56, kernel)
    found = peaks.score > 0
    assert not found[1].any()
    assert {tuple(xy): round(float(score), 6)
            for xy, score in zip(peaks.xy[found].tolist(), peaks.score[found], strict=True)
            } == expected


@pytest.mark.parametrize(("value", "expected"), [
    (0.0, 0.0), (0.5, 0.5),
    (0.1, np.nextafter(np.float32(0.1), np.float32(0))),      # float32(0.1) is above 0.1
    (0.3, np.nextafter(np.float32(0.3), np.float32(0))),
    (0.7, np.float32(0.7)),                                   # float32(0.7) is below 0.7
    (1e300, np.finfo(np.float32).max), (1e-300, 0.0),
])
def test_threshold_float32(value, expected):
    assert threshold_float32(value) == np.float32(expected)


@pytest.mark.parametrize(("threshold", "expected"), [
    (0.0, [0.9, 0.5, np.float32(0.1)]), (0.1, [0.9, 0.5, np.float32(0.1)]), (0.5, [0.9]),
    (0.4999999, [0.9, 0.5]), (2, []),
])
def test_only_peaks_above_the_threshold_are_found(find_peaks, threshold, expected):
    maps = heatmap({(0, 0): 0.9, (3, 3): 0.5, (7, 6): 0.1})
    peaks = find_peaks(maps, tag_maps(1, 1), 4, 5, threshold)
    np.testing.assert_array_equal(peaks.score[0, : len(expected)], np.float32(expected))
    for part in (peaks.score, peaks.xy, peaks.tag):
        assert not part[0, len(expected) :].any()


@pytest.mark.parametrize("most", [1, 4, 40, 100, 480])
@pytest.mark.parametrize("levels", [1, 2, 5])
def test_ties_come_in_the_order_of_topk(find_peaks, levels, most):
    """480 cells: torch sorts a few of many and many of few in different ways."""
    rng = np.random.default_rng(levels * most)
    maps = rng.integers(0, levels + 1, (3, 20, 24)).astype(np.float32) / levels
    peaks = find_peaks(maps, np.zeros((1, 20, 24, 1), np.float32), most, 3, 0.3)
    maxima = torch.from_numpy(np.stack([suppress(m, 3) for m in maps]).reshape(3, -1))
    score, cell = (part.numpy() for part in maxima.topk(most))
    above = score > 0.3
    np.testing.assert_array_equal(peaks.score, score * above)
    np.testing.assert_array_equal(peaks.xy @ [1, 24], cell * above)


def tag_maps(num_keypoints, num_tags, size=(8, 7)):
    """Tags (K, H, W, L) that tell their place: 1000 k + 100 l + 10 y + x."""
    width, height = size
    k, y, x, channel = np.ogrid[:num_keypoints, :height, :width, :num_tags]
    return (1000 * k + 100 * channel + 10 * y + x).astype(np.float32)


@pytest.mark.parametrize("num_tags", [1, 2])
@pytest.mark.parametrize(("tag_map_count", "second_tag"), [(2, 1000 + 10 * 6 + 7), (1, 67)])
def test_find_peaks(find_peaks, num_tags, tag_map_count, second_tag):
    maps = np.concatenate([heatmap({(1, 2): 0.3, (6, 4): 0.9}), heatmap({(7, 6): 0.2})])
    peaks = find_peaks(maps, tag_maps(tag_map_count, num_tags), 3)
    assert peaks.xy.shape == (2, 3, 2)
    assert peaks.xy.dtype == np.int32
    assert peaks.score.dtype == peaks.tag.dtype == np.float32
    np.testing.assert_array_equal(peaks.score, np.float32([[0.9, 0.3, 0], [0.2, 0, 0]]))
    np.testing.assert_array_equal(peaks.xy[0, :2], [[6, 4], [1, 2]])
    np.testing.assert_array_equal(peaks.xy[1, 0], [7, 6])
    channels = 100 * np.arange(num_tags)
    np.testing.assert_array_equal(peaks.tag[0, 0], 46 + channels)
    np.testing.assert_array_equal(peaks.tag[0, 1], 21 + channels)
    np.testing.assert_array_equal(peaks.tag[1, 0], second_tag + channels)


def test_find_peaks_finds_all_of_equal_height(find_peaks):
    cells = {(0, 0): 0.5, (4, 3): 0.5, (7, 6): 0.5}
    peaks = find_peaks(heatmap(cells), tag_maps(1, 1), 3)
    assert {tuple(xy) for xy in peaks.xy[0].tolist()} == set(cells)
    np.testing.assert_array_equal(peaks.tag[0, :, 0], peaks.xy[0] @ [1, 10])


LAYOUTS = {
    "read-only": lambda maps: np.broadcast_to(maps, maps.shape),
    "columns first": lambda maps: np.ascontiguousarray(np.swapaxes(maps, 1, 2)).swapaxes(1, 2),
    "every second": lambda maps: np.repeat(maps, 2, axis=2)[:, :, ::2],
    "backwards": lambda maps: maps[:, ::-1, ::-1].copy()[:, ::-1, ::-1],
    "planar": lambda maps: np.moveaxis(np.ascontiguousarray(np.moveaxis(maps, -1, 0)), 0, -1),
    "a part": lambda maps: np.pad(maps, [(1, 1)] * maps.ndim)[(np.s_[1:-1],) * maps.ndim],
    "not aligned": lambda maps: np.frombuffer(
        b"?" + maps.tobytes(), np.float32, maps.size, offset=1).reshape(maps.shape),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_find_peaks_in_any_memory_layout(find_peaks, layout):
    rng = np.random.default_rng(0)
    maps, tags = (rng.random(shape, np.float32) for shape in ((3, 7, 8), (3, 7, 8, 2)))
    expected, peaks = find_peaks(maps, tags, 9), find_peaks(layout(maps), layout(tags), 9)
    for name in ("xy", "score", "tag"):
        np.testing.assert_array_equal(getattr(peaks, name), getattr(expected, name))


def with_value(maps, value):
    maps = maps.copy()
    maps.flat[-1] = value
    return maps


MAPS, TAGS = heatmap({(3, 3): 0.5}), tag_maps(1, 1)
ERROR_CASES = {
    "fewer cells than people": (MAPS, TAGS, 57, 5, "expected 1 to 56"),
    "no people": (MAPS, TAGS, 0, 5, "max_num_people = 0"),
    "even kernel": (MAPS, TAGS, 3, 4, "kernel = 4"),
    "negative kernel": (MAPS, TAGS, 3, -1, "kernel = -1"),
    "batch axis": (MAPS[None], TAGS, 3, 5, r"heatmaps: expected \(K, H, W\)"),
    "empty map": (MAPS[:, :0], TAGS, 3, 5, "heatmaps: .*none of them 0"),
    "float64 heatmaps": (MAPS.astype(np.float64), TAGS, 3, 5, "heatmaps: expected float32"),
    "NaN in heatmaps": (with_value(MAPS, np.nan), TAGS, 3, 5, "heatmaps: NaN"),
    "infinite heatmap": (with_value(MAPS, np.inf), TAGS, 3, 5, "heatmaps: NaN or infinite"),
    "tags without channels": (MAPS, TAGS[..., 0], 3, 5, "tags: expected"),
    "half-precision tags": (MAPS, TAGS.astype(np.float16), 3, 5, "tags: expected float32"),
    "NaN under a peak": (MAPS, TAGS * np.nan, 3, 5, "tags: NaN"),
    "-infinite heatmap": (with_value(MAPS, -np.inf), TAGS, 3, 5, "heatmaps: NaN or infinite"),
    "no keypoints": (MAPS[:0], TAGS[:0], 3, 5, "heatmaps: .*none of them 0"),
    "no tags": (MAPS, TAGS[..., :0], 3, 5, "tags: .*none of them 0"),
    "integers": (MAPS.astype(np.int32), TAGS, 3, 5, "heatmaps: expected float32"),
    "tags of another size": (MAPS, TAGS[:, 1:], 3, 5, "do not fit"),
    "tags of other keypoints": (MAPS, tag_maps(2, 1), 3, 5, "do not fit"),
}


@pytest.mark.parametrize(
    ("maps", "tags", "people", "kernel", "message"), ERROR_CASES.values(), ids=ERROR_CASES
)
def test_find_peaks_says_what_is_wrong(find_peaks, maps, tags, people, kernel, message):
    with pytest.raises(ValueError, match=message):
        find_peaks(maps, tags, people, kernel)


@pytest.mark.parametrize("threshold", [-0.1, np.nan])
def test_find_peaks_wants_a_threshold_that_is_not_negative(find_peaks, threshold):
    with pytest.raises(ValueError, match=r"threshold = .*: expected at least 0"):
        find_peaks(MAPS, TAGS, 3, 5, threshold)


def test_nan_in_a_tag_that_nobody_reads_is_no_error(find_peaks):
    peaks = find_peaks(MAPS, with_value(TAGS, np.nan), 3)
    np.testing.assert_array_equal(peaks.xy[0, 0], [3, 3])


@pytest.mark.parametrize(
    ("xy", "score", "tag", "message"),
    [
        ((2, 3, 2), (2, 3, 1), (2, 3, 1), "score"),
        ((2, 3), (2, 3), (2, 3, 1), "xy"),
        ((2, 3, 2), (2, 3), (2, 4, 1), "tag"),
        ((2, 3, 2), (2, 3), (2, 3, 0), "tag"),
    ],
)
def test_peaks_shapes_must_agree(xy, score, tag, message):
    with pytest.raises(ValueError, match=f"^{message}: expected"):
        Peaks(np.zeros(xy, np.int32), np.zeros(score, np.float32), np.zeros(tag, np.float32))
