"""Every config of the repository: it loads, is short, and its parts can be built."""

from pathlib import Path

import pytest
import torch

from aepose.experiment import Experiment

CONFIGS = Path(__file__).parents[2] / "configs"
PATHS = sorted(p for p in CONFIGS.glob("*/*.py") if p.parent.name != "_base_")
LONGEST = 40


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
def test_config(path):
    experiment = Experiment.load(path)
    codec = experiment.codec
    assert len(path.read_text().splitlines()) < LONGEST
    assert f"{codec.input_size}x{codec.input_size}" in path.stem
    assert experiment.metainfo.name.split("_")[0] in path.stem or path.parent.name == "toy"
    with torch.device("meta"):
        head = experiment.network().keypoint_head
    assert len(head.losses) >= len(set(codec.map_sizes))


def test_names_are_unique():
    # Tools and hub find configs by name alone.
    names = [p.stem for p in PATHS]
    assert len(names) == len(set(names))
