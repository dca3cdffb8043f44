"""Publishing checkpoints."""

import json

import pytest
import torch

from aepose.apis.publish import publish
from aepose.engine.checkpoint import read_checkpoint
from aepose.errors import CheckpointError


def test_published_weights_are_equal_and_carry_the_config(tmp_path):
    config = {"metainfo": "coco", "work_dir": "/home/me", "load_from": "/home/me/a.pth"}
    state = {"a": torch.rand(3), "b": torch.arange(4)}
    content = {"state_dict": state, "optimizer": {"lr": 1}, "meta": {
        "epoch": 3, "aepose_config": json.dumps(config), "cfg": "metainfo = 'coco'"}}
    torch.save(content, tmp_path / "a.pth")
    out = publish(tmp_path / "a.pth", tmp_path / "new" / "a.safetensors")
    published = read_checkpoint(out)
    assert set(published) == {"state_dict", "meta"}
    assert all(torch.equal(published["state_dict"][k], v) for k, v in state.items())
    assert published["meta"] == {"aepose_config": '{"metainfo": "coco"}', "epoch": 3}


def test_other_suffix(tmp_path):
    with pytest.raises(CheckpointError, match=r"a\.pth: published weights are written as"):
        publish(tmp_path / "b.pth", tmp_path / "a.pth")
