"""Keypoint sets of one's own: a dict in a config, a JSON file, and what a checkpoint carries."""

import json

import pytest

from aepose.apis.loading import load_model
from aepose.apis.train import train
from aepose.errors import CheckpointError, ConfigError
from aepose.experiment import Experiment
from aepose.metainfo import get_metainfo
from aepose.weights.checkpoint import read_checkpoint

ANT = {"name": "ant", "keypoint_names": ["head", "left", "right"],
       "flip_pairs": [["left", "right"]], "sigmas": [0.1, 0.1, 0.1],
       "skeleton": [["head", "left"], ["head", "right"]]}
FILE = """
{
  "name": "ant",                                 // comments are allowed
  "keypoint_names": ["head", "left", "right"],   # of both kinds
  "flip_pairs": [["left", "right"]],
  "sigmas": [0.1, 0.1, 0.1],
  "skeleton": [["head", "left"], ["head", "right"]]
}
"""


def test_a_dict_and_a_file_say_the_same(tmp_path):
    (tmp_path / "ant.json").write_text(FILE)
    ant = get_metainfo(ANT)
    assert get_metainfo(tmp_path / "ant.json") == get_metainfo(str(tmp_path / "ant.json")) == ant
    assert get_metainfo(ant) is ant
    assert ant.flip_index.tolist() == [0, 2, 1]


def test_colours_that_are_not_given():
    """Sides in the colours that the known sets have."""
    ant, coco = get_metainfo(ANT), get_metainfo("coco")
    colors = dict(zip(coco.keypoint_names, coco.keypoint_colors, strict=True))
    assert ant.keypoint_colors == (colors["nose"], colors["left_hip"], colors["right_hip"])
    assert ant.skeleton_colors == ant.keypoint_colors[1:]
    given = get_metainfo({**ANT, "skeleton_colors": [[1, 2, 3], [4, 5, 6]]})
    assert given.skeleton_colors == ((1, 2, 3), (4, 5, 6))


@pytest.mark.parametrize(("change", "message"), [
    ({"keypoints": []}, r"metainfo\.keypoints is unknown; did you mean 'keypoint_names'"),
    ({"name": None}, r"metainfo\.name = None: give a text"),
    ({"keypoint_names": "head"}, r"metainfo\.keypoint_names = 'head': give a list of names"),
    ({"keypoint_names": ["head", "head", "right"]}, "keypoint 'head' stands there twice"),
    ({"flip_pairs": [["left"]]}, r"metainfo\.flip_pairs .*: give a list of pairs of names"),
    ({"flip_pairs": [["left", "left"]]}, "keypoint 'left' is in two flip pairs"),
    ({"flip_pairs": [["left", "rihgt"]]}, "unknown keypoint 'rihgt'; did you mean 'right'"),
    ({"sigmas": [0.1, -0.1, 0.1]}, r"metainfo\.sigmas .*: give a list of positive numbers"),
    ({"sigmas": [0.1, float("nan"), 0.1]}, r"metainfo\.sigmas"),
    ({"sigmas": [0.1]}, "sigmas has 1 entries, expected 3"),
    ({"keypoint_colors": [[0, 0, 256]] * 3}, r"metainfo\.keypoint_colors .* 0 to 255"),
    ({"part_fields": [["keypoints", 0]]}, r"metainfo\.part_fields"),
])
def test_wrong_sets(tmp_path, change, message):
    with pytest.raises(ConfigError, match=message):
        get_metainfo({**ANT, **change})
    (tmp_path / "ant.json").write_text(json.dumps({**ANT, **change}))
    with pytest.raises(ConfigError, match=rf"ant\.json: .*{message.removeprefix('^')}"):
        get_metainfo(tmp_path / "ant.json")


@pytest.mark.parametrize("key", ["name", "keypoint_names", "flip_pairs", "sigmas"])
def test_what_has_to_be_said(key):
    with pytest.raises(ConfigError, match=f"metainfo lacks '{key}'"):
        get_metainfo({k: v for k, v in ANT.items() if k != key})


@pytest.mark.parametrize(("text", "message"), [
    (None, "no such metainfo file"), ("{", "cannot be read"), ("[1]", "expected an object"),
    ('{"__instance_type__": ["os", "PathLike"], "attributes": {}}', "is unknown"),
])
def test_files_that_are_none(tmp_path, text, message):
    path = tmp_path / "ant.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=rf"ant\.json.*{message}"):
        get_metainfo(path)


def test_a_file_is_looked_for_beside_its_config(tmp_path, monkeypatch):
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "ant.json").write_text(FILE)
    (tmp_path / "project" / "net.py").write_text("metainfo = 'ant.json'\n")
    experiment = Experiment.load(tmp_path / "project" / "net.py")
    assert experiment.metainfo == get_metainfo(ANT)
    assert experiment.to_dict()["metainfo"]["name"] == "ant"
    # On the command line it is relative to where one stands.
    monkeypatch.chdir(tmp_path / "project")
    assert Experiment.load("hrnet_w32_coco_512x512", ["metainfo=ant.json"]).metainfo.name == "ant"


def test_a_checkpoint_carries_it(tiny_config, tiny_coco, tmp_path):
    """The file may be gone."""
    root, _ = tiny_coco
    (tmp_path / "ant.json").write_text(FILE)
    files = [f"{split}_dataloader.dataset.{key}={value}" for split in ("train", "val")
             for key, value in (("ann_file", "people.json"), ("img_dir", "pictures"))]
    experiment = tiny_config("ant", [
        f"metainfo={tmp_path / 'ant.json'}", f"data_root={root}", "train_cfg.max_epochs=1",
        "train_dataloader.batch_size=2", *files])
    train(experiment, tmp_path / "run")
    (tmp_path / "ant.json").unlink()
    model = load_model(checkpoint=tmp_path / "run" / "last.pth", device="cpu")
    assert model.metainfo == get_metainfo(ANT)
    state = read_checkpoint(tmp_path / "run" / "last.pth")["state_dict"]
    assert model.model.state_dict().keys() == state.keys()


@pytest.mark.parametrize(("content", "message"), [
    ({"metainfo": "/etc/ant.json"}, "names a file of keypoints"),
    ({"metainfo": {"name": "ants", "classes": {"ant": "/etc/ant.json"}}},
     "names a file of keypoints"),
    ({"custom_imports": {"imports": ["os"]}}, "names modules of its own"),
    ({"metainfo": "coco", "custom_hooks": [{"type": "my_parts.Hook"}]}, "not part of aepose"),
])
def test_a_checkpoint_may_name_no_files_and_modules(content, message):
    with pytest.raises(CheckpointError, match=message):
        Experiment.of_checkpoint({"aepose_config": json.dumps(content)}, "x.pth")
