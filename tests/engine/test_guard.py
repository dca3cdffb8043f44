"""Steps whose loss or gradient is not finite."""

import math
import random

import numpy as np
import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import nn

from aepose.apis.train import train
from aepose.engine import GuardedOptimWrapper, ScaledOptimWrapper, guard, read_bad_step
from aepose.engine.seeding import seed_step
from aepose.errors import CheckpointError, ConfigError, NumericalError
from aepose.experiment import Experiment
from tests import DEVICE
from tests.engine.runs import BATCHES_OF_3, differing, logged, scalars, weights

NAN, INF = math.nan, math.inf


class Network(nn.Module):
    """A layer and running statistics; its loss is multiplied by what the batch says."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.norm = nn.Linear(3, 2), nn.BatchNorm1d(2)

    def forward(self, batch):
        inputs, factor = batch
        return self.norm(self.layer(inputs)).square().mean() * factor


class Overflow(torch.autograd.Function):
    """A value that is finite although its gradient is not."""

    @staticmethod
    def forward(ctx, value):
        return value.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * INF


GOOD, BAD_LOSS, BAD_INPUT, BAD_GRADIENT = "good", "loss", "input", "gradient"


def batch_of(kind, number):
    inputs = torch.randn(4, 3, generator=torch.Generator().manual_seed(number)).to(DEVICE)
    if kind == BAD_INPUT:
        inputs[0, 0] = NAN
    return inputs, NAN if kind == BAD_LOSS else 1.0


def run(kinds, wrapper=GuardedOptimWrapper, **options):
    """Train on batches of these kinds; return the network and the wrapper."""
    network = Network().to(DEVICE)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.1)
    wrapper = wrapper(optimiser, **options)
    wrapper.message_hub = type(wrapper.message_hub)("guard")
    wrapper.count_from(0, len(kinds))
    for number, kind in enumerate(kinds):
        with wrapper.optim_context(network):
            loss = network(batch_of(kind, number))
        if kind == BAD_GRADIENT:
            loss = Overflow.apply(loss)
        wrapper.update_params(loss)
    return network, wrapper


def scalar(wrapper, name):
    return wrapper.message_hub.get_scalar(f"train/{name}").current()


@pytest.mark.parametrize("options", [{}, {"clip_grad": {"max_norm": 0.1}},
                                     {"clip_grad": {"type": "value", "clip_value": 0.1}}],
                         ids=["plain", "norm", "value"])
@pytest.mark.parametrize("bad", [BAD_LOSS, BAD_INPUT, BAD_GRADIENT])
def test_a_bad_step_changes_nothing(device, bad, options):
    """Weights, optimiser and running statistics are those of a run without it."""
    network, wrapper = run([GOOD, GOOD, bad], **options)
    expected, other = run([GOOD, GOOD], **options)
    assert not differing(network.state_dict(), expected.state_dict())
    state, unspoilt = (w.optimizer.state_dict()["state"] for w in (wrapper, other))
    assert all(not differing(state[i], unspoilt[i]) for i in state)
    assert (wrapper.bad_steps, scalar(wrapper, "skipped_steps")) == (1, 1)
    assert all(p.grad is None for p in network.parameters())


@pytest.mark.parametrize(("kinds", "in_a_row", "skipped"), [
    ([GOOD] * 3, 0, 0),
    ([BAD_LOSS, GOOD, BAD_LOSS], 1, 2),
    ([BAD_LOSS, BAD_INPUT, BAD_GRADIENT], 3, 3),
    ([BAD_LOSS, BAD_LOSS, GOOD], 0, 2),
])
def test_counting(device, kinds, in_a_row, skipped):
    _, wrapper = run(kinds, max_bad_steps=3)
    assert (wrapper.bad_steps, scalar(wrapper, "skipped_steps")) == (in_a_row, skipped)
    assert wrapper.gave_up == (in_a_row == 3)


@pytest.mark.parametrize("first", [GOOD, BAD_LOSS])
def test_a_bad_batch_takes_the_rest_of_its_step_with_it(device, first):
    kinds = [GOOD, GOOD, first, BAD_LOSS if first == GOOD else GOOD]
    network, wrapper = run(kinds, accumulative_counts=2)
    expected, _ = run(kinds[:2], accumulative_counts=2)
    assert not differing(network.state_dict(), expected.state_dict())
    assert wrapper.bad_steps == 1


@pytest.mark.parametrize("elsewhere", [True, False])
def test_processes_decide_alike(monkeypatch, elsewhere):
    """A step is left out here because of a loss that is not finite in another process."""
    monkeypatch.setattr(guard, "get_world_size", lambda: 2)
    monkeypatch.setattr(guard, "all_reduce",
                        lambda value, op: value.mul_(float(elsewhere)) if op == "min" else None)
    _, wrapper = run([GOOD, GOOD])
    assert wrapper.bad_steps == (0 if elsewhere else 2)


def test_good_steps_are_those_of_the_engine(device):
    network, guarded = run([GOOD] * 4, clip_grad={"max_norm": 0.1})
    plain = Network().to(device)
    wrapper = OptimWrapper(torch.optim.Adam(plain.parameters(), lr=0.1),
                           clip_grad={"max_norm": 0.1})
    for number in range(4):
        wrapper.update_params(plain(batch_of(GOOD, number)))
    assert not differing(network.state_dict(), plain.state_dict())
    assert scalar(guarded, "grad_norm") > 0.1      # before clipping


def test_the_norm_is_that_of_all_gradients():
    network = Network()
    wrapper = GuardedOptimWrapper(torch.optim.SGD(network.parameters(), lr=0.0))
    norms = []
    wrapper.zero_grad = lambda: norms.append(
        torch.cat([p.grad.flatten() for p in network.parameters()]).norm().item())
    with wrapper.optim_context(network):
        loss = network(batch_of(GOOD, 0))
    wrapper.update_params(loss)
    assert scalar(wrapper, "grad_norm") == pytest.approx(norms[0])


@pytest.mark.parametrize(("kinds", "init_scale", "bad", "scale"), [
    ([GOOD, GOOD], 1024.0, 0, 1024.0),
    ([BAD_GRADIENT, BAD_GRADIENT], 1024.0, 0, 256.0),     # the scaler looks for its scale
    ([BAD_LOSS, BAD_LOSS], 1024.0, 2, 1024.0),            # no scale helps
    ([BAD_GRADIENT] * 4, 2.0, 3, 1.0),                    # nor below 1
])
def test_scaled_losses(device, kinds, init_scale, bad, scale):
    network, wrapper = run(kinds, ScaledOptimWrapper, init_scale=init_scale)
    assert (wrapper.bad_steps, wrapper.loss_scaler.get_scale()) == (bad, scale)
    if GOOD not in kinds:
        assert not differing(dict(network.named_parameters()),
                             dict(Network().to(device).named_parameters()))


def test_scaled_good_steps(device):
    network, _ = run([GOOD] * 3, ScaledOptimWrapper, init_scale=1024.0)
    expected, _ = run([GOOD] * 3)
    for name, value in network.state_dict().items():
        assert torch.allclose(value, expected.state_dict()[name], atol=1e-6)


@pytest.mark.parametrize("value", [0, -1, 2.5, "3", True, None])
def test_bad_limit(value):
    with pytest.raises(ConfigError, match=r"optim_wrapper\.max_bad_steps"):
        run([GOOD], max_bad_steps=value)


def break_loss(model, wanted):
    """Make the loss of a tiny run infinite where ``wanted`` says so of the number of the batch."""
    compute, seen = model.forward, []

    def forward(images, targets=None, mode="tensor"):
        result = compute(images, targets, mode)
        if mode == "loss":
            seen.append(None)
            if wanted(len(seen)):
                result["pull_loss"] = result["pull_loss"] + INF
        return result

    model.forward = forward
    return model


@pytest.fixture
def broken(monkeypatch):
    """Return a function that sets which batches of the next run have an infinite loss."""
    def at(wanted):
        build = Experiment.network
        monkeypatch.setattr(Experiment, "network", lambda self: break_loss(build(self), wanted))

    return at


def test_training_goes_on_after_a_bad_step(tiny_config, tmp_path, broken):
    broken(lambda number: number == 2)
    train(tiny_config("one_bad", BATCHES_OF_3), tmp_path)
    assert all(v.isfinite().all() for v in weights(tmp_path / "epoch_2.pth").values())
    said = "iteration 2: the loss is not finite; the step is skipped (1 in a row"
    assert said in logged(tmp_path)
    assert scalars(tmp_path, "skipped_steps") == {1: 0, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1}


def test_the_count_outlasts_a_stop(tiny_config, tmp_path, broken):
    broken(lambda number: number == 2)
    train(tiny_config("counted", [*BATCHES_OF_3, "train_cfg.max_epochs=1"]), tmp_path)
    train(tiny_config("counted_on", BATCHES_OF_3), tmp_path, resume=True)
    assert scalars(tmp_path, "skipped_steps")[6] == 2


def test_training_that_stays_broken_stops_and_leaves_the_step(tiny_config, tmp_path, broken):
    broken(lambda number: number > 2)
    cfg = tiny_config("stays_broken", [*BATCHES_OF_3, "optim_wrapper.max_bad_steps=2"])
    stopped = r"stopped at iteration 4: .* 2 steps in a row .*bad_step_iter_4_rank_0\.pth"
    with pytest.raises(NumericalError, match=stopped) as caught:
        train(cfg, tmp_path)
    step = read_bad_step(tmp_path / "bad_step_iter_4_rank_0.pth")
    assert (step.iteration, step.seed, step.rank, len(step.batches)) == (3, 0, 0, 1)
    for name in step.batches[0]["image_paths"]:
        assert f"\n  {name}" in str(caught.value)
    # The step can be computed again, as docs/training.md says.
    model = Experiment(step.config).network().train()
    model.load_state_dict(step.state_dict)
    step.seed_all()
    losses = [model(**model.data_preprocessor(b, True), mode="loss") for b in step.batches]
    assert all(value.isfinite() for loss in losses for value in loss.values())


def test_a_checkpoint_is_no_stored_step(tiny_config, tmp_path):
    torch.save({"state_dict": {"weight": torch.zeros(1)}}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="is a checkpoint, not a stored step"):
        read_bad_step(tmp_path / "a.pth")


def test_broken_maps_at_validation_name_the_picture(tiny_config, tmp_path, monkeypatch):
    build = Experiment.network

    def with_broken_bias(experiment):
        model = build(experiment)
        for name, parameter in model.named_parameters():
            if name.endswith("final_layer.bias"):
                nn.init.constant_(parameter, NAN)
        return model

    monkeypatch.setattr(Experiment, "network", with_broken_bias)
    cfg = tiny_config("broken_maps", ["train_cfg.max_epochs=1"])
    with pytest.raises(NumericalError, match=r"picture .*val2017/\S+\.\w+: .* not finite"):
        train(cfg, tmp_path)


def test_random_states_of_a_step():
    def draw(*place):
        seed_step(*place)
        return random.random(), float(np.random.rand()), torch.rand(1).item()

    assert draw(1, 2, 0) == draw(1, 2, 0)
    others = [draw(*place) for place in [(1, 2, 0), (1, 3, 0), (2, 2, 0), (1, 2, 1), (2, 1, 0)]]
    assert all(len(set(values)) == len(others) for values in zip(*others, strict=True))
