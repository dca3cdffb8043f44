"""Training on several data sets."""

import json

import pytest
from torch.utils.data import DataLoader

from aepose.apis.train import train
from aepose.datasets import ConcatDataset, Draw, SeededSampler, collate_train
from aepose.errors import ConfigError
from tests.conftest import PERSON, annotation
from tests.datasets.test_coco_keypoints import same
from tests.engine.runs import BATCHES_OF_3, differing, weights

FIRST = {"type": "CocoKeypoints", "ann_file": "people.json", "img_dir": "pictures"}
SECOND = {**FIRST, "ann_file": "others.json"}


@pytest.fixture
def mix(tiny_coco, three, make_codec):
    """Mix pictures 1, 3, 4 and picture 2, where somebody is annotated in another file."""
    root, content = tiny_coco
    (root / "others.json").write_text(json.dumps({
        **content, "annotations": [annotation(5, 2, PERSON)]}))

    def make(datasets=(FIRST, SECOND), **options):
        return ConcatDataset(list(datasets), three, make_codec(max_num_people=3), str(root),
                             **options)

    return make


def drawn(dataset, epoch, workers=0):
    sampler = SeededSampler(dataset, seed=3)
    sampler.set_epoch(epoch)
    return list(DataLoader(dataset, 2, sampler=sampler, num_workers=workers,
                           collate_fn=collate_train))


def pictures(dataset, epoch=0):
    return sorted(path[-5] for batch in drawn(dataset, epoch) for path in batch["image_paths"])


@pytest.mark.parametrize(("times", "counts"), [
    (1, "1234"), ([1, 1], "1234"), (2, "11223344"), ([1, 3], "122234"), ([2, 1], "1133244"),
])
def test_an_epoch(mix, times, counts):
    dataset = mix(times=times)
    assert len(dataset) == len(counts)
    assert pictures(dataset) == sorted(counts)
    assert dataset.on_bad_image == "error"


def test_parts_of_a_data_set_change_from_epoch_to_epoch(mix):
    dataset = mix(times=[0.34, 1])
    epochs = [pictures(dataset, epoch) for epoch in range(12)]
    assert all(len(epoch) == 2 and "2" in epoch for epoch in epochs)
    assert {name for epoch in epochs for name in epoch} == set("1234")


def test_samples_depend_on_the_draw_alone(mix):
    dataset = mix(times=[1.7, 2])
    alone, shared = drawn(dataset, 1), drawn(dataset, 1, workers=2)
    assert all(same(a, b) for a, b in zip(alone, shared, strict=True))
    draw = Draw(4, 9)
    assert dataset.augmented_sample(draw).image_path == dataset[draw].image_path


def test_repeats_of_a_mixture(mix):
    nested = {"type": "RepeatDataset", "times": 2, "dataset": {
        "type": "ConcatDataset", "datasets": [FIRST, {**SECOND, "on_bad_image": "skip"}]}}
    dataset = mix([nested, SECOND])
    assert pictures(dataset) == sorted("112233442")
    assert dataset.on_bad_image == "skip"
    assert dataset.load_sample(8).image_id == 2


@pytest.mark.parametrize(("datasets", "options", "message"), [
    ((), {}, "datasets: give a list"),
    ((FIRST, SECOND), {"times": [1]}, r"dataset.times = \[1\]: .* for each of 2 data sets"),
    ((FIRST,), {"times": 0}, r"dataset.times = \[0\]"),
    ((FIRST,), {"times": float("nan")}, "dataset.times"),
    ((FIRST, {**FIRST, "test_mode": True}), {}, r"dataset.datasets.1.test_mode: .* training only"),
    ((FIRST,), {"transforms": []}, r"dataset.datasets.0 has no transforms"),
    ((FIRST, {**FIRST, "typ": 3}), {}, r"dataset.datasets.1.typ"),
])
def test_what_cannot_be_mixed(mix, datasets, options, message):
    with pytest.raises(ConfigError, match=message):
        mix(datasets, **options)


TOY = {split: {"type": "CocoKeypoints", "img_dir": f"{split}2017",
               "ann_file": f"annotations/person_keypoints_{split}2017.json"}
       for split in ("train", "val")}
MIXED = {"_delete_": True, "type": "ConcatDataset", "times": [1, 0.5], "datasets": [*TOY.values()]}


def test_a_stopped_training_goes_on(tiny_config, tmp_path):
    options = (*BATCHES_OF_3, f"train_dataloader.dataset={MIXED}", "train_cfg.max_epochs=2",
               "default_hooks.checkpoint.by_epoch=False",
               "default_hooks.checkpoint.max_keep_ckpts=-1")
    train(tiny_config("mixed", options), tmp_path / "whole")
    last = sorted((tmp_path / "whole").glob("iter_*.pth"), key=lambda p: p.stat().st_mtime_ns)[-1]
    train(tiny_config("mixed_again", options), tmp_path / "again",
          resume=str(tmp_path / "whole" / "iter_2.pth"))
    assert not differing(weights(last), weights(tmp_path / "again" / last.name))


@pytest.mark.parametrize(("change", "message"), [
    ({"datasets": [{**TOY["train"], "img_dri": "x"}]}, r"dataset\.datasets\.0\.img_dri.*img_dir"),
    ({"datasets": TOY["train"]}, r"dataset\.datasets: give a list"),
    ({"datasets": [{**TOY["train"], "ann_file": ["a", "b"]}]}, "ann_file = .*give a text"),
])
def test_the_config_is_checked(tiny_config, change, message):
    with pytest.raises(ConfigError, match=message):
        tiny_config("wrong", [f"train_dataloader.dataset={ {**MIXED, **change} }"]).dataset("train")
