"""Checkpoints in the names of the original HigherHRNet and SWAHR."""

import pytest
import torch

from aepose.models import AssociativeEmbedding
from aepose.structures import EvalSettings
from aepose.weights.checkpoint import load_weights, read_checkpoint
from aepose.weights.imagenet import load_backbone
from aepose.weights.original_names import with_own_names, without_wrappers
from tests.conftest import TINY_HRNET

HEAD = {"type": "AEHigherResolutionHead", "losses": [None, None]}


@pytest.fixture
def build(make_codec):
    """Return a function that builds a network, with scales or without, of other weights each."""
    def make(scales):
        return AssociativeEmbedding({**TINY_HRNET}, {**HEAD, "scales": scales},
                                    make_codec(map_strides=(4, 2)), EvalSettings())
    return make


def original(model, prefix, half):
    """The state dict as the original would have saved it, convolutions in float16 if ``half``."""
    state = {}
    for key, value in model.state_dict().items():
        name = key.removeprefix("backbone.").removeprefix("keypoint_head.")
        name = name.replace("scale_layers", "conv_scale_layers")
        state[prefix + name] = value.half() if half and value.ndim == 4 else value
    return state


@pytest.mark.parametrize(("prefix", "half", "scales", "resumable"), [
    ("", False, True, False), ("module.", False, False, True), ("1.", True, False, False),
    ("module.1.", True, True, True),
])
def test_they_load(build, tmp_path, prefix, half, scales, resumable):
    trained, fresh = build(scales), build(scales)
    state = original(trained, prefix, half)
    assert f"{prefix}conv1.weight" in state
    assert (f"{prefix}conv_scale_layers.1.3.bias" in state) == scales
    content = {"state_dict": state, "epoch": 300, "optimizer": {}} if resumable else state
    torch.save(content, tmp_path / "a.pth")
    load_weights(fresh, read_checkpoint(tmp_path / "a.pth")["state_dict"], "a.pth")
    expected = trained.state_dict()
    for key, value in fresh.state_dict().items():
        assert value.dtype == expected[key].dtype
        rounded = expected[key].half() if half and value.ndim == 4 else expected[key]
        assert torch.equal(value, rounded.to(value.dtype))


def test_a_whole_network_can_start_a_backbone(build, tmp_path):
    trained, fresh = build(True), build(False)
    torch.save(original(trained, "1.", False), tmp_path / "a.pth")
    load_backbone(fresh.backbone, read_checkpoint(tmp_path / "a.pth")["state_dict"], "a.pth")
    assert all(torch.equal(value, trained.backbone.state_dict()[key])
               for key, value in fresh.backbone.state_dict().items())


@pytest.mark.parametrize("names", [
    ["conv1.weight", "layer1.0.conv1.weight", "layer2.0.conv1.weight", "fc.weight"],     # ResNet
    ["conv1.weight", "stage4.0.bias", "final_layer.0.weight", "classifier.weight"],      # HRNet
    ["backbone.conv1.weight", "keypoint_head.final_layers.0.weight"],                    # ours
    ["1.a", "b"], ["11.a", "1x.b"],
])
def test_others_keep_their_names(names):
    assert list(with_own_names(without_wrappers(dict.fromkeys(names)))) == names
