"""Two classes in one network: trained, tested and used."""

import json
import re

import cv2
import numpy as np
import pytest

from aepose.analysis.ceiling import ceiling
from aepose.analysis.data_check import check_dataset
from aepose.analysis.error_report import analyze
from aepose.apis.evaluate import evaluate
from aepose.apis.loading import load_model
from aepose.apis.train import train
from aepose.commands.app import call
from aepose.datasets.annotations import load_annotations
from aepose.errors import ConfigError, DataError
from aepose.experiment import Experiment, choose_category
from aepose.results import PoseResult, read_results
from tests.farm import CONTENT, DOG, FARM, PICTURES, SIZE, write_farm
from tests.golden_check import ROOT

PAGE = (ROOT / "docs" / "own_data.md").read_text(encoding="utf-8")
SECTION = PAGE[PAGE.index("## Several classes"):].split("\n## ")[0]
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", SECTION, re.DOTALL)


@pytest.fixture
def farm(tiny_config, tmp_path):
    """An experiment on four pictures of noise with people and dogs."""
    rng = np.random.default_rng(0)
    for number in range(len(PICTURES)):
        cv2.imwrite(str(tmp_path / f"{number + 1}.png"),
                    rng.integers(0, 256, (*SIZE[::-1], 3), np.uint8))
    write_farm(tmp_path / "farm.json")
    (tmp_path / "set.json").write_text(json.dumps(CONTENT))
    files = [f"{split}_dataloader.dataset.{key}={value}" for split in ("train", "val")
             for key, value in (("ann_file", "farm.json"), ("img_dir", "."))]
    return tiny_config("farm", [
        f"metainfo={tmp_path / 'set.json'}", f"data_root={tmp_path}", "train_cfg.max_epochs=1",
        "train_dataloader.batch_size=3", *files])


def test_perfect_maps_give_everybody(farm):
    """Creatures of both classes over one another are told apart."""
    finer = {"input_size": 512, "map_strides": [2], "max_num_people": 5}
    scores = ceiling(farm.changed({f"codec.{key}": value for key, value in finer.items()})).metrics
    assert (scores["AP"], scores["person AP"], scores["dog AP"]) == (1, 1, 1)


def test_what_the_doctor_says(farm):
    """Numbers by class; sides are compared within each."""
    findings = check_dataset(farm.dataset("val"), FARM)
    assert findings[0].text == (
        "4 pictures, 4 people, 4 dogs, 8 with keypoints, 0 crowds; at most 4 in a picture")
    assert not any("exchanged" in finding.text for finding in findings)


def test_errors_are_analysed_of_one_class(farm, tmp_path):
    with pytest.raises(ConfigError, match=r"'farm' has several classes \(person, dog\)"):
        analyze(farm, tmp_path / "farm.json", tmp_path / "none.json")


@pytest.mark.parametrize("text", ["dog=7", "dog=hound,person=person"])
def test_categories_on_the_command_line(farm, text):
    """They are those of the class's name elsewhere, which a config can say, too."""
    path = farm.annotation_path("val")
    path.write_text(path.read_text().replace('"name": "dog"', '"name": "hound"'))
    with pytest.raises(DataError, match=r"no category is called as the class 'dog'.*category="):
        farm.metrics("val")
    (metric,) = choose_category(farm, text).metrics("test")
    assert metric.ground_truth.category_ids == [3, 7]


def test_a_training_step(farm):
    """Heatmaps, push and pull have finite gradients."""
    network, batch = farm.network(), next(iter(farm.dataloader("train")))
    assert batch["targets"][0].tag_valid.any(dim=2).sum() > 3
    losses = network(batch["images"].float() / 255, batch["targets"], mode="loss")
    parts = [losses[f"{name}_loss"] for name in ("heatmap", "push", "pull")]
    assert all(0 < part < 1 for part in parts)
    sum(parts).backward()
    assert all(p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.slow
def test_train_test_and_predict(farm, tmp_path, capsys):
    train(farm, tmp_path / "run")
    model = load_model(checkpoint=tmp_path / "run" / "last.pth", device="cpu")
    assert model.metainfo == FARM
    losses = [json.loads(line) for line in next(
        (tmp_path / "run").rglob("vis_data/scalars.json")).read_text().splitlines()]
    assert all(np.isfinite(entry["loss"]) for entry in losses if "loss" in entry)
    found = evaluate(farm, tmp_path / "run" / "last.pth")
    assert {"coco/AP", "coco/person AP", "coco/dog AP"} <= found.metrics.keys()
    call(["predict", str(tmp_path / "2.png"), "--model", str(tmp_path / "run" / "last.pth"),
          "--out", str(tmp_path / "out"), "--min-score", "0", "--device", "cpu"])
    (result,) = read_results(tmp_path / "out" / "results.jsonl", FARM)
    assert f"1 picture, {FARM.count(result.class_ids)}: " in capsys.readouterr().out


def test_what_the_page_shows(tmp_path, capsys):
    """A config, an annotation file and a use of results."""
    (_, config), (_, annotations), (_, use) = BLOCKS
    (tmp_path / "dog.json").write_text(json.dumps(DOG))
    (tmp_path / "config.py").write_text(config)
    metainfo = Experiment.load(tmp_path / "config.py").metainfo
    assert metainfo.num_keypoints == 17 + 3
    (tmp_path / "yard.json").write_text(annotations)
    data = load_annotations(tmp_path / "yard.json", metainfo)
    assert data["annotations"][0]["keypoints"][:2] == [320, 220]
    class_ids = np.array([0, 0, 1])
    own = metainfo.own_keypoints(class_ids).astype(np.float32)
    result = PoseResult(np.stack([own, own], -1), own, own[:, 0], own[..., None],
                        metainfo=metainfo, class_ids=class_ids)
    names = {"result": result}
    exec(use, names)
    assert names["noses"].shape == (1, 2)
    assert [len(record["keypoints"]) for record in names["records"]] == [51, 51, 9]
    shown = re.search(r"# PoseResult\((.*), …\) (.*)", use)
    assert capsys.readouterr().out.startswith(f"PoseResult({shown[1]}, ")
    assert str(result.class_names) == shown[2]
