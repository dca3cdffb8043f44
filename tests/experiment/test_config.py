from pathlib import Path

import pytest
from mmengine.config import Config

from aepose.errors import ConfigError
from aepose.experiment import Experiment
from aepose.experiment.config import change, parse_options, read_config

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
HRNET = CONFIGS / "coco" / "hrnet_w32_coco_512x512.py"


@pytest.mark.parametrize(("options", "expected"), [
    ([], {}),
    (["a.b=3", "c=[1, 2]", "d=data/coco"], {"a.b": 3, "c": [1, 2], "d": "data/coco"}),
    (["a=(1,1)", "b=None", "c=1e-3", "d='3'"], {"a": (1, 1), "b": None, "c": 1e-3, "d": "3"}),
    (["a=True", "b=true", "c=false", "d=False"], {"a": True, "b": True, "c": False, "d": False}),
    (["a=x=y", "b=", " c =1"], {"a": "x=y", "b": "", "c": 1}),
    (["a={'type': 'X'}"], {"a": {"type": "X"}}),
    (["a=1", "a=2"], {"a": 2}),
])
def test_parse_options(options, expected):
    assert parse_options(options) == expected


@pytest.mark.parametrize("base", ["'aepose::_base_/runtime.py'",
                                  "['aepose::_base_/runtime.py', 'mine.py']",
                                  "['mine.py', 'aepose::toy/hrnet_w16_toy_256x256.py']"])
def test_a_base_of_this_installation(tmp_path, base):
    (tmp_path / "mine.py").write_text("data_root = 'mine'")
    (tmp_path / "config.py").write_text(f"_base_ = {base}\nlog_level = 'ERROR'")
    if "toy" in base:
        (tmp_path / "mine.py").write_text("load_from = 'mine'")
    config = read_config(tmp_path / "config.py")
    assert (config.log_level, config.randomness.seed) == ("ERROR", 0)
    assert ("mine" in base) == ("mine" in (config.get("data_root"), config.get("load_from")))


@pytest.mark.parametrize(("base", "message"), [
    ("aepose::_base_/runtine.py", r"config \S*config\.py cannot be read: there is no "
     r"configs/_base_/runtine\.py in this installation; did you mean '_base_/runtime\.py'"),
    ("aepose::", "there is no configs/ in this installation; known: "),
    ("other::_base_/runtime.py", "cannot be read: "),
])
def test_no_such_base(tmp_path, base, message):
    (tmp_path / "config.py").write_text(f"_base_ = {base!r}")
    with pytest.raises(ConfigError, match=message):
        read_config(tmp_path / "config.py")


@pytest.mark.parametrize("option", ["a", "=3", " =3", ""])
def test_malformed_option(option):
    with pytest.raises(ConfigError, match="write key=value"):
        parse_options([option])


