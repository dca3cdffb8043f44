"""The toy data set: same seed same bytes, COCO's format, and annotations that fit the drawing."""

import json
import os

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from aepose.errors import DataError
from aepose.metainfo import get_metainfo
from aepose.toy import draw_picture, make_toy_dataset
from aepose.toy.annotation import run_lengths
from aepose.toy.pose import Pose, sample_body, sample_pose, solve

TRAIN, VAL = "train2017", "val2017"
NUM_PICTURES = 200


@pytest.fixture(scope="module", params=["default", "hard"])
def toy(request, tmp_path_factory):
    """(preset name, COCO, folder of pictures) of a set with enough pictures for statistics."""
    out = tmp_path_factory.mktemp("toy") / request.param
    make_toy_dataset(out, NUM_PICTURES, 1, seed=7, hard=request.param == "hard")
    coco = COCO(str(out / "annotations" / f"person_keypoints_{TRAIN}.json"))
    return request.param, coco, out / TRAIN


def all_annotations(coco):
    return coco.loadAnns(coco.getAnnIds())


def with_keypoints(coco):
    return [a for a in all_annotations(coco) if a["num_keypoints"]]


def keypoints(annotation):
    return np.array(annotation["keypoints"], float).reshape(-1, 3)


def contents(folder):
    """{relative path: bytes} of all files but the record of the arguments."""
    return {str(p.relative_to(folder)): p.read_bytes()
            for p in folder.rglob("*") if p.is_file() and p.name != "toy.json"}


def test_same_seed_gives_same_bytes(tmp_path):
    for name in "ab":
        make_toy_dataset(tmp_path / name, 4, 2, seed=3)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert len(contents(tmp_path / "a")) == 8


def test_longer_set_begins_with_shorter_one(tmp_path):
    make_toy_dataset(tmp_path / "short", 3, 2, seed=3)
    make_toy_dataset(tmp_path / "long", 6, 4, seed=3)
    short, long = contents(tmp_path / "short"), contents(tmp_path / "long")
    for name, data in short.items():
        if name.endswith(".jpg"):
            assert long[name] == data
    for split in (TRAIN, VAL):
        name = f"annotations/person_keypoints_{split}.json"
        few, many = json.loads(short[name]), json.loads(long[name])
        for key in ("images", "annotations"):
            assert many[key][:len(few[key])] == few[key]


@pytest.mark.parametrize("change", [{"seed": 4}, {"hard": True}])
def test_other_arguments_give_other_pictures(tmp_path, change):
    make_toy_dataset(tmp_path / "a", 2, 0, seed=3)
    make_toy_dataset(tmp_path / "b", 2, 0, **{"seed": 3, **change})
    first, second = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert all(first[n] != second[n] for n in first if n.endswith(".jpg"))


def test_splits_differ_and_ids_are_unique(tmp_path):
    make_toy_dataset(tmp_path, 6, 6)
    files = [json.loads((tmp_path / "annotations" / f"person_keypoints_{s}.json").read_text())
             for s in (TRAIN, VAL)]
    for key in ("images", "annotations"):
        ids = [entry["id"] for f in files for entry in f[key]]
        assert len(ids) == len(set(ids))
        assert min(ids) > 0
    pictures = [p.read_bytes() for p in tmp_path.rglob("*.jpg")]
    assert len(set(pictures)) == 12


def test_files_read_as_coco(toy):
    _, coco, folder = toy
    category = coco.loadCats(1)[0]
    metainfo = get_metainfo("coco")
    assert tuple(category["keypoints"]) == metainfo.keypoint_names
    assert np.array(category["skeleton"]).min() == 1
    for image in coco.loadImgs(coco.getImgIds()):
        picture = cv2.imread(str(folder / image["file_name"]))
        assert picture.shape == (image["height"], image["width"], 3)
        assert min(picture.shape[:2]) >= 200
        assert max(picture.shape[:2]) <= 420


def test_keypoints_follow_coco_rules(toy):
    _, coco, _ = toy
    for annotation in all_annotations(coco):
        points, image = keypoints(annotation), coco.imgs[annotation["image_id"]]
        labelled = points[:, 2] > 0
        assert annotation["num_keypoints"] == labelled.sum()
        assert not points[~labelled].any()
        assert (points[labelled, :2] >= 0).all()
        assert (points[labelled, 0] <= image["width"] - 1).all()
        assert (points[labelled, 1] <= image["height"] - 1).all()
        x, y, w, h = annotation["bbox"]
        assert x >= 0
        assert y >= 0
        assert x + w <= image["width"]
        assert y + h <= image["height"]


def test_visible_keypoints_lie_on_their_person(toy):
    _, coco, _ = toy
    hits = total = 0
    for annotation in with_keypoints(coco):
        mask = cv2.dilate(coco.annToMask(annotation), np.ones((3, 3), np.uint8))
        points = keypoints(annotation)
        x, y = np.round(points[points[:, 2] == 2, :2]).astype(int).T
        hits, total = hits + mask[y, x].sum(), total + len(x)
    assert hits / total > 0.99


def test_area_is_that_of_the_mask(toy):
    _, coco, _ = toy
    ratios = [coco.annToMask(a).sum() / a["area"] for a in all_annotations(coco)]
    assert all(a["area"] > 0 for a in all_annotations(coco))
    # An outline does not know of holes, as between body and elbow, so some masks are larger.
    assert 0.98 < np.median(ratios) < 1.05
    assert np.mean(np.abs(np.array(ratios) - 1) < 0.25) > 0.9


