import gzip
import json
import os
import pickle
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from aepose.errors import CheckpointError
from aepose.experiment import Experiment
from aepose.weights.checkpoint import META_KEY, load_weights, read_checkpoint, save_safetensors
from aepose.weights.starting import load_what_fits
from aepose.zoo.index import config_path, find_model, list_models
from tests.golden_check import ROOT

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


@pytest.mark.parametrize("value", [
    np.float64(0.706), np.float32(0.5), np.int64(300), np.bool_(True), np.uint8(3),
    np.arange(6.0).reshape(2, 3), np.array([1, 2], np.int32),
], ids=lambda v: type(v).__name__)
@pytest.mark.parametrize("numpy", ["this", "1", "2"])
def test_numpy_numbers_of_old_files(tmp_path, value, numpy):
    path = tmp_path / "a.pth"
    torch.save({"state_dict": STATE, "meta": {"best_score": value}}, path,
               _use_new_zipfile_serialization=numpy == "this")
    if numpy != "this":  # NumPy 2 renamed the module that the file names
        written = path.read_bytes()
        modules = {"1": b"numpy.core.", "2": b"numpy._core."}
        path.write_bytes(re.sub(rb"numpy\._?core\.", modules[numpy], written))
        assert modules[numpy] in path.read_bytes()
    read = read_checkpoint(path)["meta"]["best_score"]
    np.testing.assert_array_equal(read, value)
    assert read.dtype == value.dtype


@pytest.mark.parametrize("value", [
    np.array(["text"]), np.array([(1, 2.0)], dtype="i4,f4"), np.array([{"a": 1}], dtype=object),
    np.datetime64("2020-07-13"),
], ids=["text", "record", "object", "date"])
def test_other_numpy_values_are_refused(tmp_path, value):
    torch.save({"state_dict": STATE, "meta": value}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="could run code"):
        read_checkpoint(tmp_path / "a.pth")


def test_code_in_a_numpy_array_is_not_run(tmp_path):
    trap = tmp_path / "trap"
    array = np.array([Runs(trap)], dtype=object)
    torch.save({"state_dict": STATE, "meta": array}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="could run code"):
        read_checkpoint(tmp_path / "a.pth")
    assert not trap.exists()


def test_what_may_be_called_is_not_widened_for_others(tmp_path):
    torch.save({"state_dict": STATE, "meta": {"AP": np.float64(1)}}, tmp_path / "a.pth")
    read_checkpoint(tmp_path / "a.pth")
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / "a.pth", weights_only=True)


@pytest.mark.parametrize("content", [
    3, [STATE], {}, {"state_dict": {}}, {"state_dict": None}, {"state_dict": [1]},
    {"a": torch.zeros(1), "b": 3}, {"state_dict": {"a": "text"}},
    {1: torch.zeros(1)},
], ids=str)
def test_other_content(tmp_path, content):
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"a\.pth is not a checkpoint: it (has no|holds)"):
        read_checkpoint(tmp_path / "a.pth")


@pytest.mark.parametrize("meta", [
    None, "text", [1], 5, np.float64(1), {"aepose_config": 3}, {"epoch": "3"}, {"iter": [1]},
    {"epoch": True}, {"seed": 1.5}, STATE["a.weight"],
], ids=str)
def test_meta_of_other_types(tmp_path, meta):
    torch.save({"state_dict": STATE, "meta": meta}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"a\.pth is not a checkpoint: .*meta"):
        read_checkpoint(tmp_path / "a.pth")


@pytest.mark.parametrize("meta", ["[]", "5", "null", "[" * 100_000, "{"], ids=lambda t: t[:9])
def test_meta_of_other_types_in_safetensors(tmp_path, meta):
    save_file(STATE, tmp_path / "a.safetensors", metadata={META_KEY: meta})
    with pytest.raises(CheckpointError, match=r"a\.safetensors is not a"):
        read_checkpoint(tmp_path / "a.safetensors")


def sparse_csr(weight):
    return weight.view(2, 3).to_sparse_csr()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("change", "word"), [
    (lambda w: w.to_sparse(), "sparse"), (sparse_csr, "sparse"), (lambda w: w.to("meta"), "meta"),
    (lambda w: torch.quantize_per_tensor(w, 0.1, 0, torch.qint8), "quantised"),
    (lambda w: torch.nested.nested_tensor([w, w]), "nested"),
    (lambda w: w.to(torch.complex64), "complex64"), (lambda w: w > 1, "bool"),
    (lambda w: w.to(torch.complex64).conj(), "conjugate"),
    (lambda w: w.to(torch.float8_e4m3fn), "float8_e4m3fn"),
])
@pytest.mark.parametrize("zipped", [True, False])
def test_weights_that_are_no_plain_numbers(tmp_path, change, word, zipped):
    state = {"a": torch.zeros(1), "b.weight": change(STATE["a.weight"])}
    torch.save({"state_dict": state}, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=rf"a\.pth: 'b\.weight' is {word}"):
        read_checkpoint(tmp_path / "a.pth")


@pytest.mark.parametrize(("given", "fits"), [
    (torch.float16, True), (torch.bfloat16, True), (torch.float64, True),
    (torch.int64, False), (torch.uint8, False),
])
def test_weights_are_not_changed_by_being_loaded(given, fits):
    model = nn.Linear(2, 2)
    state = {"weight": torch.eye(2).to(given), "bias": torch.zeros(2)}
    if fits:
        load_weights(model, state, "a.pth")
        assert torch.equal(model.weight, torch.eye(2))
    else:
        with pytest.raises(CheckpointError, match=r"'weight' is u?int.*network's is float32"):
            load_weights(model, state, "a.pth")


