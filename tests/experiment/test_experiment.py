"""Experiments: what they refuse, what they build, and how they differ."""

import functools
import json

import pytest
from mmengine.logging import MMLogger

from aepose.analysis.ceiling import ceiling
from aepose.apis.evaluate import evaluate
from aepose.apis.loading import load_model
from aepose.apis.train import dry_run, train
from aepose.errors import CheckpointError, ConfigError
from aepose.experiment import Experiment, choose_test
from aepose.weights.checkpoint import save_safetensors
from aepose.zoo.hub import TOY_CHECKPOINT
from tests.experiment.test_config import HRNET


@pytest.mark.parametrize(("missing", "use"), [
    ("optim_wrapper", train), ("optim_wrapper", dry_run), ("train_cfg", dry_run),
    ("train_dataloader", dry_run), ("val_evaluator", dry_run),
    ("val_dataloader", ceiling), ("val_evaluator", ceiling), ("metainfo", ceiling),
    ("codec", lambda e: e.network()), ("model", lambda e: e.network()),
    ("val_dataloader", lambda e: evaluate(e, TOY_CHECKPOINT)),
])
def test_a_section_that_is_missing(tiny_config, tmp_path, missing, use):
    experiment = tiny_config("lacking", [f"{missing}=None", f"work_dir={tmp_path}"])
    with pytest.raises(ConfigError, match=rf"lacking\.py lacks '{missing}'"):
        use(experiment)


@pytest.mark.parametrize(("option", "missing"), [
    ("train_dataloader.dataset=None", "train_dataloader.dataset"),
    ("optim_wrapper.optimizer=None", "optim_wrapper.optimizer"),
])
def test_a_part_that_is_missing(tiny_config, tmp_path, option, missing):
    with pytest.raises(ConfigError, match=rf"lacks '{missing}'"):
        dry_run(tiny_config("part", [option]))


def test_no_data_root_is_the_current_folder(tiny_config, toy_root, monkeypatch):
    monkeypatch.chdir(toy_root)
    assert len(tiny_config("rootless", ["data_root=None"]).dataset("val")) == 4


@pytest.mark.parametrize(("option", "message"), [
    ("model.keypoint_head.losses.0.push=a", r"losses\.0\.push = 'a': give a number or None"),
    ("codec.input_size=big", r"codec\.input_size = 'big': give a whole number"),
    ("codec.input_size=(512,)", r"= \(512,\): give a whole number .* or \(a whole number"),
    ("codec.input_size=(512,0)", r"codec\.input_size = \(512, 0\): give a whole number"),
    ("codec.input_size=(768,500)", r"input_size = \(768, 500\): give a height that is a multiple"),
    ("train_dataloader.batch_size=4.5", r"train_dataloader\.batch_size = 4\.5: give a whole"),
    ("train_dataloader.dataset.on_bad_image=ignore", "on_bad_image = 'ignore': give 'error' or"),
    ("train_dataloader.dataset.transforms.0.rotation=much", r"rotation = 'much': give a number"),
    ("val_evaluator.nms=3", r"val_evaluator\.nms = 3: give a text or None"),
    ("test_time.flip=yes", r"test_time\.flip = 'yes': give True or False"),
    ("model.backbone.num_modules=[1,1]", r"model\.backbone\.num_modules = \[1, 1\]"),
    ("model=[]", r"^model = \[\]: expected a dict"),
])
def test_values_are_checked_before_anything_is_built(option, message):
    with pytest.raises(ConfigError, match=message):
        Experiment.load(HRNET, [option])


def test_it_does_not_change_and_others_are_made_of_it(tiny_config):
    experiment = tiny_config("parent")
    other = experiment.changed({"test_time.scales": [0.5, 1], "codec.max_num_people": 3})
    assert (other.test_time.scales, other.codec.max_num_people) == ([0.5, 1], 3)
    assert (experiment.test_time.scales, experiment.codec.max_num_people) == ([1], 4)
    assert (other.file, other.name) == (experiment.file, "parent")
    with pytest.raises(ConfigError, match="did you mean 'model'"):
        experiment.changed({"modle.a": 1})
    content = experiment.to_dict()
    content["codec"]["max_num_people"] = 1
    assert experiment.codec is experiment.codec
    assert Experiment(content).codec.max_num_people == 1
    assert experiment.to_dict()["codec"]["max_num_people"] == 4


