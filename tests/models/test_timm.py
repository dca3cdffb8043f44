"""Networks of timm, without their weights; the smallest of each kind."""

import sys

import pytest
import timm
import torch
from timm.layers import BatchNormAct2d
from timm.models import register_model
from torch import nn

from aepose.analysis.model_info import model_info
from aepose.errors import ConfigError
from aepose.models import AssociativeEmbedding, FeatureSpec, Timm
from aepose.models.backbones.timm import Neck
from aepose.structures import EvalSettings
from tests.models.test_associative_embedding import HEAD, two_targets
from tests.models.test_fuse import check_same, norms, randomise

ANY_SIZE = {"dynamic_img_size": True}
# Name -> options, what the sides of pictures are multiples of, strides that are used.
NETWORKS = {
    "hgnetv2_b0": ({}, 32, [4, 8, 16, 32]),
    "test_efficientnet": ({}, 32, [4, 8, 16, 32]),
    "test_convnext": ({}, 32, [4, 8, 16, 32]),
    "test_vit": (ANY_SIZE, 16, [16, 16, 16]),
    "test_mambaout": ({}, 32, [4, 8, 16, 32]),  # has the channels last
}


def make(codec, name, options, dtype=None):
    backbone = {"type": "Timm", "name": name, "neck_channels": 8, "options": options}
    return AssociativeEmbedding(backbone, {**HEAD}, codec, EvalSettings(dtype=dtype))


@pytest.mark.parametrize("name", NETWORKS)
def test_network(make_codec, name):
    """What is declared is given; all is trained, by one step; folding changes nothing."""
    options, multiple, strides = NETWORKS[name]
    torch.manual_seed(0)
    model = make(make_codec(), name, options)
    backbone = model.backbone
    assert backbone.size_multiple == multiple
    assert backbone.neck.strides == strides
    assert backbone.out_features == (FeatureSpec(8, 4),)
    optimiser = torch.optim.SGD(model.parameters(), 0.01)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    losses = model(torch.randn(2, 3, 64, 64), two_targets(model.codec), mode="loss")
    sum(v for k, v in losses.items() if k.endswith("_loss")).backward()
    assert not [n for n, p in model.named_parameters() if p.grad is None]
    optimiser.step()
    changed = [k for k, v in model.state_dict().items() if not torch.equal(v, before[k])]
    assert any(k.startswith("backbone.network.") for k in changed)
    other = make(make_codec(), name, options)
    other.load_state_dict(model.state_dict())
    other, model = other.eval(), model.eval()
    images = torch.randn(1, 3, 2 * multiple, multiple)
    with torch.no_grad():
        assert torch.equal(other.maps(images)[0], model.maps(images)[0])
    randomise(model.backbone.neck)
    # Those with an activation of their own stay.
    left = sum(isinstance(layer, BatchNormAct2d) for layer in model.modules())
    assert norms(model) > left
    check_same(model, left, torch.randn(2, 3, 64, 64), torch.zeros(1, 3, multiple, multiple))


@pytest.mark.parametrize(("name", "options"), [
    ("test_convnext", {}), ("test_vit", ANY_SIZE), ("test_nfnet", {}),
])
def test_half_precision(make_codec, name, options):
    model = make(make_codec(), name, options, "bfloat16").eval()
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        (expected,), (found,) = (m.maps(images) for m in (model, model.prepare_for_test()))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, atol=0.05 * float(expected.abs().max()), rtol=0)


