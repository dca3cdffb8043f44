from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from aepose.codecs import AssociativeEmbeddingCodec
from aepose.datasets import CocoKeypoints, Draw, SeededSampler, collate_train
from aepose.errors import ConfigError, DataError
from aepose.evaluation import CocoMetric
from aepose.metainfo import get_metainfo
from aepose.results import PoseResult
from tests.conftest import annotation, write_annotations

AUGMENT = ({"type": "RandomAffine"}, {"type": "RandomFlip"})


@pytest.fixture
def make_dataset(tiny_coco, three, make_codec):
    def make(**options):
        codec = make_codec(max_num_people=3)
        return CocoKeypoints("people.json", "pictures", three, codec, str(tiny_coco[0]), **options)

    return make


def test_training_uses_pictures_with_annotations_and_testing_all(make_dataset):
    assert [i["id"] for i in make_dataset().images] == [1, 3, 4]
    assert [i["id"] for i in make_dataset(test_mode=True).images] == [1, 2, 3, 4]


def test_sample(make_dataset, tiny_coco):
    sample = make_dataset().load_sample(0)
    assert (sample.image_id, sample.image_path) == (1, str(tiny_coco[0] / "pictures/1.jpg"))
    assert sample.image.shape == (32, 48, 3)
    # The person and the one without keypoints, not the crowd.
    assert sample.keypoints.tolist() == [[[10, 10], [8, 20], [14, 21]], [[0, 0]] * 3]
    assert sample.visibility.tolist() == [[2, 1, 2], [0, 0, 0]]
    masked = ~sample.loss_mask
    # Masked: the crowd's four columns and the person without keypoints, not the other one.
    assert masked[:, :4].all()
    assert masked[5:11, 11:19].all()
    assert not masked[:, 24:].any()
    assert not masked[14:, 5:].any()


def test_a_picture_with_only_a_crowd_has_nobody(make_dataset):
    dataset = make_dataset(transforms=AUGMENT)
    assert dataset.load_sample(1).keypoints.shape == (0, 3, 2)
    item = dataset[Draw(1, 0)]
    assert not item.targets[0].heatmaps.any()
    assert not item.targets[0].tag_valid.any()


def test_a_crowd_with_keypoints_is_a_person(make_dataset, tiny_coco):
    root, content = tiny_coco
    content["annotations"][3] = annotation(31, 3, [[1, 2, 2]] * 3, iscrowd=1)
    write_annotations(root, content)
    assert make_dataset().load_sample(1).visibility.tolist() == [[2, 2, 2]]


def test_num_keypoints_is_counted_where_the_field_is_missing(make_dataset, tiny_coco):
    root, content = tiny_coco
    del content["annotations"][0]["num_keypoints"]
    write_annotations(root, content)
    assert make_dataset().load_sample(0).loss_mask[:, 30:40].all()


@pytest.mark.parametrize(("given", "seen"), [
    ([0, 0.06, 1], [0, 1, 1]), ([2.0, 1.5, -1], [2, 2, 0]), ([True, 1.0, 0.0], [1, 1, 0]),
])
def test_fractions_of_visibility(make_dataset, tiny_coco, given, seen):
    root, content = tiny_coco
    content["annotations"][0]["keypoints"][2::3] = given
    write_annotations(root, content)
    assert make_dataset().load_sample(0).visibility[0].tolist() == seen


def test_keypoints_in_several_fields(tiny_coco, three, make_codec):
    root, content = tiny_coco
    for entry in content["annotations"]:
        entry["foot_kpts"] = entry["keypoints"][6:]
        entry["keypoints"] = entry["keypoints"][:6]
    write_annotations(root, content)
    parts = replace(three, part_fields=(("keypoints", 2), ("foot_kpts", 1)))
    dataset = CocoKeypoints("people.json", "pictures", parts, make_codec(), str(root))
    sample = dataset.load_sample(0)
    assert sample.keypoints.tolist() == [[[10, 10], [8, 20], [14, 21]], [[0, 0]] * 3]
    assert sample.visibility.tolist() == [[2, 1, 2], [0, 0, 0]]


NEEDED = ("id", "image_id", "bbox", "category_id")


