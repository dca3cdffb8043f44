"""The AP of perfect maps."""

import pytest

from aepose.apis.ceiling import ceiling
from aepose.config import load_config
from aepose.datasets.toy import make_toy_dataset


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return make_toy_dataset(tmp_path_factory.mktemp("toy"), 1, 12)


@pytest.mark.parametrize(("input_size", "low", "high"), [(64, 0.3, 0.97), (256, 0.97, 1)])
def test_ceiling_rises_with_the_input(toy, input_size, low, high):
    options = [f"data_root={toy}", f"codec.input_size={input_size}"]
    cfg = load_config("configs/toy/hrnet_w16_toy_256x256.py", options)
    done = []
    metrics = ceiling(cfg, lambda *counts: done.append(counts))
    assert low < metrics["coco/AP"] <= high
    assert done[-1] == (12, 12)
