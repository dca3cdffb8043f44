"""A config that is not the one that fitting weights were trained with."""

import json
import warnings
from dataclasses import asdict, replace

import pytest

from aepose.apis import PoseInferencer, evaluate
from aepose.metainfo import get_metainfo
from aepose.weights.checkpoint import save_safetensors
from aepose.weights.trained_with import differences, warn_of_differences

COCO = get_metainfo("coco")
STORED = {"metainfo": "coco", "codec": {"input_size": 512, "map_strides": [4, 2]}}


def own(first="nose", **changes):
    """COCO's set as a config describes one of one's own, with another name for the nose."""
    text = json.dumps(asdict(replace(COCO, name="own", **changes)))
    return json.loads(text.replace('"nose"', f'"{first}"'))


@pytest.mark.parametrize(("changes", "lines"), [
    ({}, []),
    ({"codec": {"input_size": 512, "map_strides": (4, 2), "sigma": 2, "max_num_people": 5}}, []),
    ({"codec": {"input_size": 256, "map_strides": (4, 2), "sigma": 1, "convention": "udp"}},
     ["trained with codec.input_size = 512, which is 256 now",
      "trained with codec.sigma = 2, which is 1 now",
      "trained with codec.convention = classic, which is udp now"]),
    ({"codec": {"input_size": (512, 512), "map_strides": (4, 2)}}, []),
    ({"codec": {"input_size": (768, 512), "map_strides": (4, 2)}},
     ["trained with codec.input_size = 512, which is [768, 512] now"]),
    ({"metainfo": "mhp"}, ["trained on the 17 keypoints of 'coco', which are the 16 of 'mhp' now"]),
    ({"metainfo": own()}, []),
    ({"metainfo": own("snout")}, ["trained on the keypoints of 'coco', not those of 'own': "
                                  "nose is now snout"]),
    ({"metainfo": own(flip_pairs=())},
     ["trained with the flip pairs of 'coco', which are others in 'own'"]),
])
def test_differences(changes, lines):
    assert differences(STORED, {**STORED, **changes}) == lines


@pytest.mark.parametrize("meta", [
    {}, {"aepose_config": "{"}, {"aepose_config": 3}, {"aepose_config": "[]"},
    {"aepose_config": '{"codec": 5}'},
    {"aepose_config": json.dumps({**STORED, "metainfo": "/etc/x.json"})},
    {"aepose_config": '{"metainfo": {"name": 3}}'}, {"aepose_config": "[" * 100000},
])
def test_what_cannot_be_read_differs_in_nothing(meta):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_differences(meta, STORED, "x.pth")


@pytest.mark.parametrize("way", ["test", "predict"])
def test_said_where_weights_are_loaded(tiny_config, tmp_path, way):
    path = tmp_path / "trained.safetensors"
    experiment = tiny_config(f"mixed_{way}")
    save_safetensors(path, experiment.network().state_dict(),
                     {"aepose_config": json.dumps(experiment.to_dict())})
    other = experiment.changed({"codec.convention": "udp"})
    load = {"test": lambda: evaluate(other, path, tmp_path / "work"),
            "predict": lambda: PoseInferencer(other, path)}[way]
    with pytest.warns(UserWarning, match=r"trained\.safetensors: trained with codec\.convention"):
        load()