@pytest.mark.parametrize("name", ["coco", "aic", "mhp", "crowdpose", "coco_wholebody"])
def test_every_known_set_is_read_trained_on_and_found_again(tiny_coco, name):
    """Files as sparse as the published ones: without area, segmentation and iscrowd."""
    root, content = tiny_coco
    metainfo = get_metainfo(name)
    joints = np.random.RandomState(0).uniform((4, 4), (44, 28), (metainfo.num_keypoints, 2))
    joints = np.concatenate([joints, np.full((len(joints), 1), 0.5)], axis=1).astype(np.float32)
    content["annotations"] = [{key: content["annotations"][0][key] for key in NEEDED}]
    start = 0
    for field, count in metainfo.annotation_fields:
        numbers = joints[start : start + count].ravel().tolist()
        content["annotations"][0][field] = numbers
        start += count
    write_annotations(root, content)
    codec = AssociativeEmbeddingCodec(metainfo, 64)
    dataset = CocoKeypoints("people.json", "pictures", metainfo, codec, str(root),
                            transforms=AUGMENT)
    item = dataset[Draw(0, 0)]
    assert len(dataset) == 1
    assert item.targets[0].heatmaps.shape == (metainfo.num_keypoints, 16, 16)
    assert 0 < item.targets[0].tag_valid.sum() <= metainfo.num_keypoints
    found = PoseResult(joints[None, :, :2], joints[None, :, 2], np.ones(1, np.float32),
                       np.zeros((1, len(joints), 1), np.float32), image_id=1)
    metric = CocoMetric(metainfo, dataset.ann_file, use_area=False)
    metric.process(None, [found])
    assert metric.evaluate(size=1)["coco/AP"] == pytest.approx(1)


def test_test_item(make_dataset):
    item = make_dataset(test_mode=True, scales=(1, 2))[1]
    assert (item.image_id, item.image_size, item.scales) == (2, (48, 32), (2, 1))
    assert len(item.images) == 2


def test_transforms_are_named_by_their_place(make_dataset):
    with pytest.raises(ConfigError, match=r"transforms\.1\.type = 'RandomFlp'.*'RandomFlip'"):
        make_dataset(transforms=({"type": "RandomAffine"}, {"type": "RandomFlp"}))


@pytest.mark.parametrize("segmentation", [
    [1, 2, 3, 4, 5, 6], [[1, 1, 20, 1]], [None], {"counts": "abc", "size": [32, 48]},
    {"counts": [0, 5], "size": [32]},
    "abc", 5, [[1, 1]], [[]], {"size": [32, 48]},
    {"counts": [5000, 300], "size": [32, 48]},
    {"counts": [-5, 1541], "size": [32, 48]},
    {"counts": [0, 32 * 48], "size": [48, 32]},
], ids=str)
def test_bad_segmentation(make_dataset, tiny_coco, segmentation):
    root, content = tiny_coco
    content["annotations"][2]["segmentation"] = segmentation
    write_annotations(root, content)
    for test_mode in (False, True):
        with pytest.raises(DataError, match=r"people\.json: the segmentation of annotation 13 is"):
            make_dataset(test_mode=test_mode)


@pytest.mark.parametrize("segmentation", [None, []])
def test_a_crowd_without_segmentation_masks_nothing(make_dataset, tiny_coco, segmentation):
    root, content = tiny_coco
    content["annotations"][3]["segmentation"] = segmentation
    write_annotations(root, content)
    assert make_dataset().load_sample(1).loss_mask.all()


def cut(path):
    path.write_bytes(path.read_bytes()[:-300])


def resize(path):
    cv2.imwrite(str(path), np.zeros((32, 40, 3), np.uint8))


@pytest.mark.parametrize(("damage", "message"), [
    (lambda p: p.unlink(), "No such file"),
    (resize, "is 40x32, but .*people.json gives 48x32 for image id 1"),
    (lambda p: p.write_bytes(b""), "is an empty file"),
    (cut, "cannot be decoded"),
    (lambda p: p.write_bytes(b"text"), "cannot be decoded"),
], ids=["missing", "wrong size", "empty", "truncated", "not a picture"])
@pytest.mark.parametrize("test_mode", [False, True])
def test_bad_images(make_dataset, tiny_coco, damage, message, test_mode):
    damage(tiny_coco[0] / "pictures" / "1.jpg")
    dataset = make_dataset(test_mode=test_mode)
    with pytest.raises(DataError, match=rf"1\.jpg.*({message})"):
        dataset[0 if test_mode else Draw(0, 0)]


