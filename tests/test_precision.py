import contextlib

import numpy as np
import pytest
import torch

from aepose.datasets.transforms import make_eval_item
from aepose.errors import ConfigError
from aepose.precision import at_least_float32, autocast_type, full_float32
from aepose.structures import EvalSettings


@pytest.mark.parametrize(("name", "dtype"), [
    (None, None), ("bfloat16", torch.bfloat16), ("float16", torch.float16)])
def test_autocast_type(name, dtype):
    assert autocast_type(name, "key") is dtype


@pytest.mark.parametrize("name", ["float8", "float32", "", 16, True, ["bfloat16"]])
def test_other_types_are_refused(name):
    with pytest.raises(ConfigError, match=r"some\.key = .*'bfloat16', 'float16' or None"):
        autocast_type(name, "some.key")
    with pytest.raises(ConfigError, match=r"test_time\.dtype"):
        EvalSettings(dtype=name)


@pytest.mark.parametrize(("given", "kept"), [
    (torch.float16, torch.float32), (torch.bfloat16, torch.float32),
    (torch.float32, torch.float32), (torch.float64, torch.float64)])
def test_at_least_float32(given, kept):
    assert at_least_float32(torch.ones(2, dtype=given)).dtype == kept


@pytest.mark.parametrize("before", [True, False])
def test_tests_alone_keep_convolutions_from_tf32(tiny_config, monkeypatch, before):
    """What was set before is set again."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", before)
    model = tiny_config("tf32").network()
    seen = []
    model.backbone.register_forward_hook(
        lambda *_: seen.append(torch.backends.cudnn.allow_tf32))
    model(torch.rand(1, 3, 64, 64))
    item = make_eval_item(np.zeros((64, 64, 3), np.uint8), model.codec, (1,))
    images = model.eval().data_preprocessor({"items": [item]})["images"]
    model.aggregate(images, item)
    assert seen == [before, *[False] * (len(seen) - 1)]
    assert len(seen) > 1
    assert torch.backends.cudnn.allow_tf32 is before


@pytest.mark.parametrize("error", [None, KeyError])
def test_full_float32_ends_with_its_scope(monkeypatch, error):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    with contextlib.suppress(KeyError), full_float32():
        assert not torch.backends.cudnn.allow_tf32
        if error:
            raise error
    assert torch.backends.cudnn.allow_tf32


@pytest.mark.parametrize(("trained", "tested"), [
    (None, None), ("bfloat16", None), (None, "bfloat16"), ("float16", "bfloat16")])
@pytest.mark.parametrize("training", [True, False])
def test_how_a_network_was_trained_does_not_decide_how_it_is_tested(
        tiny_config, trained, tested, training):
    model = tiny_config("types", [
        f"model.backbone_dtype={trained}", f"test_time.dtype={tested}"]).network().train(training)
    if not training:
        model = model.prepare_for_test()
    seen = []
    model.backbone.register_forward_hook(lambda *args: seen.extend(f.dtype for f in args[-1]))
    with torch.no_grad():
        (maps,) = model(torch.rand(2, 3, 64, 64))
    expected = autocast_type(trained if training else tested, "") or torch.float32
    assert set(seen) == {expected}
    assert maps.dtype == torch.float32


def test_a_network_of_float64_stays_in_float64(tiny_config):
    model = tiny_config("double").network().double()
    (maps,) = model(torch.rand(2, 3, 64, 64, dtype=torch.float64))
    assert maps.dtype == torch.float64
