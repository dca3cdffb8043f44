"""Two processes on the CPU, joined by gloo, and what they must have in common with one."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from aepose.apis.evaluate import evaluate
from aepose.engine import read_bad_step
from aepose.engine.distributed import (
    goes_on,
    local_device,
    process_group,
    unwrap,
    wrap_model,
)
from aepose.errors import ConfigError
from aepose.models import AssociativeEmbedding
from aepose.structures import EvalSettings
from aepose.zoo.hub import TOY_CHECKPOINT
from tests.conftest import TINY_HRNET
from tests.engine import two_processes
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
from tests.engine.runs import one_thread
from tests.golden_check import ROOT
from tests.models.test_associative_embedding import LOSS, NO_TAGS, two_targets

PORT = "29533"
NO_VALIDATION = ["val_dataloader=None", "val_evaluator=None", "visualizer=None"]
EPOCHS = 6


def weights(path):
    return torch.load(path, weights_only=True)["state_dict"]


def assert_equal(left, right):
    assert left.keys() == right.keys()
    assert not [key for key in left if not torch.equal(left[key], right[key])]


@pytest.fixture(scope="module")
def batch(tiny_config):
    return next(iter(tiny_config("two", ["train_dataloader.batch_size=6"]).dataloader("train")))


@pytest.fixture(scope="module")
def found(tiny_config, tmp_path_factory, batch):
    """What each of two processes found; see two_processes.py."""
    folder = tmp_path_factory.mktemp("two_processes")
    torch.save(batch, folder / "batch.pth")
    run_two(two_processes.__file__, folder, tiny_config("two").file)
    return [torch.load(folder / f"rank_{rank}.pth", weights_only=True) for rank in (0, 1)]


@pytest.fixture
def group_of_one():
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.parametrize("losses", [[LOSS, NO_TAGS], [NO_TAGS, None], [None, NO_TAGS]])
def test_outputs_that_are_not_trained(group_of_one, make_codec, losses):
    """PyTorch misses their gradients at the second step, and it does not matter."""
    head = {"type": "AEHigherResolutionHead", "losses": losses, "cat_output": False}
    model = wrap_model(AssociativeEmbedding({**TINY_HRNET}, head, make_codec(map_strides=(4, 2)),
                                            EvalSettings()))
    targets = two_targets(unwrap(model).codec)
    for _ in range(2):
        found = model(torch.rand(2, 3, 64, 64), targets=targets, mode="loss")
        sum(value for name, value in found.items() if name.endswith("_loss")).backward()


def test_averaged_gradients_are_those_of_the_joined_batch(found, tiny_config, batch):
    joined = two_processes.gradients(tiny_config("two"), batch)
    scale = max(gradient.abs().max() for gradient in joined.values())
    assert scale > 1e-4
    for rank in (0, 1):
        assert found[rank]["gradients"].keys() == joined.keys()
        for name, gradient in joined.items():
            torch.testing.assert_close(found[rank]["gradients"][name], gradient, rtol=1e-4,
                                       atol=float(scale) * 1e-6, msg=name)


@pytest.mark.parametrize("pictures", [8, 7])
def test_every_sample_is_drawn_once_per_epoch(found, pictures):
    shares = [f["draws"][pictures] for f in found]
    orders = [left + right for left, right in zip(*shares, strict=True)]
    assert all(sorted(set(order)) == list(range(pictures)) for order in orders)
    assert all(len(order) == 8 for order in orders)  # equal shares: the last of 7 needs company
    assert orders[0] != orders[1]


def test_logged_losses_are_the_mean_of_all_processes(found):
    own, logged = ([f["losses"][kind] for f in found] for kind in ("own", "logged"))
    assert logged[0] == logged[1]
    assert len(logged[0]) == 4
    assert {"loss", "push_loss", "tag_gap"} <= logged[0][0].keys()
    for means, *parts in zip(logged[0], *own, strict=True):
        assert parts[0]["loss"] != parts[1]["loss"]
        assert means == pytest.approx({name: (parts[0][name] + parts[1][name]) / 2
                                       for name in parts[0]}, rel=1e-5)


def test_processes_agree(found):
    assert torch.equal(found[0]["statistics"], torch.ones(3))
    assert torch.equal(found[1]["statistics"], torch.ones(3))
    assert [f["fetched_by"] for f in found] == ["0", "0"]
    for result in found:
        assert result["description"] == "2 processes on 1 machine(s), on cpu through gloo"


@pytest.fixture(scope="module")
def toy_test(toy_root):
    """The shipped network's test on five pictures: the number of processes does not divide it."""
    root = toy_root.with_name("five")
    if not root.exists():
        shutil.copytree(toy_root, root)
        path = root / "annotations" / "person_keypoints_val2017.json"
        content = json.loads(path.read_text())
        extra = {**content["images"][0], "id": 999_999}
        content["images"].append(extra)
        path.write_text(json.dumps(content))
    config = ROOT / "configs" / "toy" / "hrnet_w16_toy_256x256.py"
    return [config, TOY_CHECKPOINT, "--cfg-options", f"data_root={root}"]


