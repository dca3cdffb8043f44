"""The thinnest training: a tiny network, eight 64-pixel pictures, two epochs on the CPU."""

import errno
import json
import logging
import os
import time
import warnings
from types import SimpleNamespace

import mmengine.runner.runner as engine_runner
import pytest
import torch

from aepose.apis.evaluate import evaluate
from aepose.apis.train import dry_run, train
from aepose.errors import CheckpointError, ConfigError, OutputError
from aepose.experiment import Experiment
from aepose.experiment.assemble import make_runner
from tests.engine.runs import NO_VALIDATION, differing, logged, weights


@pytest.fixture(autouse=True, scope="module")
def close_log_files():
    yield
    logging.shutdown()


@pytest.fixture(scope="module")
def trained(tiny_config, tmp_path_factory):
    """The work dir of a finished run, and its runner."""
    work_dir = tmp_path_factory.mktemp("trained")
    return work_dir, train(tiny_config("whole"), work_dir)


def assert_equal(left, right):
    assert not differing(left, right)


def test_files_of_a_run(trained):
    work_dir, runner = trained
    assert {p.name for p in work_dir.glob("epoch_*.pth")} == {"epoch_1.pth", "epoch_2.pth"}
    assert not list(work_dir.rglob("*.part"))
    assert list(work_dir.glob("best_coco_AP*.pth"))
    metrics = json.loads((work_dir / "metrics.json").read_text())
    assert (metrics["stage"], metrics["epoch"], metrics["iter"]) == ("val", 2, 4)
    assert "coco/AP" in metrics["metrics"]
    assert json.loads((work_dir / "predictions.json").read_text())
    assert Experiment.load(work_dir / "whole.py").to_dict() == runner.cfg.to_dict()
    assert list(work_dir.rglob("*tfevents*"))
    assert "Checkpoints will be saved" in logged(work_dir)
    assert "will be deprecated" not in logged(work_dir)
    (scalars,) = work_dir.rglob("scalars.json")
    lines = [json.loads(line) for line in scalars.read_text().splitlines()]
    losses = [line for line in lines if "loss" in line]
    assert [line["step"] for line in losses] == [1, 2, 3, 4]
    for line in losses:
        parts = line["heatmap_loss"] + line["push_loss"] + line["pull_loss"]
        assert line["loss"] == pytest.approx(parts, rel=1e-5)


def test_checkpoint_content(trained):
    work_dir, runner = trained
    checkpoint = torch.load(work_dir / "epoch_2.pth", weights_only=True)
    assert_equal(checkpoint["state_dict"], runner.model.state_dict())
    assert (checkpoint["meta"]["epoch"], checkpoint["meta"]["iter"]) == (2, 4)
    assert json.loads(checkpoint["meta"]["aepose_config"])["codec"]["input_size"] == 64
    assert {"optimizer", "param_schedulers", "message_hub"} <= set(checkpoint)


def test_weights_are_trained(trained):
    work_dir, _ = trained
    before, after = weights(work_dir / "epoch_1.pth"), weights(work_dir / "epoch_2.pth")
    assert any(not torch.equal(before[key], after[key]) for key in before)


def test_the_same_seed_gives_the_same_weights(trained, tiny_config, tmp_path):
    train(tiny_config("again", NO_VALIDATION), tmp_path)
    assert_equal(weights(tmp_path / "epoch_2.pth"), weights(trained[0] / "epoch_2.pth"))


@pytest.mark.parametrize("by_path", [False, True])
def test_resume_goes_on_as_if_never_stopped(trained, tiny_config, tmp_path, by_path):
    first = trained[0] / "epoch_1.pth"
    if not by_path:
        (tmp_path / "epoch_1.pth").write_bytes(first.read_bytes())
        (tmp_path / "last_checkpoint").write_text(str(tmp_path / "epoch_1.pth"))
    runner = train(tiny_config(f"resumed_{by_path}"), tmp_path, str(first) if by_path else True)
    assert (runner.epoch, runner.iter) == (2, 4)
    assert_equal(weights(tmp_path / "epoch_2.pth"), weights(trained[0] / "epoch_2.pth"))
    old, new = (torch.load(folder / "epoch_2.pth", weights_only=True)
                for folder in (trained[0], tmp_path))
    assert new["param_schedulers"] == old["param_schedulers"]
    steps = [json.loads(line).get("step") for path in tmp_path.rglob("scalars.json")
             for line in path.read_text().splitlines()]
    assert min(steps) > 1


