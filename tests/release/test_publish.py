"""Publishing checkpoints."""

import hashlib
import json

import pytest
import torch

from aepose.apis.loading import load_model
from aepose.commands.app import call
from aepose.errors import CheckpointError, ConfigError, DataError, OutputError, UsageError
from aepose.release.publish import publish, strip
from aepose.weights.checkpoint import read_checkpoint
from aepose.zoo.download import check_file
from aepose.zoo.hub import TOY_CHECKPOINT

PUBLIC = {"metainfo": "coco",
          "model": {"type": "AssociativeEmbedding", "backbone": {"type": "HRNet"}}}
CONFIG = {**PUBLIC, "work_dir": "/home/me", "load_from": "/home/me/a.pth"}
MINE = {"name": "mine", "keypoint_names": ["nose"], "flip_pairs": [], "sigmas": [0.1]}
STATE = {"a": torch.rand(3), "b.running_mean": torch.arange(4)}


@pytest.fixture
def checkpoint(tmp_path):
    """Return a function that writes a training checkpoint, with changes of its config."""

    def write(meta=None, **config):
        content = {"state_dict": STATE, "optimizer": {"lr": 1}, "message_hub": {}, "meta": {
            "epoch": 3, "aepose_config": json.dumps({**CONFIG, **config}),
            "cfg": "metainfo = 'coco'"} if meta is None else meta}
        torch.save(content, tmp_path / "a.pth")
        return tmp_path / "a.pth"

    return write


def assert_public(path, config):
    published = read_checkpoint(path)
    assert set(published) == {"state_dict", "meta"}
    assert published["state_dict"].keys() == STATE.keys()
    assert all(torch.equal(published["state_dict"][k], v) for k, v in STATE.items())
    assert json.loads(published["meta"].pop("aepose_config")) == config
    assert published["meta"] == {"epoch": 3}


def test_stripped_weights_are_equal_and_carry_the_config(checkpoint, tmp_path):
    out = strip(checkpoint(data_root="/home/me/coco"), tmp_path / "new" / "a.safetensors")
    assert_public(out, PUBLIC)
    assert [p.name for p in out.parent.iterdir()] == ["a.safetensors"]


def test_published_files_are_named_by_hash(checkpoint, tmp_path):
    published = publish(checkpoint(data_root="data/coco"), tmp_path / "new" / "net.v1")
    for path, suffix in ((published.torch_file, ".pth"),
                         (published.safetensors_file, ".safetensors")):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert path.name == f"net.v1-{digest[:8]}{suffix}"
        check_file(path)
        assert_public(path, {**PUBLIC, "data_root": "data/coco"})
    assert len({path.stat().st_mode for path in (tmp_path / "new").iterdir()}) == 1
    assert published.card == published.torch_file.with_suffix(".md")
    assert len(list((tmp_path / "new").iterdir())) == 3


def test_equal_weights_have_equal_names(checkpoint, tmp_path):
    first, second = (publish(checkpoint(), tmp_path / folder / "net") for folder in "ab")
    assert first.torch_file.name == second.torch_file.name
    assert first.safetensors_file.name == second.safetensors_file.name


