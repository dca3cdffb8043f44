"""Going on from a checkpoint: the place, the weights, the files."""

import json
import pickle
import shutil

import pytest
import torch
from torch.nn.functional import dropout

from aepose.apis.train import train
from aepose.datasets import CocoKeypoints
from aepose.engine import PoseValLoop
from aepose.engine.resume import list_checkpoints, place_to_resume
from aepose.errors import CheckpointError, ConfigError
from aepose.experiment import Experiment
from tests.engine.runs import BATCHES_OF_3, differing, logged, weights

EVERY_ITERATION = (*BATCHES_OF_3, "default_hooks.checkpoint.by_epoch=False",
                   "default_hooks.checkpoint.max_keep_ckpts=-1")


@pytest.fixture(scope="module")
def random_network():
    """Give the tiny network a dropout, which draws from PyTorch's own random state."""
    def drop(backbone, args, features):
        return [dropout(feature, 0.1, backbone.training) for feature in features]

    build = Experiment.network

    def with_dropout(experiment):
        model = build(experiment)
        model.backbone.register_forward_hook(drop)
        return model

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Experiment, "network", with_dropout)
        yield


@pytest.fixture(scope="module")
def uninterrupted(tiny_config, tmp_path_factory, random_network):
    """The work dir of a run of two epochs of three batches, with a checkpoint of every batch."""
    work_dir = tmp_path_factory.mktemp("uninterrupted")
    train(tiny_config("uninterrupted", EVERY_ITERATION), work_dir)
    return work_dir


def copy_up_to(number, source, target):
    """Leave in ``target`` what a run would that was killed after iteration ``number``."""
    for index in range(1, number + 1):
        shutil.copy(source / f"iter_{index}.pth", target)
    (target / "last_checkpoint").write_text(f"/moved/since/iter_{number}.pth")


@pytest.mark.parametrize(("iteration", "workers"), [(1, 0), (2, 2), (3, 0), (3, 2), (4, 0), (6, 0)])
def test_weights_are_those_of_the_uninterrupted_run(
        uninterrupted, tiny_config, tmp_path, iteration, workers):
    copy_up_to(iteration, uninterrupted, tmp_path)
    options = [*EVERY_ITERATION, f"train_dataloader.num_workers={workers}"]
    runner = train(tiny_config(f"from_{iteration}_{workers}", options), tmp_path, resume=True)
    assert (runner.epoch, runner.iter) == (2, 6)
    assert not differing(weights(tmp_path / "iter_6.pth"), weights(uninterrupted / "iter_6.pth"))


def test_workers_do_not_change_weights(uninterrupted, tiny_config, tmp_path):
    train(tiny_config("workers", [*EVERY_ITERATION, "train_dataloader.num_workers=2"]), tmp_path)
    assert not differing(weights(tmp_path / "iter_6.pth"), weights(uninterrupted / "iter_6.pth"))


def test_batches_before_the_place_are_not_loaded(
        uninterrupted, tiny_config, tmp_path, monkeypatch):
    copy_up_to(2, uninterrupted, tmp_path)
    seen, load = [], CocoKeypoints.load_image
    monkeypatch.setattr(CocoKeypoints, "load_image",
                        lambda self, info: seen.append(info["id"]) or load(self, info))
    runner = train(tiny_config("counted", [*EVERY_ITERATION, "train_cfg.max_epochs=1"]), tmp_path,
                   resume=True)
    assert len(seen) == len(runner.train_dataloader.dataset) - 2 * 3


def test_the_seed_of_the_checkpoint_counts(uninterrupted, tiny_config, tmp_path):
    copy_up_to(2, uninterrupted, tmp_path)
    train(tiny_config("other_seed", [*EVERY_ITERATION, "randomness.seed=5"]), tmp_path, resume=True)
    assert not differing(weights(tmp_path / "iter_6.pth"), weights(uninterrupted / "iter_6.pth"))


def truncate(path):
    path.write_bytes(path.read_bytes()[:1000])


def empty(path):
    path.write_bytes(b"")


