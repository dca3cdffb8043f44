"""What a training starts from, and what the command line changes of it."""

import json
import re

import pytest
import torch

from aepose.apis.train import dry_run, train
from aepose.commands.app import call
from aepose.errors import CheckpointError, ConfigError, UsageError
from aepose.weights.starting import load_what_fits

OPTIONS = ["val_dataloader=None", "val_evaluator=None", "visualizer=None",
           "train_cfg.max_epochs=1"]


def weights(path):
    return torch.load(path, weights_only=True)["state_dict"]


def log_of(folder):
    return "\n".join(path.read_text() for path in folder.rglob("*.log"))


@pytest.fixture(scope="module")
def coco_weights(tiny_config, tmp_path_factory):
    """A checkpoint of the tiny network for COCO's keypoints, whose weights are all 0.5."""
    path = tmp_path_factory.mktemp("weights") / "coco.pth"
    state = tiny_config("coco_weights").network().state_dict()
    state = {k: torch.full_like(v, 0.5) if v.is_floating_point() else v for k, v in state.items()}
    torch.save({"state_dict": state}, path)
    return path


@pytest.mark.parametrize(("arguments", "expected"), [
    ([], {}),
    (["--seed", "0"], {"randomness.seed": 0}),
    (["--amp"], {"model.backbone_dtype": "bfloat16"}),
    (["--amp", "fp16"], {"model.backbone_dtype": "float16"}),
    (["--compile"], {"model.compile": True}),
    (["--activation-checkpointing"], {"model.activation_checkpointing": True}),
    (["--accumulate", "3"], {"optim_wrapper.accumulative_counts": 3}),
    (["--auto-scale-lr", "--sync-bn"], {"auto_scale_lr.enable": True, "sync_bn": True}),
    (["--finetune", "a.pth"], {"finetune_from": "a.pth"}),
])
def test_arguments_change_the_config(tiny_config, monkeypatch, arguments, expected):
    seen, cfg = [], tiny_config("arguments")
    monkeypatch.setattr("aepose.apis.train.dry_run",
                        lambda experiment: seen.append(experiment.to_dict()))
    call(["train", cfg.file, "--dry-run", *arguments])
    assert seen == [cfg.changed(expected).to_dict()]


@pytest.mark.parametrize("arguments", [["--accumulate", "0"], ["--accumulate", "x"],
                                       ["--amp", "fp8"]])
def test_wrong_arguments(arguments):
    with pytest.raises(UsageError, match=rf"{arguments[0]}\b") as error:
        call(["train", "config.py", *arguments])
    assert arguments[1] in str(error.value)


@pytest.fixture(scope="module")
def aic_root(toy_root):
    """The toy pictures with the first 14 of 17 keypoints, as many as AIC has."""
    root = toy_root.with_name("toy_aic")
    (root / "annotations").mkdir(parents=True)
    for folder in ("train2017", "val2017"):
        (root / folder).symlink_to(toy_root / folder)
    for path in (toy_root / "annotations").glob("*.json"):
        content = json.loads(path.read_text())
        for person in content["annotations"]:
            person["keypoints"] = person["keypoints"][: 3 * 14]
            person["num_keypoints"] = sum(v > 0 for v in person["keypoints"][2::3])
        (root / "annotations" / path.name).write_text(json.dumps(content))
    return root


def test_fine_tuning_to_other_keypoints(coco_weights, aic_root, tiny_config, tmp_path):
    cfg = tiny_config("finetune", [
        *OPTIONS, "metainfo=aic", f"data_root={aic_root}", f"finetune_from={coco_weights}",
        "optim_wrapper.optimizer.lr=0.0"])
    train(cfg, tmp_path)
    log = log_of(tmp_path)
    assert re.search(rf"what fits of {coco_weights}: (\d+) of (\d+) entries, 9\d\.", log)
    assert "\n  2 start anew, as their shape differs:\n    keypoint_head.final_layer.weight: " \
           "checkpoint (34, 4, 1, 1), network (28, 4, 1, 1)\n" in log
    trained = weights(tmp_path / "epoch_1.pth")
    assert (trained["backbone.conv1.weight"] == 0.5).all()
    assert (trained["keypoint_head.final_layer.weight"] != 0.5).all()


def test_fine_tuning_has_to_be_asked_for(coco_weights, aic_root, tiny_config, tmp_path):
    cfg = tiny_config("strict", [*OPTIONS, "metainfo=aic", f"data_root={aic_root}",
                                 f"load_from={coco_weights}"])
    with pytest.raises(CheckpointError, match="the checkpoint has 17 keypoints, the config 14"):
        train(cfg, tmp_path)


def test_report_of_what_fits(tiny_config):
    model = tiny_config("report").network()
    state = model.state_dict()
    lacking = [k for k in state if k.startswith("backbone.stage4.")]
    given = {k: v for k, v in state.items() if k not in lacking} | {"extra": torch.ones(1)}
    lines = load_what_fits(model, given, "x.pth").splitlines()
    assert lines[1:] == [
        f"  {len(lacking)} start anew, as the checkpoint lacks them (+{len(lacking) - 10} more):",
        *(f"    {k}" for k in lacking[:10]), "  1 of the checkpoint are not used:", "    extra"]
    assert f"{len(state) - len(lacking)} of {len(state)} entries" in lines[0]


