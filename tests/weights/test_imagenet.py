import pytest
import torch
import torchvision
from torch import nn

from aepose.errors import CheckpointError
from aepose.models import HRNet, MobileNetV2, ResNet
from aepose.models.backbones.hrnet import FuseLayers
from aepose.weights.imagenet import convert_backbone_state, load_backbone
from tests.conftest import TINY_HRNET


def tiny_hrnet():
    return HRNet(**{**{k: v for k, v in TINY_HRNET.items() if k != "type"},
                    "num_modules": (1, 1, 2)})


def randomise(network):
    """Weights and statistics that no two layers share."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for value in (module.weight, module.running_var):
                nn.init.uniform_(value, 0.5, 1.5)
            for value in (module.bias, module.running_mean):
                nn.init.normal_(value)
    return network.eval()


def resnet_features(network, x):
    return nn.Sequential(*list(network.children())[:-2])(x)


def mobilenet_features(network, x):
    return network.features(x)


TORCHVISION = [
    (torchvision.models.resnet50, lambda: ResNet(50), resnet_features),
    (torchvision.models.mobilenet_v2, MobileNetV2, mobilenet_features),
]


@pytest.mark.parametrize(("theirs", "ours", "features"), TORCHVISION)
def test_features_are_those_of_torchvision(theirs, ours, features):
    reference, backbone = randomise(theirs(weights=None)), ours().eval()
    load_backbone(backbone, reference.state_dict(), "weights.pth")
    # Large enough for ReLU6 to clip.
    x = 20 * torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        expected = features(reference, x)
        (found,) = backbone(x)
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize(("theirs", "depth"), [
    (torchvision.models.resnet101, 101), (torchvision.models.resnet152, 152),
])
def test_names_are_those_of_torchvision(theirs, depth):
    with torch.device("meta"):
        state, own = theirs(weights=None).state_dict(), ResNet(depth).state_dict()
    converted = convert_backbone_state("ResNet", state)
    assert {k: v.shape for k, v in converted.items()} == {k: v.shape for k, v in own.items()}


def imagenet_hrnet():
    """The state of a small HRNet as a file of ImageNet weights has it."""
    network = tiny_hrnet()
    network.stage4[-1].fuse_layers = FuseLayers([4, 8, 16, 32], num_outputs=4)
    randomise(network)
    others = ("incre_modules.0.0.conv1.weight", "downsamp_modules.0.0.weight",
              "final_layer.0.weight", "classifier.weight", "classifier.bias")
    return network, {**network.state_dict(), **{key: torch.zeros(3) for key in others}}


# How the same weights may be wrapped.
WRAPPINGS = {
    "as it is": lambda state: state,
    "a classifier's checkpoint": lambda state: {
        **{f"backbone.{k}": v for k, v in state.items()}, "head.fc.weight": torch.zeros(2)},
    "an old file": lambda state: {
        k: v for k, v in state.items() if not k.endswith("num_batches_tracked")},
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_hrnet(wrapping):
    source, state = imagenet_hrnet()
    backbone = tiny_hrnet().eval()
    load_backbone(backbone, WRAPPINGS[wrapping](state), "hrnet.pth")
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(backbone(x)[0], source(x)[0], rtol=0, atol=0)


@pytest.mark.parametrize(("ours", "name"), [
    (tiny_hrnet, "HRNet"), (lambda: MobileNetV2(0.25), "MobileNetV2"),
    (lambda: ResNet(50), "ResNet"),
])
def test_our_own_names_stay(ours, name):
    state = ours().state_dict()
    assert convert_backbone_state(name, state) == state


@pytest.mark.parametrize(("change", "fits"), [
    (lambda s: s, True),
    (lambda s: dict(sorted(s.items())), True),
    (lambda s: {k: v for k, v in s.items() if not k.startswith("features.3.conv.2.")}, False),
    (lambda s: {k: v for k, v in s.items() if not k.startswith("features.18.")}, False),
    (lambda s: {**s, "features.19.0.weight": torch.zeros(1)}, False),
    (lambda s: {**s, "features.4.conv.2.weight": torch.zeros(1)}, False),
], ids=["as it is", "sorted", "one less", "without the last", "one more", "another shape"])
def test_torchvision_mobilenet(change, fits):
    state = torchvision.models.mobilenet_v2(weights=None).state_dict()
    backbone = MobileNetV2()
    if not fits:
        with pytest.raises(CheckpointError, match="do not fit the backbone MobileNetV2"):
            load_backbone(backbone, change(state), "mobilenet.pth")
        return
    load_backbone(backbone, change(state), "mobilenet.pth")
    theirs = [v for k, v in state.items() if not k.startswith("classifier.")]
    ours = list(backbone.state_dict().values())
    assert len(theirs) == len(ours) == 312
    assert all(map(torch.equal, theirs, ours))


def without(key):
    return lambda state: {k: v for k, v in state.items() if k != key}


@pytest.mark.parametrize(("change", "message"), [
    (without("bn1.weight"), r"1 missing:\n    bn1\.weight"),
    (lambda s: {**s, "conv9.weight": torch.zeros(1)}, r"1 unexpected:\n    conv9\.weight"),
    # Towards a branch of a module that is not the last, so not among the unused ones.
    (lambda s: {**s, "stage4.0.fuse_layers.9.0.weight": torch.zeros(1)}, "1 unexpected"),
    (lambda s: {**s, "conv1.weight": torch.zeros(8, 3, 5, 5)},
     r"1 wrong shape:\n    conv1\.weight: file \(8, 3, 5, 5\), network \(8, 3, 3, 3\)"),
    (lambda s: {f"x.{k}": v for k, v in s.items()}, r"\d+ missing \(\+\d+ more\)"),
])
def test_a_file_that_does_not_fit(change, message):
    _, state = imagenet_hrnet()
    backbone = tiny_hrnet()
    before = {k: v.clone() for k, v in backbone.state_dict().items()}
    with pytest.raises(CheckpointError, match=message) as caught:
        load_backbone(backbone, change(state), "hrnet_w32.pth")
    assert "hrnet_w32.pth" in str(caught.value)
    assert all(torch.equal(v, before[k]) for k, v in backbone.state_dict().items())


def test_another_depth():
    with torch.device("meta"):
        state, backbone = torchvision.models.resnet101(weights=None).state_dict(), ResNet(50)
    with pytest.raises(CheckpointError, match=r"unexpected(?s:.*)layer3\.6\.conv1\.weight"):
        load_backbone(backbone, state, "resnet101.pth")
