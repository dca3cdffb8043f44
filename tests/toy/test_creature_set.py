"""Toy sets of creatures: COCO's format with a category each, and their keypoint sets."""

import json
import re
import shlex

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

from aepose.commands.app import call
from aepose.errors import ConfigError
from aepose.metainfo import get_metainfo
from aepose.toy import make_toy_dataset
from tests.golden_check import ROOT
from tests.toy.test_creature_file import FISH
from tests.toy.test_toy import contents, keypoints

TRAIN, VAL = "train2017", "val2017"
BOTH = ["beetle", FISH]


def content_of(folder, split=TRAIN):
    return json.loads((folder / "annotations" / f"person_keypoints_{split}.json").read_text())


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Two kinds of creatures, hard pictures: (COCO, folder of pictures)."""
    out = make_toy_dataset(tmp_path_factory.mktemp("toy"), 30, 0, seed=2, hard=True, creatures=BOTH)
    return COCO(str(out / "annotations" / f"person_keypoints_{TRAIN}.json")), out / TRAIN


def test_same_seed_same_bytes_and_a_longer_set_begins_with_the_shorter(tmp_path):
    for name, count in (("a", 3), ("b", 3), ("c", 4)):
        make_toy_dataset(tmp_path / name, count, 1, seed=3, creatures=BOTH)
    first, second, longer = (contents(tmp_path / name) for name in "abc")
    assert first == second
    assert len(first) == 9  # 4 pictures, 2 annotation files, 3 keypoint sets
    assert all(longer[name] == data for name, data in first.items() if name.endswith(".jpg"))


def test_categories_and_annotations(world):
    coco, folder = world
    names = {"beetle": 9, "fish": 4}
    assert [c["name"] for c in coco.loadCats([1, 2])] == list(names)
    counts = {1: 0, 2: 0}
    for annotation in coco.loadAnns(coco.getAnnIds()):
        counts[annotation["category_id"]] += 1
        category = coco.cats[annotation["category_id"]]
        points, image = keypoints(annotation), coco.imgs[annotation["image_id"]]
        assert len(points) == len(category["keypoints"]) == names[category["name"]]
        assert annotation["num_keypoints"] == (points[:, 2] > 0).sum()
        inside = (points[:, :2] >= 0) & (points[:, :2] <= (image["width"] - 1, image["height"] - 1))
        assert inside[points[:, 2] > 0].all()
    assert min(counts.values()) > 10
    picture = cv2.imread(str(folder / image["file_name"]))
    assert picture.shape == (image["height"], image["width"], 3)


def test_visible_keypoints_lie_on_their_creature(world):
    coco, _ = world
    hits, visible = [], []
    for annotation in coco.loadAnns(coco.getAnnIds()):
        mask = cv2.dilate(coco.annToMask(annotation), np.ones((3, 3), np.uint8))
        points = keypoints(annotation)
        x, y = np.round(points[points[:, 2] == 2, :2]).astype(int).T
        hits += mask[y, x].tolist()
        visible += points[:, 2].tolist()
    assert np.mean(hits) > 0.99
    share = np.bincount(np.array(visible, int), minlength=3) / len(visible)
    assert share[2] > 0.7
    assert share[1] > 0.01


def test_keypoint_sets(tmp_path):
    one = make_toy_dataset(tmp_path / "one", 1, 0, creatures=[FISH])
    two = make_toy_dataset(tmp_path / "two", 1, 0, creatures=BOTH)
    fish = get_metainfo(one / "keypoints.json")
    beetle, second = get_metainfo(two / "keypoints.json").classes
    assert (beetle.name, beetle.metainfo.num_keypoints) == ("beetle", 9)
    assert (second.name, second.metainfo, second.keypoints) == ("fish", fish, slice(9, 13))
    (category,) = content_of(one)["categories"]
    assert tuple(category["keypoints"]) == fish.keypoint_names
    assert category["skeleton"] == (fish.skeleton_index + 1).tolist()


def test_another_description_draws_anew_and_people_leave_no_creature(tmp_path):
    make_toy_dataset(tmp_path, 2, 0, creatures=BOTH)
    again = make_toy_dataset(tmp_path, 2, 0, creatures=BOTH,
                             progress=lambda *done: pytest.fail("drew it again"))
    before = contents(again)
    make_toy_dataset(tmp_path, 2, 0, creatures=["beetle", {**FISH, "girth": 2}])
    assert contents(tmp_path) != before
    make_toy_dataset(tmp_path, 2, 0)
    assert [c["name"] for c in content_of(tmp_path)["categories"]] == ["person"]
    assert not [name for name in contents(tmp_path) if "metainfo" in name or "keypoints.j" in name]


def test_one_name_for_one_creature(tmp_path):
    with pytest.raises(ConfigError, match="two creatures are called 'fish'"):
        make_toy_dataset(tmp_path / "toy", 1, 0, creatures=[FISH, FISH])
    assert not (tmp_path / "toy").exists()


def test_command(tmp_path):
    (tmp_path / "fish.json").write_text("# comments are allowed\n" + json.dumps(FISH))
    call(["toy", "--out", str(tmp_path / "toy"), "--train", "2", "--val", "1", "--creature", "hand",
          "--creature", str(tmp_path / "fish.json")])
    names = [c["name"] for c in content_of(tmp_path / "toy", VAL)["categories"]]
    assert names == ["hand", "fish"]


def test_the_page(tmp_path, monkeypatch):
    """What docs/own_data.md shows of drawn worlds is run, with few pictures."""
    page = (ROOT / "docs" / "own_data.md").read_text(encoding="utf-8")
    section = re.search(r"## Drawn worlds\n(.*?)(\n## |$)", page, re.DOTALL)[1]
    blocks = dict(re.findall(r"```(\w+)\n(.*?)```", section, re.DOTALL))
    assert section.count("\n```") == 2 * len(blocks)    # one of each
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fish.json").write_text(blocks["json"])
    for line in re.sub(r"[82]00", "1", blocks["bash"]).splitlines():
        call(shlex.split(line)[1:])
    assert get_metainfo("fishes/keypoints.json").flip_pairs == (("left_fin", "right_fin"),)
