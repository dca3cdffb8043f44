"""SWAHR: scales of a head, the loss that trains them, and networks with both."""

import pytest
import torch

from aepose.datasets.transforms import make_eval_item
from aepose.errors import ConfigError
from aepose.models import (
    AEHead,
    AEHigherResolutionHead,
    AESimpleHead,
    AssociativeEmbedding,
    FeatureSpec,
    OutputSpec,
    SWAHRLoss,
)
from aepose.models.losses.swahr_loss import adapted_targets, adaptive_weights
from aepose.structures import EvalSettings, HeadOutput, MapTargets
from tests.conftest import TINY_HRNET
from tests.models.test_associative_embedding import draw
from tests.models.test_losses import make_targets

LOSS, NO_TAGS = {"type": "SWAHRLoss"}, {"type": "SWAHRLoss", "push": None, "pull": None}
HIGHER = {"type": "AEHigherResolutionHead", "scales": True, "losses": [LOSS, NO_TAGS]}
SIMPLE = {"type": "AESimpleHead", "scales": True, "losses": [LOSS]}


def random_output(dtype=torch.float32, device="cpu"):
    """Maps of two pictures that want gradients, and targets with people."""
    rng = torch.Generator().manual_seed(0)
    targets = make_targets()
    targets.heatmaps.uniform_(generator=rng)
    targets.heatmaps[:, :, :2] = 0
    targets.tag_valid[:, :3] = True
    maps = torch.randn(2, 9, 4, 4, generator=rng).to(dtype).to(device).requires_grad_()
    return maps, HeadOutput(maps[:, :3], maps[:, 3:6], maps[:, 6:]), targets.to(device)


@pytest.mark.parametrize(("plain", "scale", "expected"), [
    (0.0, 5.0, 0.0),                                            # it never leaves the patch
    (1.0, 5.0, 1.0),                                            # and the peak never moves
    (0.5, 0.0, 0.5),
    (0.5, 1 / torch.log(torch.tensor(2.0)).item(), 0.25),       # least of all: half
    (0.135335283, 3.0, 0.135335283 * 13),                       # beyond, it rises: 1 - 6 + 36 / 2
    (0.135335283, -0.5, 0.135335283 * 2.5),
])
def test_adapted_targets(device, plain, scale, expected):
    plain, scale = (torch.full((1, 1, 1, 1), v, dtype=torch.float64, device=device)
                    for v in (plain, scale))
    target, used = adapted_targets(plain, scale)
    assert target.item() == pytest.approx(expected, rel=1e-8)
    assert used.item() == (scale.item() if plain else 0)


@pytest.mark.parametrize(("heatmap", "plain", "expected"), [
    (0.75, 1.0, 0.25), (-0.5, 1.0, 1.5), (0.75, 0.0, 0.75), (-0.5, 0.0, 0.5),
    (0.25, 2.0**-100, 0.5),                                     # half of |1 - P|, half of |P|
])
def test_adaptive_weights(heatmap, plain, expected):
    found = adaptive_weights(*(torch.tensor(v, dtype=torch.float64) for v in (heatmap, plain)))
    assert found.item() == pytest.approx(expected, rel=1e-12)


def test_gradients_in_float64(device):
    """Against differences of the losses themselves."""
    _, output, targets = random_output(torch.float64, device)

    def losses(heatmaps, scales):
        terms = SWAHRLoss(push=None, pull=None)(HeadOutput(heatmaps, None, scales), targets)
        return terms["heatmap_loss"], terms["scale_loss"]

    leaves = [m.detach().requires_grad_() for m in (output.heatmaps, output.scales)]
    assert torch.autograd.gradcheck(losses, leaves)


def test_factors_and_names():
    _, output, targets = random_output()
    loss = SWAHRLoss(heatmap=2, scale=3)
    found, plain = (each(output, targets) for each in (loss, SWAHRLoss(1.0, 1.0)))
    for name, factor in (("heatmap", 2), ("scale", 3), ("push", 0.001), ("pull", 0.001)):
        assert found[name].shape == (2,)
        torch.testing.assert_close(found[f"{name}_loss"], factor * plain[name])
    assert set(SWAHRLoss(heatmap=None)(output, targets)).isdisjoint({"heatmap_loss", "scale_loss"})
    assert (loss.with_scales, SWAHRLoss(heatmap=None).with_scales) == (True, False)


@pytest.mark.parametrize(("options", "message"), [
    ({"scale": None}, r"SWAHRLoss\.scale = None: give a number that is not negative"),
    ({"scale": -1}, r"SWAHRLoss\.scale = -1: give a number"),
    ({"heatmap": float("nan")}, r"SWAHRLoss\.heatmap = nan: give a number .*, or None"),
    ({"push": None}, "SWAHRLoss: give both push and pull"),
])
def test_contradictions(options, message):
    with pytest.raises(ConfigError, match=message):
        SWAHRLoss(**options)


def test_no_value_is_needed_to_queue_the_work():
    maps, output, targets = random_output(device="meta")
    terms = SWAHRLoss()(output, targets)
    sum(value.sum() for name, value in terms.items() if "_loss" in name).backward()
    assert {value.device.type for value in (*terms.values(), maps.grad)} == {"meta"}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_float32_under_autocast(device, dtype):
    _, output, targets = random_output(dtype, device)
    exact = HeadOutput(*(m.float() for m in (output.heatmaps, output.tags, output.scales)))
    with torch.autocast(device.type, dtype):
        terms = SWAHRLoss()(output, targets)
    torch.testing.assert_close(terms, SWAHRLoss()(exact, targets), rtol=0, atol=0)


