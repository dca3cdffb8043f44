"""Whole trainings on a device: types of numbers, resuming, processes."""

import pytest
import torch

from aepose.apis.train import train
from tests.engine import synced
from tests.engine.processes import TRAIN, run, run_two, torchrun
from tests.engine.runs import logged, scalars, weights

# A step's losses depend on the order of sums, which a GPU does not keep to.
NEAR = 1e-2


@pytest.mark.parametrize("options", [
    [], ["ema.momentum=0.1"], ["model.backbone_dtype='bfloat16'"],
    ["model.backbone_dtype='float16'", "optim_wrapper.optimizer.fused=True"],
    ["model.activation_checkpointing=True", "train_dataloader.num_workers=2"],
], ids=["plain", "ema", "bfloat16", "float16", "checkpointing"])
def test_training_goes_on_from_a_checkpoint(device, tiny_config, tmp_path, options):
    """With validations, whose people are decoded on the device."""
    if options and device.type == "cpu":
        pytest.skip("left to GPUs: other tests train on CPUs in many ways")
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    runner = train(tiny_config("device_whole", options), whole)
    assert {p.device.type for p in runner.model.parameters()} == {device.type}
    other = train(tiny_config("device_resumed", options), resumed, str(whole / "epoch_1.pth"))
    # As they are: those in the log are averages over the last steps.
    losses, again = (r.message_hub.get_scalar("train/loss").data[0] for r in (runner, other))
    assert (len(losses), len(again)) == (4, 2)
    assert again == pytest.approx(losses[2:], rel=NEAR)
    for folder in (whole, resumed):
        assert all(v.isfinite().all() for v in weights(folder / "epoch_2.pth").values())
        assert (folder / "metrics.json").is_file()


@pytest.mark.slow
def test_one_process_of_torchrun(device, tiny_config, tmp_path):
    """Through NCCL, and with synchronised BatchNorm, where there is a GPU."""
    plain, joined = tmp_path / "plain", tmp_path / "joined"
    config = tiny_config("one_process")
    train(config, plain)
    on_gpu = device.type == "cuda"
    run(*torchrun("--standalone", "--nproc-per-node", 1), TRAIN, config.file,
        "--work-dir", joined, *(["--sync-bn"] if on_gpu else []))
    backend = "nccl" if on_gpu else "gloo"
    assert f"1 processes on 1 machine(s), on {device.type} through {backend}" in logged(joined)
    assert scalars(joined, "loss") == pytest.approx(scalars(plain, "loss"), rel=NEAR)
    assert weights(joined / "epoch_2.pth").keys() == weights(plain / "epoch_2.pth").keys()


def test_synchronised_statistics_are_those_of_the_joined_batch(
        gpu, tiny_config, tmp_path, monkeypatch):
    config = tiny_config("synced")
    batch = next(iter(config.dataloader("train")))
    torch.save(batch, tmp_path / "batch.pth")
    run_two(synced.__file__, tmp_path, config.file)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    torch.manual_seed(0)
    expected = synced.gradients_and_statistics(config.network().to(gpu), batch)
    largest = max(value.abs().max() for value in expected.values())
    for rank in (0, 1):
        found = torch.load(tmp_path / f"rank_{rank}.pth", weights_only=True)
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value, rtol=1e-3, atol=1e-4 * float(largest),
                                       msg=name)


@pytest.mark.parametrize(("gpus", "split", "expected"), [
    (True, "train", True), (True, "val", False), (False, "train", False)])
def test_batches_for_a_gpu_wait_in_memory_that_stays(
        tiny_config, monkeypatch, gpus, split, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus)
    assert tiny_config("pinned").loader_options(split)["pin_memory"] is expected


def test_targets_are_pinned(gpu, tiny_config):
    batch = next(iter(tiny_config("pinned").dataloader("train")))
    tensors = [batch["images"], *(value for t in batch["targets"] for value in vars(t).values())]
    assert all(tensor.is_pinned() for tensor in tensors)
