"""Networks that are made faster for tests give the same maps."""

import numpy as np
import pytest
import torch
from torch import nn

from aepose.datasets.transforms import make_eval_item
from aepose.models import AssociativeEmbedding
from aepose.models.fuse import fuse_conv_bn
from aepose.structures import EvalSettings
from tests.conftest import TINY_HRNET
from tests.models.test_associative_embedding import (
    ARCHITECTURES,
    HEAD,
    build_architecture,
    two_targets,
)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_made_faster_for_tests(make_codec, name):
    """The same maps from fewer layers."""
    model = build_architecture(name, make_codec, flip=True).eval()
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.running_var, 0.5, 2)
            nn.init.normal_(part.running_mean, std=0.1)
    item = make_eval_item(np.random.RandomState(0).randint(0, 256, (64, 80, 3), np.uint8),
                          model.codec, (1,))
    images = model.data_preprocessor({"items": [item]})["images"]
    faster = model.prepare_for_test()
    with torch.no_grad():
        expected, found = (m.aggregate(images, item) for m in (model, faster))
    # An hourglass has layers whose BatchNorm comes first.
    assert sum(isinstance(m, nn.BatchNorm2d) for m in faster.modules()) < 2
    assert any(p.is_contiguous(memory_format=torch.channels_last) and not p.is_contiguous()
               for p in faster.parameters() if p.ndim == 4)
    for one, other in zip(expected, found, strict=True):
        torch.testing.assert_close(other, one, atol=1e-4 * float(one.abs().max()), rtol=0)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_weights_are_converted_once(make_codec, dtype):
    """To what autocast makes of them every time."""
    model = AssociativeEmbedding({**TINY_HRNET}, {**HEAD}, make_codec(),
                                 EvalSettings(dtype=dtype)).eval()
    images = torch.randn(1, 3, 64, 64)
    faster = model.prepare_for_test()
    with torch.no_grad():
        (expected,) = fuse_conv_bn(model, images).maps(images)
        (found,) = faster.maps(images)
    assert {p.dtype for p in faster.backbone.parameters()} == {getattr(torch, dtype)}
    assert {p.dtype for p in faster.keypoint_head.parameters()} == {torch.float32}
    assert torch.equal(found, expected)


def test_only_where_wanted(make_codec):
    model = AssociativeEmbedding({**TINY_HRNET}, {**HEAD}, make_codec(), EvalSettings(faster=False))
    images = torch.randn(1, 3, 64, 64)
    plain = model.train().prepare_for_test()
    assert not plain.training
    assert list(plain.state_dict()) == list(model.state_dict())
    with torch.no_grad():
        assert torch.equal(plain.maps(images)[0], model.eval().maps(images)[0])


def facts(model):
    """Everything of a network that a training goes on from."""
    state = model.state_dict(keep_vars=True)
    return {
        "objects": {k: id(v) for k, v in state.items()},
        "memory": {k: (v.data_ptr(), v.stride(), v.dtype, v.device) for k, v in state.items()},
        "gradients": {k: v.requires_grad for k, v in state.items()},
        "modes": {k: (type(m), m.training) for k, m in model.named_modules()},
    }


@pytest.mark.parametrize("options", [
    {}, {"dtype": "bfloat16"}, {"faster": False}, {"channels_last": False},
    {"activation_checkpointing": True},
], ids=str)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_trained_network_stays_as_it_is(make_codec, name, options, tmp_path):
    """It is saved, loaded and trained on as if there were no second one."""
    torch.manual_seed(0)
    options = dict(options)
    built = {k: options.pop(k) for k in ("channels_last", "activation_checkpointing")
             if k in options}
    model = build_architecture(name, make_codec, built, **options).train()
    before, values = facts(model), {k: v.clone() for k, v in model.state_dict().items()}
    second = model.prepare_for_test()
    with torch.no_grad():
        second.maps(torch.rand(1, 3, 64, 64))
    second.to(torch.float64)
    assert facts(model) == before
    assert all(torch.equal(v, values[k]) for k, v in model.state_dict().items())

    torch.save(model.state_dict(), tmp_path / "saved.pth")
    other = build_architecture(name, make_codec, built, **options).train()
    other.load_state_dict(torch.load(tmp_path / "saved.pth", weights_only=True))
    images, losses = torch.randn(2, 3, 128, 128), []
    for network in (model, other):
        found = network(images, targets=two_targets(network.codec), mode="loss")
        sum(v for k, v in found.items() if k.endswith("_loss")).backward()
        losses.append({k: v.item() for k, v in found.items()})
    assert losses[0] == losses[1]
    assert all(p.grad is not None for p in model.parameters())


def memory(model):
    return {t.untyped_storage().data_ptr() for t in (*model.parameters(), *model.buffers())}


def test_what_does_not_change_is_shared(make_codec):
    """All of it, where nothing is made faster; else all but what is folded or converted."""
    model = build_architecture("higherhrnet", make_codec)
    plain = build_architecture("higherhrnet", make_codec, faster=False)
    assert memory(plain.prepare_for_test()) == memory(plain)
    second = model.prepare_for_test()
    shared = {name for name, p in second.named_parameters()
              if p.data_ptr() in {q.data_ptr() for q in model.parameters()}}
    final = {f"keypoint_head.final_layers.{i}.{part}"
             for i in (0, 1) for part in ("weight", "bias")}
    assert shared == final       # behind all other convolutions there is a BatchNorm
    assert not any(p.requires_grad for p in second.parameters())
