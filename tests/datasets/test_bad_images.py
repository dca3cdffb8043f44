"""Pictures that training cannot read, and pictures without people."""

import pytest
import torch

from aepose.apis.train import train
from aepose.datasets import CocoKeypoints, Draw, collate_train
from aepose.errors import ConfigError, DataError, ImageError
from tests.conftest import write_annotations
from tests.engine.runs import BATCHES_OF_3, differing, logged, scalars, weights

SKIP = "train_dataloader.dataset.on_bad_image=skip"
AUGMENT = ({"type": "RandomAffine", "scale_type": "short"},)


@pytest.fixture
def make_dataset(tiny_coco, make_codec, three):
    def make(**options):
        return CocoKeypoints("people.json", "pictures", three, make_codec(input_size=64),
                             data_root=str(tiny_coco[0]), transforms=AUGMENT, **options)

    return make


def spoil(root, *numbers):
    for number in numbers:
        (root / "pictures" / f"{number}.jpg").write_bytes(b"no picture")


def test_a_bad_picture_is_replaced_by_one_drawn_from_its_seed(make_dataset, tiny_coco):
    spoil(tiny_coco[0], 1)
    dataset = make_dataset(on_bad_image="skip")
    items = [dataset[Draw(0, seed)] for seed in range(8)]
    assert {item.image_path[-5:] for item in items} == {"3.jpg", "4.jpg"}
    for seed, item in enumerate(items):
        assert item.bad_images[0][0].endswith("1.jpg")
        assert "1.jpg cannot be decoded" in item.bad_images[0][1]
        assert torch.equal(item.image, dataset[Draw(0, seed)].image)
    assert dataset[Draw(1, 0)].bad_images == ()
    batch = collate_train([dataset[Draw(1, 0)], items[0]])
    assert batch["bad_images"] == list(items[0].bad_images)


def test_only_bad_images(make_dataset, tiny_coco):
    spoil(tiny_coco[0], 1, 3, 4)
    with pytest.raises(DataError, match=r"100 pictures in a row.*\.jpg cannot be decoded"):
        make_dataset(on_bad_image="skip")[Draw(0, 0)]


def test_a_broken_annotation_is_no_bad_picture(make_dataset, tiny_coco):
    root, content = tiny_coco
    content["annotations"][2]["segmentation"] = "abc"
    write_annotations(root, content)
    with pytest.raises(DataError, match="segmentation of annotation 13"):
        make_dataset(on_bad_image="skip")[Draw(0, 0)]


@pytest.mark.parametrize(("options", "message"), [
    ({"on_bad_image": "skipp"}, r"on_bad_image = 'skipp': give 'error' or 'skip'"),
    ({"on_bad_image": "skip", "test_mode": True}, "are for training"),
    ({"include_empty": True, "test_mode": True}, "are for training"),
])
def test_bad_options(make_dataset, options, message):
    with pytest.raises(ConfigError, match=message):
        make_dataset(**options)


@pytest.mark.parametrize(("include_empty", "expected"), [(False, [1, 3, 4]), (True, [1, 2, 3, 4])])
def test_pictures_without_people(make_dataset, include_empty, expected):
    dataset = make_dataset(include_empty=include_empty)
    assert [image["id"] for image in dataset.images] == expected
    items = [dataset[Draw(index, 0)] for index in range(len(dataset))]
    for image, item in zip(dataset.images, items, strict=True):
        assert bool(item.targets[0].heatmaps.any()) == (image["id"] in (1, 4))
    if include_empty:
        assert items[1].targets[0].loss_mask.any()      # nobody: the whole picture counts


@pytest.fixture
def spoilt(toy_root):
    """Spoil the first training picture for the time of a test."""
    path = sorted((toy_root / "train2017").iterdir())[0]
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    yield path
    path.write_bytes(content)


def test_training_stops_at_a_bad_picture(tiny_config, tmp_path, spoilt):
    with pytest.raises(ImageError, match=spoilt.name):
        train(tiny_config("bad_stops", BATCHES_OF_3), tmp_path)


def test_training_goes_on_without_a_bad_picture(tiny_config, tmp_path, spoilt):
    for workers in (0, 2):
        options = [*BATCHES_OF_3, SKIP, f"train_dataloader.num_workers={workers}"]
        train(tiny_config(f"bad_skipped_{workers}", options), tmp_path / str(workers))
        log = logged(tmp_path / str(workers))
        assert log.count("another picture takes its place") == 1
        for epoch in (1, 2):
            assert (f"epoch {epoch}: unreadable pictures were drawn and replaced 1 times; 1 files: "
                    f"{spoilt}") in log
        assert scalars(tmp_path / str(workers), "bad_images")[6] == 2
    assert not differing(*(weights(tmp_path / w / "epoch_2.pth") for w in ("0", "2")))
