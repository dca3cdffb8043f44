import pytest
import torch

from aepose.errors import ConfigError
from aepose.models import (
    AEHead,
    AEHigherResolutionHead,
    AEMultiStageHead,
    AESimpleHead,
    FeatureSpec,
    OutputSpec,
)
from aepose.models.backbones.blocks import BasicBlock
from aepose.structures import MapTargets

NO_TAGS = {"push": None, "pull": None}


def make_head(three, losses=({},), cls=AESimpleHead, in_channels=(8,), **options):
    losses = [loss if loss is None else {"type": "PoseLoss", **loss} for loss in losses]
    return cls(three, [FeatureSpec(c, 32) for c in in_channels], losses, **options)


def targets(*sizes):
    return [MapTargets(torch.zeros(2, 3, s, s), torch.ones(2, s, s, dtype=torch.bool),
                       torch.zeros(2, 4, 3, dtype=torch.int64),
                       torch.zeros(2, 4, 3, dtype=torch.bool)) for s in sizes]


@pytest.mark.parametrize("loss", [{}, NO_TAGS, {"heatmap": None}, None])
@pytest.mark.parametrize(("options", "tags"), [
    ({}, 3), ({"tag_per_joint": False}, 1), ({"final_kernel": 3}, 3),
])
def test_outputs(three, loss, options, tags):
    """They are the head's own, whatever is trained of them."""
    head = make_head(three, [loss], **options)
    maps = head([torch.randn(2, 8, 6, 5)])
    assert head.outputs == (OutputSpec(stride=32, heatmaps=3, tags=tags),)
    assert [m.shape for m in maps] == [(2, 3 + tags, 6, 5)]
    (output,) = head.split(maps)
    assert torch.equal(output.heatmaps, maps[0][:, :3])
    assert torch.equal(output.tags, maps[0][:, 3:])


class TagsAlone(AEHead):
    """A head of one's own, whose second output has tags only."""

    def __init__(self, losses):
        super().__init__([OutputSpec(4, heatmaps=3, tags=0), OutputSpec(4, heatmaps=0, tags=1)],
                         losses)


def test_outputs_with_one_part_alone():
    head = TagsAlone([{"type": "PoseLoss", **NO_TAGS}, {"type": "PoseLoss", "heatmap": None}])
    maps = [torch.randn(2, 3, 4, 4), torch.randn(2, 1, 4, 4)]
    first, second = head.split(maps)
    assert first.tags is second.heatmaps is None
    assert torch.equal(first.heatmaps, maps[0])
    assert torch.equal(second.tags, maps[1])
    assert set(head.loss(maps, targets(4))) >= {"heatmap_loss", "push_loss", "pull_loss"}
    assert head.choose_outputs(None) == (0, 1)
    with pytest.raises(ConfigError, match="none of these outputs has heatmaps"):
        head.choose_outputs([1])
    with pytest.raises(ConfigError, match=r"losses\.1 trains heatmaps, which output 1 of TagsAlone "
                                          "lacks; set heatmap to None"):
        TagsAlone([None, {"type": "PoseLoss"}])


def test_weights_start_near_zero(three):
    head = make_head(three)
    assert 0 < head.final_layer.weight.abs().max() < 0.01
    assert not head.final_layer.bias.any()


def test_loss_takes_the_targets_of_its_own_resolution(three):
    head = make_head(three)
    losses = head.loss([torch.full((2, 6, 8, 8), 2.0)], targets(4, 8))
    found = {name: value.item() for name, value in losses.items()}
    assert found == {"heatmap_loss": 4, "push_loss": 0, "pull_loss": 0,
                     "heatmap": 4, "push": 0, "pull": 0, "tag_spread": 0, "tag_gap": 0}
    with pytest.raises(ConfigError, match=r"maps of \(8, 8\).*\[\(4, 4\), \(2, 2\)\]; set codec"):
        head.loss([torch.zeros(2, 6, 8, 8)], targets(4, 2))