@pytest.mark.parametrize(("name", "other"), [("test_vit", True), ("test_efficientnet", False)])
def test_normalisation_is_the_networks_own(name, other):
    """A picture of [0, 1] reaches the network as timm says."""
    backbone = Timm(name, neck_channels=4, options=NETWORKS[name][0]).eval()
    told = timm.get_pretrained_cfg(name)
    given = []
    backbone.network.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    picture = torch.rand(1, 3, 32, 32)
    ours = (picture - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor(
        [0.229, 0.224, 0.225]).view(3, 1, 1)
    backbone(ours)
    theirs = (picture - torch.tensor(told.mean).view(3, 1, 1)) / torch.tensor(
        told.std).view(3, 1, 1)
    torch.testing.assert_close(given[0], theirs, atol=1e-5, rtol=0)
    assert (given[0] is not ours) == other


def test_neck_adds_up():
    """Maps of one stride are summed, and where a stride has none, nothing is added."""
    neck = Neck([FeatureSpec(2, 4), FeatureSpec(3, 16), FeatureSpec(3, 16)], 5).eval()
    assert len(neck.upsamplings) == 2
    maps = torch.randn(1, 2, 8, 12), torch.randn(1, 3, 2, 3), torch.randn(1, 3, 2, 3)
    coarse = neck.laterals[1](maps[1]) + neck.laterals[2](maps[2])
    fine = neck.upsamplings[1](neck.upsamplings[0](coarse)) + neck.laterals[0](maps[0])
    assert torch.equal(neck(maps), neck.last(fine))
    assert neck(maps).shape == (1, 5, 8, 12)


def test_cost(tiny_config):
    """Parameters and operations are those of a network whose layers are counted by hand."""
    cfg = tiny_config("timm").changed({"model.backbone": {
        "_delete_": True, "type": "Timm", "name": "test_vit", "neck_channels": 8,
        "options": ANY_SIZE}})
    info = model_info(cfg)
    network = Timm("test_vit", neck_channels=8, options=ANY_SIZE)
    assert info.parameters == sum(p.numel() for p in network.parameters()) + 9 * 34
    width, tokens, cells = 64, 17, 16
    block = tokens * width * width * (3 + 1 + 3 + 3) + 2 * tokens * tokens * width
    neck = 3 * cells * width * 8 + 16 * 64 * (cells + 4 * cells) + 9 * 64 * 16 * cells
    total = 3 * 256 * width * cells + 6 * block + neck + 8 * 34 * 16 * cells
    assert info.gmacs * 1e9 == pytest.approx(total, rel=1e-9)


@register_model
def aepose_without_features(features_only=False, **_):
    if features_only:
        raise RuntimeError("features_only not implemented")
    return nn.Identity()


@pytest.mark.parametrize(("options", "message"), [
    ({"name": "hgnetv2_b44"}, "name = 'hgnetv2_b44': timm has no such network; did you mean "
                              "'hgnetv2_b4'"),
    ({"name": "hf-hub:timm/x"}, "timm has no such network"),
    ({"name": "hgnetv2_b0.ssld"}, "'hgnetv2_b0.ssld': timm has no weights of this name; .*"
                                  "hgnetv2_b0.ssld_stage"),
    ({"name": "mixer_s32_224", "pretrained": True}, "timm has no weights of it; set"),
    ({"name": "aepose_without_features"}, "timm makes no feature maps by "
                                          "'aepose_without_features'.*not implemented"),
    ({"name": "test_convnext", "options": {"dept": 3}}, "options = {'dept': 3}: .*'dept'"),
    ({"name": "test_vit", "options": {"dynamic_img_size": False}},
     "cannot take a picture of 32x16, and so not of any size.*dynamic_img_size=True"),
    ({"name": "vit_tiny_patch16_224", "options": {"patch_size": 14, **ANY_SIZE}},
     r"strides \[14, 14, 14\], and the neck takes 4, 8, 16"),
    ({"name": "test_vit", "options": {"checkpoint_path": "x.pth"}},
     "options.checkpoint_path: give arguments of the network alone"),
])
def test_what_cannot_be_built(options, message):
    with pytest.raises(ConfigError, match=r"model\.backbone.*" + message):
        Timm(**options)


@pytest.mark.parametrize(("changes", "message"), [
    ({"model.pretrained": "x.pth", "model.backbone.pretrained": True},
     "model.pretrained = 'x.pth' and model.backbone.pretrained: give one"),
    ({"model.activation_checkpointing": True}, "Timm has no blocks that can compute"),
    ({"codec.map_strides": [8]}, r"have the strides \[4\]"),
])
def test_what_does_not_fit(tiny_config, changes, message):
    experiment = tiny_config("timm_misfit").changed({
        "model.backbone": {"_delete_": True, "type": "Timm", "name": "test_efficientnet"},
        **changes})
    with pytest.raises(ConfigError, match=message):
        experiment.network()


def test_without_timm(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ConfigError, match=r"needs timm>=1.0, which is not installed: pip install"):
        Timm("resnet18")