@pytest.mark.parametrize("load", [load_weights, load_what_fits])
@pytest.mark.parametrize(("weight", "message"), [
    (torch.eye(2).to(torch.int8), "'backbone.weight' is int8"),
    (torch.eye(2) * float("nan"), "'backbone.weight' has numbers that are not finite"),
    (torch.full((2, 2), float("inf")).half(), "'backbone.weight' has numbers that are not finite"),
])
def test_broken_weights_are_loaded_by_nobody(load, weight, message):
    model = nn.ModuleDict({"backbone": nn.Linear(2, 2)})
    before = model.backbone.weight.clone()
    with pytest.raises(CheckpointError, match=rf"a\.pth: {message}"):
        load(model, {"backbone.weight": weight, "backbone.bias": torch.zeros(2)}, "a.pth")
    assert torch.equal(model.backbone.weight, before)


def test_weights_that_float32_cannot_hold():
    state = {"weight": torch.full((2, 2), 0.1, dtype=torch.float64), "bias": torch.zeros(2)}
    with pytest.raises(CheckpointError, match=r"'weight' is float64.*without a loss"):
        load_weights(nn.Linear(2, 2), state, "a.pth")


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
        with pytest.raises(CheckpointError, match=r"no such checkpoint|is a folder"):
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


@pytest.fixture(scope="module")
def published():
    """Return a function that gives the weights of a published network, without memory."""
    with gzip.open(ROOT / "tests" / "golden" / "state_dicts.json.gz") as file:
        golden = json.load(file)

    def weights(name):
        entries = golden["state_dicts"][golden["configs"][name]["state_dict"]]
        return {key: torch.zeros(1).expand(shape) if shape else torch.zeros(())
                for key, shape in entries}

    return weights


NETWORKS = list({(m.weights, m.parameters): m.name for m in reversed(list_models())}.values())


@pytest.mark.filterwarnings("ignore:.*copying from a non-meta parameter:UserWarning")
@pytest.mark.parametrize("name", NETWORKS)
def test_published_weights_fit_every_network(published, tmp_path, name):
    state = {f"module.{key}": value for key, value in published(name).items()}
    torch.save({"state_dict": state, "meta": {"epoch": 300}, "optimizer": {"lr": 0.0015}},
               tmp_path / "a.pth")
    with torch.device("meta"):
        model = Experiment.load(config_path(find_model(name))).network()
    load_weights(model, read_checkpoint(tmp_path / "a.pth")["state_dict"], "a.pth")


@pytest.mark.parametrize(("checkpoint", "config", "first", "last"), [
    ("higherhrnet_w32_coco_512x512", "higherhrnet_w32_crowdpose_512x512",
     "the checkpoint has 17 keypoints, the config 14",
     "it fits configs/coco/higherhrnet_w32_coco_512x512.py (its network is also that of "),
    ("hrnet_w48_mhp_512x512", "hrnet_w48_coco_512x512",
     "the checkpoint has 16 keypoints, the config 17", "it fits configs/mhp/hrnet_w48_mhp_512x512"),
    ("hrnet_w32_coco_wholebody_512x512", "hrnet_w32_coco_512x512",
     "the checkpoint has 133 keypoints, the config 17",
     "it fits configs/coco_wholebody/hrnet_w32_coco_wholebody_512x512.py"),
    ("res50_coco_512x512", "res50_crowdpose_512x512",
     "the checkpoint has 17 keypoints, the config 14", "it fits configs/coco/res50_coco_512x512"),
    ("hourglass_ae_coco_512x512", "hrnet_w32_coco_512x512", "network of this config",
     "it fits configs/coco/hourglass_ae_coco_512x512.py"),
    ("hrnet_w32_coco_640x640", "higherhrnet_w32_coco_512x512", "network of this config",
     "it fits configs/coco/hrnet_w32_coco_640x640.py"),
])
def test_a_misfit_names_the_config_that_fits(published, checkpoint, config, first, last):
    model = SimpleNamespace(state_dict=lambda: published(config))
    with pytest.raises(CheckpointError) as caught:
        load_weights(model, published(checkpoint), f"/tmp/{checkpoint}-0123abcd.pth")
    lines = str(caught.value).splitlines()
    assert lines[0].endswith(first)
    assert lines[-1].strip().startswith(last)


def test_the_name_of_a_published_file_decides(published):
    model = SimpleNamespace(state_dict=lambda: published("mobilenetv2_coco_512x512"))
    source = "higher_hrnet32_aic_512x512-9a674c33_20210130.pth"
    with pytest.raises(CheckpointError, match=r"it fits configs/aic/higherhrnet_w32_aic_512x512\."):
        load_weights(model, published("higherhrnet_w32_crowdpose_512x512"), source)


@pytest.mark.parametrize(("theirs", "ours", "told"), [
    (34, 28, "17 keypoints, the config 14"), (34, 18, None), (18, 34, None),
    (15, 18, "14 keypoints, the config 9"), (34, 34, None),
])
def test_keypoints_are_told_from_the_last_layer(theirs, ours, told):
    """A last layer has a tag map per keypoint, or one for all."""
    key = "keypoint_head.final_layer.weight"
    model = SimpleNamespace(state_dict=lambda: {key: torch.zeros(ours, 32, 1, 1), "a": STATE})
    with pytest.raises(CheckpointError) as caught:
        load_weights(model, {key: torch.zeros(theirs, 32, 1, 1)}, "a.pth")
    line = str(caught.value).splitlines()[0]
    assert ("keypoints" in line) == (told is not None)
    assert told is None or told in line