@pytest.mark.parametrize(("metrics", "shown"), [
    ({"stage": "val", "epoch": 3, "metrics": {"coco/AP": 0.7061}, "columns": {"coco": ["AP"]}},
     "| val | 0.706 |"),
    ({"stage": "val", "epoch": 2, "metrics": {"coco/AP": 0.7061}, "columns": {"coco": ["AP"]}},
     "Not measured."),
    (None, "Not measured."),
])
def test_card(checkpoint, tmp_path, metrics, shown):
    if metrics:
        (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    published = publish(checkpoint(), tmp_path / "new" / "net")
    card = published.card.read_text()
    assert shown in card
    for path in (published.torch_file, published.safetensors_file):
        assert f"| {path.name} | `{hashlib.sha256(path.read_bytes()).hexdigest()}` |" in card
    assert f"load_model(checkpoint='{published.torch_file.name}')" in card
    assert "HRNet" in card
    assert "metainfo = 'coco'" in card
    assert "/home/me" not in card


@pytest.mark.parametrize(("config", "data_set", "note"), [
    ({}, None, "Creative Commons Attribution 4.0"),
    ({"data_root": "data/toy_long"}, None, "drawn by aepose"),
    ({"metainfo": "coco_wholebody"}, None, "non-commercial use only"),
    ({"metainfo": MINE}, None, "does not know (`mine`): state its licence here"),
    ({}, "crowdpose", "CrowdPose states no licence"),
])
def test_licence_note(checkpoint, tmp_path, config, data_set, note):
    card = publish(checkpoint(**config), tmp_path / "net", data_set=data_set).card.read_text()
    assert note in card.split("## Data")[1].split("## Config")[0]


@pytest.mark.parametrize(("out", "options", "error", "message"), [
    ("net.pth", {}, CheckpointError, r"FOLDER/NAME without \.pth"),
    ("net", {"data_set": "cocoo"}, ConfigError, "did you mean 'coco'"),
    ("net", {"config": "no.py"}, ConfigError, r"no\.py does not exist"),
    ("file/net", {}, DataError, "cannot make folder"),
])
def test_what_cannot_be_published(checkpoint, tmp_path, out, options, error, message):
    (tmp_path / "file").touch()
    with pytest.raises(error, match=message):
        publish(checkpoint(), tmp_path / out, **options)


def test_metrics_that_no_run_wrote(checkpoint, tmp_path):
    (tmp_path / "metrics.json").write_text("[]")
    with pytest.raises(DataError, match=r"metrics\.json is not what a run writes"):
        publish(checkpoint(), tmp_path / "net")


def test_a_checkpoint_without_config(checkpoint, tmp_path, tiny_config):
    path = checkpoint(meta={})
    with pytest.raises(CheckpointError, match=r"a\.pth does not say which config.*--config"):
        publish(path, tmp_path / "net")
    cfg = tiny_config("published")
    published = publish(path, tmp_path / "net", config=cfg.file)
    stored = json.loads(read_checkpoint(published.torch_file)["meta"]["aepose_config"])
    assert stored["codec"]["input_size"] == 64


def test_other_suffix(tmp_path):
    with pytest.raises(CheckpointError, match=r"a\.pth: stripped weights are written as"):
        strip(tmp_path / "b.pth", tmp_path / "a.pth")


def test_tool(checkpoint, tmp_path, capsys):
    call(["publish", str(checkpoint()), str(tmp_path / "one" / "net")])
    assert len(capsys.readouterr().out.splitlines()) == len(list((tmp_path / "one").iterdir())) == 3
    call(["publish", str(checkpoint()), str(tmp_path / "two" / "net.safetensors")])
    assert [p.name for p in (tmp_path / "two").iterdir()] == ["net.safetensors"]
    with pytest.raises(UsageError, match="FOLDER/NAME"):
        call(["publish", str(checkpoint()), str(tmp_path / "net.safetensors"), "--data-set", "toy"])


def test_a_name_that_no_file_can_have(checkpoint, tmp_path):
    with pytest.raises(OutputError, match="File name too long"):
        call(["publish", str(checkpoint()), str(tmp_path / ("x" * 300))])
    assert not [path for path in tmp_path.iterdir() if path.name.startswith((".x", "x"))]


def test_published_weights_load_by_themselves(tmp_path):
    """Both files give the network of the checkpoint that they come from."""
    model = load_model(device="cpu")
    torch.save({"state_dict": read_checkpoint(TOY_CHECKPOINT)["state_dict"], "meta": {
        "aepose_config": json.dumps(model.experiment.to_dict())}}, tmp_path / "a.pth")
    published = publish(tmp_path / "a.pth", tmp_path / "net")
    for path in (published.torch_file, published.safetensors_file):
        state = load_model(checkpoint=path, device="cpu").model.state_dict()
        assert all(torch.equal(state[k], v) for k, v in model.model.state_dict().items())
