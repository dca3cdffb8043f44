"""``aepose browse``: what is drawn, of which samples, and what it says of bad input."""

import cv2
import numpy as np
import pytest

from aepose.commands.app import call
from aepose.datasets.sampler import some_draws
from aepose.errors import DataError, UsageError


def run(cfg, out, *options):
    call(["browse", cfg.file, "--out", str(out), *options])
    return {path.name: cv2.imread(str(path)) for path in sorted(out.iterdir())}


def test_training_samples(tiny_config, tmp_path, capsys):
    cfg = tiny_config("browse")
    drawn = run(cfg, tmp_path / "a", "--count", "3")
    assert len(drawn) == 3
    # Three panels of the 64-pixel input under a title.
    assert all(image.shape[1] == 3 * 64 and image.shape[0] > 64 for image in drawn.values())
    # One of the eight pictures has nobody in it and is not trained on.
    assert "3 of 7 samples" in capsys.readouterr().out
    again = run(cfg, tmp_path / "b", "--count", "3")
    other = run(cfg, tmp_path / "c", "--count", "3", "--seed", "1")
    assert all((again[name] == image).all() for name, image in drawn.items())
    assert any(name not in other or (other[name] != image).any() for name, image in drawn.items())


def test_no_more_samples_than_there_are(tiny_config, tmp_path):
    assert len(run(tiny_config("browse"), tmp_path / "a", "--count", "99")) == 7


def test_test_scales(tiny_config, tmp_path):
    cfg = tiny_config("browse")
    single = run(cfg, tmp_path / "a", "--split", "val")
    double = run(cfg, tmp_path / "b", "--split", "val", "--cfg-options", "test_time.scales=[1,2]")
    assert len(single) == len(double) == 4
    assert all(double[n].shape[0] >= 3 * 64 for n in single)


def test_the_drawn_sample_is_the_trained_one(tiny_config):
    dataset = tiny_config("browse").dataset("train")
    draw = some_draws(len(dataset), 1, 0)[0]
    image = dataset[draw].image.numpy().transpose(1, 2, 0)
    np.testing.assert_array_equal(dataset.augmented_sample(draw).image, image)


@pytest.mark.parametrize(("total", "count", "expected"), [(5, 3, 3), (5, 9, 5), (1, 1, 1)])
def test_choice(total, count, expected):
    draws = some_draws(total, count, 0)
    assert len({d.index for d in draws}) == len(draws) == expected
    assert all(0 <= d.index < total for d in draws)


@pytest.mark.parametrize(("options", "error", "message"), [
    (["--count", "0"], UsageError, "--count: '0' is not a whole number from 1"),
    (["--seed", "-1"], UsageError, "--seed"),
    (["--cfg-options", "train_dataloader.dataset.ann_file=no.json"], DataError,
     r"no\.json: no such"),
])
def test_bad_input(tiny_config, tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        run(tiny_config("browse"), tmp_path / "a", *options)
