import pytest
import torch

from aepose.errors import ConfigError
from aepose.models import AESimpleHead
from aepose.structures import MapTargets

NO_TAGS = {"push": None, "pull": None}


def make_head(three, losses=({},), **options):
    return AESimpleHead(three, [8], [{"type": "PoseLoss", **loss} for loss in losses], **options)


def targets(*sizes):
    return [MapTargets(torch.zeros(2, 3, s, s), torch.ones(2, s, s, dtype=torch.bool),
                       torch.zeros(2, 4, 3, dtype=torch.int64),
                       torch.zeros(2, 4, 3, dtype=torch.bool)) for s in sizes]


@pytest.mark.parametrize(("losses", "options", "tags"), [
    ([{}], {}, 3), ([{}], {"tag_per_joint": False}, 1), ([NO_TAGS], {}, 0),
    ([{}], {"final_kernel": 3}, 3),
])
def test_outputs(three, losses, options, tags):
    head = make_head(three, losses, **options)
    maps = head([torch.randn(2, 8, 6, 5)])
    assert [m.shape for m in maps] == [(2, 3 + tags, 6, 5)]
    (output,) = head.split(maps)
    assert torch.equal(output.heatmaps, maps[0][:, :3])
    assert output.tags is None if not tags else torch.equal(output.tags, maps[0][:, 3:])


def test_weights_start_near_zero(three):
    head = make_head(three)
    assert 0 < head.final_layer.weight.abs().max() < 0.01
    assert not head.final_layer.bias.any()


def test_loss_takes_the_targets_of_its_own_resolution(three):
    head = make_head(three)
    losses = head.loss([torch.full((2, 6, 8, 8), 2.0)], targets(4, 8))
    assert {name: value.item() for name, value in losses.items()} == {
        "heatmap_loss": 4, "push_loss": 0, "pull_loss": 0}
    with pytest.raises(ConfigError, match=r"maps of \(8, 8\).*\[\(4, 4\), \(2, 2\)\]; set codec"):
        head.loss([torch.zeros(2, 6, 8, 8)], targets(4, 2))


def test_errors_name_the_loss(three):
    with pytest.raises(ConfigError, match=r"keypoint_head\.losses\.0\.pushh: .*'push'"):
        make_head(three, [{"pushh": 1}])


@pytest.mark.parametrize("losses", [[], [{}, {}]])
def test_number_of_losses_is_that_of_the_outputs(three, losses):
    with pytest.raises(ConfigError):
        make_head(three, losses)