def foreign(path):
    path.write_bytes(pickle.dumps({"state_dict": print}, protocol=2))


@pytest.mark.parametrize("damage", [truncate, empty, foreign])
def test_a_damaged_checkpoint_is_reported_and_the_one_before_taken(
        uninterrupted, tiny_config, tmp_path, damage):
    copy_up_to(5, uninterrupted, tmp_path)
    damage(tmp_path / "iter_5.pth")
    train(tiny_config(f"damaged_{damage.__name__}", EVERY_ITERATION), tmp_path, resume=True)
    assert f"{tmp_path / 'iter_5.pth'} is not a checkpoint" in logged(tmp_path)
    assert not differing(weights(tmp_path / "iter_6.pth"), weights(uninterrupted / "iter_6.pth"))


def test_only_damaged_checkpoints(uninterrupted, tiny_config, tmp_path):
    copy_up_to(2, uninterrupted, tmp_path)
    for number in (1, 2):
        empty(tmp_path / f"iter_{number}.pth")
    with pytest.raises(CheckpointError, match=r"no checkpoint that can be read(.|\n)*iter_2.*\n.*"
                                              r"iter_1"):
        train(tiny_config("all_damaged", EVERY_ITERATION), tmp_path, resume=True)


@pytest.mark.parametrize(("names", "noted", "expected"), [
    ([], None, []),
    (["epoch_9", "epoch_10"], None, ["epoch_10", "epoch_9"]),
    (["epoch_9", "epoch_10", "best_epoch_3", "epoch_x", "last"], None, ["epoch_10", "epoch_9"]),
    (["epoch_1", "epoch_2", "epoch_300"], "epoch_2", ["epoch_2", "epoch_1"]),
    (["epoch_1", "epoch_2"], "gone/epoch_3", ["epoch_2", "epoch_1"]),
    (["epoch_1", "epoch_2"], "", ["epoch_2", "epoch_1"]),
    (["epoch_1", "iter_50", "iter_60"], "iter_60", ["iter_60", "iter_50", "epoch_1"]),
    (["epoch_1", "iter_50"], "epoch_1", ["epoch_1", "iter_50"]),
])
def test_order_of_checkpoints(tmp_path, names, noted, expected):
    for name in names:
        (tmp_path / f"{name}.pth").touch()
    if noted is not None:
        (tmp_path / "last_checkpoint").write_text(f"{noted}.pth" if noted else "")
    assert [path.stem for path in list_checkpoints(tmp_path)] == expected


def progress(batches=10, size=4, pictures=38):
    return {"batches per epoch": batches, "pictures per batch": size, "pictures": pictures}


@pytest.mark.parametrize(("epoch", "iteration", "now", "expected"), [
    (0, 3, progress(), (0, 3)),
    (2, 23, progress(), (2, 23)),
    (2, 20, progress(5, 8), (2, 10)),           # the end of an epoch; now with larger batches
    (2, 30, progress(5, 8), (2, 15)),           # after its last batch, before what ends it
    (2, 23, progress(5, 8), "inside epoch 3.*per epoch 10 -> 5, pictures per batch 4 -> 8"),
    (0, 3, progress(pictures=37), "pictures 38 -> 37"),
])
def test_place(epoch, iteration, now, expected):
    meta = {"epoch": epoch, "iter": iteration, "progress": progress()}
    if isinstance(expected, tuple):
        assert place_to_resume(meta, now, "a.pth") == expected
    else:
        with pytest.raises(CheckpointError, match=expected):
            place_to_resume(meta, now, "a.pth")


def test_place_in_a_checkpoint_that_does_not_describe_its_epoch():
    """As the engine itself writes it."""
    assert place_to_resume({"epoch": 2, "iter": 23}, progress(), "a.pth") == (2, 23)


def test_another_batch_size_inside_an_epoch(uninterrupted, tiny_config, tmp_path):
    cfg = tiny_config("other_batches", [*EVERY_ITERATION, "train_dataloader.batch_size=2"])
    with pytest.raises(CheckpointError, match=r"inside epoch 1.*pictures per batch 3 -> 2"):
        train(cfg, tmp_path, str(uninterrupted / "iter_2.pth"))


