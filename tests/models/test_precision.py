"""What networks compute on a device in each type of number, against float64 on the CPU."""

import copy

import numpy as np
import pytest
import torch

from aepose.codecs.aggregation import aggregate
from aepose.datasets.transforms import make_eval_item
from aepose.engine import GuardedOptimWrapper, ScaledOptimWrapper
from tests.models.test_associative_embedding import (
    ARCHITECTURES,
    build_architecture,
    two_targets,
)
from tests.models.test_fuse import randomise

# Type of a test -> largest difference, as a share of the largest value. With TF32, which has the
# bits of float16, float32 would be a hundred times as far off.
TESTED = {None: 5e-5, "bfloat16": 0.05, "float16": 0.01}
EXACT = 1e-9
# What CPUs are slow at is tried there by these alone.
ON_CPUS = {("hrnet", "bfloat16"), ("hourglass", "bfloat16")}


def exact_copy(model, device="cpu", memory_format=torch.contiguous_format):
    return copy.deepcopy(model).double().to(device, memory_format=memory_format)


def assert_near(found, expected, share):
    assert found.shape == expected.shape
    off = (found.detach().cpu().double() - expected.detach().double()).abs().max()
    assert off <= share * expected.abs().max(), f"{float(off / expected.abs().max()):.1e}"


def _cases():
    for name in ARCHITECTURES:
        for dtype in TESTED:
            yield pytest.param(name, dtype, id=f"{name}-{dtype}")


@torch.no_grad()
@pytest.mark.parametrize(("name", "dtype"), list(_cases()))
def test_maps_of_a_test(device, make_codec, name, dtype):
    if device.type == "cpu" and dtype is not None and (name, dtype) not in ON_CPUS:
        pytest.skip("left to GPUs, for the sake of time")
    model = randomise(build_architecture(
        name, make_codec, flip=False, project2image=False, dtype=dtype))
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    item = make_eval_item(image, model.codec, (1,))
    (images,) = model.data_preprocessor({"items": [item]})["images"]
    exact, images = exact_copy(model), model.data_preprocessor.normalise(images).double()
    outputs = exact.keypoint_head.split(exact.keypoint_head(exact.backbone(images)))
    expected = aggregate((1,), [[[outputs[i] for i in model.test_outputs]]], None, False)

    model = model.to(device).prepare_for_test()
    found = model.aggregate(model.data_preprocessor({"items": [item]})["images"], item)
    for maps, wanted in zip(found, expected, strict=True):
        assert (maps.device.type, maps.dtype) == (device.type, torch.float32)
        assert_near(maps, wanted, TESTED[dtype])


def exact_step(model, device="cpu"):
    """Change weights by a step of gradient descent in float64; return the losses."""
    images = torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(0)).double()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = model(images.to(device), targets=[t.to(device) for t in two_targets(model.codec)],
                   mode="loss")
    sum(value for name, value in losses.items() if name.endswith("_loss")).backward()
    optimiser.step()
    return losses


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_training_step_in_float64(device, make_codec, name):
    """Losses, weights and running statistics, with another layout in memory than the CPU's."""
    model = randomise(build_architecture(name, make_codec)).train()
    plain, other = exact_copy(model), exact_copy(model, device, torch.channels_last)
    expected, found = exact_step(plain), exact_step(other, device)
    assert {value.dtype for value in found.values()} == {torch.float64}
    for key, value in expected.items():
        assert_near(found[key], value, EXACT)
    before, after, moved = model.state_dict(), plain.state_dict(), other.state_dict()
    for key, value in after.items():
        assert_near(moved[key], value, EXACT)
    assert sum(not torch.equal(before[key].double(), after[key]) for key in after) > len(after) / 2


@pytest.mark.parametrize(("dtype", "share"), [(None, 0.01), ("bfloat16", 0.05), ("float16", 0.02)])
def test_training_steps_under_autocast(device, tiny_config, dtype, share):
    """The first losses are nearly the CPU's in float32 (a GPU trains in TF32); steps are taken."""
    if device.type == "cpu" and dtype is not None:
        pytest.skip("tests/engine/test_amp.py trains on CPUs")
    cfg = tiny_config("autocast", [f"model.backbone_dtype={dtype!r}"])
    model, exact = cfg.network().train(), tiny_config("exact").network().train()
    exact.load_state_dict(model.state_dict())
    batch = next(iter(cfg.dataloader("train")))
    expected = exact(**exact.data_preprocessor(batch, True), mode="loss")

    model.to(device)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01, fused=True)
    wrapper = (ScaledOptimWrapper(optimiser, init_scale=1024.0) if dtype == "float16"
               else GuardedOptimWrapper(optimiser))
    wrapper.message_hub = type(wrapper.message_hub)("autocast")
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    losses = [model.train_step(batch, wrapper) for _ in range(3)]
    for name, value in expected.items():
        assert_near(losses[0][name], value, share)
    assert losses[2]["loss"] < losses[0]["loss"]
    assert all(p.isfinite().all() and not torch.equal(before[n], p)
               for n, p in model.named_parameters())
    assert not wrapper.bad_steps
