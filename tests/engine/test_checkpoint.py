import os
import pickle

import pytest
import torch
from torch import nn

from aepose.engine.checkpoint import load_weights, read_checkpoint, save_safetensors
from aepose.errors import CheckpointError

STATE = {"a.weight": torch.arange(6.0).view(2, 3), "b.count": torch.tensor(3)}
PREFIXED = {f"module.{key}": value for key, value in STATE.items()}


def assert_state(state):
    assert state.keys() == STATE.keys()
    assert all(torch.equal(state[key], STATE[key]) for key in STATE)


@pytest.mark.parametrize(("content", "meta"), [
    (STATE, {}), (PREFIXED, {}), ({"state_dict": STATE}, {}), ({"state_dict": PREFIXED}, {}),
    ({"state_dict": STATE, "meta": {"epoch": 3, "note": "x"}, "optimizer": {"lr": 0.1}},
     {"epoch": 3, "note": "x"}),
])
@pytest.mark.parametrize("zipped", [True, False])
def test_read(tmp_path, content, meta, zipped):
    path = tmp_path / "a.pth"
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    checkpoint = read_checkpoint(path)
    assert_state(checkpoint["state_dict"])
    assert checkpoint["meta"] == meta
    assert set(content) - set(PREFIXED) - set(STATE) <= set(checkpoint)


def test_a_prefix_of_some_keys_stays(tmp_path):
    state = {"module.a": torch.zeros(1), "b": torch.zeros(1)}
    torch.save(state, tmp_path / "a.pth")
    assert read_checkpoint(tmp_path / "a.pth")["state_dict"].keys() == state.keys()


def test_safetensors_round_trip(tmp_path):
    path = tmp_path / "a.safetensors"
    transposed = {**STATE, "a.weight": STATE["a.weight"].t().contiguous().t()}
    save_safetensors(path, transposed, {"epoch": 3})
    assert_state(read_checkpoint(path)["state_dict"])
    assert read_checkpoint(path)["meta"] == {"epoch": 3}
    assert os.listdir(tmp_path) == ["a.safetensors"]


class Runs:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("save", [
    torch.save,
    lambda content, path: torch.save(content, path, _use_new_zipfile_serialization=False),
    lambda content, path: path.write_bytes(pickle.dumps(content)),
], ids=["zip", "legacy", "pickle"])
def test_code_in_a_checkpoint_is_not_run(tmp_path, save):
    trap, path = tmp_path / "trap", tmp_path / "a.pth"
    save({"state_dict": STATE, "meta": Runs(trap)}, path)
    with pytest.raises(CheckpointError, match=r"a\.pth .*could run code"):
        read_checkpoint(path)
    assert not trap.exists()


def test_the_message_does_not_advise_to_load_it_all_the_same(tmp_path):
    torch.save(nn.Linear(1, 1), tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="could run code") as caught:
        read_checkpoint(tmp_path / "a.pth")
    assert "can still be loaded" not in str(caught.value)




@pytest.mark.parametrize("content", [
    3, [STATE], {}, {"state_dict": {}}, {"state_dict": None}, {"state_dict": [1]},
    {"a": torch.zeros(1), "b": 3}, {"state_dict": {"a": "text"}},
    {1: torch.zeros(1)},
], ids=str)
def test_other_content(tmp_path, content):
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"a\.pth is not a checkpoint: it (has no|holds)"):
        read_checkpoint(tmp_path / "a.pth")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"hello", b"{}", bytes(1000), b"PK\x03\x04" + bytes(50)])
def test_not_a_checkpoint(tmp_path, suffix, content):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=rf"a\{suffix} is not a "):
        read_checkpoint(path)


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_truncated(tmp_path, kind, kept):
    path = tmp_path / ("a.safetensors" if kind == "safetensors" else "a.pth")
    state = {"a": torch.rand(100, 100)}
    if kind == "safetensors":
        save_safetensors(path, state, {})
    else:
        torch.save(state, path, _use_new_zipfile_serialization=kind == "zip")
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(CheckpointError, match=r"damaged|not a checkpoint"):
        read_checkpoint(path)


@pytest.mark.parametrize("damage", [b"\x80\x02.", b"\x80\x02K", b"\x80\x02J\x01"])
def test_damaged_pickle(tmp_path, damage):
    (tmp_path / "a.pth").write_bytes(damage)
    with pytest.raises(CheckpointError):
        read_checkpoint(tmp_path / "a.pth")


def test_missing_file(tmp_path):
    for path in (tmp_path / "no.pth", tmp_path):
        with pytest.raises(CheckpointError, match="does not exist"):
            read_checkpoint(path)


def test_fitting_weights_are_loaded():
    source, model = nn.Linear(3, 2), nn.Linear(3, 2)
    load_weights(model, source.state_dict(), "a.pth")
    assert torch.equal(model.weight, source.weight)


def test_misfit_lists_at_most_ten_of_each_and_changes_nothing():
    model = nn.ModuleDict({f"layer{i}": nn.Linear(2, 2, bias=False) for i in range(15)})
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = {f"other{i}": torch.ones(1) for i in range(12)}
    state.update({"layer0.weight": torch.ones(3, 2), "layer1.weight": torch.ones(2, 2)})
    with pytest.raises(CheckpointError) as caught:
        load_weights(model, state, "a.pth")
    lines = str(caught.value).splitlines()
    assert "a.pth does not fit" in lines[0]
    assert "  13 missing (+3 more):" in lines
    assert "  12 unexpected (+2 more):" in lines
    assert "    layer0.weight: checkpoint (3, 2), network (2, 2)" in lines
    assert len(lines) == 1 + 11 + 11 + 2
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
