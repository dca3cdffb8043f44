"""``aepose new``: what is written can be trained on, from any folder; what is doubtful is said."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from aepose.commands.app import call
from aepose.errors import ConfigError, DataError, UsageError
from aepose.experiment import Experiment
from aepose.metainfo import get_metainfo
from aepose.project.new import new_project
from aepose.project.sketch import sketch_metainfo
from aepose.project.source import list_keypoints
from aepose.zoo.hub import TOY_CHECKPOINT, find_checkpoint


@pytest.fixture
def annotations(toy_root):
    return toy_root / "annotations" / "person_keypoints_train2017.json"


def images_of(project, part):
    content = json.loads((project / "annotations" / f"{part}.json").read_text())
    return {image["file_name"] for image in content["images"]}, content


def test_from_annotations(annotations, tmp_path, monkeypatch, capsys):
    before, project = annotations.read_bytes(), tmp_path / "here" / "my project"
    call(["new", str(project), "--from", str(annotations)])
    said = capsys.readouterr().out
    assert annotations.read_bytes() == before
    assert "left_eye and right_eye" in said
    assert "pictures parted by picture at random" in said
    assert "people with keypoints to train on: hardly enough" in said
    assert said.endswith(f"Next:\n  aepose doctor {project}/config.py\n"
                         f"  aepose train {project}/config.py\n")
    assert len((project / "config.py").read_text().splitlines()) < 25
    monkeypatch.chdir(tmp_path)
    experiment = Experiment.load(project / "config.py")
    coco = get_metainfo("coco")
    assert experiment.metainfo.name == "my_project"
    assert find_checkpoint(experiment.to_dict()["finetune_from"]) == TOY_CHECKPOINT
    for field in ("keypoint_names", "flip_pairs"):
        assert getattr(experiment.metainfo, field) == getattr(coco, field)
    assert [len(experiment.dataset(split).images) for split in ("train", "val")] == [5, 2]
    experiment.dataset("train").load_sample(0)
    (train, content), (val, _) = images_of(project, "train"), images_of(project, "val")
    given = json.loads(before)
    assert train | val == {image["file_name"] for image in given["images"]}
    assert not train & val
    people = {person["id"]: person for person in given["annotations"]}
    assert all(people[p["id"]]["keypoints"] == p["keypoints"] for p in content["annotations"])


def test_with_annotations_to_test_on(annotations, tmp_path):
    val = annotations.with_name("person_keypoints_val2017.json")
    project = new_project(tmp_path / "new", source=str(annotations), val=str(val))
    experiment = Experiment.load(project.config)
    assert [len(experiment.dataset(split)) for split in ("train", "val")] == [7, 4]
    assert experiment.image_folder("val").resolve() == annotations.parents[1] / "val2017"


def test_from_names(tmp_path, capsys):
    folder = tmp_path / "creature"
    call(["new", str(folder), "--keypoints", " nose, left_ear,right_ear, l_hip"])
    said = capsys.readouterr().out
    assert "pairs of left and right: left_ear and right_ear\n" in said
    assert "warning  1 keypoint of one side in no flip pair: l_hip" in said
    assert Experiment.load(folder / "config.py").metainfo.keypoint_names == (
        "nose", "left_ear", "right_ear", "l_hip")
    assert "its sizes are a guess" in said
    with pytest.raises(ConfigError, match=r"creature has a keypoints\.json already"):
        call(["new", str(folder), "--keypoints", "nose"])


def test_a_corrected_keypoint_set_is_kept(annotations, tmp_path):
    first = new_project(tmp_path / "first", get_metainfo("coco").keypoint_names)
    text = (first.config.parent / "keypoints.json").read_text().replace("[0.05", "[0.06")
    (tmp_path / "corrected.json").write_text(text + "// mine")
    second = new_project(tmp_path / "second", tmp_path / "corrected.json", str(annotations))
    assert (second.config.parent / "keypoints.json").read_text() == text + "// mine"
    assert "copied from " in second.told[1]
    experiment = Experiment.load(second.config)
    assert experiment.metainfo.sigmas[0] == 0.06
    assert len(experiment.dataset("val")) == 2
    other = tmp_path / "three.json"
    other.write_text('{"name": "three", "keypoint_names": ["a", "b", "c"], "flip_pairs": [], '
                     '"sigmas": [1, 1, 1]}')
    with pytest.raises(DataError, match="are not the 3 of metainfo 'three': only the file has"):
        new_project(tmp_path / "third", other, str(annotations))


def spoilt(source, target, change):
    content = json.loads(source.read_text())
    change(content)
    target.write_text(json.dumps(content))
    return str(target)


def no_names(content):
    del content["categories"][0]["keypoints"]


def two_kinds(content):
    content["categories"].append({"id": 2, "name": "dog", "keypoints": ["nose", "tail"]})


def renamed(content):
    for image in content["images"]:
        image["file_name"] = "x" + image["file_name"]


@pytest.mark.parametrize(("change", "options", "error", "message"), [
    (no_names, [], ConfigError, "does not say how its keypoints are called; name them with --key"),
    (no_names, ["--keypoints", "a,b"], DataError, "must be 6 numbers .* got 51 values"),
    (two_kinds, ["--keypoints", "a,b"], DataError,
     "'person', 'dog' list different keypoints; .* --category"),
    (two_kinds, ["--category", "dig"], DataError, "category = 'dig' is not .* mean 'dog'"),
    (two_kinds, ["--category", "dog,cat"], DataError, "category = 'cat' is not among"),
    (two_kinds, ["--category", "pet=dog"], ConfigError, "is by class: give a metainfo file"),
    (renamed, [], DataError, r"none of its pictures, such as x0.*\.jpg, is in .* --images"),
    (renamed, ["--images", "."], DataError, r"none of its pictures, .* is in \.; give"),
    (None, ["--keypoints", "nose, ear"], DataError,
     r"are not the 2 of metainfo 'new': only the file has 'left_eye', .* only the metainfo has"),
])
def test_bad_annotations(annotations, tmp_path, change, options, error, message):
    source = str(annotations) if change is None else spoilt(
        annotations, tmp_path / "other.json", change)
    with pytest.raises(error, match=message):
        call(["new", str(tmp_path / "new"), "--from", source, *options])
    assert not (tmp_path / "new").exists()


def test_pictures_of_the_same_names_in_two_folders(annotations, tmp_path):
    source = spoilt(annotations, tmp_path / "labels.json", lambda content: None)
    pictures = annotations.parent.parent / "train2017"
    for name in ("first", "second"):
        (tmp_path / name).symlink_to(pictures)
    with pytest.raises(DataError, match=r"first and .*second have pictures of these names; give"):
        call(["new", str(tmp_path / "new"), "--from", source])
    # The file's name tells which.
    (tmp_path / "labels.json").rename(tmp_path / "second.json")
    project = new_project(tmp_path / "new", source=str(tmp_path / "second.json"))
    assert Experiment.load(project.config).image_folder("train").samefile(pictures)


@pytest.mark.parametrize(("arguments", "message"), [
    ([], "give --keypoints"), (["--keypoints", "a,,b"], "a name is empty"),
    (["--keypoints", "a", "--val", "b.json"], "give --from, too"),
])
def test_bad_command_lines(arguments, message):
    with pytest.raises(UsageError, match=message):
        call(["new", "folder", *arguments])
    assert not Path("folder").exists()


@pytest.mark.parametrize(("skeleton", "expected"), [
    ([[1, 2], [2, 3]], (("a", "b"), ("b", "c"))), ([[0, 1], [1, 2]], (("a", "b"), ("b", "c"))),
    ([[1, 4]], ()), ([["a", "b"]], ()), (None, ()), ([[1, 1], [1, 2]], (("a", "b"),)),
])
def test_a_skeleton_of_the_file(tmp_path, skeleton, expected):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"categories": [
        {"id": 1, "name": "x", "keypoints": ["a", "b", "c"], "skeleton": skeleton},
        {"id": 2, "name": "box"}, {"id": 3, "name": "y", "keypoints": ["k", "k"]}]}))
    (listed,) = list_keypoints(path)
    assert (listed.names, listed.limbs, listed.category) == (("a", "b", "c"), expected, ("x",))


def test_labels_of_another_program(tmp_path, capsys):
    """DeepLabCut's table: pairs and skeleton are guessed, as it has none that are known here."""
    film = tmp_path / "labeled-data" / "film"
    film.mkdir(parents=True)
    names, places = ("snout", "earL", "earR"), ((30, 10), (24, 18), (36, 18))
    lines = ["scorer" + ",me" * 6, "bodyparts," + ",".join(f"{n},{n}" for n in names),
             "coords" + ",x,y" * 3]
    for number in range(10):
        cv2.imwrite(str(film / f"img{number}.png"), np.zeros((48, 64, 3), np.uint8))
        lines.append(f"labeled-data/film/img{number}.png," + ",".join(
            f"{x + number},{y}" for x, y in places))
    table = film / "CollectedData_me.csv"
    table.write_text("\n".join(lines))
    project = tmp_path / "mouse"
    call(["new", str(project), "--from", str(table)])
    said = capsys.readouterr().out
    assert "pairs of left and right: earL and earR" in said
    assert "| kept    | creatures " in said
    experiment = Experiment.load(project / "config.py")
    assert [len(experiment.dataset(split)) for split in ("train", "val")] == [8, 2]
    assert experiment.dataset("train").load_sample(0).keypoints[0, 1].tolist() == [24, 18]


def test_pairs_that_labels_give_are_taken(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"categories": [
        {"id": 1, "name": "x", "keypoints": ["a", "b"], "flip_pairs": [["a", "b"]]}]}))
    assert list_keypoints(path)[0].flip_pairs == (("a", "b"),)
    assert sketch_metainfo("x", ["a", "b"], pairs=[("a", "b")]).flip_pairs == (("a", "b"),)
