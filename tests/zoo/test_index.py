"""The index of published models."""

import subprocess
import sys
from pathlib import Path

import pytest
import torchvision

from aepose.errors import ConfigError
from aepose.experiment import Experiment
from aepose.zoo import index
from aepose.zoo.download import hash_in_name
from aepose.zoo.index import (
    backbones,
    config_path,
    datasets,
    find_model,
    fitting_models,
    list_models,
    published_files,
)
from tests.golden_check import OWN, ROOT
from tests.goldens.common import read_json

MODELS = list_models()
# Columns of the published tables that have another name here.
RENAMED = {"AP (E)": "AP(E)", "AP (M)": "AP(M)", "AP (H)": "AP(H)",
           **{f"{part} {metric}": f"{part.lower()} {metric}" for metric in ("AP", "AR")
              for part in ("Body", "Foot", "Face", "Hand")}, "Whole AP": "AP", "Whole AR": "AR"}


@pytest.fixture(scope="module")
def golden():
    """Size of each published network, by the model's name."""
    return read_json(OWN / "state_dicts.json.gz")["configs"]


def test_all_models_are_there():
    counts = {name: sum(m.dataset == name for m in MODELS) for name in datasets()}
    assert counts == {"coco": 22, "crowdpose": 10, "aic": 3, "mhp": 1, "coco_wholebody": 8,
                      "toy": 0}
    assert sum(m.checkpoint is not None for m in MODELS) == 23
    assert len({m.name for m in MODELS}) == 44


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
def test_the_index_agrees_with_config_and_network(model, golden):
    experiment = Experiment.load(config_path(model))
    assert experiment.codec.input_size == model.input_size
    assert experiment.metainfo.name == model.dataset
    assert experiment.metainfo.num_keypoints == datasets()[model.dataset].keypoints
    assert sorted(experiment.test_time.multi_scales) == list(datasets()[model.dataset].multi_scales)
    assert model.parameters == golden[model.name]["num_parameters"]
    assert model.weights == golden[model.name]["num_entries"]


def test_the_index_agrees_with_the_published_tables():
    compared = set()
    for row in read_json(OWN / "zoo.json.gz"):
        model = find_model(Path(row["config"]).stem)
        scales = "multi-scale" if row["multi_scale"] else "single-scale"
        published = {RENAMED.get(k, k): v for k, v in row.items() if isinstance(v, float)}
        assert model.published[scales] == published
        assert set(published) == set(datasets()[model.dataset].columns)
        assert model.url == row["checkpoint_url"]
        assert row["input"] == f"{model.input_size}x{model.input_size}"
        compared.add((model.name, scales))
    assert compared == {(m.name, scales) for m in MODELS for scales in m.published}


@pytest.mark.parametrize(("name", "gmacs"), [
    ("higherhrnet_w32_coco_512x512", 46.2), ("hrnet_w32_coco_512x512", 40.8),
    ("hrnet_w48_coco_512x512", 83.7), ("higherhrnet_w48_coco_512x512", 95.7),
    ("hourglass_ae_coco_512x512", 221.2), ("mobilenetv2_coco_512x512", 8.4),
    ("res50_coco_512x512", 29.0),
])
def test_operations_are_the_published_ones(name, gmacs):
    assert round(find_model(name).gmacs, 1) == gmacs


def test_every_published_file_has_a_hash():
    files = published_files()
    assert len(files) == 23 + 6
    assert all(hash_in_name(name) for name in files)


@pytest.mark.parametrize(("name", "weights"), [
    ("resnet50", "ResNet50"), ("resnet101", "ResNet101"), ("resnet152", "ResNet152"),
    ("mobilenet_v2", "MobileNet_V2"),
])
def test_backbones_are_those_of_torchvision(name, weights):
    enum = torchvision.models.get_model_weights(name)
    assert enum.__name__ == f"{weights}_Weights"
    assert backbones()[name] == enum.IMAGENET1K_V1.url


@pytest.mark.parametrize(("pattern", "expected"), [
    ("*", 44), ("", 44), ("*_udp", 11), ("_udp", 11), ("mhp", 1), ("res??_*", 3),
    ("hrnet_w[34]*aic*", 1), ("nothing", 0),
])
def test_patterns(pattern, expected):
    assert len(list_models(pattern)) == expected


def test_an_entry_says_what_is_published():
    model = find_model("higherhrnet_w32_coco_512x512")
    assert (model.ap(), model.ap("multi-scale")) == (0.677, 0.706)
    assert model.checkpoint == "higher_hrnet32_coco_512x512-8ae85183_20200713.pth"
    unpublished = find_model("hrnet_w32_coco_640x640")
    assert (unpublished.ap(), unpublished.checkpoint) == (None, None)


@pytest.mark.parametrize(("name", "message"), [
    ("higherhrnet_w32_coco_512", "did you mean 'higherhrnet_w32_coco_512x512'"),
    ("yolo", "known: "),
])
def test_unknown_models(name, message):
    with pytest.raises(ConfigError, match=rf"no model '{name}'.*{message}.*list_models"):
        find_model(name)


def test_configs_that_are_not_installed(tmp_path, monkeypatch):
    monkeypatch.setattr(index, "__file__", str(tmp_path / "aepose" / "zoo" / "index.py"))
    with pytest.raises(ConfigError, match=r"hrnet_w48_mhp_512x512\.py is not part of this inst"):
        config_path(find_model("hrnet_w48_mhp_512x512"))


@pytest.mark.parametrize(("weights", "parameters", "source", "first"), [
    (1810, 28645331, "/tmp/higher_hrnet32_coco_512x512_udp-8cc64794_20210222.pth",
     "higherhrnet_w32_coco_512x512_udp"),
    (1810, 28645331, "mine_640x640.pth", "higherhrnet_w32_coco_640x640"),
    (1810, 28641962, "best_crowdpose.pth", "higherhrnet_w32_crowdpose_512x512"),
    (428, 138863560, "a.pth", "hourglass_ae_coco_512x512"),
    (428, 138863561, "a.pth", None),
])
def test_fitting_models(weights, parameters, source, first):
    models = fitting_models(weights, parameters, source)
    assert (models[0].name if models else None) == first


def test_import_and_list_do_not_load_pytorch():
    code = ("import sys, aepose; assert aepose.list_models(); assert 'load_model' in dir(aepose); "
            "print('torch' in sys.modules)")
    printed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, check=True,
                             capture_output=True).stdout
    assert printed.strip() == "False"