@pytest.mark.slow
def test_two_processes_test_like_one(toy_test, tmp_path):
    script = ROOT / "tools" / "test.py"
    one, two = (["--out", tmp_path / name, "--work-dir", tmp_path / name / "log",
                 "--show-dir", tmp_path / name / "drawn"] for name in ("one", "two"))
    alone = run(sys.executable, script, *toy_test[:2], *one, *toy_test[2:])
    both = run_two(script, *toy_test[:2], *two, *toy_test[2:])
    found, metrics = ([json.loads((tmp_path / name / file).read_text()) for name in ("one", "two")]
                      for file in ("predictions.json", "log/metrics.json"))
    assert found[0] == found[1]
    assert {record["image_id"] for record in found[0]} >= {999_999}
    assert metrics[0] == metrics[1]
    assert metrics[0]["metrics"]["coco/AP"] > 0.3
    assert len(list((tmp_path / "two" / "drawn").iterdir())) == 6
    (table,) = re.findall(r"\n(.* AP .*\n.*)", alone)
    assert both.count(table) == 1


def train_command(config, work_dir, *options):
    return [TRAIN, config, "--work-dir", work_dir, "--cfg-options",
            f"train_cfg.max_epochs={EPOCHS}", "default_hooks.checkpoint.max_keep_ckpts=-1",
            "train_dataloader.batch_size=2", *NO_VALIDATION, *options]


