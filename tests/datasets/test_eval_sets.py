"""Validation and tests on several sets, each with its own numbers."""

import json

import pytest

from aepose.apis.evaluate import evaluate
from aepose.apis.train import train
from aepose.datasets import EvalSets
from aepose.datasets.eval_sets import sets_of
from aepose.errors import ConfigError
from tests.conftest import PERSON, annotation
from tests.datasets.test_concat import FIRST, SECOND, TOY

NAMES = ["some", "other"]


@pytest.fixture
def sets(tiny_coco, three, make_codec):
    root, content = tiny_coco
    (root / "others.json").write_text(json.dumps({
        **content, "images": content["images"][:2], "annotations": [annotation(5, 2, PERSON)]}))

    def make(datasets=(FIRST, SECOND), names=NAMES):
        return EvalSets(list(datasets), names, three, make_codec(), str(root), (1, 0.5))

    return make


def test_pictures_know_their_set(sets):
    dataset = sets()
    first, second = dataset.datasets
    assert len(dataset) == len(first) + len(second)
    assert [dataset.count(name) for name in NAMES] == [len(first), len(second)] == [len(first), 2]
    last = dataset[len(dataset) - 1]
    assert (last.dataset, last.image_id) == ("other", second.images[-1]["id"])
    assert (dataset[0].dataset, dataset[0].scales) == ("some", (1, 0.5))
    assert dataset.test_sizes(len(first)) == second.test_sizes(0)
    assert dataset.load_sample(len(first) + 1).image_path == second[1].image_path


BAD = [
    ({"names": ["a"]}, r"dataset\.names = \['a'\]: .* each of the 2 data sets"),
    ({"names": ["a", "a"]}, r"names = \['a', 'a'\]"), ({"names": None}, "names = None"),
    ({"names": ["a", "b/c"]}, "without a '/'"), ({"names": ["a", ""]}, "names"),
    ({"datasets": ()}, r"dataset\.datasets: give a list"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_names_are_checked(sets, change, message):
    with pytest.raises(ConfigError, match=message):
        sets(**change)
    described = {"type": "EvalSets", "datasets": [FIRST, SECOND], "names": NAMES, **change}
    with pytest.raises(ConfigError, match=message):
        sets_of(described, "val_dataloader.dataset")


def test_an_error_names_its_set(sets):
    with pytest.raises(ConfigError, match=r"dataset\.datasets\.1\.typ"):
        sets([FIRST, {**SECOND, "typ": 1}])
    with pytest.raises(IndexError):
        sets()[100]


BOTH = {"_delete_": True, "type": "EvalSets", "names": ["seen", "new"],
        "datasets": [TOY["train"], TOY["val"]]}


def test_numbers_of_each(tiny_config, tmp_path):
    """They are those of a test of each by itself, in a validation, too."""
    options = [f"val_dataloader.dataset={BOTH}", "default_hooks.checkpoint.save_best=new/coco/AP",
               "train_cfg.max_epochs=1"]
    experiment = tiny_config("both", options)
    train(experiment, tmp_path / "run")
    weights = tmp_path / "run" / "last.pth"
    assert (tmp_path / "run" / "best.pth").exists()
    found = evaluate(experiment, weights, tmp_path / "test", out=tmp_path / "out")
    for name, split in (("seen", "train"), ("new", "val")):
        alone = evaluate(tiny_config("alone", [f"val_dataloader.dataset.{key}={value}" for
                                               key, value in TOY[split].items()]),
                         weights, tmp_path / split, out=tmp_path / f"out_{split}")
        assert found.scores[f"{name}/coco"].metrics == alone.scores["coco"].metrics
        ours, theirs = (tmp_path / "out" / f"{name}_coco_predictions.json",
                        tmp_path / f"out_{split}" / "predictions.json")
        assert json.loads(ours.read_text()) == json.loads(theirs.read_text())
    validated = json.loads((tmp_path / "run" / "metrics.json").read_text())["metrics"]
    assert {name.rpartition("/")[0] for name in validated} == {"seen/coco", "new/coco"}
    assert found.table("both").count("| both") == 2