@pytest.mark.parametrize("change", [
    lambda state: {},
    lambda state: {f"other.{k}": v for k, v in state.items()},
    lambda state: {k: v for k, v in state.items() if "num_batches" in k},
    lambda state: {k: v for k, v in state.items() if k.startswith("keypoint_head.")},
    lambda state: {k: v[None] for k, v in state.items()},
])
def test_nothing_fits(tiny_config, change):
    model = tiny_config("nothing").network()
    with pytest.raises(CheckpointError, match=r"nothing of checkpoint x\.pth fits"):
        load_what_fits(model, change(model.state_dict()), "x.pth")


@pytest.fixture(scope="module")
def imagenet(tiny_config, tmp_path_factory):
    """Weights of the tiny backbone alone, all 0.25, and a classifier."""
    path = tmp_path_factory.mktemp("imagenet") / "tiny.pth"
    state = tiny_config("imagenet").network().backbone.state_dict()
    state = {k: torch.full_like(v, 0.25) for k, v in state.items() if v.is_floating_point()}
    torch.save({**state, "classifier.weight": torch.ones(3)}, path)
    return path


@pytest.mark.parametrize(("start", "expected"), [
    ([], 0.25),                                     # from scratch
    (["load_from={coco}"], 0.5),                    # a checkpoint has a backbone of its own
    (["finetune_from={coco}"], 0.5),
])
def test_pretrained_backbone(imagenet, coco_weights, tiny_config, tmp_path, start, expected):
    options = [option.format(coco=coco_weights) for option in start]
    cfg = tiny_config("pretrained", [*OPTIONS, f"model.pretrained={imagenet}", *options,
                                     "optim_wrapper.optimizer.lr=0.0"])
    train(cfg, tmp_path)
    trained = weights(tmp_path / "epoch_1.pth")
    assert (trained["backbone.conv1.weight"] == expected).all()
    # Resuming needs the file no more.
    cfg = cfg.changed({"model.pretrained": "gone.pth", "train_cfg.max_epochs": 2,
                         "load_from": None})
    assert train(cfg, tmp_path, resume=True).epoch == 2


def test_two_things_to_start_from(tiny_config, coco_weights):
    with pytest.raises(ConfigError, match="load_from and finetune_from: give one"):
        dry_run(tiny_config("two_starts", [f"load_from={coco_weights}",
                                           f"finetune_from={coco_weights}"]))


@pytest.mark.parametrize(("name", "message"), [
    ("nowhere/at_all.pth", r"(?s)nowhere/at_all\.pth.*model\.pretrained=None"),
    ("hrnet_w33", r"(?s)hrnet_w33.*'hrnet_w32'.*model\.pretrained=None"),
])
@pytest.mark.parametrize("start", [train, lambda cfg, work_dir: dry_run(cfg)])
def test_pretrained_weights_that_cannot_be_had(tiny_config, tmp_path, name, message, start):
    with pytest.raises(CheckpointError, match=message):
        start(tiny_config("unreachable", [*OPTIONS, f"model.pretrained={name}"]), tmp_path)


@pytest.mark.parametrize(("options", "rate", "message"), [
    ([], 0.01, "4 pictures per step: 4 x 1 processes x 1 batches; learning rate 0.01"),
    (["auto_scale_lr.base_batch_size=4"], 0.01, "learning rate 0.01 (as chosen for this number)"),
    (["auto_scale_lr.base_batch_size=8"], 0.01, "(chosen for 8; --auto-scale-lr adapts it)"),
    (["auto_scale_lr.base_batch_size=8", "auto_scale_lr.enable=True"], 0.005,
     "learning rate 0.005 (scaled by 0.5 from that of 8 pictures per step)"),
    (["auto_scale_lr.base_batch_size=8", "auto_scale_lr.enable=True",
      "optim_wrapper.accumulative_counts=4"], 0.02,
     "16 pictures per step: 4 x 1 processes x 4 batches; learning rate 0.02 (scaled by 2"),
])
def test_learning_rate_of_the_batch_size(tiny_config, tmp_path, options, rate, message):
    cfg = tiny_config("rate", [*OPTIONS, "param_scheduler=None", *options])
    runner = train(cfg, tmp_path)
    assert runner.optim_wrapper.get_lr()["lr"] == [pytest.approx(rate)]
    assert message in log_of(tmp_path)
    assert cfg.to_dict()["optim_wrapper"]["optimizer"]["lr"] == 0.01


@pytest.mark.parametrize(("option", "message"), [
    ("auto_scale_lr.base_batch_size=0", r"^auto_scale_lr\.base_batch_size = 0: give"),
    ("auto_scale_lr.base_batch_size=x", r"^auto_scale_lr\.base_batch_size = 'x'"),
    ("optim_wrapper.accumulative_counts=0", r"^optim_wrapper\.accumulative_counts = 0"),
    ("optim_wrapper.accumulative_counts=1.5", r"^optim_wrapper\.accumulative_counts = 1\.5"),
    ("auto_scale_lr={'enable': True}", r"^auto_scale_lr lacks 'base_batch_size'"),
    ("auto_scale_lr.enabel=True", r"^auto_scale_lr\.enabel: .*'enable'"),
])
def test_wrong_batch_options(tiny_config, tmp_path, option, message):
    with pytest.raises(ConfigError, match=message):
        train(tiny_config("wrong", [*OPTIONS, option]), tmp_path)


def test_the_command_line_alone_keeps_freed_memory(tiny_config, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr("aepose.malloc.keep_freed_memory", lambda: calls.append("kept"))
    experiment = tiny_config("memory", [*OPTIONS, "train_cfg.max_epochs=1"])
    train(experiment, tmp_path / "called")
    assert not calls
    call(["train", experiment.file, "--dry-run"])
    assert calls == ["kept"]