@pytest.mark.parametrize(("cls", "channels", "options"), [
    (AESimpleHead, [6], {}), (AESimpleHead, [4], {"tag_per_joint": False, "num_deconv_layers": 1}),
    (AEHigherResolutionHead, [6, 3], {}),
    (AEHigherResolutionHead, [6, 6, 3],
     {"num_deconv_layers": 2, "tag_outputs": (0, 1), "num_deconv_filters": 5}),
])
def test_scales_are_declared_and_left_out(three, cls, channels, options):
    """They come behind the other maps, which do not depend on them, and start at zero."""
    heads = [cls(three, [FeatureSpec(8, 32)], [None] * len(channels), scales=scales, **options)
             for scales in (False, True)]
    without, with_scales = heads
    assert [(o.channels, o.scales) for o in with_scales.outputs] == [(c, 3) for c in channels]
    names = list(without.state_dict())
    assert list(with_scales.state_dict())[:len(names)] == names
    features = [torch.randn(2, 8, 6, 5)]
    maps = with_scales(features)
    outputs = with_scales.split(maps)
    assert [m.shape[1] for m in maps] == [c + 3 for c in channels]
    assert not any(o.scales.any() for o in outputs)
    for branch in with_scales.scale_layers:
        torch.nn.init.ones_(branch[3].weight)
    changed = with_scales(features)
    assert all(o.scales.any() for o in with_scales.split(changed))
    for before, after, c in zip(maps, changed, channels, strict=True):
        assert torch.equal(before[:, :c], after[:, :c])
    with_scales.leave_out_scales()
    assert list(with_scales.state_dict()) == names
    assert [m.shape[1] for m in with_scales(features)] == channels
    assert all(o.scales is None for o in with_scales.split(with_scales(features)))


class OwnLoss(torch.nn.Module):
    """A loss of one's own that was written before there were scales."""

    with_heatmaps, with_tags = True, False


class OwnHead(AEHead):
    """A head of one's own whose second output alone has no scales."""

    def __init__(self, losses):
        super().__init__([OutputSpec(4, 3, 3, 3), OutputSpec(2, 3, 0)], losses)


def test_a_loss_on_a_head_without_scales(make_codec):
    """Is one error when the network is built."""
    for head in (HIGHER, SIMPLE):
        with pytest.raises(ConfigError, match=r"keypoint_head\.losses\.0 trains scales, which "
                                              r"output 0 of AE.*Head lacks; choose a head with"):
            AssociativeEmbedding({**TINY_HRNET}, {**head, "scales": False},
                                 make_codec(map_strides=(4, 2)), EvalSettings())
    with pytest.raises(ConfigError, match=r"losses\.1 trains scales, which output 1 of OwnHead"):
        OwnHead([LOSS, NO_TAGS])


def test_what_is_not_trained():
    """Scales count for a training of several processes, but no test misses them."""
    head = OwnHead([{"type": "PoseLoss"}, NO_TAGS | {"type": "PoseLoss"}])
    assert list(head.untrained((0, 1))) == ["the scales of output 0"]
    assert not list(head.untrained((0, 1), in_test=True))
    head.losses[0] = OwnLoss()
    assert list(head.untrained((0,))) == ["the tags of output 0", "the scales of output 0"]


def build(make_codec, head, strides, **options):
    codec = make_codec(map_strides=strides, detection_threshold=0.0)
    return AssociativeEmbedding({**TINY_HRNET}, {**head}, codec, EvalSettings(**options))


@pytest.mark.parametrize(("head", "strides"), [(HIGHER, (4, 2)), (SIMPLE, (4,))])
def test_training_and_testing(make_codec, head, strides):
    """The second step reaches every weight: in the first a zero convolution is in the way."""
    torch.manual_seed(0)
    model = build(make_codec, head, strides).train()
    assert model.fully_trained
    targets = []
    for side in model.codec.map_sizes:
        target = MapTargets(torch.rand(2, 3, *side), torch.ones(2, *side, dtype=torch.bool),
                            torch.randint(3 * side[0] * side[1], (2, 4, 3)),
                            torch.ones(2, 4, 3, dtype=torch.bool))
        targets.append(target)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for step in range(2):
        losses = model(torch.rand(2, 3, 64, 64), targets=targets, mode="loss")
        assert (losses["scale_loss"] > 0) == (step > 0)
        optimizer.zero_grad()
        sum(v for k, v in losses.items() if k.endswith("_loss")).backward()
        optimizer.step()
    branches = model.keypoint_head.scale_layers
    assert all(p.grad.any() for branch in branches for p in branch[3].parameters())
    assert all(branch[0].weight.grad.any() for branch in branches)

    item = make_eval_item(draw((64, 64))[0], model.codec, (1,))
    images = model.data_preprocessor({"items": [item]})["images"]
    tested = model.eval().prepare_for_test()
    assert not hasattr(tested.keypoint_head, "scale_layers")
    assert hasattr(model.keypoint_head, "scale_layers")
    with torch.no_grad():
        for one, other in zip(model.aggregate(images, item), tested.aggregate(images, item),
                              strict=True):
            torch.testing.assert_close(one, other, atol=1e-4 * float(one.abs().max()), rtol=0)


def test_outputs_first(make_codec):
    """Maps of a quarter grow by two steps; in one output there is but one."""
    item = make_eval_item(draw((64, 64))[0], make_codec(), (1,))
    for head, strides, same in ((HIGHER, (4, 2), False), (SIMPLE, (4,), True)):
        maps = []
        for outputs_first in (False, True):
            torch.manual_seed(0)
            model = build(make_codec, head, strides, outputs_first=outputs_first).eval()
            images = model.data_preprocessor({"items": [item]})["images"]
            with torch.no_grad():
                maps.append(model.aggregate(images, item))
        assert [torch.equal(a, b) for a, b in zip(*maps, strict=True)] == [same, same]
