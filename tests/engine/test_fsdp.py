"""Two processes that share a network out must do what two do that each have the whole."""

import json
import os
import re
import signal
import sys
from pathlib import Path

import pytest
import torch

from aepose.apis import evaluate
from aepose.apis.build import build_model
from aepose.config import Config
from aepose.engine import fsdp, read_bad_step
from aepose.engine.fsdp import check_shardable, gather, own_part, share, whole
from aepose.errors import ConfigError
from tests.engine import two_shards
from tests.engine.processes import (
    TRAIN,
    finish,
    process_of_rank,
    run,
    run_two,
    start,
    torchrun,
    wait_for,
)
from tests.engine.runs import assert_nearly, differing, scalars, weights

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
OPTIONS = ["train_dataloader.batch_size=2", "default_hooks.checkpoint.max_keep_ckpts=-1",
           "train_cfg.max_epochs=3", "ema.momentum=0.1"]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What each of two processes found; see two_shards.py."""
    folder = tmp_path_factory.mktemp("two_shards")
    run_two(two_shards.__file__, folder)
    return [torch.load(folder / f"rank_{rank}.pth", weights_only=True) for rank in (0, 1)]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*two_shards.NETWORKS, "clipped"])
def test_training_is_that_of_whole_networks(found, name):
    """Weights, optimiser, losses, norms; the maps of a validation between, of one process only."""
    for rank in (0, 1):
        plain, sharded = found[rank][name]
        assert sharded["norms"] == pytest.approx(plain["norms"], rel=1e-5)
        assert sharded["losses"] == pytest.approx(plain["losses"], rel=1e-5)
        assert plain["states"].keys() == sharded["states"].keys()
        for key, value in plain["states"].items():
            # Each process's own: the first one's are used.
            if rank == 0 or not key.endswith(STATISTICS):
                torch.testing.assert_close(sharded["states"][key], value, rtol=1e-4, atol=1e-6,
                                           msg=key)
        assert len(plain["maps"]) == len(sharded["maps"]) == (0 if rank else len(plain["maps"]))
        for left, right in zip(plain["maps"], sharded["maps"], strict=True):
            torch.testing.assert_close(right, left, rtol=1e-4, atol=1e-5)
    assert found[0][name][1]["maps"]


@pytest.mark.slow
@pytest.mark.parametrize("name", two_shards.NETWORKS)
def test_each_process_keeps_half(found, name):
    for rank in (0, 1):
        plain, sharded = found[rank][name]
        assert (plain["share"], plain["optimiser_share"]) == (1, 1)
        assert sharded["share"] == pytest.approx(0.5, abs=0.01)
        assert sharded["optimiser_share"] == pytest.approx(0.5, abs=0.01)
    assert 4 <= found[0]["units"][name] <= 10


@pytest.mark.slow
def test_a_bad_step_in_one_process_changes_nothing_in_any(found):
    for result in (f["bad_loss"] for f in found):
        assert not differing(result["before"], result["after"])
        assert (result["skipped"], result["then"]) == (1, 0)


@pytest.mark.slow
def test_a_step_that_is_stored_has_whole_weights(tiny_config, tmp_path):
    process = start(torchrun("--standalone", "--nproc-per-node", 2) + train_command(
        tiny_config, tmp_path, "--fsdp",
        options=["optim_wrapper.optimizer.lr=1e38", "optim_wrapper.max_bad_steps=1"]))
    assert "of 1 steps in a row was not finite" in process.communicate(timeout=120)[0]
    for rank in (0, 1):
        step = read_bad_step(tmp_path / f"bad_step_iter_2_rank_{rank}.pth")
        build_model(step.config).load_state_dict(step.state_dict)
        assert step.rank == rank


def train_command(tiny_config, work_dir, *flags, options=()):
    return [TRAIN, tiny_config("shards").filename, "--work-dir", work_dir, *flags,
            "--cfg-options", *OPTIONS, *options]


@pytest.fixture(scope="module")
def trained(tiny_config, tmp_path_factory):
    """The work dirs of two trainings by two processes, with whole weights and with shares."""
    folders = [tmp_path_factory.mktemp(name) for name in ("whole", "shares")]
    run_two(*train_command(tiny_config, folders[0]))
    output = run_two(*train_command(tiny_config, folders[1], "--fsdp"))
    here, total = map(float, re.search(r"FSDP: ([\d.]+) M of ([\d.]+) M", output).groups())
    assert 0 < here < 0.7 * total
    return folders


def assert_close(left, right, where="checkpoint"):
    """Compare two contents of checkpoints: the same types, names and shapes, and nearly values."""
    assert type(left) is type(right), where
    if isinstance(left, dict):
        assert left.keys() == right.keys(), where
        for key in left:
            assert_close(left[key], right[key], f"{where} {key}")
    elif isinstance(left, list):
        assert len(left) == len(right), where
        for number, pair in enumerate(zip(left, right, strict=True)):
            assert_close(*pair, f"{where} {number}")
    elif isinstance(left, torch.Tensor):
        torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-6, msg=where)
    else:
        assert left == (pytest.approx(right) if isinstance(right, float) else right), where


@pytest.mark.slow
@pytest.mark.parametrize(("file", "state"), [
    ("epoch_1.pth", {"optimizer", "param_schedulers"}),
    ("epoch_3.pth", {"optimizer", "param_schedulers"}), ("best.pth", set())])
def test_checkpoints_are_those_of_a_plain_run(trained, file, state):
    """With the averaged and the trained weights, and all of the optimiser."""
    plain, sharded = (torch.load(folder / file, weights_only=True) for folder in trained)
    for content in (plain, sharded):
        del content["meta"], content["message_hub"]
    assert plain.keys() == {"state_dict", "trained_parameters", "ema_steps"} | state
    assert differing(plain["trained_parameters"],
                     {k: plain["state_dict"][k] for k in plain["trained_parameters"]})
    assert_close(plain, sharded)


@pytest.mark.slow
def test_validations_are_those_of_a_plain_run(trained, tiny_config, tmp_path):
    plain, sharded = (json.loads((folder / "predictions.json").read_text())
                      for folder in trained)
    assert plain
    assert_nearly(sharded, plain)
    assert list((trained[1] / "panels").iterdir())
    assert scalars(trained[0], "loss") == pytest.approx(scalars(trained[1], "loss"), rel=1e-5)
    evaluate(tiny_config("shards_tested"), trained[1] / "epoch_3.pth", tmp_path)
    assert (tmp_path / "predictions.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("source", "flags"), [(1, []), (0, ["--fsdp"])],
                         ids=["shares_to_whole", "whole_to_shares"])
def test_resuming(trained, tiny_config, tmp_path, source, flags):
    """A run may be sharded before a stop or after it; both: see the killed process."""
    run_two(*train_command(tiny_config, tmp_path, *flags, "--resume",
                           trained[source] / "epoch_1.pth"))
    for part in ("state_dict", "optimizer", "trained_parameters"):
        new, old = (torch.load(folder / "epoch_3.pth", weights_only=True)[part]
                    for folder in (tmp_path, trained[0]))
        assert_close(new, old)


@pytest.mark.slow
def test_one_process_goes_on_with_a_checkpoint_of_two(trained, tiny_config, tmp_path):
    options = ["train_dataloader.batch_size=4"]
    output = run(sys.executable, *train_command(tiny_config, tmp_path, "--resume",
                                                trained[1] / "epoch_2.pth", options=options))
    assert "resumed epoch: 2, iter: 4" in output
    assert (tmp_path / "epoch_3.pth").exists()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes in /proc")
def test_a_killed_process_is_started_again(trained, tiny_config, tmp_path):
    process = start(torchrun("--standalone", "--nproc-per-node", 2, "--max-restarts", 1)
                    + train_command(tiny_config, tmp_path, "--fsdp"))
    wait_for(tmp_path / "epoch_1.pth", process)
    os.kill(process_of_rank(process.pid, 1), signal.SIGKILL)
    assert "resumed epoch" in finish(process)
    assert not differing(weights(tmp_path / "epoch_3.pth"), weights(trained[1] / "epoch_3.pth"))


@pytest.mark.parametrize(("processes", "changes", "message"), [
    (1, {}, r"there is only one; start more \(tools/dist_train.sh CONFIG N --fsdp\)"),
    (2, {"model.compile": True}, "fsdp and model.compile: choose one"),
    (2, {"optim_wrapper.type": "OptimWrapper"},
     "optim_wrapper.type = 'OptimWrapper': fsdp needs one of GuardedOptimWrapper, Scaled"),
    (2, {}, None),
    (8, {"model.activation_checkpointing": True, "model.backbone_dtype": "float16"}, None),
])
def test_what_cannot_be_combined(tiny_config, monkeypatch, processes, changes, message):
    monkeypatch.setattr(fsdp, "get_world_size", lambda: processes)
    cfg = Config(tiny_config("combined").to_dict())
    cfg.merge_from_dict(changes)
    if message is None:
        check_shardable(cfg)
        return
    with pytest.raises(ConfigError, match=message):
        check_shardable(cfg)


def test_tensors_that_are_not_shared_out_stay():
    tensor = torch.ones(3)
    assert whole(tensor) is tensor
    assert own_part(tensor) is tensor
    assert share(tensor, torch.zeros(3)) is tensor
    assert gather({"a": [tensor]})["a"][0] is tensor