def test_resume_in_an_empty_work_dir_starts_anew(tiny_config, tmp_path):
    runner = train(tiny_config("anew", NO_VALIDATION), tmp_path, resume=True)
    assert runner.iter == 4
    assert (tmp_path / "epoch_1.pth").exists()


def test_two_runs_in_one_second_do_not_share_their_output(tiny_config, tmp_path, monkeypatch):
    clock = SimpleNamespace(time=lambda: 2e9, localtime=time.gmtime, strftime=time.strftime)
    monkeypatch.setattr(engine_runner, "time", clock)
    for name in ("first", "second"):
        train(tiny_config("twin", [*NO_VALIDATION, "train_cfg.max_epochs=1"]), tmp_path / name)
        assert list((tmp_path / name).rglob("scalars.json"))


def test_resume_prefers_the_work_dir_to_load_from(trained, tiny_config, tmp_path):
    first = trained[0] / "epoch_1.pth"
    torch.save({"state_dict": weights(first)}, tmp_path / "pretrained.pth")
    (tmp_path / "epoch_1.pth").write_bytes(first.read_bytes())
    (tmp_path / "last_checkpoint").write_text(str(tmp_path / "epoch_1.pth"))
    cfg = tiny_config("both", [f"load_from={tmp_path / 'pretrained.pth'}", *NO_VALIDATION])
    train(cfg, tmp_path, resume=True)
    assert_equal(weights(tmp_path / "epoch_2.pth"), weights(trained[0] / "epoch_2.pth"))


def test_only_weights_cannot_be_resumed(trained, tiny_config, tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({"state_dict": weights(trained[0] / "epoch_1.pth")}, path)
    lacking = "holds no epoch and no iter and no message_hub and no optimizer; to start"
    with pytest.raises(CheckpointError, match=lacking):
        train(tiny_config("only_weights"), tmp_path, str(path))


def test_load_from_starts_with_its_weights_at_epoch_0(trained, tiny_config, tmp_path):
    options = [f"load_from={trained[0] / 'epoch_1.pth'}", "optim_wrapper.optimizer.lr=0.0",
               *NO_VALIDATION]
    runner = train(tiny_config("fine_tuned", options), tmp_path)
    assert runner.iter == 4
    loaded, first = weights(tmp_path / "epoch_2.pth"), weights(trained[0] / "epoch_1.pth")
    assert torch.equal(loaded["backbone.conv1.weight"], first["backbone.conv1.weight"])


def test_a_crash_while_saving_leaves_older_checkpoints_whole(tiny_config, tmp_path, monkeypatch):
    whole = engine_runner.save_checkpoint
    saved = []

    def save_half(checkpoint, filename, *args, **kwargs):
        whole(checkpoint, filename, *args, **kwargs)
        saved.append(weights(filename))
        if len(saved) == 2:
            with open(filename, "r+b") as file:
                file.truncate(1000)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(engine_runner, "save_checkpoint", save_half)
    message = rf"cannot write epoch_2\.pth to {tmp_path}: No space left .*MiB free.*--resume"
    with pytest.raises(OutputError, match=message):
        train(tiny_config("crashed", [*NO_VALIDATION, "default_hooks.checkpoint.max_keep_ckpts=1"]),
              tmp_path)
    monkeypatch.undo()
    assert not (tmp_path / "epoch_2.pth").exists()
    assert not list(tmp_path.glob(".*.part"))
    assert_equal(weights(tmp_path / "epoch_1.pth"), saved[0])
    train(tiny_config("crashed_resumed", NO_VALIDATION), tmp_path, resume=True)
    assert_equal(weights(tmp_path / "epoch_2.pth"), saved[1])


def test_evaluate_gives_what_validation_gave(trained, tiny_config, tmp_path):
    work_dir, _ = trained
    seen = []
    found = evaluate(tiny_config("tested", ["test_time.faster=False"]), work_dir / "epoch_2.pth",
                     tmp_path / "out", out=tmp_path / "found", on_result=seen.append)
    assert found.metrics == json.loads((work_dir / "metrics.json").read_text())["metrics"]
    expected = json.loads((work_dir / "predictions.json").read_text())
    for path in (tmp_path / "found" / "predictions.json", tmp_path / "out" / "predictions.json"):
        assert json.loads(path.read_text()) == expected
    assert len(expected) == sum(len(result) for result in seen) > 0
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["stage"] == "test"


def test_a_test_leaves_the_network_as_it_was(trained, tiny_config, tmp_path):
    """A second one is tested: after it the runner's can be saved and trained."""
    checkpoint = trained[0] / "epoch_2.pth"
    runner = make_runner(tiny_config("left_alone"), tmp_path, "test", load_from=str(checkpoint))
    parameters = list(runner.model.parameters())
    runner.test()
    assert_equal(runner.model.state_dict(), weights(checkpoint))
    assert all(a is b for a, b in zip(runner.model.parameters(), parameters, strict=True))
    assert all(p.requires_grad for p in parameters)
    assert runner.model.training


def test_multi_scale_takes_the_other_scales_and_leaves_the_config(trained, tiny_config, tmp_path):
    cfg = tiny_config("multi", ["test_time.multi_scales=[1,2]"])
    seen = []
    evaluate(cfg, trained[0] / "epoch_2.pth", tmp_path, multi_scale=True, on_result=seen.append)
    assert len(seen) == 4
    assert cfg.test_time.scales == [1]
    single = json.loads((trained[0] / "predictions.json").read_text())
    assert json.loads((tmp_path / "predictions.json").read_text()) != single


def test_a_checkpoint_of_another_network(trained, tiny_config, tmp_path):
    cfg = tiny_config("other", ["model.backbone.width=6"])
    with pytest.raises(CheckpointError, match="does not fit the network of this config"):
        evaluate(cfg, trained[0] / "epoch_2.pth", tmp_path)


def test_work_dir_that_cannot_be_written(tiny_config, tmp_path):
    (tmp_path / "file").write_text("in the way")
    for work_dir in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigError, match=r"cannot be written .*--work-dir"):
            train(tiny_config("unwritable"), work_dir)


