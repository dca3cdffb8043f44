"""Fine-tuning to other keypoints: channels of those of the same name are carried over, exactly."""

import json
from dataclasses import replace

import pytest
import torch

from aepose.metainfo import get_metainfo
from aepose.models import AEHigherResolutionHead, AESimpleHead, FeatureSpec
from aepose.models.backbones import HourglassAENet
from aepose.weights.by_name import carry_over, keypoints_of, same_names
from aepose.weights.starting import load_what_fits

ROWS = [2, None, 0, 1]                # of the keypoints below; None: starts anew
FEATURES = list(range(8))


@pytest.fixture
def four(three):
    """Keypoints of which three are those of ``three``, spelt otherwise, in another order."""
    return replace(three, name="four", keypoint_names=("RIGHT", "tail", "Head", "left"),
                   flip_pairs=(("left", "RIGHT"),), sigmas=(0.1,) * 4, skeleton=(),
                   keypoint_colors=((0, 0, 0),) * 4, skeleton_colors=())


def behind(start, rows=ROWS):
    return [None if row is None else start + row for row in rows]


def simple(metainfo, **options):
    return AESimpleHead(metainfo, [FeatureSpec(8, 4)], [None], **options)


def higher(metainfo, **options):
    return AEHigherResolutionHead(metainfo, [FeatureSpec(8, 4)], [None, None], num_basic_blocks=0,
                                  **options)


def hourglass(metainfo, **options):
    return HourglassAENet(metainfo, num_stacks=2, stage_channels=(4, 4), feat_channels=4, **options)


BOTH = ROWS + behind(3)
CASES = [
    (simple, {}, {"final_layer.weight": BOTH, "final_layer.bias": BOTH}),
    (simple, {"tag_per_joint": False, "final_kernel": 3},
     {"final_layer.weight": [*ROWS, 3], "final_layer.bias": [*ROWS, 3]}),
    (simple, {"scales": True},
     {"final_layer.weight": BOTH, "final_layer.bias": BOTH,
      **{f"scale_layers.0.{name}": ROWS for name in (
          "0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var",
          "3.weight", "3.bias")}}),
    (higher, {}, {"final_layers.0.weight": BOTH, "final_layers.0.bias": BOTH,
                  "final_layers.1.weight": ROWS, "final_layers.1.bias": ROWS,
                  "deconv_layers.0.0.0.weight": FEATURES + behind(8, BOTH)}),
    (higher, {"cat_output": False, "tag_outputs": [0, 1], "tag_per_joint": False},
     {f"final_layers.{index}.{part}": [*ROWS, 3] for index in (0, 1)
      for part in ("weight", "bias")}),
    (hourglass, {}, {**{f"out_convs.{stack}.conv.{part}": BOTH for stack in (0, 1)
                        for part in ("weight", "bias")},
                     "remap_out_convs.0.conv.weight": BOTH}),
]


@pytest.mark.parametrize(("make", "options", "expected"), CASES)
def test_rows_of_the_same_names(three, four, make, options, expected):
    old, new = (make(metainfo, **options) for metainfo in (three, four))
    state, own = old.state_dict(), new.state_dict()
    axes = new.keypoint_axes()
    # All whose shapes differ are told, and no others.
    assert set(expected) == {key for key in own if own[key].shape != state[key].shape} == set(axes)
    carried = carry_over(own, state, axes, same_names(three, four), (4, 3))
    for key, rows in expected.items():
        axis = axes[key].axis
        for row, source in enumerate(rows):
            wanted = own[key].select(axis, row) if source is None else state[key].select(
                axis, source)
            assert torch.equal(carried[key].select(axis, row), wanted), (key, row)


def test_what_does_not_fit_is_left_out(three, four):
    own, axes = simple(four).state_dict(), simple(four).keypoint_axes()
    pairs = same_names(three, four)
    for other in (simple(three, tag_per_joint=False), simple(three, final_kernel=3)):
        carried = carry_over(own, other.state_dict(), axes, pairs, (4, 3))
        assert "final_layer.weight" not in carried
    assert carry_over(own, {}, axes, pairs, (4, 3)) == {}


def test_same_names_by_aliases(three, four):
    assert same_names(three, four) == [(0, 2), (2, 0), (3, 1)]
    four = replace(four, aliases=(("head_top", "tail"),))
    three = replace(three, keypoint_names=("Head-Top", "left", "right"), skeleton=(),
                    skeleton_colors=(), aliases=(("crown", "left"),))
    assert same_names(three, four) == [(0, 2), (1, 0), (3, 1)]


def keypoints(text, name="x", **more):
    names = text.split()
    return {"name": name, "keypoint_names": names, "flip_pairs": [], "sigmas": [0.1] * len(names),
            **more}


def classes(**texts):
    return {"name": "farm", "classes": {name: keypoints(text) for name, text in texts.items()}}


BOTH_CLASSES = classes(person="nose hand", dog="nose tail")


