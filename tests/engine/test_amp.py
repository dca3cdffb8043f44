import pytest
import torch
from torch import nn

from aepose.apis.train import train
from aepose.engine import GuardedOptimWrapper, ScaledOptimWrapper

OPTIONS = ["val_dataloader=None", "val_evaluator=None", "visualizer=None"]


def wrap(cls=ScaledOptimWrapper, device="cpu", **options):
    torch.manual_seed(0)
    network = nn.Linear(2, 1).to(device)
    return network, cls(optimizer=torch.optim.SGD(network.parameters(), lr=0.5), **options)


def take_step(network, wrapper, inputs):
    with wrapper.optim_context(network):
        loss = network(inputs.to(network.weight.device)).square().mean()
    wrapper.update_params(loss)
    return {name: p.detach().clone() for name, p in network.named_parameters()}


@pytest.mark.parametrize("options", [
    {}, {"clip_grad": {"max_norm": 0.01}}, {"accumulative_counts": 2}])
def test_scaling_changes_no_step(device, options):
    found = []
    for cls in (GuardedOptimWrapper, ScaledOptimWrapper):
        network, wrapper = wrap(cls, device, **options)
        for inputs in torch.tensor([[[1.0, 2.0]], [[0.5, -1.0]]]):
            last = take_step(network, wrapper, inputs)
        found.append(last)
    for name, value in found[0].items():
        torch.testing.assert_close(found[1][name], value)


def test_an_overflow_halves_the_scale_and_changes_nothing(device):
    network, wrapper = wrap(device=device, init_scale=2.0**16)
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    after = take_step(network, wrapper, torch.full((1, 2), 1e18))
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert wrapper.loss_scaler.get_scale() == 2.0**15
    assert not wrapper.gave_up


def test_the_scale_is_stored():
    _, wrapper = wrap(init_scale=8.0)
    _, other = wrap()
    other.load_state_dict(wrapper.state_dict())
    assert other.loss_scaler.get_scale() == 8.0
    _, unscaled = wrap(GuardedOptimWrapper)
    other.load_state_dict(unscaled.state_dict())
    assert other.loss_scaler.get_scale() == 8.0


@pytest.mark.parametrize(("dtype", "wrapper"), [
    ("float16", ScaledOptimWrapper), ("bfloat16", None), (None, None)])
def test_float16_trains_with_scaled_losses(tiny_config, tmp_path, dtype, wrapper):
    cfg = tiny_config("amp", [*OPTIONS, f"model.backbone_dtype={dtype}"])
    runner = train(cfg, tmp_path)
    assert isinstance(runner.optim_wrapper, ScaledOptimWrapper) == (wrapper is not None)
    saved = torch.load(tmp_path / "epoch_2.pth", weights_only=True)
    assert ("loss_scaler" in saved["optimizer"]) == (wrapper is not None)
    assert all(value.isfinite().all() for value in saved["state_dict"].values())
    assert all(value.dtype != torch.float16 for value in saved["state_dict"].values())


def test_a_scaled_run_is_resumed(tiny_config, tmp_path):
    options = [*OPTIONS, "model.backbone_dtype=float16"]
    train(tiny_config("amp_whole", options), tmp_path / "whole")
    train(tiny_config("amp_resumed", options), tmp_path / "resumed",
          str(tmp_path / "whole" / "epoch_1.pth"))
    old, new = (torch.load(tmp_path / name / "epoch_2.pth", weights_only=True)
                for name in ("whole", "resumed"))
    assert all(torch.equal(old["state_dict"][k], new["state_dict"][k]) for k in old["state_dict"])
    assert old["optimizer"]["loss_scaler"] == new["optimizer"]["loss_scaler"]
