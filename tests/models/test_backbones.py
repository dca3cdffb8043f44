import pytest
import torch
from torch import nn

import aepose
from aepose.errors import ConfigError
from aepose.models import (
    Backbone,
    FeatureSpec,
    HourglassAENet,
    HRNet,
    MobileNetV2,
    ResNet,
    Timm,
    create_backbone,
)
from aepose.models.backbones.blocks import Bottleneck, ConvBN
from aepose.models.backbones.mobilenet_v2 import scale_channels
from aepose.registry import MODELS
from tests.conftest import TINY_HRNET

TINY_HOURGLASS = {"num_stacks": 2, "stage_channels": (8, 12, 16), "feat_channels": 6}
# Name -> what makes a small one, given three keypoints; its channels, stride and size multiple.


def make_hrnet():
    return HRNet(**{k: v for k, v in TINY_HRNET.items() if k not in ("type", "initialisation")})


TINY = {
    "hrnet": (lambda m: make_hrnet(), [4], 4, 32),
    "hourglass": (lambda m: HourglassAENet(m, **TINY_HOURGLASS), [6, 6], 4, 16),
    "hourglass, one tag map": (
        lambda m: HourglassAENet(m, **TINY_HOURGLASS, tag_per_joint=False), [4, 4], 4, 16),
    "hourglass, one stack": (
        lambda m: HourglassAENet(m, **{**TINY_HOURGLASS, "num_stacks": 1}), [6], 4, 16),
    "mobilenet": (lambda m: MobileNetV2(width=0.25), [1280], 32, 32),
    "resnet": (lambda m: ResNet(50), [2048], 32, 32),
    "timm": (lambda m: Timm("test_efficientnet", neck_channels=6), [6], 4, 32),
}


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("sides", [(1, 1), (3, 2)])
def test_what_a_backbone_declares_is_what_it_gives(three, name, sides):
    """At multiples of the smallest input that it declares."""
    make, channels, stride, multiple = TINY[name]
    backbone = make(three).eval()
    assert backbone.size_multiple == multiple
    assert backbone.out_features == tuple(FeatureSpec(c, stride) for c in channels)
    height, width = (side * multiple for side in sides)
    with torch.no_grad():
        maps = backbone(torch.zeros(2, 3, height, width))
    assert [tuple(m.shape) for m in maps] == [
        (2, f.channels, height // f.stride, width // f.stride) for f in backbone.out_features]


def test_the_table_has_every_backbone(three):
    registered = {cls for cls in MODELS.module_dict.values()
                  if isinstance(cls, type) and issubclass(cls, Backbone)}
    assert {type(make(three)) for make, *_ in TINY.values()} == registered


@pytest.mark.parametrize(("name", "options"), [
    ("HRNet", {"width": 4, "num_blocks": 1}), ("HourglassAENet", {**TINY_HOURGLASS}),
    ("MobileNetV2", {"width": 0.25}), ("ResNet", {"depth": 50}),
    ("Timm", {"name": "test_efficientnet"}),
])
def test_a_backbone_by_itself(name, options):
    backbone = aepose.create_backbone(name, metainfo="crowdpose", **options)
    assert type(backbone).__name__ == name
    with torch.no_grad():
        maps = backbone.eval()(torch.zeros(1, 3, 64, 64))
    assert [m.shape[1] for m in maps] == [f.channels for f in backbone.out_features]


@pytest.mark.parametrize(("name", "options", "message"), [
    ("HRNte", {}, "backbone 'HRNte' is unknown; did you mean 'HRNet'"),
    ("AESimpleHead", {}, "backbone 'AESimpleHead' is unknown"),
    ("HRNet", {"widht": 4}, r"backbone\.widht: HRNet has no such option; did you mean 'width'"),
    ("HourglassAENet", {}, "backbone: HourglassAENet needs metainfo"),
    ("HourglassAENet", {"metainfo": "cocoa"}, "'cocoa'.*'coco'"),
])
def test_backbones_that_cannot_be_created(name, options, message):
    with pytest.raises(ConfigError, match=message):
        create_backbone(name, **options)


@pytest.mark.parametrize("name", TINY)
def test_every_weight_is_trained(three, name):
    torch.manual_seed(0)
    backbone = TINY[name][0](three).train()
    sum(m.square().sum() for m in backbone(torch.randn(2, 3, 128, 128))).backward()
    untouched = [n for n, p in backbone.named_parameters() if p.grad is None or not p.grad.any()]
    assert not untouched


@pytest.mark.parametrize(("make", "message"), [
    (lambda m: ResNet(34), "depth = 34: ResNet has a depth of 50, 101, 152"),
    (lambda m: MobileNetV2(width=0), "width = 0: give a positive number"),
    (lambda m: HourglassAENet(m, num_stacks=0), "num_stacks = 0: give at least 1"),
    (lambda m: HourglassAENet(m, stage_channels=(8,)), r"stage_channels = \(8,\): give at least"),
])
def test_wrong_options(three, make, message):
    with pytest.raises(ConfigError, match=r"model\.backbone\." + message):
        make(three)


# Published sizes, without the classifiers.
@pytest.mark.parametrize(("make", "millions"), [
    (lambda m: ResNet(50), 23.508), (lambda m: ResNet(101), 42.500),
    (lambda m: ResNet(152), 58.144), (lambda m: MobileNetV2(), 2.224),
    (lambda m: HourglassAENet(m), 138.864),
])
def test_number_of_parameters(coco, make, millions):
    with torch.device("meta"):
        backbone = make(coco)
    count = sum(p.numel() for p in backbone.parameters())
    assert count / 1e6 == pytest.approx(millions, abs=0.0005)


@pytest.mark.parametrize(("channels", "width", "expected"), [
    (32, 1, 32), (32, 0.5, 16), (16, 0.25, 8), (24, 1.4, 32), (16, 1.4, 24), (1280, 1.4, 1792),
    (24, 0.75, 24), (16, 0.1, 8),
])
def test_channels_of_a_narrower_mobilenet(channels, width, expected):
    assert scale_channels(channels, width) == expected


@pytest.mark.parametrize(("inputs", "stride", "shortcut"), [
    (32, 1, False), (32, 2, True), (16, 1, True), (16, 2, True),
])
def test_shortcut_of_a_bottleneck(inputs, stride, shortcut):
    block = Bottleneck(inputs, 8, stride)
    assert (block.downsample is not None) == shortcut
    assert block(torch.zeros(1, inputs, 8, 6)).shape == (1, 32, 8 // stride, 6 // stride)


@pytest.mark.parametrize(("activation", "least", "most"), [
    (nn.ReLU, 0, 10), (nn.ReLU6, 0, 6), (None, -10, 10),
])
def test_activation(activation, least, most):
    layer = ConvBN(1, 1, 1, activation=activation).eval()
    nn.init.ones_(layer.conv.weight)
    out = layer(torch.tensor([-10.0, 10]).view(1, 1, 1, 2))
    assert out.flatten().tolist() == pytest.approx([least, most], rel=1e-4)


def test_hourglass_predicts_in_full_precision(three):
    backbone = HourglassAENet(three, **TINY_HOURGLASS)
    with torch.autocast("cpu", torch.bfloat16):
        maps = backbone(torch.randn(1, 3, 64, 64))
    assert {m.dtype for m in maps} == {torch.float32}


def _stds(module, kind=nn.Conv2d):
    return [m.weight.std().item() for m in module.modules() if isinstance(m, kind)]


@pytest.mark.parametrize("name", ["hrnet", "hourglass"])
def test_convolutions_start_near_zero(three, name):
    backbone = TINY[name][0](three)
    # The smallest has 24 weights.
    assert _stds(backbone) == pytest.approx([0.001] * len(_stds(backbone)), rel=0.6)
    assert not any(c.bias.any() for c in backbone.modules()
                   if isinstance(c, nn.Conv2d) and c.bias is not None)


@pytest.mark.parametrize("name", ["mobilenet", "resnet"])
def test_convolutions_start_with_the_variance_of_kaiming(three, name):
    for m in TINY[name][0](three).modules():
        if isinstance(m, nn.Conv2d) and m.weight.numel() > 1000:
            # As PyTorch counts it: of a depthwise convolution, all output channels.
            fan_out = m.weight.shape[0] * m.weight[0, 0].numel()
            assert m.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.15)
