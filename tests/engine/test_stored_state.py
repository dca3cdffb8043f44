"""Whatever of the engine a config names: what it writes can be read, and training goes on."""

import functools

import mmengine.registry as engine
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from torch import nn

from aepose.engine import PoseRunner
from aepose.engine.resume import check_resumable
from aepose.engine.stored_state import check_readable
from aepose.errors import ConfigError
from aepose.weights.checkpoint import read_checkpoint

SGD = {"type": "SGD", "lr": 0.1, "momentum": 0.9}
SCHEDULERS = {
    "ConstantLR": {"factor": 0.5, "end": 3}, "CosineAnnealingLR": {"T_max": 4},
    "CosineRestartLR": {"periods": [2, 2], "restart_weights": [1, 0.5], "eta_min": 0},
    "ExponentialLR": {"gamma": 0.9}, "LinearLR": {"end": 3}, "MultiStepLR": {"milestones": [1, 2]},
    "OneCycleLR": {"eta_max": 0.2, "total_steps": 16, "by_epoch": False}, "PolyLR": {"end": 4},
    "ReduceOnPlateauLR": {"monitor": "loss"}, "StepLR": {"step_size": 1},
}
KINDS = [name for name in engine.PARAM_SCHEDULERS.module_dict if not name.startswith("OneCycleM")]
# PyTorch's optimisers that need something else than dense parameters and gradients, or a closure.
NOT_HERE = {"Optimizer", "LBFGS", "SparseAdam", "Muon", "ZeroRedundancyOptimizer"}
OPTIMISERS = sorted(set(engine.OPTIMIZERS.module_dict) - NOT_HERE)
HOOKS = {
    "CheckpointHook": {"interval": 1}, "DistSamplerSeedHook": {}, "EMAHook": {},
    "EarlyStoppingHook": {"monitor": "loss", "strict": False}, "EmptyCacheHook": {},
    "IterTimerHook": {}, "LoggerHook": {"interval": 1}, "ParamSchedulerHook": {},
    "RuntimeInfoHook": {}, "SyncBuffersHook": {},
}


class Small(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def forward(self, inputs, mode):
        return {"loss": self.layer(inputs).square().mean()}

    def train_step(self, data, optim_wrapper):
        loss = self(data, "loss")["loss"]
        optim_wrapper.update_params(loss)
        return {"loss": loss}


def run(folder, name, epochs, resume=False, optimiser=SGD, **options):
    torch.manual_seed(0)
    loader = torch.utils.data.DataLoader(torch.ones(8, 2), batch_size=2)
    runner = PoseRunner(
        Small(), str(folder), loader, train_cfg={"by_epoch": True, "max_epochs": epochs},
        optim_wrapper={"type": "GuardedOptimWrapper", "optimizer": optimiser}, resume=resume,
        load_from=str(folder / "epoch_2.pth") if resume else None, log_level="ERROR",
        default_hooks={"checkpoint": {"type": "PoseCheckpointHook"}}, default_scope="aepose",
        experiment_name=name, cfg=Config({}), **options)
    runner.train()
    return runner


def assert_resumable(folder, name, **options):
    whole = run(folder / "whole", f"{name}_whole", 4, **options)
    run(folder / "cut", f"{name}_cut", 2, **options)
    check_resumable(folder / "cut" / "epoch_2.pth")
    resumed = run(folder / "cut", f"{name}_resumed", 4, resume=True, **options)
    for key, value in whole.model.state_dict().items():
        torch.testing.assert_close(resumed.model.state_dict()[key], value, rtol=0, atol=0)
    assert (resumed.optim_wrapper.get_lr(), resumed.optim_wrapper.get_momentum()) == (
        whole.optim_wrapper.get_lr(), whole.optim_wrapper.get_momentum())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_schedulers(tmp_path, kind):
    family = next(f for f in SCHEDULERS if kind.startswith(f.removesuffix("LR")))
    options = dict(SCHEDULERS[family], type=kind)
    if kind.endswith("ParamScheduler"):
        options["param_name"] = "lr"
    assert_resumable(tmp_path, f"{kind}", param_scheduler=options)


@pytest.mark.parametrize(("options", "message"), [
    ({"type": "OneCycleLR", "eta_max": 0.2, "total_steps": 14, "by_epoch": False},
     r"param_scheduler\.total_steps = 14 cannot be used: Tried to step"),
    ({"type": "OneCycleLR", "eta_max": 0.2, "total_steps": 2}, r"\.total_steps = 2 cannot be used"),
    ({"type": "OneCycleLR", "eta_max": 0.2, "total_steps": 10, "begin": 4, "by_epoch": False},
     r"\.total_steps = 10 cannot be used"),
])
def test_a_schedule_that_ends_before_the_training(tmp_path, options, message):
    with pytest.raises(ConfigError, match=message):
        run(tmp_path, "short", 4, param_scheduler=options)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", OPTIMISERS)
def test_optimisers(tmp_path, kind):
    assert_resumable(tmp_path, kind, optimiser={"type": kind, "lr": 0.01})


def test_every_scheduler_and_hook_is_tried():
    """One that a later version of the engine brings must be added above."""
    assert {next((f for f in SCHEDULERS if k.startswith(f.removesuffix("LR"))), k)
            for k in KINDS} == set(SCHEDULERS)
    need_more = {"NPUProfilerHook", "NaiveVisualizationHook", "PrepareTTAHook", "ProfilerHook"}
    assert set(engine.HOOKS.module_dict) - need_more == set(HOOKS)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", HOOKS)
def test_hooks(tmp_path, kind):
    assert_resumable(tmp_path, kind, custom_hooks=[dict(HOOKS[kind], type=kind)])


class LeavesItself(Hook):
    def before_save_checkpoint(self, runner, checkpoint):
        checkpoint["mine"] = [1, {"hook": self}]


def test_a_hook_that_adds_an_object(tmp_path):
    with pytest.raises(ConfigError, match=r"'mine\.1\.hook' .*LeavesItself.*choose another"):
        run(tmp_path, "leaves", 1, custom_hooks=[LeavesItself()])
    assert not list(tmp_path.glob("*.pth"))


def test_a_scheduler_that_keeps_an_object_is_refused_before_the_training(tmp_path):
    step = {"type": "StepLR", "step_size": 1}

    class Keeps(Hook):
        def before_run(self, runner):
            runner.param_schedulers[0].kept = [object()]

    with pytest.raises(ConfigError, match=r"'param_schedulers\.0\.kept\.0' .* would be a object"):
        run(tmp_path, "keeps", 1, param_scheduler=step, custom_hooks=[Keeps()])


READABLE = [None, True, 1, 0.5, "a", b"\xff", 1j, 2**100, torch.Size([1]), torch.float16,
            np.float64(1), np.arange(3), np.bool_(True), torch.ones(2), [1, (2, {3})]]
OTHERS = [object(), len, functools.partial(len), np.array(["a"]), np.array([None]), range(3),
          torch.ones(2).to_sparse(), torch.empty(1, device="meta"), torch.nn.Linear(1, 1), 2**4000]


def test_what_is_called_readable_is_read(tmp_path):
    check_readable(READABLE)
    torch.save({"state_dict": {"a": torch.ones(1)}, "values": READABLE}, tmp_path / "a.pth")
    assert len(read_checkpoint(tmp_path / "a.pth")["values"]) == len(READABLE)


@pytest.mark.parametrize("value", OTHERS, ids=lambda v: type(v).__name__)
def test_what_is_not(value):
    with pytest.raises(ConfigError, match=r"'a\.b\.0' of this run's checkpoints would be a "):
        check_readable({"b": [value]}, "a")
