"""Two classes in one network: trained, tested and used."""

import json

import cv2
import numpy as np
import pytest

from aepose.analysis.ceiling import ceiling
from aepose.apis import evaluate, train
from aepose.apis.inference import load_model
from aepose.commands.app import call
from aepose.results import read_results
from tests.farm import CONTENT, FARM, PICTURES, SIZE, write_farm


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
