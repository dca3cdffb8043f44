import numpy as np
import pytest
import torch

from aepose.errors import ConfigError
from aepose.models.losses import STATISTICS, PoseLoss
from aepose.models.losses.heatmap import heatmap_loss
from aepose.models.losses.tags import PersonTags, push_and_pull, tag_statistics
from aepose.structures import HeadOutput, MapTargets


def slow(tags, index, valid, push_type):
    """Push and pull of one picture: flat tags, index and valid (M, K), with loops."""
    people = [[tags[i] for i, v in zip(row, mask, strict=True) if v]
              for row, mask in zip(index, valid, strict=True)]
    people = [np.array(p) for p in people if p]
    means = [p.mean() for p in people]
    pull = np.mean([((p - m) ** 2).mean() for p, m in zip(people, means, strict=True)] or [0])
    push, n = 0.0, len(people)
    for i in range(n):
        for j in range(n):
            gap = abs(means[i] - means[j])
            if i != j:
                push += np.exp(-gap**2) if push_type == "exp" else max(0, 1 - gap)
    return push / (n * (n - 1)) * 0.5 if n > 1 else 0.0, pull


def random_batch(seed, pictures=4, people=6, keypoints=5, size=7):
    rng = np.random.RandomState(seed)
    tags = torch.from_numpy(rng.randn(pictures, keypoints, size, size))
    index = torch.from_numpy(rng.randint(0, keypoints * size**2, (pictures, people, keypoints)))
    valid = torch.from_numpy(rng.rand(pictures, people, keypoints) < 0.4)
    valid[0] = False                # nobody
    valid[1, 1:] = False            # one person
    valid[1, 0, 0] = True
    valid[2, ::2] = False           # people without keypoints in between
    return tags, index, valid


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("push_type", ["exp", "max"])
def test_tag_losses_against_loops(device, seed, push_type):
    tags, index, valid = random_batch(seed)
    tags.requires_grad_()
    people = PersonTags.gather(*(part.to(device) for part in (tags, index, valid)))
    push, pull = push_and_pull(people, push_type)
    expected = [slow(t.detach().numpy().ravel(), i.numpy(), v.numpy(), push_type)
                for t, i, v in zip(tags, index, valid, strict=True)]
    np.testing.assert_allclose(torch.stack([push, pull], dim=1).detach().cpu(), expected,
                               atol=1e-12)
    (push.sum() + pull.sum()).backward()
    assert tags.grad.isfinite().all()
    assert not tags.grad[0].any()
    assert tags.grad[2].any()


@pytest.mark.parametrize("push_type", ["exp", "max"])
def test_equal_and_far_tags(push_type):
    index = torch.tensor([[[0, 1], [2, 3]]])
    valid = torch.ones(1, 2, 2, dtype=torch.bool)
    for values, expected in (([5.0] * 4, 0.5), ([0.0, 0, 1e6, 1e6], 0.0)):
        people = PersonTags.gather(torch.tensor(values).view(1, 1, 1, 4), index, valid)
        push, pull = push_and_pull(people, push_type)
        assert (push.item(), pull.item()) == (expected, 0)


@pytest.mark.parametrize("supervise_empty", [True, False])
def test_heatmap_loss_against_loops(device, supervise_empty):
    rng = np.random.RandomState(0)
    found, target = rng.rand(2, 3, 4, 5), rng.rand(2, 3, 4, 5)
    target[0, 1] = 0
    mask = rng.rand(2, 4, 5) < 0.5
    expected = []
    for n in range(2):
        total = 0.0
        for k in range(3):
            if supervise_empty or target[n, k].any():
                total += ((found[n, k] - target[n, k]) ** 2)[mask[n]].sum()
        expected.append(total / (3 * 4 * 5))
    loss = heatmap_loss(*(torch.from_numpy(a).to(device) for a in (found, target, mask)),
                        supervise_empty)
    np.testing.assert_allclose(loss.cpu(), expected, rtol=1e-12)


@pytest.mark.parametrize("push_type", ["exp", "max"])
def test_gradients_in_float64(device, push_type):
    """Against differences of the losses themselves."""
    tags, index, valid = (part.to(device) for part in random_batch(0, people=4, size=3))
    mask = torch.rand(4, 3, 3, generator=torch.Generator().manual_seed(1)).to(device) < 0.5
    targets = tags.cos()

    def losses(maps):
        people = PersonTags.gather(maps, index, valid)
        return *push_and_pull(people, push_type), heatmap_loss(maps, targets, mask)

    # A GPU adds up the gradients of tags that are read several times in any order.
    assert torch.autograd.gradcheck(losses, tags.clone().requires_grad_(), nondet_tol=1e-12)


def make_targets():
    return MapTargets(
        torch.zeros(2, 3, 4, 4), torch.ones(2, 4, 4, dtype=torch.bool),
        torch.zeros(2, 5, 3, dtype=torch.int64), torch.zeros(2, 5, 3, dtype=torch.bool))


TAG_TERMS = ("push_loss", "pull_loss", "push", "pull", *STATISTICS)


@pytest.mark.parametrize(("options", "names"), [
    ({}, {"heatmap_loss", "heatmap", *TAG_TERMS}),
    ({"push": None, "pull": None}, {"heatmap_loss", "heatmap"}),
    ({"heatmap": None}, set(TAG_TERMS)),
])
def test_parts_of_a_pose_loss(options, names):
    loss = PoseLoss(**options)
    losses = loss(HeadOutput(torch.ones(2, 3, 4, 4), torch.ones(2, 3, 4, 4)), make_targets())
    assert set(losses) == names
    shapes = {name: tuple(value.shape) for name, value in losses.items()}
    assert shapes == {name: () if name in STATISTICS else (2,) for name in names}
    assert loss.with_tags == ("push_loss" in names)
    assert loss.with_heatmaps == ("heatmap_loss" in names)
    for name in names - set(STATISTICS):
        factor = getattr(loss, name.removesuffix("_loss"))
        plain = losses[name.removesuffix("_loss")]
        torch.testing.assert_close(losses[name], plain * (factor if "_loss" in name else 1))


