"""Parts that training leaves alone."""

import copy

import pytest
import torch

from aepose.apis.train import train
from aepose.errors import ConfigError
from aepose.weights.checkpoint import read_checkpoint

FROZEN = "model.freeze=['backbone.layer1', 'backbone.stage[23]*']"


def test_neither_weights_nor_statistics_change(tiny_config, tmp_path):
    experiment = tiny_config("frozen", [FROZEN, "train_cfg.max_epochs=1", "randomness.seed=3"])
    torch.manual_seed(3)
    train(experiment, tmp_path / "run")
    begun = tiny_config("begun", ["train_cfg.max_epochs=1", "randomness.seed=3",
                                  "optim_wrapper.optimizer.lr=0.0"])
    train(begun, tmp_path / "begun")
    before, after = (read_checkpoint(tmp_path / name / "last.pth")["state_dict"]
                     for name in ("begun", "run"))
    counted = [k for k in after if "running" not in k and "tracked" not in k]
    still = {k for k in counted if torch.equal(before[k], after[k])}
    expected = {k for k in counted if k.startswith(("backbone.layer1.", "backbone.stage2",
                                                    "backbone.stage3"))}
    assert still == expected
    for key, value in after.items():
        if key.startswith("backbone.layer1") and "tracked" in key:
            assert value == 0
    (log,) = (tmp_path / "run").glob("*/*.log")
    assert "frozen: 0.0" in log.read_text()


def test_a_copy_and_the_network_for_tests_stay_whole(tiny_config):
    network = tiny_config("whole", [FROZEN]).network().train()
    assert not network.backbone.layer1.training
    assert network.backbone.stage4.training
    assert not copy.deepcopy(network).train().backbone.layer1.training
    assert network.prepare_for_test() is not network


@pytest.mark.parametrize(("patterns", "message"), [
    ("['backbon']", "no part of the network is called 'backbon'; did you mean 'backbone'"),
    ("['backbone', 'keypoint_head']", "leaves nothing to train"),
    ("backbone", r"model\.freeze = 'backbone': give"),
])
def test_wrong_patterns(tiny_config, patterns, message):
    with pytest.raises(ConfigError, match=message):
        tiny_config("wrong", [f"model.freeze={patterns}"]).network()
