import numpy as np
import pytest

from aepose.codecs.peaks import Peaks, find_peaks, suppress


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
    assert nonzero(suppress(maps, kernel)) == expected
    np.testing.assert_array_equal(maps, before)


def test_suppress_keeps_negative_maxima():
    maps = suppress(heatmap({(0, 0): -0.5}, size=(4, 1), background=-1.0), kernel=3)
    np.testing.assert_array_equal(maps, [[[-0.5, 0, -1, -1]]])


def test_suppress_treats_keypoints_apart():
    maps = np.concatenate([heatmap({(3, 3): 0.5}), heatmap({(4, 3): 0.4})])
    np.testing.assert_array_equal(suppress(maps, 5), maps)


def tag_maps(num_keypoints, num_tags, size=(8, 7)):
    """Tags (K, H, W, L) that tell their place: 1000 k + 100 l + 10 y + x."""
    width, height = size
    k, y, x, channel = np.ogrid[:num_keypoints, :height, :width, :num_tags]
    return (1000 * k + 100 * channel + 10 * y + x).astype(np.float32)


@pytest.mark.parametrize("num_tags", [1, 2])
@pytest.mark.parametrize(("tag_map_count", "second_tag"), [(2, 1000 + 10 * 6 + 7), (1, 67)])
def test_find_peaks(num_tags, tag_map_count, second_tag):
    maps = np.concatenate([heatmap({(1, 2): 0.3, (6, 4): 0.9}), heatmap({(7, 6): 0.2})])
    peaks = find_peaks(maps, tag_maps(tag_map_count, num_tags), max_num_people=3)
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


def test_find_peaks_finds_all_of_equal_height():
    cells = {(0, 0): 0.5, (4, 3): 0.5, (7, 6): 0.5}
    peaks = find_peaks(heatmap(cells), tag_maps(1, 1), max_num_people=3)
    assert {tuple(xy) for xy in peaks.xy[0].tolist()} == set(cells)
    np.testing.assert_array_equal(peaks.tag[0, :, 0], peaks.xy[0] @ [1, 10])


def test_find_peaks_takes_read_only_and_strided_maps():
    maps = np.ascontiguousarray(heatmap({(6, 4): 0.9}).transpose(2, 1, 0)).transpose(2, 1, 0)
    maps.flags.writeable = False
    peaks = find_peaks(maps, tag_maps(1, 1), max_num_people=56)
    np.testing.assert_array_equal(peaks.xy[0, 0], [6, 4])


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
    "NaN in tags": (MAPS, with_value(TAGS, np.nan), 3, 5, "tags: NaN"),
    "tags of another size": (MAPS, TAGS[:, 1:], 3, 5, "do not fit"),
    "tags of other keypoints": (MAPS, tag_maps(2, 1), 3, 5, "do not fit"),
}


@pytest.mark.parametrize(
    ("maps", "tags", "people", "kernel", "message"), ERROR_CASES.values(), ids=ERROR_CASES
)
def test_find_peaks_says_what_is_wrong(maps, tags, people, kernel, message):
    with pytest.raises(ValueError, match=message):
        find_peaks(maps, tags, people, kernel)


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