@pytest.mark.parametrize("exif", [True, False])
def test_a_picture_that_exif_turns(make_dataset, tiny_coco, exif):
    root, _ = tiny_coco
    image = Image.new("RGB", (32, 48) if exif else (48, 32))
    tags = image.getexif()
    tags[0x0112] = 6
    image.save(root / "pictures" / "1.jpg", exif=tags)
    assert make_dataset(exif=exif).load_sample(0).image.shape == (32, 48, 3)
    with pytest.raises(DataError, match=f"is 32x48, but .* EXIF .*set the data set's exif={exif}"):
        make_dataset(exif=not exif).load_sample(0)


def test_a_strip_is_refused_before_the_first_picture(make_dataset, tiny_coco):
    root, content = tiny_coco
    content["images"][1].update(width=2, height=33)
    write_annotations(root, content)
    dataset = make_dataset(test_mode=True)
    with pytest.raises(DataError, match=r"2\.jpg is 2x33, so the network would get 64x1088"):
        [dataset.test_sizes(index) for index in range(len(dataset))]


def test_one_refused_by_the_decoder_is_skipped(make_dataset, tiny_coco):
    (tiny_coco[0] / "pictures" / "1.jpg").write_bytes(
        b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 99999999 +X 99999999\n")
    item = make_dataset(on_bad_image="skip", transforms=AUGMENT)[Draw(0, 0)]
    assert [path.endswith("1.jpg") for path, _ in item.bad_images] == [True] * len(item.bad_images)
    assert not item.image_path.endswith("1.jpg")


@pytest.mark.parametrize(("keep", "test_mode", "message"), [
    ("images", False, "has no picture with annotations"), ("none", True, "lists no pictures"),
])
def test_nothing_to_use(make_dataset, tiny_coco, keep, test_mode, message):
    root, content = tiny_coco
    images = content["images"] if keep == "images" else []
    write_annotations(root, {**content, "images": images, "annotations": []})
    with pytest.raises(DataError, match=f"people.json {message}"):
        make_dataset(test_mode=test_mode)


def same(a, b):
    return (torch.equal(a["images"], b["images"]) and a["image_paths"] == b["image_paths"]
            and torch.equal(a["targets"][0].heatmaps, b["targets"][0].heatmaps)
            and torch.equal(a["targets"][0].tag_index, b["targets"][0].tag_index))


def test_samples_do_not_depend_on_the_number_of_workers(make_dataset):
    dataset = make_dataset(transforms=AUGMENT)

    def epoch(workers, number=0):
        sampler = SeededSampler(dataset, seed=5)
        sampler.set_epoch(number)
        return list(DataLoader(dataset, 2, sampler=sampler, num_workers=workers,
                               collate_fn=collate_train))

    alone, shared, later = epoch(0), epoch(2), epoch(0, number=1)
    assert all(same(a, b) for a, b in zip(alone, shared, strict=True))
    assert not same(alone[0], later[0])


def test_the_configured_loader(tiny_config):
    cfg = tiny_config("loader")
    first, again = ([*cfg.dataloader("train")] for _ in range(2))
    assert {tuple(b["images"].shape[1:]) for b in first} == {(3, 64, 64)}
    assert sum(len(b["images"]) for b in first) == len(cfg.dataset("train"))
    assert all(same(a, b) for a, b in zip(first, again, strict=True))
    assert len([*cfg.dataloader("test")]) == 4


def test_an_error_in_a_worker_keeps_its_kind(make_dataset, tiny_coco):
    (tiny_coco[0] / "pictures" / "1.jpg").unlink()
    dataset = make_dataset(transforms=AUGMENT)
    draws = iter(DataLoader(dataset, 1, sampler=SeededSampler(dataset, shuffle=False, seed=0),
                            num_workers=1, collate_fn=collate_train))
    with pytest.raises(DataError, match=r"cannot read picture .*1\.jpg"):
        next(draws)
    assert len(list(draws)) == 2      # and the worker can be stopped
