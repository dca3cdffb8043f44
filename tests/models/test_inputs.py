"""No part of a network changes what it is given."""

import numpy as np
import pytest
import torch
from torch.utils._pytree import tree_leaves

from aepose.models.backbones.blocks import BasicBlock, Bottleneck, ConvBN
from aepose.models.backbones.hourglass_ae import Hourglass
from aepose.models.backbones.hrnet import FuseLayers, HRModule
from aepose.models.backbones.mobilenet_v2 import InvertedResidual
from aepose.models.losses import PoseLoss, SWAHRLoss
from aepose.registry import MODELS
from aepose.structures import HeadOutput
from tests.models.test_associative_embedding import build_architecture, two_targets
from tests.models.test_backbones import TINY
from tests.models.test_heads import AEHigherResolutionHead, AEMultiStageHead, make_head


def images(side=64):
    return torch.randn(2, 3, side, side)


def features(*channels):
    return [torch.randn(2, c, 8 // 2**i, 8 // 2**i) for i, c in enumerate(channels)]


def same_size(number):
    return [torch.randn(2, 6, 6, 5) for _ in range(number)]


def loss_and_input(make_codec, loss):
    (targets,) = two_targets(make_codec(128))
    maps = torch.randn(2, 9, 32, 32)
    return loss, HeadOutput(maps[:, :3], maps[:, 3:6], maps[:, 6:]), targets


# Registered name, or class -> what makes the part and its input, given a function for codecs and
# three keypoints.
PARTS = {
    "HRNet": lambda make, m: (TINY["hrnet"][0](m), images()),
    "HourglassAENet": lambda make, m: (TINY["hourglass"][0](m), images()),
    "MobileNetV2": lambda make, m: (TINY["mobilenet"][0](m), images()),
    "ResNet": lambda make, m: (TINY["resnet"][0](m), images()),
    "Timm": lambda make, m: (TINY["timm"][0](m), images()),
    "AESimpleHead": lambda make, m: (
        make_head(m, num_deconv_layers=1, scales=True), features(8, 4)),
    "AEHigherResolutionHead": lambda make, m: (
        make_head(m, [None] * 2, AEHigherResolutionHead, scales=True), features(8, 4)),
    "AEMultiStageHead": lambda make, m: (
        make_head(m, [None] * 2, AEMultiStageHead, (6, 6)), same_size(2)),
    "PoseLoss": lambda make, m: loss_and_input(make, PoseLoss()),
    "SWAHRLoss": lambda make, m: loss_and_input(make, SWAHRLoss()),
    "AssociativeEmbedding": lambda make, m: (build_architecture("higherhrnet", make), images()),
    HRModule: lambda make, m: (HRModule([4, 8], num_blocks=1, num_outputs=2), features(4, 8)),
    FuseLayers: lambda make, m: (FuseLayers([4, 8], num_outputs=2), features(4, 8)),
    Hourglass: lambda make, m: (Hourglass((4, 6, 8)), features(4)[0]),
    Bottleneck: lambda make, m: (Bottleneck(8, 2), features(8)[0]),
    BasicBlock: lambda make, m: (BasicBlock(8), features(8)[0]),
    InvertedResidual: lambda make, m: (InvertedResidual(8, 8, 1, 6), features(8)[0]),
    ConvBN: lambda make, m: (ConvBN(8, 8, 3), features(8)[0]),
}


def assert_input_stays(module, *given, grad):
    """Neither the lists that a module is given nor the tensors in them change."""
    parts = [vars(part) if hasattr(part, "__dict__") and not isinstance(part, torch.Tensor)
             else part for part in given]
    before = tree_leaves(parts)
    copies = [leaf.clone() for leaf in before]
    with torch.set_grad_enabled(grad):
        module(*given)
    after = tree_leaves(parts)
    assert [id(leaf) for leaf in after] == [id(leaf) for leaf in before]
    assert all(torch.equal(leaf, copy) for leaf, copy in zip(after, copies, strict=True))
    assert before


@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize("part", PARTS, ids=str)
def test_inputs_stay(make_codec, three, part, grad):
    module, *given = PARTS[part](make_codec, three)
    assert_input_stays(module.train(grad), *given, grad=grad)


def test_targets_stay(make_codec):
    model = build_architecture("higherhrnet", make_codec).train()
    targets = two_targets(model.codec)
    before = [[value.clone() for value in vars(t).values()] for t in targets]
    model(images(128), targets=targets, mode="loss")["heatmap_loss"].backward()
    after = [list(vars(t).values()) for t in targets]
    assert all(torch.equal(a, b) for a, b in zip(
        tree_leaves(after), tree_leaves(before), strict=True))


def test_the_table_has_every_registered_part():
    own = {name for name, cls in MODELS.module_dict.items()
           if cls.__module__.startswith("aepose.")}
    assert own == {part for part in PARTS if isinstance(part, str)}


def test_a_module_that_changes_its_input_is_found():
    with pytest.raises(AssertionError):
        assert_input_stays(lambda maps: maps.pop(), features(4, 8), grad=False)
    with pytest.raises(AssertionError):
        assert_input_stays(torch.relu_, torch.tensor(np.float32([-1])), grad=False)
