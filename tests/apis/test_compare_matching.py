"""Both kinds of matching on the same drawn maps."""

import json
from dataclasses import replace

import numpy as np
import pytest

from aepose.apis.build import build_codec
from aepose.apis.compare_matching import (
    FOUND,
    Comparison,
    NetworkNoise,
    compare_matching,
    format_comparisons,
    noisy_maps,
    pictures_of,
)
from aepose.apis.results import build_metric
from aepose.config import load_config
from aepose.datasets.toy import make_toy_dataset
from aepose.errors import ConfigError, DataError
from aepose.structures import TestTime
from tests.test_tools import load_tool

ANNOTATIONS = "annotations/person_keypoints_val2017.json"
SHOWN = "AP", "AP50", "AP75", "AR", "AP(M)", "AP(L)"
NOTHING = NetworkNoise(tags=0, missing=0, false_peaks=0, position=0, background=0)


@pytest.fixture(scope="module")
def annotations(tmp_path_factory):
    return make_toy_dataset(tmp_path_factory.mktemp("toy"), 1, 6) / ANNOTATIONS


@pytest.fixture(scope="module")
def cfg():
    return load_config("configs/toy/hrnet_w16_toy_256x256.py")


@pytest.fixture(scope="module")
def pictures(cfg, annotations):
    return list(pictures_of(build_codec(cfg), build_metric(cfg, annotations)))


def test_without_noise_both_find_all_that_is_not_hidden(cfg, annotations):
    done = []
    (found,) = compare_matching(cfg, [NOTHING], 2, annotations, lambda *n: done.append(n))
    for metrics in found.metrics.values():
        assert list(metrics) == [*SHOWN, FOUND]
        assert (metrics["AP"] > 0.9).all()
    assert found.difference("AP50") == (0, 0)
    assert done == [(n, 12) for n in range(1, 13)]


@pytest.fixture(scope="module")
def levels(cfg, annotations):
    """Name -> the comparison of that noise."""
    noises = {"little": NetworkNoise(), "tags": NetworkNoise(tags=1),
              "missing": NetworkNoise(missing=0.7), "false": NetworkNoise(false_peaks=1),
              "places": NetworkNoise(position=2)}
    return dict(zip(noises, compare_matching(cfg, list(noises.values()), 2, annotations),
                    strict=True))


@pytest.mark.parametrize("worse", ["tags", "missing", "false", "places"])
def test_each_noise_costs(levels, worse):
    for matching in ("exact", "unrounded"):
        good, bad = (levels[name].metrics[matching]["AP"] for name in ("little", worse))
        assert (bad < good - 0.005).all()


def test_maps_are_the_same_again(cfg, annotations, levels):
    (again,) = compare_matching(cfg, [NetworkNoise()], 2, annotations)
    for matching, metrics in again.metrics.items():
        for name, values in metrics.items():
            np.testing.assert_array_equal(values, levels["little"].metrics[matching][name])
    assert len(set(again.metrics["exact"]["AP"])) == 2      # another repetition, other maps


@pytest.mark.parametrize("options", [{}, {"project2image": False}, {"align_corners": True}])
@pytest.mark.parametrize("strides", [(4,), (4, 2)])
def test_maps_show_the_people(cfg, pictures, options, strides):
    codec, picture = build_codec(cfg), max(pictures, key=lambda p: len(p.joints))
    codec = replace(codec, map_strides=strides)
    heatmaps, tags = noisy_maps(codec, picture, NOTHING, TestTime(**options), 0)
    side = 1 if options.get("project2image", True) else strides[-1]
    assert heatmaps.shape[1:] == tuple(s // side for s in picture.item.base_size[::-1])
    assert tags.shape == (*heatmaps.shape, 2)
    person, keypoint = np.nonzero(picture.joints[..., 2] == 2)
    cells = codec.geometry.to_map(picture.joints[person, keypoint, :2], heatmaps.shape[:0:-1],
                                  picture.item.center, picture.item.scale)
    x, y = np.clip(cells.astype(int), 0, np.array(heatmaps.shape[:0:-1]) - 1).T
    above = heatmaps[keypoint, y, x] > codec.detection_threshold * 0.8
    assert above.float().mean() > 0.9
    own = tags[keypoint, y, x].numpy()
    for channel, sign in ((0, 1), (1, -1)):
        medians = [np.median(own[person == p, channel]) for p in np.unique(person)]
        left_to_right = np.argsort([picture.boxes[p, 0] + picture.boxes[p, 2] / 2
                                    for p in np.unique(person)])
        assert (np.diff(np.array(medians)[left_to_right]) * sign > 0.3).all()


def test_table():
    values = {name: np.array([0.5, 0.7]) for name in SHOWN}
    better = {name: np.array([0.6, 0.9]) for name in SHOWN}
    found = Comparison(NetworkNoise(0.1, 0.2, 0.3), {
        "exact": {**values, FOUND: np.array([3, 4])},
        "unrounded": {**better, FOUND: np.array([3, 4])}})
    mean, error = found.difference("AP")
    assert (mean, error) == (pytest.approx(0.15), pytest.approx(0.05))
    lines = [[cell.strip() for cell in line.split("|")[1:-1]]
             for line in format_comparisons([found]).splitlines()]
    assert lines[0] == ["tag noise", "missing", "false peaks", "matching", *SHOWN, FOUND]
    assert lines[2] == ["0.1", "0.2", "0.3", "exact", *["0.600"] * 6, "4"]
    assert lines[3] == ["0.1", "0.2", "0.3", "unrounded", *["0.750"] * 6, "4"]
    assert lines[4] == ["", "", "", "difference", *["+0.1500 ± 0.0500"] * 6, "+0.0 ± 0.0"]


@pytest.mark.parametrize(("options", "message"), [
    ({"tags": -1}, "noise: tags = -1: give a number from 0"),
    ({"position": float("nan")}, "noise: position = nan: give a number from 0"),
    ({"background": float("inf")}, "noise: background = inf: give a number from 0"),
    ({"missing": 1.5}, "noise: missing = 1.5: give a share from 0 to 1"),
    ({"false_peaks": 2}, "noise: false_peaks = 2: give a share from 0 to 1"),
])
def test_bad_noise(options, message):
    with pytest.raises(ConfigError, match=message):
        NetworkNoise(**options)


def test_bad_input(cfg, annotations, tmp_path):
    with pytest.raises(ConfigError, match="1 repeats: give at least 2"):
        compare_matching(cfg, [NOTHING], 1, annotations)
    with pytest.raises(DataError, match=r"none\.json: no such annotation file"):
        compare_matching(cfg, [NOTHING], 2, tmp_path / "none.json")
    content = json.loads(annotations.read_text())
    for person in content["annotations"]:
        person["keypoints"], person["num_keypoints"] = [0] * 51, 0
    empty = tmp_path / "empty.json"
    empty.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=r"empty\.json: no person has a labelled keypoint"):
        compare_matching(cfg, [NOTHING], 2, empty)


def test_tool(annotations, capsys):
    load_tool("compare_matching").main([
        "coco", "--annotations", str(annotations), "--tag-noise", "0.1", "0.4", "--false-peaks",
        "0", "--repeats", "2", "--cfg-options", "codec.input_size=128"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("|")[4].strip() for line in lines[-6:]] == [
        "exact", "unrounded", "difference"] * 2
