"""Weights by name: kept, on a mirror, or downloaded from a real server; and models by name."""

import hashlib
import json

import pytest
import torch

import aepose
from aepose.errors import CheckpointError, ConfigError, DataError
from aepose.experiment import Experiment
from aepose.images import list_images
from aepose.zoo import hub
from aepose.zoo import index as zoo_index
from tests.golden_check import ROOT
from tests.zoo.file_server import CONTENT, NAME

TOY = "hrnet_w16_toy_256x256"
LONG = f"{TOY}_long"
TINY = ("codec.input_size=64", "codec.max_num_people=3", "model.backbone.width=4",
        "model.backbone.stem_channels=8", "model.backbone.stage1_channels=4",
        "model.backbone.num_blocks=1")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The folder that keeps files; no mirror is set."""
    monkeypatch.setenv("AEPOSE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("AEPOSE_MIRROR", raising=False)
    return tmp_path / "home" / "checkpoints"


@pytest.fixture
def published(monkeypatch, server):
    """Make NAME the weights of a model, of a backbone, and the only published file."""
    url = f"{server.url}/published/{NAME}"
    index = json.loads(zoo_index.INDEX.read_text())
    index["models"] = [
        {"name": LONG, "dataset": "toy", "input_size": 256, "parameters": 1, "weights": 1,
         "url": url},
        {"name": "res50_coco_512x512", "dataset": "coco", "input_size": 512, "parameters": 1,
         "weights": 1},
    ]
    index["backbones"] = {"hrnet_w32": url}
    monkeypatch.setattr(zoo_index, "_index", lambda: index)
    zoo_index._models.cache_clear()
    yield url
    zoo_index._models.cache_clear()


def test_a_published_file_is_downloaded_once(home, published, server):
    for _ in range(2):
        path = hub.fetch(NAME)
        assert path == home / NAME
        assert path.read_bytes() == CONTENT
    assert server.paths == [f"/published/{NAME}"]


def test_a_file_put_there_by_hand_is_checked(home, published, server):
    home.mkdir(parents=True)
    (home / NAME).write_bytes(b"something else")
    with pytest.raises(CheckpointError, match=rf"{NAME} is damaged.*delete it"):
        hub.fetch(NAME)
    (home / NAME).write_bytes(CONTENT)
    assert hub.fetch(NAME) == home / NAME
    assert server.paths == []


@pytest.mark.parametrize("on_mirror", [True, False])
def test_a_mirror_folder(home, published, server, tmp_path, monkeypatch, on_mirror):
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    monkeypatch.setenv("AEPOSE_MIRROR", str(mirror))
    if on_mirror:
        (mirror / NAME).write_bytes(CONTENT)
    assert hub.fetch(NAME) == (mirror if on_mirror else home) / NAME
    assert server.paths == ([] if on_mirror else [f"/published/{NAME}"])


def test_a_damaged_file_in_the_mirror_folder(home, published, tmp_path, monkeypatch):
    monkeypatch.setenv("AEPOSE_MIRROR", str(tmp_path))
    (tmp_path / NAME).write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match=rf"{tmp_path / NAME} is damaged"):
        hub.fetch(NAME)


@pytest.mark.parametrize(("mirror", "message"), [
    ("no/such/folder", "neither a folder nor"), ("ftp://example.org", "neither a folder nor"),
    ("http://127.0.0.1:9", r"cannot download http://127\.0\.0\.1:9/net-"),
])
def test_mirrors_that_cannot_be_used(home, published, monkeypatch, mirror, message):
    monkeypatch.setenv("AEPOSE_MIRROR", mirror)
    with pytest.raises(CheckpointError, match=message):
        hub.fetch(NAME)


def test_a_mirror_url(home, published, server, monkeypatch):
    monkeypatch.setenv("AEPOSE_MIRROR", f"{server.url}/mirror/")
    assert hub.fetch(NAME).read_bytes() == CONTENT
    assert server.paths == [f"/mirror/{NAME}"]


def test_a_mirror_url_that_lacks_the_file(home, published, server, monkeypatch):
    server.fault = "404"
    monkeypatch.setenv("AEPOSE_MIRROR", f"{server.url}/mirror")
    with pytest.raises(CheckpointError, match=r"published/.*404.*AEPOSE_MIRROR = .*/mirror' does"):
        hub.fetch(NAME)
    assert server.paths == [f"/mirror/{NAME}", f"/published/{NAME}"]


def test_urls_without_a_hash_do_not_collide(home, server):
    first = hub.fetch(f"{server.url}/a/best.pth?version=1")
    second = hub.fetch(f"{server.url}/b/best.pth")
    assert first.name == second.name == "best.pth"
    assert first != second
    assert hub.fetch(f"{server.url}/b/best.pth") == second
    assert len(server.paths) == 2


@pytest.mark.parametrize(("file", "message"), [
    (NAME.replace("net", "nett"), f"did you mean '{NAME}'"),
    ("http://127.0.0.1/", "does not name a file"),
])
def test_files_that_are_not_published(home, published, file, message):
    with pytest.raises(CheckpointError, match=message):
        hub.fetch(file)


def test_the_default_home(monkeypatch, tmp_path):
    monkeypatch.delenv("AEPOSE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert hub.checkpoint_folder() == tmp_path / ".cache" / "aepose" / "checkpoints"


def test_pretrained_weights(home, published, server, tmp_path):
    assert hub.pretrained_path("hrnet_w32").read_bytes() == CONTENT
    assert hub.pretrained_path(f"{server.url}/{NAME}") == home / NAME
    (tmp_path / "own.pth").touch()
    assert hub.pretrained_path(str(tmp_path / "own.pth")) == tmp_path / "own.pth"


@pytest.mark.parametrize(("name", "fault", "message"), [
    ("hrnet_w32", "404", rf"/published/{NAME}.*404.*put {NAME} into .*by hand"),
    ("hrnet_w23", "", "'hrnet_w23' is neither .*did you mean 'hrnet_w32'"),
])
def test_pretrained_weights_that_cannot_be_had(home, published, server, name, fault, message):
    server.fault = fault
    with pytest.raises(CheckpointError, match=message + ".*model.pretrained=None"):
        hub.pretrained_path(name)


@pytest.fixture
def weights(tmp_path):
    """A file of weights of a tiny toy network, named by its hash."""
    torch.manual_seed(0)
    model = Experiment.load(ROOT / "configs" / "toy" / f"{LONG}.py", TINY).network()
    path = tmp_path / "tiny.pth"
    torch.save({"state_dict": model.state_dict(), "meta": {}}, path)
    name = f"tiny-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth"
    return path.rename(tmp_path / name)


def test_a_model_by_name(home, published, server, weights, monkeypatch):
    server.content = weights.read_bytes()
    zoo_index._index()["models"][0]["url"] = f"{server.url}/{weights.name}"
    of_zoo = aepose.load_model(LONG, device="cpu", cfg_options=TINY)
    given = aepose.load_model(LONG, weights, device="cpu", cfg_options=TINY)
    of_url = aepose.load_model(LONG, f"{server.url}/{weights.name}", device="cpu", cfg_options=TINY)
    by_file = aepose.load_model(LONG, weights.name, device="cpu", cfg_options=TINY)
    assert server.paths == [f"/{weights.name}"]
    trained = Experiment.load(ROOT / "configs" / "toy" / f"{LONG}.py", TINY).network()
    trained.load_state_dict(torch.load(weights, weights_only=True)["state_dict"])
    expected = trained.state_dict()
    for inferencer in (of_zoo, given, of_url, by_file):
        state = inferencer.model.state_dict()
        assert state.keys() == expected.keys()
        assert all(torch.equal(state[key], value) for key, value in expected.items())


def test_the_network_that_comes_with_the_package(tmp_path, monkeypatch):
    assert hub.published_checkpoint(TOY) == hub.TOY_CHECKPOINT
    name = hub.TOY_CHECKPOINT.name
    assert hub.find_checkpoint(name) == hub.TOY_CHECKPOINT
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).touch()  # a file of the user's is meant first
    assert hub.find_checkpoint(name).resolve() == tmp_path / name


@pytest.mark.parametrize(("config", "error", "message"), [
    ("hrnet_w16_toy_256", ConfigError, f"did you mean '{LONG}'"),
    ("res50_coco_512x512", CheckpointError,
     r"nobody published weights for res50_coco_512x512.*aepose train"),
    ("configs/toy/no.py", ConfigError, "does not exist"),
    (f"configs/toy/{TOY}.py", CheckpointError, "--checkpoint"),
])
def test_models_that_cannot_be_loaded(home, published, config, error, message, monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(error, match=message):
        aepose.load_model(config)


def test_a_bad_option_costs_no_download(home, published, server):
    with pytest.raises(ConfigError, match="width"):
        aepose.load_model(LONG, cfg_options=["model.backbone.widht=8"])
    assert server.paths == []


@pytest.mark.parametrize("variable", ["AEPOSE_HOME", "AEPOSE_MIRROR"])
@pytest.mark.parametrize("value", ["~nosuch/x", "/" + "a" * 300])
def test_a_folder_that_cannot_be(home, published, monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    with pytest.raises(CheckpointError, match=f"{variable} = .* names no folder"):
        hub.fetch(NAME)


def test_a_name_that_no_file_can_have():
    name = "a" * 400
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        Experiment.load(f"{name}.pth")
    with pytest.raises(ConfigError, match="does not exist"):
        Experiment.load(f"{name}.py")
    with pytest.raises(DataError, match="does not exist"):
        list_images([f"{name}.png"])