@pytest.mark.parametrize(("option", "message"), [
    ("modle.a=1", "config key 'modle' is unknown; did you mean 'model'"),
    ("model.backbone.widht=3", r"^model\.backbone\.widht: HRNet .*'width'"),
    ("model.backbone.type=HRNte", r"^model\.backbone\.type = 'HRNte'.*model; .*'HRNet'"),
    ("model.keypoint_head.losses.0.pushh=1", r"^model\.keypoint_head\.losses\.0\.pushh: .*'push'"),
    ("codec.max_people=3", r"^codec\.max_people: .*'max_num_people'"),
    ("test_time.flp=False", r"^test_time\.flp: .*'flip'"),
    ("test_time=3", "test_time = 3: expected a dict"),
    ("train_cfg.max_epoch=3", r"^train_cfg\.max_epoch: .*'max_epochs'"),
    ("optim_wrapper.optimizer.type=Adm", r"^optim_wrapper\.optimizer\.type = 'Adm'.*'Adam'"),
    ("optim_wrapper.optimizer.beta=1", r"^optim_wrapper\.optimizer\.beta: Adam .*'betas'"),
    ("param_scheduler.0.ends=1", r"^param_scheduler\.0\.ends: LinearLR .*'end'"),
    ("param_scheduler.1.type=StepsLR", r"^param_scheduler\.1\.type = 'StepsLR'.*'StepLR'"),
    ("train_dataloader.batchsize=3", r"^train_dataloader\.batchsize: .*'batch_size'"),
    ("train_dataloader.dataset.ann=a", r"^train_dataloader\.dataset\.ann: CocoKeypoints "),
    ("train_dataloader.dataset.transforms.1.probabilty=1",
     r"^train_dataloader\.dataset\.transforms\.1\.probabilty: RandomFlip .*'probability'"),
    ("train_dataloader.sampler.type=SeedSampler",
     r"^train_dataloader\.sampler\.type = .*'SeededSampler'"),
    ("visualizer.vis_backends.0.type=LocalBackend",
     r"^visualizer\.vis_backends\.0\.type = .*'LocalVisBackend'"),
    ("val_evaluator.type=CocoMetrics", r"^val_evaluator\.type = .*'CocoMetric'"),
    ("custom_hooks.0.type=SaveResultHook", r"^custom_hooks\.0\.type = .*'SaveResultsHook'"),
    ("default_hooks.logger.intervall=1", r"^default_hooks\.logger\.intervall: .*'interval'"),
    ("auto_scale_lr.base_size=1", r"^auto_scale_lr\.base_size: AutoScaleLR .*'base_batch_size'"),
    ("ema.momentm=0.1", r"^ema\.momentm: WeightAverageHook .*'momentum'"),
    ("ema=True", "^ema = True: expected a dict"),
    ("snyc_bn=True", "config key 'snyc_bn' is unknown; did you mean 'sync_bn'"),
    ("model.activation_checkpoint=True", r"'activation_checkpointing'"),
    pytest.param("randomness.sede=3", r"^randomness\.sede: .*'seed'"),
    pytest.param("default_hooks.checkpoint.intervall=3",
                 r"^default_hooks\.checkpoint\.intervall: .*'interval'"),
    pytest.param("default_hooks.checkpont.interval=3",
                 r"^default_hooks\.checkpont.*'checkpoint'"),
    pytest.param("param_scheduler.9.end=1", r"param_scheduler\.9"),
    pytest.param("param_scheduler.x.end=1", r"param_scheduler\.x"),
    pytest.param("model.backbone.width.x=1", r"model\.backbone\.width"),
    pytest.param("model=3", "^model = 3"),
    pytest.param("model.backbone=3", r"^model\.backbone = 3"),
    pytest.param("model.backbone.type=3", r"^model\.backbone\.type = 3"),
    pytest.param("model.keypoint_head.losses=3",
                 r"^model\.keypoint_head\.losses = 3"),
    pytest.param("metainfo=cocoo", "metainfo = 'cocoo'.*'coco'"),
])
def test_wrong_option(option, message):
    with pytest.raises(ConfigError, match=message):
        Experiment.load(HRNET, [option])


@pytest.mark.parametrize(("text", "message"), [
    ("model = dict(", r"bad\.py cannot be read"),
    ("model = undefined", r"bad\.py cannot be read: .*undefined"),
    ("_base_ = ['nowhere.py']", r"bad\.py: a _base_ file is missing.*nowhere\.py"),
    ("modle = dict(type='AssociativeEmbedding')", "'modle' is unknown; did you mean 'model'"),
    ("model = dict(type='AssociativeEmbedding', backbon=dict(type='HRNet'))",
     r"^model\.backbon: .*'backbone'"),
    pytest.param("codec = dict(type=1 / 0)", r"bad\.py cannot be read"),
    pytest.param("raise ValueError('no')", r"bad\.py cannot be read"),
    pytest.param("import nowhere_at_all", r"bad\.py cannot be read"),
])
def test_wrong_file(tmp_path, text, message):
    path = tmp_path / "bad.py"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        Experiment.load(path)