@pytest.mark.parametrize(("option", "error", "message"), [
    ("train_cfg.type=EpochBasedTrainLoop", CheckpointError, "use train_cfg.type='PoseTrainLoop'"),
    ("train_dataloader.sampler={'type': 'DefaultSampler', 'shuffle': True}", ConfigError,
     "DefaultSampler cannot go on there; use .*'SeededSampler'"),
])
def test_parts_that_cannot_go_on_inside_an_epoch(
        uninterrupted, tiny_config, tmp_path, option, error, message):
    cfg = tiny_config(f"cannot_{error.__name__}", [*EVERY_ITERATION, option])
    with pytest.raises(error, match=message):
        train(cfg, tmp_path, str(uninterrupted / "iter_2.pth"))


def test_old_checkpoints_are_removed_after_a_stop_too(uninterrupted, tiny_config, tmp_path):
    options = [*EVERY_ITERATION, "default_hooks.checkpoint.max_keep_ckpts=2"]
    train(tiny_config("pruned", [*options, "train_cfg.max_epochs=1"]), tmp_path)
    assert sorted(p.stem for p in tmp_path.glob("iter_*.pth")) == ["iter_2", "iter_3"]
    (tmp_path / ".iter_4.pth.part").write_bytes(b"half")
    train(tiny_config("pruned_on", options), tmp_path, resume=True)
    assert sorted(p.stem for p in tmp_path.glob("iter_*.pth")) == ["iter_5", "iter_6"]
    assert not list(tmp_path.glob(".*.part"))


def test_accumulated_gradients_are_not_lost(tiny_config, tmp_path):
    """Three batches an epoch, two per step: the third is a step of its own."""
    options = [*EVERY_ITERATION, "optim_wrapper.accumulative_counts=2"]
    train(tiny_config("accumulated", options), tmp_path / "whole")
    saved = sorted(p.stem for p in (tmp_path / "whole").glob("iter_*.pth"))
    assert saved == ["iter_2", "iter_3", "iter_5", "iter_6"]
    for name in saved[:-1]:
        folder = tmp_path / name
        train(tiny_config(f"accumulated_{name}", options), folder,
              str(tmp_path / "whole" / f"{name}.pth"))
        assert not differing(weights(folder / "iter_6.pth"),
                             weights(tmp_path / "whole" / "iter_6.pth"))


def test_a_validation_that_was_cut_short_is_made_up_for(tiny_config, tmp_path):
    def die(*args):
        raise KeyboardInterrupt

    options = ["train_cfg.max_epochs=1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PoseValLoop, "run", die)
        with pytest.raises(KeyboardInterrupt):
            train(tiny_config("cut", options), tmp_path)
    assert not (tmp_path / "metrics.json").exists()
    runner = train(tiny_config("made_up", options), tmp_path, resume=True)
    assert runner.iter == 2
    assert json.loads((tmp_path / "metrics.json").read_text())["epoch"] == 1


@pytest.mark.parametrize(("place", "value"), [
    (("meta", "epoch"), -1), (("meta", "iter"), None), (("meta", "progress"), [1]),
    (("meta", "progress"), {}), (("optimizer",), None), (("optimizer", "param_groups"), []),
    (("optimizer", "state"), {0: 3}), (("message_hub",), 5), (("param_schedulers",), 5),
    (("param_schedulers",), [5, 5]), (("message_hub", "runtime_info"), None),
])
def test_a_state_of_training_that_is_none(uninterrupted, tiny_config, tmp_path, place, value):
    content = torch.load(uninterrupted / "iter_3.pth", weights_only=True)
    target = content
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = value
    torch.save(content, tmp_path / "changed.pth")
    with pytest.raises(CheckpointError, match="cannot resume"):
        train(tiny_config("changed", EVERY_ITERATION), tmp_path, str(tmp_path / "changed.pth"))