def test_tag_statistics(device):
    """One row per picture: people's tags; nobody, one person, three people."""
    people = [[], [[1, 3]], [[0, 0], [2.5], [-4, -4]]]
    tags, index = torch.zeros(3, 1, 1, 6), torch.zeros(3, 3, 2, dtype=torch.int64)
    valid = torch.zeros(3, 3, 2, dtype=torch.bool)
    for n, picture in enumerate(people):
        cell = 0
        for p, values in enumerate(picture):
            for k, value in enumerate(values):
                tags[n, 0, 0, cell], index[n, p, k], valid[n, p, k] = value, cell, True
                cell += 1
    tags, index, valid = (part.to(device) for part in (tags, index, valid))
    spread, gap = tag_statistics(PersonTags.gather(tags, index, valid))
    # Four people; only the second picture's deviates, by 1. Only the third has two people.
    assert (spread.item(), gap.item()) == (0.25, 2.5)
    spread, gap = tag_statistics(PersonTags.gather(tags[:2], index[:2], valid[:2]))
    assert (spread.item(), gap.item()) == (1, 0)


def test_factors_are_the_published_ones():
    loss = PoseLoss()
    assert (loss.heatmap, loss.push, loss.pull) == (1.0, 0.001, 0.001)
    assert (loss.push_type, loss.supervise_empty) == ("exp", True)


def test_factors_and_float32():
    targets = make_targets()
    targets.tag_index[:, 1, 0] = 1
    targets.tag_valid[:, :2, :2] = True
    output = HeadOutput(torch.rand(2, 3, 4, 4).half(), torch.rand(2, 3, 4, 4).half())
    ones = PoseLoss(1, 1, 1)(output, targets)
    losses = PoseLoss(2, 3, 5)(output, targets)
    for name, factor in (("heatmap_loss", 2), ("push_loss", 3), ("pull_loss", 5)):
        assert losses[name].dtype == torch.float32
        assert (losses[name] > 0).all()
        torch.testing.assert_close(losses[name], factor * ones[name])


@pytest.mark.parametrize(("options", "message"), [
    ({"push_type": "min"}, "push_type = 'min': give 'exp' or 'max'"),
    ({"push": None}, "give both push and pull"), ({"pull": None}, "give both push and pull"),
    ({"push": "a"}, r"PoseLoss\.push = 'a': give a number that is not negative, or None"),
    ({"pull": -0.1}, r"PoseLoss\.pull = -0\.1: give a number"),
    ({"heatmap": float("nan")}, r"PoseLoss\.heatmap = nan: give a number"),
    ({"heatmap": float("inf")}, r"PoseLoss\.heatmap = inf: give a number"),
    ({"heatmap": True}, r"PoseLoss\.heatmap = True: give a number"),
    ({"push": [1]}, r"PoseLoss\.push = \[1\]: give a number"),
    ({"supervise_empty": "no"}, r"supervise_empty = 'no': give True or False"),
])
def test_contradictions(options, message):
    with pytest.raises(ConfigError, match=message):
        PoseLoss(**options)


def random_output(seed=0, dtype=torch.float32, device="cpu"):
    """A head output of two pictures, that wants gradients, and targets with three people each."""
    rng = torch.Generator().manual_seed(seed)
    targets = make_targets()
    targets.heatmaps.uniform_(generator=rng)
    targets.tag_index.random_(0, 3 * 16, generator=rng)
    targets.tag_valid[:, :3] = True
    maps = (10 * torch.randn(2, 6, 4, 4, generator=rng)).to(dtype).to(device).requires_grad_()
    return maps, HeadOutput(maps[:, :3], maps[:, 3:]), targets.to(device)


OPTIONS = pytest.mark.parametrize("options", [
    {}, {"push_type": "max"}, {"supervise_empty": False},
], ids=str)


@OPTIONS
def test_no_value_is_needed_to_queue_the_work(options):
    """Tensors without values cannot be waited for: a GPU never has to hand one to the host."""
    maps, output, targets = random_output(device="meta")
    losses = PoseLoss(**options)(output, targets)
    sum(value.sum() for name, value in losses.items() if "_loss" in name).backward()
    assert {value.device.type for value in (*losses.values(), maps.grad)} == {"meta"}


@OPTIONS
def test_one_graph(options):
    compiled = torch.compile(PoseLoss(**options), fullgraph=True, backend="eager")
    _, output, targets = random_output()
    expected = PoseLoss(**options)(output, targets)
    torch.testing.assert_close(compiled(output, targets), expected)


@OPTIONS
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_float32_under_autocast(device, options, dtype):
    maps, output, targets = random_output(dtype=dtype, device=device)
    exact = HeadOutput(output.heatmaps.float(), output.tags.float())
    expected = PoseLoss(**options)(exact, targets)
    with torch.autocast(device.type, dtype):
        losses = PoseLoss(**options)(output, targets)
    sum(value.sum() for name, value in losses.items() if "_loss" in name).backward()
    assert maps.grad.isfinite().all()
    for name, value in losses.items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, expected[name], rtol=0, atol=0)


def test_tags_far_apart_do_not_overflow(device):
    """In float16 the square of 300 is infinite."""
    _, output, targets = random_output(dtype=torch.float16, device=device)
    losses = PoseLoss()(HeadOutput(output.heatmaps, 300 * output.tags), targets)
    assert all(value.isfinite().all() for value in losses.values())