@pytest.mark.parametrize(("before", "now", "expected"), [
    (keypoints("tail Nose"), BOTH_CLASSES, "person.nose<Nose dog.nose<Nose dog.tail<tail"),
    (BOTH_CLASSES, keypoints("tail nose ear"), "tail<dog.tail nose<person.nose"),
    (BOTH_CLASSES, keypoints("tail nose", "dog"), "tail<dog.tail nose<dog.nose"),
    (classes(dog="nose", person="nose"), keypoints("nose", "coco"), "nose<person.nose"),
    (BOTH_CLASSES, classes(Dog="tail nose", person="nose"),
     "Dog.tail<dog.tail Dog.nose<dog.nose person.nose<person.nose"),
    (BOTH_CLASSES, classes(cat="tail nose", dog="hand"),
     "cat.tail<dog.tail cat.nose<person.nose dog.hand<person.hand"),
    (keypoints("nose a", aliases=[["snout", "nose"]]), classes(dog="Snout", cat="A"),
     "dog.Snout<nose cat.A<a"),
])
def test_same_names_of_classes(before, now, expected):
    before, now = get_metainfo(before), get_metainfo(now)
    assert " ".join(f"{now.keypoint_names[i]}<{before.keypoint_names[j]}"
                    for i, j in same_names(before, now)) == expected


@pytest.mark.parametrize(("meta", "source", "expected"), [
    ({"aepose_config": json.dumps({"metainfo": "aic"})}, "a.pth", "aic"),
    ({"aepose_config": json.dumps({"metainfo": "aic"})},
     "higher_hrnet32_coco_512x512-8ae85183_20200713.pth", "aic"),
    ({}, "somewhere/higher_hrnet32_coco_512x512-8ae85183_20200713.pth", "coco"),
    ({}, "a.pth", None),
    ({"aepose_config": json.dumps({"metainfo": {"name": "half"}})}, "a.pth", None),
    ({"aepose_config": "[1"}, "a.pth", None), ({"aepose_config": "3"}, "a.pth", None),
])
def test_keypoints_of_a_checkpoint(meta, source, expected):
    found = keypoints_of(meta, source)
    assert (found and found.name) == expected


@pytest.mark.parametrize("described", [
    "dog.json", {"name": "farm", "classes": {"dog": "dog.json"}}])
def test_files_that_a_checkpoint_names_are_not_read(tmp_path, monkeypatch, described):
    (tmp_path / "dog.json").write_text(json.dumps(keypoints("nose")))
    monkeypatch.chdir(tmp_path)
    assert get_metainfo(described).num_keypoints == 1
    assert keypoints_of({"aepose_config": json.dumps({"metainfo": described})}, "a.pth") is None


def network(tiny_config, name, **changes):
    return tiny_config(name).changed(changes).network()


def test_report(tiny_config, four):
    """Another number of keypoints, and as many with other names in other places."""
    coco = get_metainfo("coco")
    creature = {"name": "creature", "keypoint_names": ["tail", "Nose", "right-eye", "left_eye"],
                "flip_pairs": [], "sigmas": [0.1] * 4}
    old, new = network(tiny_config, "old"), network(tiny_config, "new", metainfo=creature)
    state = old.state_dict()
    lines = load_what_fits(new, state, "x.pth", new.codec.metainfo, coco).splitlines()
    assert lines[1:] == [
        "  3 of 4 keypoints carried over from 'coco', in 2 entries: Nose, right-eye, left_eye",
        "  1 of 4 keypoints start anew: tail"]
    final = new.keypoint_head.final_layer.weight
    assert torch.equal(final[[1, 2, 3, 5, 6, 7]],
                       state["keypoint_head.final_layer.weight"][[0, 2, 1, 17, 19, 18]])
    farm = network(tiny_config, "farm", metainfo={"name": "farm", "classes": {
        "person": "coco", "creature": creature}})
    said = load_what_fits(farm, state, "x.pth", farm.codec.metainfo, coco)
    assert "20 of 21 keypoints carried over from 'coco', in 2 entries: person.nose, " in said
    assert "1 of 21 keypoints start anew: creature.tail" in said
    back = load_what_fits(new, farm.state_dict(), "y.pth", new.codec.metainfo, farm.codec.metainfo)
    assert "carried over from 'farm', in 2 entries: tail from creature.tail, Nose from crea" in back
    names = [f"part {number}" for number in range(17)]
    other = network(tiny_config, "other", metainfo={
        "name": "other", "keypoint_names": names, "flip_pairs": [], "sigmas": [0.1] * 17})
    before = other.keypoint_head.final_layer.weight.clone()
    lines = load_what_fits(other, state, "x.pth", other.codec.metainfo, coco).splitlines()
    assert lines[1] == f"  17 of 17 keypoints start anew: {', '.join(names)}"
    assert lines[2] == "  2 start anew, as their keypoints are others:"
    assert torch.equal(other.keypoint_head.final_layer.weight, before)
    assert "it does not say how its keypoints are called" in load_what_fits(
        other, state, "x.pth", other.codec.metainfo)
    assert torch.equal(other.keypoint_head.final_layer.weight,
                       state["keypoint_head.final_layer.weight"])
