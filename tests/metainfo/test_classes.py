"""Several classes in one keypoint set."""

import json
from dataclasses import replace

import pytest

from aepose.errors import ConfigError
from aepose.experiment.config import read_config
from aepose.metainfo import get_metainfo, read_metainfo_file
from aepose.weights.trained_with import differences
from tests.farm import CONTENT, DOG, FARM, PERSON


def test_keypoints_stand_side_by_side():
    assert [(one.name, one.keypoints) for one in FARM.classes] == [
        ("person", slice(0, 4)), ("dog", slice(4, 7))]
    assert FARM.keypoint_names[3:5] == ("person.foot", "dog.nose")
    assert FARM.flip_index.tolist() == [0, 2, 1, 3, 4, 6, 5]
    assert FARM.skeleton_index.tolist() == [[0, 3], [4, 5], [4, 6]]
    assert FARM.grouping_index == (3, 0, 1, 2, 4, 5, 6)
    assert FARM.sigmas == (0.03, 0.06, 0.06, 0.09, 0.05, 0.04, 0.04)
    assert FARM.classes[1].metainfo == get_metainfo(DOG)


def test_every_set_has_a_class():
    (one,) = get_metainfo("coco_wholebody").classes
    assert (one.name, one.keypoints) == ("person", slice(0, 133))
    assert one.metainfo is get_metainfo("coco_wholebody")


def test_names_files_and_dicts_say_the_same(tmp_path):
    """Files stand beside the file that names them, and a config carries their content."""
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets/dog.json").write_text(json.dumps(DOG))
    farm = {"name": "farm", "classes": {"person": PERSON, "dog": "dog.json"}}
    (tmp_path / "sets/farm.json").write_text(json.dumps(farm))
    assert get_metainfo(tmp_path / "sets/farm.json") == FARM
    assert read_metainfo_file(tmp_path / "sets/farm.json") == CONTENT
    for text in ("'sets/farm.json'",
                 f"dict(name='farm', classes=dict(person={PERSON}, dog='sets/dog.json'))"):
        (tmp_path / "config.py").write_text(f"metainfo = {text}\n")
        assert read_config(tmp_path / "config.py").metainfo == CONTENT


@pytest.mark.parametrize(("change", "message"), [
    ({"classes": {}}, r"metainfo\.classes = {}: give a keypoint set"),
    ({"classes": ["coco"]}, r"metainfo\.classes = \['coco'\]: give"),
    ({"name": ""}, r"metainfo\.name = '': give a text"),
    ({"class": {}}, r"metainfo\.class: a set with classes has .*; did you mean 'classes'"),
    ({"classes": {"dog": "cocoo"}}, "class 'dog': metainfo = 'cocoo' .*; did you mean 'coco'"),
    ({"classes": {"dog": {**DOG, "skeleton": [["nose", "tail"]]}}},
     "class 'dog': metainfo 'snout': unknown keypoint 'tail'"),
    ({"classes": {"dog": DOG, "Dog": DOG}}, "classes 'dog' and 'Dog' differ in upper case alone"),
    ({"classes": {"a/b": DOG}}, "class 'a/b': give a text without '/'"),
    ({"classes": {"man": "coco_wholebody"}}, r"class 'man' .* several annotation fields \(keyp"),
    ({"classes": {"all": CONTENT}}, "class 'all' .* has classes of its own"),
])
def test_wrong_sets(change, message):
    with pytest.raises(ConfigError, match=message):
        get_metainfo({**CONTENT, **change})


def test_a_class_that_a_file_has_twice(tmp_path):
    """The second would take the place of the first without a word."""
    one = json.dumps(DOG)
    (tmp_path / "farm.json").write_text(
        f'{{"name": "farm", "classes": {{"dog": {one}, "dog": {one}}}}}')
    with pytest.raises(ConfigError, match=r'farm\.json cannot be read: .*duplicate key "dog"'):
        get_metainfo(tmp_path / "farm.json")


def test_a_checkpoint_with_other_classes():
    others = {"name": "farm", "classes": {"person": PERSON, "cat": DOG}}
    assert differences({"metainfo": CONTENT}, {"metainfo": CONTENT}) == []
    assert differences({"metainfo": CONTENT}, {"metainfo": others}) == [
        "trained on the keypoints of 'farm', not those of 'farm': dog.nose is now cat.nose, "
        "dog.left_ear is now cat.left_ear, dog.right_ear is now cat.right_ear"]
    assert differences({"metainfo": CONTENT}, {"metainfo": DOG}) == [
        "trained on the 7 keypoints of 'farm', which are the 3 of 'snout' now"]
    # Of what a file holds a checkpoint says nothing.
    files = {**CONTENT, "classes": {"dog": "dog.json"}}
    assert differences({"metainfo": files}, {"metainfo": DOG}) == []


def test_a_changed_order_keeps_the_classes():
    assert replace(FARM, grouping_order=("dog.nose",)).classes == FARM.classes