def test_errors_name_the_loss(three):
    with pytest.raises(ConfigError, match=r"keypoint_head\.losses\.0\.pushh: .*'push'"):
        make_head(three, [{"pushh": 1}])


@pytest.mark.parametrize(("cls", "options", "outputs"), [
    (AESimpleHead, {}, 1), (AEHigherResolutionHead, {"tag_outputs": (0, 1)}, 2),
    (AEHigherResolutionHead, {"num_deconv_layers": 2, "tag_outputs": (0, 1, 2)}, 3),
    (AEMultiStageHead, {"in_channels": (6,) * 4}, 4),
])
@pytest.mark.parametrize("surplus", [-1, 1])
def test_number_of_losses_is_that_of_the_outputs(three, cls, options, outputs, surplus):
    make_head(three, [{}] * outputs, cls, **options)
    make_head(three, [None] * outputs, cls, **options)
    message = f"losses has {outputs + surplus} entries, but {cls.__name__} here has {outputs} out"
    with pytest.raises(ConfigError, match=message):
        make_head(three, [{}] * (outputs + surplus), cls, **options)


@pytest.mark.parametrize(("options", "channels", "size"), [
    ({"num_deconv_layers": 1}, [256], 12), ({"num_deconv_layers": 3}, [256] * 3, 48),
    ({"num_deconv_layers": 2, "deconv_channels": 10}, [10, 10], 24),
])
def test_transposed_convolutions_of_a_simple_head(three, options, channels, size):
    head = make_head(three, **options)
    (maps,) = head([torch.randn(2, 8, 6, 6)])
    assert maps.shape == (2, 6, size, size)
    assert head.outputs[0].stride == 32 * 6 / size
    deconvs = head.deconv_layers[::3]
    assert [d.out_channels for d in deconvs] == channels
    assert all(d.weight.std().item() == pytest.approx(0.001, rel=0.1) for d in deconvs)


