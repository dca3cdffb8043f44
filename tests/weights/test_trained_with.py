"""A config that is not the one that fitting weights were trained with."""

import json
import warnings
from dataclasses import asdict, replace

import pytest

from aepose.apis.evaluate import evaluate
from aepose.apis.inference import PoseInferencer
from aepose.metainfo import get_metainfo
from aepose.weights.checkpoint import save_safetensors
from aepose.weights.trained_with import differences, warn_of_differences

COCO = get_metainfo("coco")
STORED = {"metainfo": "coco", "codec": {"input_size": 512, "map_strides": [4, 2]}}
HEAD = "model.keypoint_head"


def head(*losses, **options):
    """A model's section; a loss is None, or what it sets to None."""
    described = [None if without is None else {"type": "PoseLoss", **dict.fromkeys(without)}
                 for without in losses]
    return {"model": {"keypoint_head": {"type": "AEHigherResolutionHead", "losses": described,
                                        **options}}}


def swahr(*losses):
    """The section of a model with scales."""
    section = head(*losses, scales=True)
    for loss in section["model"]["keypoint_head"]["losses"]:
        loss["type"] = "SWAHRLoss"
    return section


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
    ({"metainfo": own(sigmas=(0.05, *COCO.sigmas[1:]), flip_pairs=())},
     ["trained with the flip pairs of 'coco', which are others in 'own'",
      "trained with the OKS sigmas of 'coco', by which AP is measured, not those of 'own': "
      "0.026 of nose is now 0.05"]),
    ({"metainfo": own(sigmas=(1,) * 17)},
     ["trained with the OKS sigmas of 'coco', by which AP is measured, not those of 'own': 0.026 "
      "of nose is now 1, 0.025 of left_eye is now 1, 0.025 of right_eye is now 1, 0.035 of "
      "left_ear is now 1, 0.035 of right_ear is now 1, 0.079 of left_shoulder is now 1, … (17)"]),
])
def test_differences(changes, lines):
    assert differences(STORED, {**STORED, **changes}) == lines


@pytest.mark.parametrize(("before", "now", "lines"), [
    (head((), ("push", "pull")), head((), ("push", "pull"), tag_outputs=(0,), cat_output=True), []),
    (head((), tag_outputs=[1], own=[2]), head(()),
     [f"trained with {HEAD}.own = [2], which is None now",
      f"trained with {HEAD}.tag_outputs = [1], which is [0] now"]),
    (head(()), head((), type="AESimpleHead", final_kernel=3),
     [f"trained with {HEAD}.type = AEHigherResolutionHead, which is AESimpleHead now"]),
    (head((), type="os.system"), head((), type="AESimpleHead"),
     [f"trained with {HEAD}.type = os.system, which is AESimpleHead now"]),
    (head((), None), head((), ("push",)),
     [f"trained without a loss for the heatmaps of output 1, which {HEAD}.losses.1 has now"]),
    (head(("push",), ()), head((), ()),
     [f"trained without a loss for the tags of output 0, which {HEAD}.losses.0 has now"]),
    (head((), ("push",), type="AEHigherResolutionHead", scales=True), swahr((), ("push",)), []),
    (head((), ("push",)), swahr((), ("push",)),
     [f"trained with {HEAD}.scales = False, which is True now"]),
    (head((), ()), head(("push",), None), []), (head(()), {}, []), ({}, head(()), []),
])
def test_differing_heads(before, now, lines):
    assert differences({**STORED, **before}, {**STORED, **now}) == lines


@pytest.mark.parametrize("meta", [
    {"aepose_config": json.dumps({"model": {"keypoint_head": 3}})},
    {"aepose_config": json.dumps({"model": {"keypoint_head": {"losses": [[]]}}})},
    {}, {"aepose_config": "{"}, {"aepose_config": 3}, {"aepose_config": "[]"},
    {"aepose_config": '{"codec": 5}'},
    {"aepose_config": json.dumps({**STORED, "metainfo": "/etc/x.json"})},
    {"aepose_config": '{"metainfo": {"name": 3}}'}, {"aepose_config": "[" * 100000},
])
def test_what_cannot_be_read_differs_in_nothing(meta):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_differences(meta, {**STORED, **head(())}, "x.pth")


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
