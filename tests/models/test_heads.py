import pytest
import torch

from aepose.errors import ConfigError
from aepose.models import AEHigherResolutionHead, AEMultiStageHead, AESimpleHead
from aepose.models.backbones.blocks import BasicBlock
from aepose.structures import MapTargets

NO_TAGS = {"push": None, "pull": None}


def make_head(three, losses=({},), cls=AESimpleHead, in_channels=(8,), **options):
    losses = [{"type": "PoseLoss", **loss} for loss in losses]
    return cls(three, list(in_channels), losses, **options)


def assert_input_stays(module, maps, grad):
    """Neither the list that a module is given nor the maps in it change."""
    given, copies = list(maps), [m.clone() for m in maps]
    with torch.set_grad_enabled(grad):
        module(maps)
    assert [id(m) for m in maps] == [id(m) for m in given]
    assert all(torch.equal(m, copy) for m, copy in zip(maps, copies, strict=True))


def targets(*sizes):
    return [MapTargets(torch.zeros(2, 3, s, s), torch.ones(2, s, s, dtype=torch.bool),
                       torch.zeros(2, 4, 3, dtype=torch.int64),
                       torch.zeros(2, 4, 3, dtype=torch.bool)) for s in sizes]


@pytest.mark.parametrize(("losses", "options", "tags"), [
    ([{}], {}, 3), ([{}], {"tag_per_joint": False}, 1), ([NO_TAGS], {}, 0),
    ([{}], {"final_kernel": 3}, 3), ([{"heatmap": None}], {}, 3),
])
def test_outputs(three, losses, options, tags):
    head = make_head(three, losses, **options)
    maps = head([torch.randn(2, 8, 6, 5)])
    assert [m.shape for m in maps] == [(2, 3 + tags, 6, 5)]
    (output,) = head.split(maps)
    if losses[0].get("heatmap", 1) is None:
        assert output.heatmaps is None
    else:
        assert torch.equal(output.heatmaps, maps[0][:, :3])
    assert output.tags is None if not tags else torch.equal(output.tags, maps[0][:, 3:])


@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize(("cls", "outputs"), [
    (AESimpleHead, 1), (AEHigherResolutionHead, 2), (AEMultiStageHead, 2),
])
def test_features_stay_the_callers(three, cls, outputs, grad):
    head = make_head(three, [{}] * outputs, cls, [6] * 2).eval()
    features = [torch.randn(2, 6, 6, 5) for _ in range(2)]
    assert_input_stays(head, features, grad)


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
    (AESimpleHead, {}, 1), (AEHigherResolutionHead, {}, 2),
    (AEHigherResolutionHead, {"num_deconv_layers": 2}, 3),
    (AEMultiStageHead, {"in_channels": (6,) * 4}, 4),
])
@pytest.mark.parametrize("surplus", [-1, 1])
def test_number_of_losses_is_that_of_the_outputs(three, cls, options, outputs, surplus):
    make_head(three, [{}] * outputs, cls, **options)
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
    deconvs = head.deconv_layers[::3]
    assert [d.out_channels for d in deconvs] == channels
    assert all(d.weight.std().item() == pytest.approx(0.001, rel=0.1) for d in deconvs)


@pytest.mark.parametrize(("losses", "options", "channels", "deconv_inputs"), [
    ([{}, NO_TAGS], {}, [6, 3], [14]),
    ([{}, {}], {}, [6, 6], [14]),
    ([{}, NO_TAGS], {"tag_per_joint": False}, [4, 3], [12]),
    ([{}, NO_TAGS], {"cat_output": False}, [6, 3], [8]),
    ([{}, NO_TAGS], {"num_deconv_filters": 5}, [6, 3], [14]),
    ([{}, NO_TAGS], {"num_basic_blocks": 1, "final_kernel": 3}, [6, 3], [14]),
    ([NO_TAGS, {}, NO_TAGS], {"num_deconv_layers": 2}, [3, 6, 3], [11, 14]),
    ([{}], {"num_deconv_layers": 0}, [6], []),
])
def test_outputs_of_higher_resolution(three, losses, options, channels, deconv_inputs):
    head = make_head(three, losses, AEHigherResolutionHead, **options)
    maps = head([torch.randn(2, 8, 6, 5)])
    assert [tuple(m.shape) for m in maps] == [
        (2, c, 6 * 2**i, 5 * 2**i) for i, c in enumerate(channels)]
    assert [d[0][0].in_channels for d in head.deconv_layers] == deconv_inputs
    assert [o.tags is not None for o in head.split(maps)] == [c > 3 for c in channels]
    sum(m.square().sum() for m in maps).backward()
    assert all(p.grad is not None and p.grad.any() for p in head.parameters())


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
    assert [o.tags is not None for o in head.split(maps)] == [True, False, True]


@pytest.mark.parametrize(("in_channels", "tag_per_joint"), [
    ((4, 4), True), ((6, 6), False), ((6, 8), True),
])
def test_stages_that_are_no_predictions(three, in_channels, tag_per_joint):
    with pytest.raises(ConfigError, match="the same tag_per_joint"):
        make_head(three, [{}, {}], AEMultiStageHead, in_channels, tag_per_joint=tag_per_joint)


@pytest.mark.parametrize(("losses", "asked", "expected"), [
    ([{}], None, (0,)), ([{}, NO_TAGS], None, (0, 1)), ([{}, NO_TAGS], [0], (0,)),
    ([{}, {}], [1], (1,)), ([{}, {}, NO_TAGS], [0, 2], (0, 2)),
    ([{"heatmap": None}, NO_TAGS], None, (0, 1)),
])
def test_chosen_outputs(three, losses, asked, expected):
    head = make_head(three, losses, AEMultiStageHead, (6,) * len(losses))
    assert head.choose_outputs(asked) == expected


@pytest.mark.parametrize(("losses", "asked", "message"), [
    ([{}], [1], r"outputs = \[1\]: AEMultiStageHead has outputs 0 to 0"),
    ([{}, {}], None, r"None: choose exactly one output that has tags \(.*\[0, 1\]\)"),
    ([{}, NO_TAGS], [1], r"exactly one output that has tags \(.* \[0\]\)"),
    ([NO_TAGS], None, r"exactly one output that has tags \(.* \[\]\)"),
    ([{"heatmap": None}], None, "none of these outputs has heatmaps"),
])
def test_outputs_that_cannot_be_chosen(three, losses, asked, message):
    head = make_head(three, losses, AEMultiStageHead, (6,) * len(losses))
    with pytest.raises(ConfigError, match=message):
        head.choose_outputs(asked)
