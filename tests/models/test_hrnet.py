from pathlib import Path

import pytest
import torch

from aepose.experiment import Experiment
from aepose.models import FeatureSpec, HRNet
from tests.conftest import TINY_HRNET

CONFIG = Path(__file__).resolve().parents[2] / "configs/coco/hrnet_w32_coco_512x512.py"


def tiny(**options):
    return HRNet(**{**{k: v for k, v in TINY_HRNET.items() if k != "type"}, **options})


@pytest.mark.parametrize(("width", "size"), [
    (4, (32, 32)), (4, (64, 96)), (6, (96, 64)), (18, (64, 64)),
])
def test_shapes(width, size):
    backbone = tiny(width=width).eval()
    (features,) = backbone(torch.zeros(2, 3, *size))
    assert features.shape == (2, width, size[0] // 4, size[1] // 4)
    assert backbone.out_features == (FeatureSpec(width, 4),)


@pytest.mark.parametrize("options", [
    {"num_modules": (1, 2, 1)}, {"num_blocks": 2}, {"stage1_blocks": 3}, {"stem_channels": 16},
    {"stage1_channels": 1}, {"num_modules": (2, 1, 3)},
])
def test_variants(options):
    assert tiny(**options).eval()(torch.zeros(1, 3, 32, 32))[0].shape == (1, 4, 8, 8)


def test_size_of_the_published_network():
    model = Experiment.load(CONFIG).network()
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(28.54, abs=0.005)


def test_every_weight_takes_part():
    backbone = tiny()
    backbone(torch.rand(1, 3, 64, 64))[0].sum().backward()
    without = [name for name, p in backbone.named_parameters() if p.grad is None]
    assert not without