@pytest.mark.parametrize(("options", "channels", "deconv_inputs"), [
    ({}, [6, 3], [14]),
    ({"tag_outputs": [0, 1]}, [6, 6], [14]),
    ({"tag_outputs": []}, [3, 3], [11]),
    ({"tag_per_joint": False}, [4, 3], [12]),
    ({"cat_output": False}, [6, 3], [8]),
    ({"num_deconv_filters": 5}, [6, 3], [14]),
    ({"num_basic_blocks": 1, "final_kernel": 3}, [6, 3], [14]),
    ({"num_deconv_layers": 2, "tag_outputs": [1]}, [3, 6, 3], [11, 14]),
    ({"num_deconv_layers": 0}, [6], []),
])
def test_outputs_of_higher_resolution(three, options, channels, deconv_inputs):
    head = make_head(three, [None] * len(channels), AEHigherResolutionHead, **options)
    assert [(o.channels, o.stride) for o in head.outputs] == [
        (c, 32 // 2**i) for i, c in enumerate(channels)]
    maps = head([torch.randn(2, 8, 6, 5)])
    assert [tuple(m.shape) for m in maps] == [
        (2, c, 6 * 2**i, 5 * 2**i) for i, c in enumerate(channels)]
    assert [d[0][0].in_channels for d in head.deconv_layers] == deconv_inputs
    assert [o.tags is not None for o in head.split(maps)] == [c > 3 for c in channels]
    sum(m.square().sum() for m in maps).backward()
    assert all(p.grad is not None and p.grad.any() for p in head.parameters())


@pytest.mark.parametrize("tag_outputs", [0, [2], [-1], [True], [[0]], None])
def test_outputs_with_tags_that_do_not_exist(three, tag_outputs):
    with pytest.raises(ConfigError, match=r"tag_outputs = .*: give a list of indices from 0 to 1"):
        make_head(three, [None] * 2, AEHigherResolutionHead, tag_outputs=tag_outputs)


def test_start_of_higher_resolution(three):
    head = make_head(three, [{}, NO_TAGS], AEHigherResolutionHead)
    near_zero = [*head.final_layers, head.deconv_layers[0][0][0]]
    assert all(m.weight.abs().max() < 0.01 for m in near_zero)
    assert not any(m.bias.any() for m in head.final_layers)
    blocks = [m for m in head.modules() if isinstance(m, BasicBlock)]
    assert len(blocks) == 4
    assert all(b.conv1.weight.abs().max() > 0.05 for b in blocks)


def test_loss_of_two_resolutions_is_their_sum(three):
    head = make_head(three, [{}, NO_TAGS], AEHigherResolutionHead)
    maps = [torch.full((2, 6, 4, 4), 2.0), torch.full((2, 3, 8, 8), 3.0)]
    assert head.loss(maps, targets(4, 8))["heatmap_loss"] == 4 + 9


def test_stages_share_the_targets_of_their_resolution(three):
    head = make_head(three, [{}, NO_TAGS, {}], AEMultiStageHead, (6, 6, 6))
    maps = head([torch.full((2, 6, 4, 4), v) for v in (1.0, 2.0, 3.0)])
    assert head.loss(maps, targets(4))["heatmap_loss"] == 1 + 4 + 9


def test_an_output_without_a_loss_is_left_out(three):
    """It needs no targets either."""
    head = make_head(three, [{}, None], AEHigherResolutionHead)
    maps = [torch.full((2, 6, 4, 4), 2.0), torch.full((2, 3, 8, 8), 3.0)]
    assert head.loss(maps, targets(4))["heatmap_loss"] == 4


def test_no_loss_at_all(three):
    head = make_head(three, [None, None], AEHigherResolutionHead)
    with pytest.raises(ConfigError, match=r"losses = \[None, None\]: nothing is trained"):
        head.loss([torch.zeros(2, 6, 4, 4), torch.zeros(2, 3, 8, 8)], targets(4))


@pytest.mark.parametrize(("in_channels", "tag_per_joint"), [
    ((4, 4), True), ((6, 6), False), ((6, 8), True),
])
def test_stages_that_are_no_predictions(three, in_channels, tag_per_joint):
    with pytest.raises(ConfigError, match="the same tag_per_joint"):
        make_head(three, [{}, {}], AEMultiStageHead, in_channels, tag_per_joint=tag_per_joint)


@pytest.mark.parametrize(("outputs", "tag_outputs", "asked", "expected"), [
    (1, [0], None, (0,)), (2, [0], None, (0, 1)), (2, [0], [0], (0,)), (2, [0, 1], [1], (1,)),
    (3, [0, 1], [0, 2], (0, 2)), (2, [1], [1, 0], (1, 0)),
])
def test_chosen_outputs(three, outputs, tag_outputs, asked, expected):
    """By what they hold, not by what is trained."""
    head = make_head(three, [None] * outputs, AEHigherResolutionHead, tag_outputs=tag_outputs,
                     num_deconv_layers=outputs - 1)
    assert head.choose_outputs(asked) == expected


@pytest.mark.parametrize(("tag_outputs", "asked", "message"), [
    ([0], [2], r"outputs = \[2\]: AEHigherResolutionHead has outputs 0 to 1"),
    ([0, 1], None, r"None: choose exactly one output that has tags \(.*\[0, 1\]\)"),
    ([0], [1], r"exactly one output that has tags \(.* \[0\]\)"),
    ([], None, r"exactly one output that has tags \(.* \[\]\)"),
])
def test_outputs_that_cannot_be_chosen(three, tag_outputs, asked, message):
    head = make_head(three, [{}, NO_TAGS] if 0 in tag_outputs else [NO_TAGS] * 2,
                     AEHigherResolutionHead, tag_outputs=tag_outputs)
    with pytest.raises(ConfigError, match=message):
        head.choose_outputs(asked)
