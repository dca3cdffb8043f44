"""Networks that are made faster for tests give the same maps."""

import numpy as np
import pytest
import torch
from torch import nn

from aepose.datasets.transforms import make_eval_item
from aepose.models import AssociativeEmbedding, associative_embedding
from aepose.models.fuse import fuse_conv_bn
from aepose.structures import EvalSettings
from tests.conftest import TINY_HRNET
from tests.models.test_associative_embedding import ARCHITECTURES, HEAD, build_architecture


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_made_faster_for_tests(make_codec, name):
    """The same maps from fewer layers."""
    model = build_architecture(name, make_codec, flip=True).eval()
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.running_var, 0.5, 2)
            nn.init.normal_(part.running_mean, std=0.1)
    item = make_eval_item(np.random.RandomState(0).randint(0, 256, (64, 80, 3), np.uint8),
                          model.codec, (1,))
    images = model.data_preprocessor({"items": [item]})["images"]
    with torch.no_grad():
        expected = model.aggregate(images, item)
        assert model.prepare_for_test() is model
        found = model.aggregate(images, item)
    # An hourglass has layers whose BatchNorm comes first.
    assert sum(isinstance(m, nn.BatchNorm2d) for m in model.modules()) < 2
    assert any(p.is_contiguous(memory_format=torch.channels_last) and not p.is_contiguous()
               for p in model.parameters() if p.ndim == 4)
    for one, other in zip(expected, found, strict=True):
        torch.testing.assert_close(other, one, atol=1e-4 * float(one.abs().max()), rtol=0)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_weights_are_converted_once(make_codec, dtype):
    """To what autocast makes of them every time."""
    model = AssociativeEmbedding({**TINY_HRNET}, {**HEAD}, make_codec(),
                                 EvalSettings(dtype=dtype)).eval()
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        (expected,) = fuse_conv_bn(model).maps(images)
        (found,) = model.prepare_for_test().maps(images)
    assert {p.dtype for p in model.backbone.parameters()} == {getattr(torch, dtype)}
    assert {p.dtype for p in model.keypoint_head.parameters()} == {torch.float32}
    assert torch.equal(found, expected)


def test_only_where_wanted(make_codec):
    model = AssociativeEmbedding({**TINY_HRNET}, {**HEAD}, make_codec(), EvalSettings(faster=False))
    names, images = list(model.state_dict()), torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        (expected,) = model.eval().maps(images)
        (found,) = model.train().prepare_for_test().maps(images)
    assert not model.training
    assert list(model.state_dict()) == names
    assert torch.equal(found, expected)


@pytest.mark.parametrize(("side", "grad", "times"), [(64, False, 2), (32, False, 0), (64, True, 0)])
def test_large_pictures_leave_no_pieces_of_memory(make_codec, monkeypatch, side, grad, times):
    """Freed memory is given back before and behind the backbone, but not in training."""
    calls = []
    monkeypatch.setattr(associative_embedding, "_LARGE", 64 * 64)
    monkeypatch.setattr(associative_embedding, "give_back_freed_memory", lambda: calls.append(1))
    model = AssociativeEmbedding({**TINY_HRNET}, {**HEAD}, make_codec(), EvalSettings()).eval()
    with torch.set_grad_enabled(grad):
        model.maps(torch.randn(1, 3, side, side))
    assert len(calls) == times