@pytest.fixture(scope="module")
def uninterrupted(tiny_config, tmp_path_factory):
    """The work dir of a training by two processes, and what it said."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    output = run_two(*train_command(tiny_config("pair").file, folder))
    return folder, output


@pytest.mark.slow
def test_two_processes_train(uninterrupted):
    folder, output = uninterrupted
    assert output.count("4 pictures per step: 2 x 2 processes x 1 batches") == 1
    assert not any(key.startswith("module.") for key in weights(folder / "epoch_1.pth"))
    assert len(list(folder.glob("epoch_*.pth"))) == EPOCHS


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes in /proc")
@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_process_is_started_again(uninterrupted, tiny_config, tmp_path, rank):
    process = start(torchrun("--standalone", "--nproc-per-node", 2, "--max-restarts", 1)
                    + train_command(tiny_config("pair").file, tmp_path))
    wait_for(tmp_path / "epoch_2.pth", process)
    os.kill(process_of_rank(process.pid, rank), signal.SIGKILL)
    output = finish(process)
    assert "resumed epoch" in output
    last = f"epoch_{EPOCHS}.pth"
    assert_equal(weights(tmp_path / last), weights(uninterrupted[0] / last))


@pytest.mark.slow
def test_two_processes_replace_no_older_training(uninterrupted, tiny_config, tmp_path):
    (tmp_path / "epoch_9.pth").write_bytes((uninterrupted[0] / "epoch_2.pth").read_bytes())
    process = start(torchrun("--standalone", "--nproc-per-node", 2)
                    + train_command(tiny_config("pair").file, tmp_path))
    output, _ = process.communicate(timeout=120)
    assert process.returncode
    assert f"error: {tmp_path} holds the checkpoints of an earlier training" in output
    assert [path.name for path in tmp_path.glob("*.pth")] == ["epoch_9.pth"]


@pytest.mark.slow
def test_two_processes_validate_and_one_goes_on(tiny_config, tmp_path):
    """The average of the weights, with the statistics that the checkpoint holds."""
    def command(epochs, *arguments):
        return [TRAIN, tiny_config("validated").file, "--work-dir", tmp_path, *arguments,
                f"train_cfg.max_epochs={epochs}", "ema.momentum=0.1"]

    run_two(*command(1, "--cfg-options", "train_dataloader.batch_size=2"))
    found = json.loads((tmp_path / "predictions.json").read_text())
    with one_thread():
        evaluate(tiny_config("tested", ["test_time.faster=False"]), tmp_path / "epoch_1.pth",
                 tmp_path / "alone")
    assert found
    assert found == json.loads((tmp_path / "alone" / "predictions.json").read_text())
    output = run(sys.executable, *command(2, "--resume", "--cfg-options",
                                          "train_dataloader.batch_size=4"))
    assert "resumed epoch: 1, iter: 2" in output
    assert (tmp_path / "epoch_2.pth").exists()


@pytest.mark.slow
def test_each_process_stores_the_step_that_broke(tiny_config, tmp_path):
    process = start(torchrun("--standalone", "--nproc-per-node", 2) + train_command(
        tiny_config("broken").file, tmp_path, "optim_wrapper.optimizer.lr=1e38",
        "optim_wrapper.max_bad_steps=1"))
    assert "of 1 steps in a row was not finite" in process.communicate(timeout=120)[0]
    steps = [read_bad_step(tmp_path / f"bad_step_iter_2_rank_{rank}.pth") for rank in (0, 1)]
    assert [step.rank for step in steps] == [0, 1]
    pictures = [path for step in steps for path in step.batches[0]["image_paths"]]
    assert len(set(pictures)) == 4


@pytest.fixture
def two_hosts():
    """Names of two network namespaces, 10.77.0.1 and 10.77.0.2, joined by a cable."""
    names = [f"aepose{os.getpid()}{side}" for side in "ab"]
    commands = [["netns", "add", name] for name in names]
    commands += [["link", "add", "cable0", "netns", names[0], "type", "veth",
                  "peer", "name", "cable0", "netns", names[1]]]
    for number, name in enumerate(names, start=1):
        commands += [["-n", name, "addr", "add", f"10.77.0.{number}/24", "dev", "cable0"],
                     ["-n", name, "link", "set", "cable0", "up"],
                     ["-n", name, "link", "set", "lo", "up"]]
    if shutil.which("ip") is None:
        pytest.skip("needs the command ip")
    try:
        for command in commands:
            result = subprocess.run(["ip", *command], capture_output=True, text=True)
            if result.returncode:
                pytest.skip(f"network namespaces are not permitted: {result.stderr.strip()}")
        yield names
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


@pytest.mark.slow
def test_two_machines_train(two_hosts, uninterrupted, tiny_config, tmp_path):
    config = tiny_config("pair").file
    processes = [
        start(["ip", "netns", "exec", name, "env", "GLOO_SOCKET_IFNAME=cable0",
               *torchrun("--nnodes", 2, "--node-rank", number, "--master-addr", "10.77.0.1",
                         "--master-port", PORT, "--nproc-per-node", 1),
               *train_command(config, tmp_path)])
        for number, name in enumerate(two_hosts)]
    outputs = [finish(process) for process in processes]
    assert "2 processes on 2 machine(s)" in outputs[0]
    assert "2 processes on" not in outputs[1]
    last = f"epoch_{EPOCHS}.pth"
    assert_equal(weights(tmp_path / last), weights(uninterrupted[0] / last))


@pytest.mark.parametrize(("count", "run_id", "mark", "checkpoint", "expected"), [
    (None, None, None, 10, False),             # not started by torchrun
    ("0", "none", None, None, False),
    ("0", "none", "", 10, False),              # a new run in the folder of an old one
    ("1", "none", "", None, False),            # died before its first checkpoint
    ("1", "none", "", -10, False),             # the checkpoint is of an older run
    ("1", "none", "", 10, True),
    ("1", "7", "7", 10, True),
    ("0", "7", "7", 10, True),                 # a job that a scheduler runs again
    ("0", "8", "7", 10, False),
    ("1", "none", None, 10, False),            # no run began in this folder
])
def test_goes_on(tmp_path, monkeypatch, count, run_id, mark, checkpoint, expected):
    for name, value in (("RESTART_COUNT", count), ("RUN_ID", run_id)):
        if value is None:
            monkeypatch.delenv(f"TORCHELASTIC_{name}", raising=False)
        else:
            monkeypatch.setenv(f"TORCHELASTIC_{name}", value)
    begun = time.time() - 100
    if mark is not None:
        (tmp_path / ".run_id").write_text(mark)
        os.utime(tmp_path / ".run_id", (begun, begun))
    if checkpoint is not None:
        (tmp_path / "epoch_1.pth").touch()
        os.utime(tmp_path / "epoch_1.pth", (begun + checkpoint,) * 2)
    assert goes_on(tmp_path) is expected


def test_one_process_needs_no_group(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    with process_group():
        assert not torch.distributed.is_initialized()
    network = torch.nn.Linear(1, 1)
    assert wrap_model(network, sync_bn=True) is network


def test_sync_bn_needs_gpus(monkeypatch):
    monkeypatch.setattr("aepose.engine.distributed.is_distributed", lambda: True)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ConfigError, match="sync_bn needs GPUs"):
        wrap_model(torch.nn.BatchNorm2d(1), sync_bn=True)


@pytest.mark.parametrize(("gpus", "place", "expected"), [
    (0, "1", "cpu"), (2, None, "cuda:0"), (2, "1", "cuda:1")])
def test_local_device(monkeypatch, gpus, place, expected):
    set_place(monkeypatch, gpus, place)
    assert local_device() == torch.device(expected)


def test_more_processes_than_gpus(monkeypatch):
    set_place(monkeypatch, 2, "2")
    with pytest.raises(ConfigError, match=r"process 2 .* there are 2; .*--nproc-per-node 2"):
        local_device()


def set_place(monkeypatch, gpus, place):
    monkeypatch.setattr("torch.cuda.is_available", lambda: gpus > 0)
    monkeypatch.setattr("torch.cuda.device_count", lambda: gpus)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    if place is not None:
        monkeypatch.setenv("LOCAL_RANK", place)