def test_missing_file():
    with pytest.raises(ConfigError, match=r"hrnet_w32_coco_512.py does not exist; .*_512x512.py'"):
        Experiment.load(HRNET.with_name("hrnet_w32_coco_512.py"))
    with pytest.raises(ConfigError, match="does not exist"):
        Experiment.load("nowhere/at_all.py")


def test_empty_file_and_none_are_fine(tmp_path):
    (tmp_path / "empty.py").write_text("")
    assert Experiment.load(tmp_path / "empty.py").to_dict() == {}
    assert Experiment.load(HRNET, ["visualizer=None"]).to_dict()["visualizer"] is None


def joining(test_time):
    return test_time.project2image, test_time.align_corners


@pytest.mark.parametrize(("option", "read", "expected"), [
    ("param_scheduler.0.end=100", lambda c: c.to_dict()["param_scheduler"][0]["end"], 100),
    ("train_dataloader.dataset.transforms.0.scale=(1,1)",
     lambda c: c.dataset("train").transforms[0].scale, (1, 1)),
    ("codec.max_num_people=5", lambda c: c.codec.max_num_people, 5),
    ("test_time.flip=False", lambda c: c.network().test_time.flip, False),
    ("model.backbone.width=8", lambda c: c.network().backbone.out_features[0].channels, 8),
    ("model.keypoint_head.losses.0.push=0.5",
     lambda c: c.network().keypoint_head.losses[0].push, 0.5),
    ("train_dataloader.dataset.transforms.0.rotation=7",
     lambda c: c.dataset("train").transforms[0].rotation, 7),
    ("codec.convention=udp", lambda c: joining(c.network().test_time), (False, True)),
    ("codec.convention=classic", lambda c: joining(c.network().test_time), (True, False)),
    ("test_time.align_corners=True", lambda c: joining(c.network().test_time), (True, True)),
    ("test_time.scales=[0.5,1]", lambda c: c.dataset("test").scales, (0.5, 1)),
])
def test_option_reaches_the_object(tiny_config, option, read, expected):
    assert read(tiny_config("options", [option])) == expected


def test_a_part_that_is_missing(tiny_config):
    with pytest.raises(ConfigError, match=r"options.py lacks 'codec'"):
        tiny_config("options", ["codec=None"]).network()
    with pytest.raises(ConfigError, match=r"^model\.backbone\.type = None"):
        tiny_config("options", ["model.backbone={'_delete_': True, 'width': 4}"]).network()


@pytest.mark.parametrize(("changes", "expected"), [
    ({"a.b": 3}, {"a": {"b": 3, "c": [{"d": 1}, 2]}}),
    ({"a.c.0.d": None, "a.c.1": {"e": 1}}, {"a": {"b": 1, "c": [{"d": None}, {"e": 1}]}}),
    ({"a.c.-1": 5}, {"a": {"b": 1, "c": [{"d": 1}, 5]}}),
    ({"a": {"b": 2}, "x.y": 1}, {"a": {"b": 2, "c": [{"d": 1}, 2]}, "x": {"y": 1}}),
    ({"a": {"_delete_": True, "b": 2}}, {"a": {"b": 2}}),
    ({"a.c": [3]}, {"a": {"b": 1, "c": [3]}}),
    ({"a": None}, {"a": None}),
    ({"n.b": 1}, {"a": {"b": 1, "c": [{"d": 1}, 2]}, "n": {"b": 1}}),
])
def test_change(changes, expected):
    before = {"a": {"b": 1, "c": [{"d": 1}, 2]}, "n": None}
    config = Config(before)
    assert change(config, changes).to_dict() == {"n": None, **expected}
    assert config.to_dict() == before


@pytest.mark.parametrize("key", ["a.b.c", "a.c.2", "a.c.x", "a.c.0.d.e"])
def test_changes_of_what_is_not_there(key):
    with pytest.raises(ConfigError, match=rf"{key}: there is no such place in the config"):
        change(Config({"a": {"b": 1, "c": [{"d": 1}, 2]}}), {key: 1})
