"""The AP of perfect maps."""

import json

import numpy as np
import pytest
import torch

from aepose.analysis.ceiling import TAG_GAP, MapNoise, ceiling, perfect_maps, variants
from aepose.commands.app import call
from aepose.errors import ConfigError, DataError
from aepose.experiment import Experiment
from aepose.structures import EvalItem, HeadOutput
from aepose.toy import make_toy_dataset

CONFIG = "configs/toy/hrnet_w16_toy_256x256.py"
ANNOTATIONS = "annotations/person_keypoints_val2017.json"


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """Twelve pictures' annotations; the pictures themselves are gone."""
    root = make_toy_dataset(tmp_path_factory.mktemp("toy"), 1, 12)
    for picture in (root / "val2017").iterdir():
        picture.unlink()
    return root


@pytest.fixture(scope="module")
def cfg(toy):
    return Experiment.load(CONFIG, [f"data_root={toy}"])


def test_pictures_are_counted(cfg):
    done = []
    scores = ceiling(cfg, progress=lambda *counts: done.append(counts))
    assert 0.97 < scores.metrics["AP"] <= 1
    assert done == [(n, 12) for n in range(1, 13)]


@pytest.fixture(scope="module")
def grid(cfg):
    return {name: ceiling(case).metrics["AP"]
            for name, case in variants(cfg, [64, 128], [(4,), (4, 2)], ["classic", "udp"])}


@pytest.mark.parametrize(("worse", "better"), [
    ("64, 1/4, classic", "128, 1/4, classic"),
    ("64, 1/4, udp", "128, 1/4, udp"),
    ("64, 1/4, classic", "64, 1/4, udp"),
    ("64, 1/4, classic", "64, 1/4 + 1/2, classic"),
    ("128, 1/4, classic", "128, 1/4 + 1/2, classic"),
])
def test_what_raises_the_ceiling(grid, worse, better):
    assert len(grid) == 8
    assert grid[worse] + 0.01 < grid[better] <= 1


@pytest.mark.parametrize("strides", [[4], [4, 2]])
def test_maps_that_are_not_enlarged_need_steps_between_cells(cfg, strides):
    changed = cfg.changed({"codec.input_size": 128, "codec.map_strides": strides})
    enlarged, quarter, newton = (ceiling(changed.changed({
        "test_time.project2image": enlarge, "codec.subpixel": subpixel})).metrics["AP"]
        for enlarge, subpixel in [(True, None), (False, None), (False, "newton")])
    assert quarter + 0.005 < min(enlarged, newton)
    assert newton > enlarged - 0.002


@pytest.mark.parametrize("convention", ["classic", "udp"])
def test_a_long_input_has_the_ceiling_of_a_square(cfg, convention):
    found = {name: ceiling(case).metrics["AP"]
             for name, case in variants(cfg, [256, (320, 192)], conventions=[convention])}
    assert list(found) == [f"256, 1/4, {convention}", f"320x192, 1/4, {convention}"]
    assert min(found.values()) > 0.98


@pytest.mark.parametrize("noise", [MapNoise(heatmaps=0.2), MapNoise(tags=0.7)])
def test_noise_lowers_it_the_same_way_each_time(cfg, grid, noise):
    (_, case), = variants(cfg, [128])
    noisy = ceiling(case, noise=noise)
    assert noisy.metrics["AP"] < grid["128, 1/4, classic"] - 0.01
    assert ceiling(case, noise=noise) == noisy


def test_another_annotation_file(cfg, toy, tmp_path):
    content = json.loads((toy / ANNOTATIONS).read_text())
    content["images"] = content["images"][:3]
    kept = {image["id"] for image in content["images"]}
    content["annotations"] = [a for a in content["annotations"] if a["image_id"] in kept]
    (tmp_path / "three.json").write_text(json.dumps(content))
    done = []
    ceiling(cfg, tmp_path / "three.json", progress=lambda *counts: done.append(counts))
    assert len(done) == 3


@pytest.mark.parametrize(("strides", "with_tags"), [((4,), [True]), ((4, 2), [True, False])])
def test_perfect_maps(cfg, strides, with_tags):
    (_, case), = variants(cfg, [64], [strides])
    codec = case.codec
    frame = codec.geometry.eval_frame((64, 64), (64, 64), (1,))
    item = EvalItem([], (1,), frame.base_size, frame.center, frame.scale, (64, 64), 1, "")
    joints = np.zeros((2, 17, 3), np.float32)
    joints[0, 0] = 13, 21, 2
    joints[1, 0] = 45, 21, 1
    outputs = perfect_maps(codec, joints, item)
    assert [o.tags is not None for o in outputs] == with_tags
    for output, stride in zip(outputs, strides, strict=True):
        assert output.heatmaps.shape == (1, 17, 64 // stride, 64 // stride)
        row = output.heatmaps[0, 0, 21 // stride]
        assert row[13 // stride] == row[45 // stride] == 1
        assert output.heatmaps[0, 1:].max() == 0
    row = outputs[0].tags[0, 0, 21 // 4]
    assert (row[13 // 4], row[45 // 4]) == (0, TAG_GAP)


@pytest.mark.parametrize(("options", "message"), [
    ({"conventions": ["uds"]}, "convention 'uds': give classic or udp"),
    ({"input_sizes": [100]}, "codec.input_size = 100"),
])
def test_bad_variants(cfg, options, message):
    with pytest.raises(ConfigError, match=message):
        list(map(ceiling, (case for _, case in variants(cfg, **options))))


def test_noise_of_pictures_with_ids_of_any_kind():
    maps = [HeadOutput(torch.zeros(1, 1, 8, 8), None)]
    noisy = {image: MapNoise(heatmaps=1).add(maps, image)[0].heatmaps
             for image in (1, 2, "1", -1, 2**63)}
    assert len({tuple(values.ravel().tolist()) for values in noisy.values()}) == len(noisy)


def test_bad_noise_and_file(cfg, tmp_path):
    with pytest.raises(ConfigError, match="noise of -1 on heatmaps"):
        MapNoise(heatmaps=-1)
    with pytest.raises(DataError, match=r"none\.json: no such annotation file"):
        ceiling(cfg, tmp_path / "none.json")


def test_tool(toy, capsys):
    call(["ceiling", "coco", "--annotations", str(toy / ANNOTATIONS), "--input-sizes", "64",
          "128,64", "--strides", "4,2"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == [
        "64, 1/4 + 1/2, classic", "128x64, 1/4 + 1/2, classic"]