def test_a_test_that_is_not_described_is_the_validation(tiny_config, toy_root):
    """Also where one of its options differs; the validation stays as it is."""
    experiment = tiny_config("tested")
    assert experiment.annotation_path("test") == experiment.annotation_path("val")
    other = choose_test(experiment, multi_scale=True, batch_size=3)
    assert (other.loader_options("test")["batch_size"], len(other.dataset("test"))) == (3, 4)
    assert other.loader_options("val")["batch_size"] == 1
    assert other.test_time.scales == [0.5, 1, 2]
    train_file = "annotations/person_keypoints_train2017.json"
    other = experiment.changed({"test_dataloader.dataset.ann_file": train_file})
    assert other.annotation_path("test") == toy_root / train_file
    assert other.annotation_path("val") == experiment.annotation_path("val")


def test_what_it_is_read_from(tiny_config, tmp_path):
    toy = Experiment.load(TOY_CHECKPOINT, ["codec.max_num_people=7"])
    assert (toy.metainfo.name, toy.codec.max_num_people, toy.file) == ("coco", 7, None)
    assert Experiment.load("hrnet_w32_coco_512x512").name == "hrnet_w32_coco_512x512"
    with pytest.raises(CheckpointError, match=r"gone\.pth: no such checkpoint"):
        Experiment.load(tmp_path / "gone.pth")


def test_levels_of_loggers_survive(tiny_config):
    logger = MMLogger.get_current_instance()
    before = logger.level
    logger.setLevel("DEBUG")
    try:
        tiny_config("levels")
        assert logger.level == 10
    finally:
        logger.setLevel(before)


@pytest.mark.parametrize(("best", "message"), [
    ("mine/AP", r"save_best = 'mine/AP': the metrics of val_evaluator give coco/NAME"),
    ("AP", r"save_best = 'AP'"),
])
def test_a_best_checkpoint_by_a_number_that_nobody_gives(tiny_config, best, message):
    with pytest.raises(ConfigError, match=message):
        dry_run(tiny_config("best", [f"default_hooks.checkpoint.save_best={best}"]))


def test_a_stored_config_is_plain(tiny_config):
    assert json.loads(json.dumps(tiny_config("plain").to_dict()))["metainfo"] == "coco"


@pytest.mark.parametrize(("place", "value"), [
    ("model.type", ""), ("model.type", "PoseLoss"), ("model.backbone.type", "PoseLoss"),
    ("model.backbone.type", None), ("model.backbone.stem_channels", {}), ("codec", [1]),
    ("model.backbone.stage1_blocks", [1]), ("model.backbone.width", 1_000_000), ("model", 3),
    ("model.backbone.num_modules", [64, 64]), ("metainfo", {"name": 1}), ("metainfo", 5),
    ("model.keypoint_head", "x"), ("test_time", 3), ("model.backbone.num_blocks", 10**9),
    ("codec.input_size", float("inf")), ("model.x", functools.reduce(lambda v, _: [v], range(90))),
])
def test_a_stored_config_of_other_values(tmp_path, tiny_config, place, value):
    experiment = tiny_config("stored")
    content = experiment.to_dict()
    target = content
    for key in place.split(".")[:-1]:
        target = target[key]
    target[place.split(".")[-1]] = value
    path = tmp_path / "a.safetensors"
    save_safetensors(path, experiment.network().state_dict(),
                     {"aepose_config": json.dumps(content)})
    with pytest.raises(CheckpointError, match=r"the config stored in checkpoint .* cannot be used"):
        load_model(checkpoint=path)


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", "5", "null", "{", '{"model": ' * 400 + "1"])
def test_a_stored_config_that_is_none(text):
    with pytest.raises(CheckpointError, match=r"the config stored in checkpoint a\.pth cannot be"):
        Experiment.of_checkpoint({"aepose_config": text}, "a.pth")


def test_a_stored_network_that_is_not_that_of_the_weights(tmp_path, tiny_config):
    """It may be larger than memory: nothing is built that does not fit."""
    experiment = tiny_config("stored")
    content = experiment.changed({"model.backbone.width": 60_000}).to_dict()
    save_safetensors(tmp_path / "a.safetensors", experiment.network().state_dict(),
                     {"aepose_config": json.dumps(content)})
    with pytest.raises(CheckpointError, match="does not fit the network"):
        load_model(checkpoint=tmp_path / "a.safetensors")
