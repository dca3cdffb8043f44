"""Weights of timm's networks: where they are found, and how a file gets into a backbone."""

import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import save_file

from aepose.errors import CheckpointError
from aepose.models import Timm
from aepose.weights.imagenet import load_backbone
from aepose.weights.starting import start_weights
from aepose.weights.timm_weights import cached_timm_weights

TINY, TINY_VIT, TENSORFLOW = "test_efficientnet", "test_vit", "tf_efficientnet_lite0"


def whole(name, **options):
    """The state dict of a whole network, with statistics that no fresh one has."""
    torch.manual_seed(1)
    state = timm.create_model(name, **options).state_dict()
    return {k: torch.rand_like(v) if "running" in k else v for k, v in state.items()}


def without(key):
    return lambda state: {k: v for k, v in state.items() if k != key}


def of_tensorflow(state):
    """The same layers in the same order, under other names."""
    first, *others = state
    return {"_conv_stem.weight": state[first],
            **{f"_{i}.{key.rpartition('.')[2]}": state[key] for i, key in enumerate(others)}}


@pytest.mark.parametrize(("name", "change"), [
    (TINY, dict), (TINY_VIT, dict),
    pytest.param(TENSORFLOW, of_tensorflow, marks=pytest.mark.slow),
])
def test_a_file_of_the_whole_network(name, change):
    """All of the network is the file's; the neck, and the sequence of random numbers, stay."""
    state, backbone = whole(name), Timm(name, neck_channels=4)
    neck = {k: v.clone() for k, v in backbone.neck.state_dict().items()}
    torch.manual_seed(5)
    load_backbone(backbone, change(state), "x.pth")
    assert torch.initial_seed() == 5
    assert torch.equal(torch.rand(3), torch.rand(3, generator=torch.Generator().manual_seed(5)))
    own = {k.removeprefix("model."): v for k, v in backbone.network.state_dict().items()}
    assert len(own) > 50
    assert all(torch.equal(v, state[k]) for k, v in own.items())
    assert all(torch.equal(v, neck[k]) for k, v in backbone.neck.state_dict().items())


def test_names_that_timm_translates():
    """Positions that were learnt for pictures of another size are resampled, as timm does."""
    options = {"img_size": 64}
    state, backbone = whole(TINY_VIT), Timm(TINY_VIT, neck_channels=4, options=options)
    assert state["pos_embed"].shape != backbone.network.model.pos_embed.shape
    load_backbone(backbone, state, "x.pth")
    assert torch.equal(backbone.network.model.blocks[0].attn.qkv.weight,
                       state["blocks.0.attn.qkv.weight"])


@pytest.mark.parametrize(("name", "state", "message"), [
    (TINY, lambda: without("bn1.bias")(whole(TINY)), r"1 missing:\n    bn1\.bias"),
    (TINY, lambda: {**whole(TINY), "bn9.bias": torch.zeros(1)}, r"1 unexpected:\n    bn9\.bias"),
    (TINY, lambda: {**whole(TINY), "bn1.bias": torch.zeros(2)}, r"bn1\.bias: file \(2,\)"),
    (TINY, lambda: whole(TINY_VIT), r"those of timm's 'test_efficientnet'.*\n  \d+ missing"),
    # timm itself would take anything for this one.
    ("dla46x_c", lambda: whole(TINY), r"those of timm's 'dla46x_c'.*\n  \d+ missing"),
    (TINY, lambda: {k: v / 0 for k, v in whole(TINY).items()}, "not finite"),
    (TINY, lambda: of_tensorflow({"weight": torch.zeros(1)}),
     "EfficientNet of TensorFlow, which pads otherwise than 'test_efficientnet'.*tf_efficientnet"),
    (TENSORFLOW, lambda: of_tensorflow({"weight": torch.zeros(1)}),
     "it has 1 entries, the network 296"),
])
def test_a_file_that_does_not_fit(name, state, message):
    backbone = Timm(name, neck_channels=4)
    before = {k: v.clone() for k, v in backbone.state_dict().items()}
    with pytest.raises(CheckpointError, match=message) as caught:
        load_backbone(backbone, state(), "some.pth")
    assert "some.pth" in str(caught.value)
    assert all(torch.equal(v, before[k]) for k, v in backbone.state_dict().items())


@pytest.fixture
def caches(tmp_path, monkeypatch):
    """No network, and caches with nothing in them."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("aepose.weights.timm_weights.timm_weights_url",
                        lambda backbone: f"http://127.0.0.1:9/{backbone.name}.safetensors")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("AEPOSE_HOME", str(tmp_path / "home"))
    return tmp_path


def pretrained_experiment(tiny_config):
    return tiny_config("timm_pretrained").changed({"model.backbone": {
        "_delete_": True, "type": "Timm", "name": TINY, "pretrained": True, "neck_channels": 4}})


def test_the_cache_of_timm(tiny_config, caches):
    model = pretrained_experiment(tiny_config).network()
    repository = caches / "hub" / "models--timm--test_efficientnet.r160_in1k"
    file = repository / "snapshots" / "abc" / "model.safetensors"
    file.parent.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    state = whole(TINY)
    save_file(state, file)
    assert "backbone from " + str(file) in start_weights(model, None)
    assert torch.equal(model.backbone.network.bn1.running_var, state["bn1.running_var"])


def test_the_cache_of_torch(caches):
    backbone = Timm("legacy_seresnet18", pretrained=True)
    assert cached_timm_weights(backbone) is None
    file = caches / "torch" / "hub" / "checkpoints" / "legacy_seresnet18.safetensors"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"")
    assert cached_timm_weights(backbone) == file


def test_without_a_network(tiny_config, caches):
    """Named at once, with what can be done; nothing is loaded that was not asked for."""
    experiment = pretrained_experiment(tiny_config)
    model = experiment.network()
    with pytest.raises(CheckpointError, match=r"(?s)weights of 'test_efficientnet' are not in "
                       r"timm's cache.*cannot download http://127.0.0.1:9/test_efficientnet"
                       r".*model\.pretrained=FILE"):
        start_weights(model, None)
    assert start_weights(experiment.changed({"model.backbone.pretrained": False}).network(),
                         None) == "starting from random weights"
