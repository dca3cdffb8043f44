"""A project of several classes, from a file whose categories list different keypoints."""

import json

import numpy as np
import pytest

from aepose.commands.app import call
from aepose.datasets.annotations import load_annotations
from aepose.drawing import write_image
from aepose.errors import ConfigError, DataError
from aepose.experiment import Experiment
from aepose.labels import read_labels, write_labels
from aepose.metainfo import get_metainfo
from aepose.project.new import new_project
from aepose.project.sigmas import SigmaEstimate, estimate_sigmas, write_sigmas
from aepose.project.source import categories_of, list_keypoints
from tests.farm import CONTENT, DOG, FARM, PERSON, PICTURES, SIZE, farm_data

NUMBER = 6 * len(PICTURES)


@pytest.fixture
def farm(tmp_path):
    """Pictures of noise, with dogs whose pairs the file gives, and people whose limbs it gives."""
    for number in range(NUMBER):
        picture = np.random.default_rng(number).integers(0, 256, (*SIZE[::-1], 3), np.uint8)
        write_image(tmp_path / "farm" / f"{number + 1}.png", picture)
    data = farm_data(PICTURES * 6)
    _, dog, person = data["categories"]
    dog["flip_pairs"] = [["right_ear", "left_ear"]]
    person["skeleton"] = [[1, 2], [1, 3], [1, 4]]
    path = tmp_path / "farm" / "farm.json"
    path.write_text(json.dumps(data))
    return path


def changed(path, change):
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    return path


def test_classes_of_a_file(farm, tmp_path, capsys):
    project = tmp_path / "my"
    call(["new", str(project), "--from", str(farm)])
    said = capsys.readouterr().out
    for line in ("keypoints.json: 7 keypoints of 2 classes\n",
                 "\n  dog: 3 keypoints; pairs of left and right: right_ear and left_ear\n"
                 "    skeleton is guessed",
                 "\n  person: 4 keypoints; pairs of left and right: left_hand and right_hand\n"
                 "    flip_pairs are guessed from the names: what changes places in a mirrored "
                 "picture\n    sigmas are a default"):
        assert line in said
    experiment = Experiment.load(project / "config.py")
    dog, person = experiment.metainfo.classes
    assert experiment.metainfo.name == "my"
    assert (dog.name, dog.metainfo.keypoint_names) == ("dog", ("right_ear", "nose", "left_ear"))
    assert len(dog.metainfo.skeleton) == 2
    assert dog.metainfo.flip_pairs == (("right_ear", "left_ear"),)
    assert person.metainfo.skeleton == (("head", "left_hand"), ("head", "right_hand"),
                                        ("head", "foot"))
    parts = [load_annotations(experiment.annotation_path(part), experiment.metainfo)
             for part in ("train", "val")]
    given = {a["id"]: a for a in json.loads(farm.read_text())["annotations"]}
    assert {a["id"]: a for part in parts for a in part["annotations"]} == given
    assert [len(part["images"]) for part in parts] == [19, 5]
    capsys.readouterr()
    call(["doctor", str(project / "config.py")])
    assert "19 pictures, " in (said := capsys.readouterr().out)
    assert "error" not in said
    # A label of the comments is for each class to lose.
    write_sigmas(project / "keypoints.json", [SigmaEstimate(name, 0.03, 0)
                                              for name in experiment.metainfo.keypoint_names])
    text = (project / "keypoints.json").read_text()
    assert (text.count("sigmas were estimated"), text.count("sigmas are a def")) == (2, 0)


@pytest.mark.slow
def test_it_can_be_trained(farm, tmp_path, capsys):
    config = new_project(tmp_path / "my", source=str(farm)).config
    call(["train", str(config), "--dry-run", "--cfg-options", "train_dataloader.num_workers=0",
          "train_dataloader.batch_size=2"])
    said = capsys.readouterr().out
    assert "train / val   13 / 5 pictures" in said    # those without anybody are left out
    assert "\npush  " in said


@pytest.mark.parametrize(("category", "expected"), [
    (None, [("dog",), ("person",)]), (["person", "7"], [("person",), ("dog",)]),
    (["dog"], [("dog",)]), ("dog", [("dog",)]), (["ball"], [("ball",)]),
])
def test_categories_that_are_meant(farm, category, expected):
    lists = list_keypoints(farm, category)
    assert [one.category for one in lists] == expected
    assert categories_of(lists) == ({one.class_name: list(one.category) for one in lists}
                                    if len(lists) > 1 else list(lists[0].category))