def test_crowds_are_regions_without_keypoints(toy):
    _, coco, _ = toy
    crowds = [a for a in all_annotations(coco) if a["iscrowd"]]
    assert crowds
    for annotation in crowds:
        image = coco.imgs[annotation["image_id"]]
        size = [image["height"], image["width"]]
        rle = coco_mask.frPyObjects(annotation["segmentation"], *size)
        assert list(coco_mask.decode(rle).shape) == size
        assert sum(annotation["segmentation"]["counts"]) == size[0] * size[1]
        assert coco_mask.area(rle) == pytest.approx(annotation["area"], rel=0.1)
        assert annotation["keypoints"] == [0] * 51


def test_variety(toy):
    name, coco, _ = toy
    counts = [sum(a["num_keypoints"] > 0 for a in coco.imgToAnns[i]) for i in coco.imgs]
    assert min(counts) == 0
    assert max(counts) == (6 if name == "hard" else 4)
    assert 0 < counts.count(0) < 0.12 * NUM_PICTURES
    assert any(a["num_keypoints"] == 0 and not a["iscrowd"] for a in all_annotations(coco))
    visibility = np.concatenate([keypoints(a)[:, 2] for a in with_keypoints(coco)])
    share = np.bincount(visibility.astype(int), minlength=3) / visibility.size
    assert 0.05 < share[0] < 0.2
    assert 0.05 < share[1] < 0.2
    height = [a["bbox"][3] / coco.imgs[a["image_id"]]["height"] for a in with_keypoints(coco)]
    assert np.ptp(height) > 0.5
    assert np.median(height) > (0.3 if name == "hard" else 0.5)


def test_people_overlap(toy):
    _, coco, _ = toy
    overlapping = several = 0
    for image_id in coco.imgs:
        boxes = np.array([a["bbox"] for a in coco.imgToAnns[image_id] if a["num_keypoints"]])
        if len(boxes) > 1:
            several += 1
            crowd = np.zeros(len(boxes))
            overlapping += bool((np.triu(coco_mask.iou(boxes, boxes, crowd), 1) > 0.02).any())
    assert overlapping / several > 0.4


@pytest.mark.parametrize(("yaw", "left_is_right_of"), [(0.0, True), (np.pi, False)])
def test_left_and_right_are_anatomical(yaw, left_is_right_of):
    rng = np.random.default_rng(0)
    pose = sample_pose(rng)
    upright = Pose(**{**pose.__dict__, "yaw": yaw, "roll": 0.0, "torso_twist": 0.0,
                      "head_yaw": 0.0})
    points = solve(sample_body(rng), upright).points
    for name in ("eye", "ear", "shoulder", "hip"):
        assert (points[f"left_{name}"][0] > points[f"right_{name}"][0]) == left_is_right_of
    assert (points["nose"][2] > points["head"][2]) == left_is_right_of


@pytest.mark.parametrize(("mask", "expected"), [
    ([[0, 0], [0, 0]], [4]),
    ([[1, 0], [1, 0]], [0, 2, 2]),
    ([[0, 1], [1, 0]], [1, 2, 1]),
])
def test_run_lengths(mask, expected):
    assert run_lengths(np.array(mask)) == expected


def test_complete_set_is_left_alone_and_another_is_replaced(tmp_path):
    calls = []
    make_toy_dataset(tmp_path, 2, 1, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 3), (2, 3), (3, 3)]
    make_toy_dataset(tmp_path, 2, 1, progress=lambda *call: pytest.fail("drew it again"))
    make_toy_dataset(tmp_path, 1, 1)
    assert len(list((tmp_path / TRAIN).iterdir())) == 1
    assert json.loads((tmp_path / "toy.json").read_text())["num_train"] == 1


def test_interrupted_set_is_made_anew(tmp_path):
    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_toy_dataset(tmp_path, 2, 1, progress=interrupt)
    assert not (tmp_path / "toy.json").exists()
    make_toy_dataset(tmp_path, 2, 1)
    assert (tmp_path / "toy.json").exists()


def test_empty_set(tmp_path):
    make_toy_dataset(tmp_path, 0, 0)
    assert not COCO(str(tmp_path / "annotations" / f"person_keypoints_{VAL}.json")).imgs


@pytest.mark.parametrize("arguments", [(-1, 0), (0, -1), (0, 0, -1)])
def test_negative_numbers_are_refused(tmp_path, arguments):
    with pytest.raises(ValueError, match="= -1 must be 0 or more"):
        make_toy_dataset(tmp_path, *arguments)


def test_other_content_is_not_touched(tmp_path):
    (tmp_path / TRAIN).mkdir()
    (tmp_path / TRAIN / "holiday.jpg").write_bytes(b"precious")
    with pytest.raises(DataError, match=str(tmp_path)):
        make_toy_dataset(tmp_path, 1, 0)
    assert (tmp_path / TRAIN / "holiday.jpg").read_bytes() == b"precious"


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "toy").write_text("")
    for out in (tmp_path / "toy", tmp_path / "toy" / "below"):
        with pytest.raises(DataError, match="toy"):
            make_toy_dataset(out, 1, 0)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_unwritable_folder(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(DataError, match="cannot write"):
        make_toy_dataset(tmp_path / "toy", 1, 0)


def test_a_picture_for_the_first_look():
    picture = draw_picture(1)
    assert picture.dtype == np.uint8
    assert picture.flags.c_contiguous
    np.testing.assert_array_equal(picture, draw_picture(1))
    assert picture.shape != draw_picture(2).shape
