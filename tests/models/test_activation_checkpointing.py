import copy

import pytest
import torch
from torch import nn

from aepose.errors import ConfigError
from aepose.models.activation_checkpointing import checkpoint_activations
from aepose.models.backbones.blocks import BasicBlock, Bottleneck
from aepose.models.backbones.hourglass_ae import Hourglass
from aepose.models.backbones.mobilenet_v2 import InvertedResidual

NETWORKS = {
    "BasicBlock": lambda: nn.Sequential(BasicBlock(4), BasicBlock(4)),
    "Bottleneck": lambda: nn.Sequential(Bottleneck(4, 2), Bottleneck(8, 2)),
    "InvertedResidual": lambda: nn.Sequential(InvertedResidual(4, 4, 1, 6),
                                              InvertedResidual(4, 8, 2, 6)),
    "Hourglass": lambda: nn.Sequential(nn.Conv2d(4, 4, 1), Hourglass((4, 6, 8))),
}


def step(network, images):
    """Output, gradients and buffers of two training steps, and the bytes kept for each backward."""
    kept = []

    def keep(tensor):
        kept.append(tensor.nbytes)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = network(images)
    kept = sum(kept)
    output.square().mean().backward()
    network(images).square().mean().backward()
    found = {"output": output.detach(), **{n: p.grad for n, p in network.named_parameters()},
             **dict(network.named_buffers())}
    return found, kept


@pytest.mark.parametrize("name", NETWORKS)
def test_a_step_is_the_same_with_less_memory(name):
    images = torch.rand(2, 4, 16, 16)  # no gradient: the first block's weights need theirs
    found = []
    for checkpointed in (False, True):
        torch.manual_seed(0)
        network = NETWORKS[name]().train()
        if checkpointed:
            assert checkpoint_activations(network) == sum(
                not isinstance(child, nn.Conv2d) for child in network)
        found.append(step(network, images))
    (plain, much), (again, little) = found
    assert plain.keys() == again.keys()
    assert not [key for key in plain if not torch.equal(plain[key], again[key])]
    assert little < much / 2


def test_frozen_blocks_stay_frozen():
    network = NETWORKS["BasicBlock"]().eval()
    checkpoint_activations(network)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    network(torch.rand(2, 4, 8, 8)).sum().backward()
    assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())
    assert all(p.grad is not None for p in network.parameters())


def test_a_copy_checkpoints_its_own():
    """Nothing of a block is replaced: its copy computes with its own weights."""
    network = NETWORKS["BasicBlock"]().train()
    names = list(network.state_dict())
    checkpoint_activations(network)
    copied = copy.deepcopy(network)
    for parameter in network.parameters():
        parameter.data.fill_(torch.nan)
    copied(torch.rand(2, 4, 8, 8)).sum().backward()
    assert list(network.state_dict()) == names
    assert all(p.grad.isfinite().all() for p in copied.parameters())


@pytest.mark.parametrize("dtype", [None, "bfloat16"])
def test_the_detector_trains_the_same(tiny_config, dtype):
    images, gradients = torch.rand(2, 3, 64, 64), []
    for checkpointed in (False, True):
        torch.manual_seed(0)
        options = [f"model.activation_checkpointing={checkpointed}",
                   f"model.backbone_dtype={dtype}"]
        model = tiny_config("checkpointed", options).network()
        assert model.backbone.stage2[0].training
        model(images)[0].square().mean().backward()
        gradients.append({n: p.grad for n, p in model.named_parameters()})
    assert gradients[0].keys() == gradients[1].keys()
    assert all(torch.equal(gradients[0][n], gradients[1][n]) for n in gradients[0])


def test_compiled_or_checkpointed(tiny_config):
    with pytest.raises(ConfigError, match=r"model\.compile: choose one"):
        tiny_config("both", ["model.compile=True",
                                         "model.activation_checkpointing=True"]).network()


def test_a_compiled_network_is_the_same(tiny_config, monkeypatch):
    compiled = []

    def compile_quickly(function):
        compiled.append(function.__name__)
        return torch.compiler.disable(function)

    monkeypatch.setattr("torch.compile", compile_quickly)
    torch.manual_seed(0)
    plain = tiny_config("plain").network()
    torch.manual_seed(0)
    model = tiny_config("compiled", ["model.compile=True"]).network()
    assert compiled == ["maps"]
    assert list(plain.state_dict()) == list(model.state_dict())


@pytest.mark.slow
def test_compile_captures_the_whole_network(tiny_config):
    torch.manual_seed(0)
    model = tiny_config("whole", ["test_time.dtype=bfloat16"]).network().eval()
    images = torch.rand(2, 3, 64, 64)
    whole = torch.compile(model.maps, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(whole(images), model.maps(images), rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("outer", [None, torch.bfloat16])
def test_head_and_losses_are_computed_in_float32(tiny_config, outer):
    model = tiny_config("amp", ["model.backbone_dtype=bfloat16"]).network()
    seen = {}
    model.backbone.register_forward_hook(lambda *args: seen.update(backbone=args[-1][0].dtype))
    with torch.autocast("cpu", outer, enabled=outer is not None):
        maps = model(torch.rand(1, 3, 64, 64))
    assert seen == {"backbone": torch.bfloat16}
    assert [m.dtype for m in maps] == [torch.float32]
