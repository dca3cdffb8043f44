"""The learning rate of every iteration: as published, and after a stop."""

from logging import getLogger

import pytest
import torch
from mmengine.hooks import ParamSchedulerHook
from mmengine.optim import OptimWrapper
from mmengine.registry import PARAM_SCHEDULERS

from aepose.apis.train import train
from aepose.engine.resume import keep_settings, resume_schedulers
from aepose.errors import CheckpointError
from aepose.experiment.config import Config
from tests.engine.runs import BATCHES_OF_3, logged, scalars
from tests.golden_check import ROOT


class Schedule:
    """An optimiser and the schedulers of a config, built and stepped as a runner does it."""

    def __init__(self, described, max_epochs, lr=0.01, batches=5):
        self.lr, self.batches = lr, batches
        optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
        self.optim_wrapper = OptimWrapper(optimiser)
        self.param_schedulers = [
            PARAM_SCHEDULERS.build(
                {"end": max_epochs * (1 if part["by_epoch"] else batches), **part},
                default_args={"optimizer": self.optim_wrapper, "epoch_length": batches})
            for part in described]
        self.iteration = 0

    def rates(self, iterations):
        """Return the learning rates of the next iterations, and take their steps."""
        found, hook = [], ParamSchedulerHook()
        for _ in range(iterations):
            found.append(self.optim_wrapper.get_lr()["lr"][0])
            self.optim_wrapper.step()
            hook.after_train_iter(self, 0)
            self.iteration += 1
            if self.iteration % self.batches == 0:
                hook.after_train_epoch(self)
        return found

    def resumed(self, described, max_epochs, lr=0.01, with_length=True):
        """Return what a new process makes of this one's checkpoint, with a config of its own.

        with_length: whether the checkpoint says how many batches an epoch has
        """
        new = Schedule(described, max_epochs, lr, self.batches)
        new.optim_wrapper.load_state_dict(self.optim_wrapper.state_dict())
        new.iteration = self.iteration
        meta = {"epoch": self.iteration // self.batches, "iter": self.iteration}
        if with_length:
            meta["progress"] = {"batches per epoch": self.batches}
        stored = [dict(scheduler.state_dict()) for scheduler in self.param_schedulers]
        resume_schedulers(new.param_schedulers, stored, meta, getLogger("schedule"))
        return new


def published(iteration, batches):
    """Warm-up over 500 iterations from a thousandth; a tenth after 200 and after 260 epochs."""
    epoch = iteration // batches
    factor = 1 if epoch < 200 else 0.1 if epoch < 260 else 0.01
    return 0.0015 * factor * (1 - (1 - iteration / 500) * (1 - 0.001) if iteration < 500 else 1)


@pytest.fixture(scope="module")
def shipped():
    return Config.fromfile(ROOT / "configs" / "_base_" / "schedule_300e.py")


@pytest.mark.parametrize("stops", [[], [1], [499, 500, 501], [40 * 199, 40 * 200, 40 * 260 + 1]],
                         ids=str)
def test_the_published_schedule(shipped, stops, caplog):
    assert (shipped.optim_wrapper.optimizer.lr, shipped.train_cfg.max_epochs) == (0.0015, 300)
    found, schedule = [], Schedule(shipped.param_scheduler, 300, 0.0015, batches=40)
    for stop in [*stops, 300 * 40]:
        found += schedule.rates(stop - len(found))
        schedule = schedule.resumed(shipped.param_scheduler, 300, 0.0015)
    assert found == pytest.approx([published(i, 40) for i in range(300 * 40)], rel=1e-11)
    assert not caplog.text


@pytest.mark.parametrize("accumulate", [1, 2])
def test_rates_of_a_run(tiny_config, tmp_path, accumulate):
    """Per iteration, however many of them make a step; and after a stop."""
    options = [*BATCHES_OF_3, "param_scheduler=[{'type': 'LinearLR', 'start_factor': 0.001, "
               "'begin': 0, 'end': 501, 'by_epoch': False}]",
               f"optim_wrapper.accumulative_counts={accumulate}"]
    train(tiny_config(f"rates_{accumulate}", [*options, "train_cfg.max_epochs=1"]), tmp_path)
    train(tiny_config(f"rates_{accumulate}", options), tmp_path, resume=True)
    expected = {i + 1: 0.01 * (1 - (1 - i / 500) * (1 - 0.001)) for i in range(6)}
    assert scalars(tmp_path, "lr") == pytest.approx(expected)


WARM_UP = {"type": "LinearLR", "start_factor": 0.1, "begin": 0, "end": 8, "by_epoch": False}
STEPS = (WARM_UP, {"type": "MultiStepLR", "milestones": [3, 6], "by_epoch": True})
COSINE = (WARM_UP, {"type": "CosineAnnealingLR", "eta_min": 1e-4, "by_epoch": True})


@pytest.mark.parametrize("stop", [3, 9, 10, 22])
@pytest.mark.parametrize(("before", "after", "change"), [
    ((STEPS, 8), (STEPS, 8), ""),
    ((COSINE, 8), (COSINE, 8), ""),
    ((STEPS, 8), (STEPS, 12), "param_scheduler.1 end 8 -> 12"),
    ((COSINE, 8), (COSINE, 12), "param_scheduler.1 T_max 8 -> 12"),
    ((STEPS, 8), (COSINE, 8), "param_scheduler.1 T_max None -> 8"),
    ((STEPS, 8), (STEPS[:1], 8), "2 -> 1 schedulers"),
    ((STEPS, 8), (STEPS, 8, 0.002), "base_values [0.01] -> [0.002]"),
], ids=["same steps", "same cosine", "more steps", "longer cosine", "another kind", "fewer",
        "another rate"])
def test_a_changed_schedule_goes_on_as_if_used_from_the_start(caplog, stop, before, after, change):
    old = Schedule(*before)
    old.rates(stop)
    found = old.resumed(*after).rates(12)
    assert found == pytest.approx(Schedule(*after).rates(stop + 12)[stop:], rel=1e-12)
    assert bool(caplog.text) == bool(change)
    assert change in caplog.text
    if not change:
        assert found == old.rates(12)


@pytest.mark.parametrize("stop", [0, 3, 5, 20, 22])
def test_an_epochs_length_follows_from_the_place(stop):
    """In a checkpoint that does not say it."""
    old = Schedule(COSINE, 8)
    old.rates(stop)
    found = old.resumed(COSINE, 12, with_length=False).rates(12)
    assert found == pytest.approx(Schedule(COSINE, 12).rates(stop + 12)[stop:], rel=1e-12)


PLATEAU = {"type": "ReduceOnPlateauLR", "by_epoch": True, "monitor": "AP", "patience": 1}


def test_a_scheduler_that_follows_a_metric_keeps_its_state():
    described = [PLATEAU, COSINE[1]]
    old = Schedule(described, 8)
    for _ in range(4):
        old.param_schedulers[0].step({"AP": 0.5})
    new = old.resumed([{**PLATEAU, "patience": 5}, COSINE[1]], 8)
    for name in ("num_bad_epochs", "patience"):
        assert getattr(new.param_schedulers[0], name) == getattr(old.param_schedulers[0], name)
    assert new.optim_wrapper.get_lr() == old.optim_wrapper.get_lr() == {"lr": [0.001]}


def test_beside_a_scheduler_that_follows_a_metric_no_other_may_change():
    old = Schedule([PLATEAU, COSINE[1]], 8)
    with pytest.raises(CheckpointError, match=r"param_scheduler\.1 T_max 8 -> 12.*load_from"):
        old.resumed([PLATEAU, COSINE[1]], 12)


def test_more_epochs_for_a_cosine(tiny_config, tmp_path):
    """A run of one epoch that is made three goes on at the rates of three."""
    cosine = "param_scheduler=[{'type': 'CosineAnnealingLR', 'by_epoch': False, 'begin': 0}]"

    def run(epochs, work_dir, **resume):
        name = f"cosine_{epochs}_{bool(resume)}"
        cfg = tiny_config(name, [*BATCHES_OF_3, cosine, f"train_cfg.max_epochs={epochs}"])
        train(cfg, tmp_path / work_dir, **resume)

    run(3, "whole")
    run(1, "extended")
    run(3, "extended", resume=True)
    assert "T_max 3 -> 9" in logged(tmp_path / "extended")
    extended, whole = (scalars(tmp_path / name, "lr") for name in ("extended", "whole"))
    assert [extended[i] for i in range(4, 10)] == pytest.approx([whole[i] for i in range(4, 10)])


@pytest.mark.parametrize(("option", "change"), [
    ("optim_wrapper.optimizer.lr=0.002", "optimizer.lr (parameter group 0): 0.01 in the checkpoint"
     ", 0.002 from now on"),
    ("optim_wrapper.optimizer.weight_decay=0.1", "optimizer.weight_decay (parameter group 0): 0 in "
     "the checkpoint, 0.1"),
    ("randomness.seed=0", ""),
])
def test_options_of_the_optimiser_after_a_stop(tiny_config, tmp_path, option, change):
    """Without schedulers; with them the rate is theirs."""
    options = [*BATCHES_OF_3, "param_scheduler=None"]
    name = f"options_{len(option)}"
    train(tiny_config(name, [*options, "train_cfg.max_epochs=1"]), tmp_path)
    train(tiny_config(name, [*options, option]), tmp_path, resume=True)
    assert ("in the checkpoint" in logged(tmp_path)) == bool(change)
    assert change in logged(tmp_path)
    assert scalars(tmp_path, "lr")[6] == (0.002 if ".lr=" in option else 0.01)


def test_options_that_a_scheduler_sets_are_left_to_it(caplog):
    groups = [{"lr": 0.1, "initial_lr": 0.2, "weight_decay": 0, "momentum": 0.9}]
    configured = [{"lr": 1, "initial_lr": 1, "weight_decay": 0.5, "momentum": 0.9}]
    keep_settings(groups, configured, {"lr"}, getLogger("options"))
    assert groups == [{"lr": 0.1, "initial_lr": 0.2, "weight_decay": 0.5, "momentum": 0.9}]
    assert caplog.messages == ["optim_wrapper.optimizer.weight_decay (parameter group 0): 0 in the "
                               "checkpoint, 0.5 from now on"]