def test_categories_that_list_the_same_are_one_class(farm, tmp_path):
    """They are called as the first, and all of their annotations are kept."""
    def puppies(data):
        data["categories"].append({**data["categories"][1], "id": 8, "name": "puppy"})
        for dog in [a for a in data["annotations"] if a["category_id"] == 7][::2]:
            dog["category_id"] = 8

    project = new_project(tmp_path / "my", source=str(changed(farm, puppies)))
    assert [one.name for one in project.metainfo.classes] == ["dog", "person"]
    assert any("categories dog, puppy are one class" in line for line in project.told)
    data = load_annotations(tmp_path / "my" / "annotations" / "train.json", project.metainfo)
    assert {c["id"]: c["name"] for c in data["categories"]} == {
        7: "dog", 8: "dog", 3: "person"}
    assert {a["category_id"] for a in data["annotations"]} == {3, 7, 8}
    (alone,) = new_project(tmp_path / "dogs", source=str(farm),
                           category=["dog", "puppy"]).metainfo.classes
    assert (alone.name, alone.metainfo.name) == ("person", "dogs")


def test_a_keypoint_set_with_files(farm, tmp_path, capsys):
    """Their content stands in the project's own file; the order is the set's."""
    (tmp_path / "sets").mkdir()
    for name, own in (("person", PERSON), ("hound", DOG)):
        (tmp_path / "sets" / f"{name}.json").write_text(json.dumps(own))
    (tmp_path / "sets.json").write_text(json.dumps({"name": "farm", "classes": {
        name: f"sets/{name}.json" for name in ("person", "hound")}}))
    arguments = ["new", str(tmp_path / "my"), "--from", str(farm),
                 "--keypoints", str(tmp_path / "sets.json"), "--category"]
    with pytest.raises(DataError, match="has several classes; say which category is which"):
        call([*arguments, "dog,person"])
    call([*arguments, "hound=dog"])
    assert "copied from " in capsys.readouterr().out
    metainfo = Experiment.load(tmp_path / "my" / "config.py").metainfo
    assert metainfo.sigmas == FARM.sigmas
    assert metainfo.keypoint_names[3:5] == ("person.foot", "hound.nose")
    load_annotations(tmp_path / "my" / "annotations" / "val.json", metainfo)


def same_name(data):
    data["categories"][1]["name"] = "Person"


@pytest.mark.parametrize(("change", "message"), [
    (same_name, "'Person' and 'person' list different keypoints, but their names"),
    (lambda data: data["categories"][1].update(flip_pairs=[1]), "must be a list of pairs"),
])
def test_what_cannot_be_classes(farm, change, message):
    with pytest.raises(DataError, match=message):
        list_keypoints(changed(farm, change))


def test_two_categories_of_one_name(farm):
    """As some exporters write a group and what is in it: they are told by their ids."""
    def named(data):
        data["categories"][0]["name"] = "dog"

    (dog, _) = list_keypoints(changed(farm, named))
    assert (dog.class_name, dog.category) == ("dog", (7,))


def test_labels_of_another_program(farm, tmp_path):
    write_labels(read_labels(farm), tmp_path / "tasks.json", "label-studio")
    project = new_project(tmp_path / "my", source=str(tmp_path / "tasks.json"),
                          images=str(farm.parent))
    assert {one.name: one.metainfo.num_keypoints for one in project.metainfo.classes} == {
        "dog": 3, "person": 4}


def twice(path, scatter):
    """Write another's labels, of which those of dogs are so far away, in pixels."""
    data = farm_data(PICTURES * 6)
    rng = np.random.default_rng(0)
    for one in data["annotations"]:
        if one["category_id"] == 7:
            xy = np.reshape(one["keypoints"], (-1, 3)) + [scatter, scatter, 0] * rng.choice(
                [-1, 1], (3, 3))
            one["keypoints"] = xy.ravel().tolist()
    path.write_text(json.dumps(data))
    return path


def test_sigmas_by_class(farm, tmp_path, capsys):
    """Copies of people say nothing; a dog's area is 14 x 9, and |a - b|^2 / 2 s^2 is 1 / 126."""
    other = twice(tmp_path / "other.json", 1)
    found = estimate_sigmas([farm, other], FARM)
    assert [one.sigma and one.name for one in found] == [
        None] * 4 + ["dog.nose", "dog.left_ear", "dog.right_ear"]
    assert [one.sigma for one in found[4:]] == pytest.approx([126**-0.5] * 3)
    call(["sigmas", str(farm), str(other)])
    assert "| dog.nose " in capsys.readouterr().out
    file = tmp_path / "farm.json"
    file.write_text(json.dumps(CONTENT))
    call(["sigmas", str(farm), str(other), "--write", str(file)])
    assert get_metainfo(file).sigmas == (*FARM.sigmas[:4], *[round(126**-0.5, 4)] * 3)
    # The sigmas of a known set have no place in the file.
    file.write_text(json.dumps({**CONTENT, "classes": {"person": "coco", "dog": DOG}}))
    names = get_metainfo(file).keypoint_names
    write_sigmas(file, [SigmaEstimate(name, 0.2 if "dog" in name else None, 0) for name in names])
    assert get_metainfo(file).sigmas[15:] == (0.089, 0.089, 0.2, 0.2, 0.2)
    with pytest.raises(ConfigError, match=r"write there \"sigmas\": \[0\.1, .* of person, "):
        write_sigmas(file, [SigmaEstimate(name, 0.1, 0) for name in names])