def test_dry_run_reports_and_leaves_nothing(tiny_config, tmp_path, monkeypatch):
    cfg = tiny_config("dry", [f"work_dir={tmp_path / 'never'}"])
    monkeypatch.chdir(tmp_path)
    report = dry_run(cfg)
    for line in (f"config        {cfg.file}", "4 pictures", "images        (4, 3, 64, 64)",
                 "heatmaps      (4, 17, 16, 16), tag indices (4, 4, 17) of", "heatmap_loss  0.",
                 "push_loss", "pull_loss", "peak memory"):
        assert line in report
    assert not list(tmp_path.iterdir())


def test_a_long_input(tiny_config, tmp_path):
    """Dry run, training, validation and its panel, and the checkpoint, which loads again."""
    options = ["codec.input_size=(128,64)", "train_cfg.max_epochs=1"]
    report = dry_run(tiny_config("long_dry", options))
    for line in ("images        (4, 3, 64, 128)", "heatmaps      (4, 17, 16, 32), tag indices"):
        assert line in report
    train(tiny_config("long", options), tmp_path)
    (scalars,) = tmp_path.rglob("scalars.json")
    losses = [json.loads(line)["loss"] for line in scalars.read_text().splitlines()
              if "loss" in json.loads(line)]
    assert len(losses) == 2
    assert all(0 < loss < 1 for loss in losses)
    assert (tmp_path / "panels" / "epoch_1.png").is_file()
    stored = torch.load(tmp_path / "epoch_1.pth", weights_only=True)["meta"]["aepose_config"]
    assert json.loads(stored)["codec"]["input_size"] == [128, 64]
    with warnings.catch_warnings():
        warnings.filterwarnings("error", ".*trained with")
        found = evaluate(tiny_config("long_tested", options), tmp_path / "epoch_1.pth",
                         tmp_path / "out")
    assert "coco/AP" in found.metrics


def test_dry_run_without_validation(tiny_config):
    assert "/ 0 pictures" in dry_run(tiny_config("dry_alone", NO_VALIDATION))


@pytest.mark.parametrize(("task", "joined"), [("train", True), ("test", False)])
def test_a_training_alone_joins_batches_of_processes(
        tiny_config, tmp_path, monkeypatch, task, joined):
    """On CPUs there is no such BatchNorm, but a network that was trained so can be tested."""
    asked = []
    monkeypatch.setattr("aepose.experiment.assemble.wrap_model",
                        lambda model, sync_bn: asked.append(sync_bn) or model)
    make_runner(tiny_config(f"joined_{task}", ["sync_bn=True"]), tmp_path, task)
    assert asked == [joined]
