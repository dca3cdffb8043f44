"""Descriptions of creatures: those that ship, what is accepted, and what is said of others."""

import copy
import json

import pytest

from aepose.errors import ConfigError
from aepose.toy.creature import Hull
from aepose.toy.creature_file import get_creature, shipped_creatures

# A fish whose fins are drawn under its body; the tail hangs on a joint that is not drawn.
FISH = {
    "name": "fish", "keypoints": ["nose", "left_fin", "right_fin", "tail"],
    "colours": {"skin": "any", "fin": [200, 30, 30]},
    "joints": {
        "nose": {"radius": 0.1, "colour": "skin"},
        "body": {"parent": "nose", "length": [0.5, 0.7], "angle": 180},
        "left_fin": {"parent": "body", "length": 0.3, "angle": [80, 140], "radius": 0.05,
                     "colour": "fin", "layer": -1},
        "right_fin": {"mirror_of": "left_fin"},
        "tail": {"parent": "body", "length": 0.4, "angle": [-20, 20], "radius": 0.05,
                 "base": 0.1, "colour": "fin"},
    },
    "hulls": [{"joints": ["nose", "body"], "radius": 0.12, "colour": "skin"}],
}


def test_what_a_description_means():
    fish = get_creature(FISH)
    joints = {joint.name: joint for joint in fish.joints}
    assert joints["right_fin"].angle == (-140.0, -80.0)
    assert joints["right_fin"].length == joints["left_fin"].length == (0.3, 0.3)
    assert fish.flip_pairs == (("left_fin", "right_fin"),)
    assert fish.skeleton == (("nose", "left_fin"), ("nose", "right_fin"), ("nose", "tail"))
    assert [part.joints if isinstance(part, Hull) else part.name for part in fish.parts] == [
        "left_fin", "right_fin", ("nose", "body"), "nose", "tail"]
    assert fish.touching("body") == [0, 1, 2, 4]


def test_parents_come_first_wherever_they_stand():
    joints = dict(reversed(FISH["joints"].items()))
    seen = set()
    for joint in get_creature({**FISH, "joints": joints}).joints:
        assert joint.parent is None or joint.parent in seen
        seen.add(joint.name)


@pytest.mark.parametrize(("name", "keypoints", "pairs"), [("beetle", 9, 3), ("hand", 21, 0)])
def test_creatures_that_ship(name, keypoints, pairs):
    creature = get_creature(name)
    assert creature.name == name
    assert len(creature.keypoints) == keypoints
    assert len(creature.flip_pairs) == pairs
    assert name in shipped_creatures()


def other_fish(path, value):
    """FISH with one entry set; ``...`` takes it away."""
    content = copy.deepcopy(FISH)
    place = content
    for key in path[:-1]:
        place = place[key]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return content


JOINT = ("joints", "tail")


@pytest.mark.parametrize(("path", "value", "message"), [
    (("name",), ..., "creature lacks 'name'"),
    (("name",), "a/b", "creature.name = 'a/b': give a name of letters"),
    (("keypoint",), [], "creature.keypoint is unknown; did you mean 'keypoints'"),
    (("joints",), {}, "creature.joints = {}: give an object"),
    (("size",), [0.6, 0.4], r"creature.size = \[0.6, 0.4\]: the range is reversed; write "
                            r"\[0.4, 0.6\]"),
    (("size",), 0, "creature.size = 0: give 0.05 or more, and at most 2"),
    (("girth",), "big", "creature.girth = 'big': give a number"),
    (("girth",), [1, 2, 3], r"give a number, or \[low, high\]"),
    (("girth",), float("nan"), "creature.girth = nan: give a number"),
    (("mirrored",), 2, "creature.mirrored = 2: give 0 to 1"),
    (("mirrored",), 0.5, "a creature with two sides .* cannot be mirrored"),
    (("colours", "fin"), [0, 0, 256], "creature.colours .*fin: give 'any'"),
    (("keypoints",), ["nose", "nose"], "a name stands there twice"),
    (("keypoints",), ["nose", "tial"], "keypoints: there is no 'tial'; did you mean 'tail'"),
    (("keypoints",), ["nose", "left_fin"], "'left_fin' is one, and 'right_fin', its mirror image"),
    ((*JOINT, "lenght"), 1, "joints.tail.lenght is unknown; did you mean 'length'"),
    ((*JOINT, "length"), [0.4, 0.2], "joints.tail.length = .*reversed"),
    ((*JOINT, "length"), -1, "joints.tail.length = -1: give 0 or more"),
    ((*JOINT, "angle"), True, "joints.tail.angle = True: give a number"),
    ((*JOINT, "parent"), "boddy", "joints.tail.parent: there is no 'boddy'; did you mean 'body'"),
    ((*JOINT, "parent"), ..., "joints nose, tail have no 'parent'; only one, the root, may"),
    ((*JOINT, "colour"), "fins", "joints.tail: colour: there is no 'fins'; did you mean 'fin'"),
    ((*JOINT, "colour"), ..., "joints.tail lacks 'colour'"),
    ((*JOINT, "radius"), ..., "joints.tail has 'base' but no 'radius'"),
    (JOINT, {"parent": "body"}, "nothing is drawn at 'tail'"),
    (JOINT, 3, "joints.tail = 3: give an object"),
    (("joints", "nose", "parent"), "tail", "joints nose, body, .* in a circle"),
    (("joints", "right_fin", "angle"), 3, "right_fin has angle beside 'mirror_of'"),
    (("joints", "right_fin", "mirror_of"), "left_fni", "there is no 'left_fni'; did you mean"),
    (("joints", "right_fin", "mirror_of"), "right_fin", "right_fin.mirror_of = 'right_fin': a"),
    (("joints", "third_fin"), {"mirror_of": "left_fin"}, "is the mirror image of one other"),
    (("hulls",), {}, "creature.hulls = {}: give a list"),
    (("hulls", 0, "radius"), ..., r"hulls\[0\] lacks 'radius'"),
    (("hulls", 0, "joints"), ["nose", "fin"], r"hulls\[0\].joints: there is no 'fin'"),
    (("hulls", 0, "colour"), "red", r"hulls\[0\].colour: there is no 'red'; known: fin, skin"),
    (("hulls",), [FISH["hulls"][0]] * 124, "128 joints and hulls are drawn; 127 is the most"),
])
def test_wrong_descriptions(path, value, message):
    with pytest.raises(ConfigError, match=message):
        get_creature(other_fish(path, value))


@pytest.mark.parametrize(("text", "message"), [
    ("{", "creature file .*own.json cannot be read"),
    ("[]", "creature file .*own.json: expected an object with name"),
    (json.dumps({**FISH, "size": "big"}), "own.json: creature.size = 'big'"),
])
def test_wrong_files(tmp_path, text, message):
    (tmp_path / "own.json").write_text(text)
    with pytest.raises(ConfigError, match=message):
        get_creature(tmp_path / "own.json")


@pytest.mark.parametrize(("name", "message"), [
    ("beetel", "'beetel' is not a creature that ships; did you mean 'beetle'"),
    ("nowhere.json", "nowhere.json: no such creature file"),
])
def test_no_such_creature(name, message):
    with pytest.raises(ConfigError, match=message):
        get_creature(name)
