"""Exponential moving average of the weights over training steps."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.hooks import Hook
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from aepose.engine.distributed import unwrap
from aepose.errors import ConfigError

TRAINED = "trained_parameters"
_STEPS = "ema_steps"


class WeightAverage:
    """The exponential moving average of a network's parameters.

    After step t (from 0): average += m * (parameters - average), m = max(momentum, 9 / (10 + t)):
    while there is little to average the untrained start is forgotten soon, as in TensorFlow's
    ExponentialMovingAverage with ``num_updates``. Polyak, Juditsky: Acceleration of Stochastic
    Approximation by Averaging (1992).
    """

    def __init__(self, network: nn.Module, momentum: float) -> None:
        self.parameters = dict(network.named_parameters())
        self.momentum = momentum
        self.restart()

    def restart(self) -> None:
        """Start from the network's parameters."""
        self.values = {n: p.detach().clone() for n, p in self.parameters.items()}
        self.steps = 0

    def update(self) -> None:
        """Take in the parameters after a step."""
        momentum = max(self.momentum, 9 / (10 + self.steps))
        get_ema_multi_avg_fn(1 - momentum)(
            list(self.values.values()), list(self.parameters.values()), self.steps)
        self.steps += 1

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the average and the network's parameters."""
        for name, parameter in self.parameters.items():
            trained = parameter.detach().clone()
            parameter.copy_(self.values[name])
            self.values[name].copy_(trained)


class TrainedWeightsHook(Hook):
    """Resume with the trained weights of a checkpoint that was saved with an average.

    resuming: whether the checkpoint to be loaded is one to go on from
    """

    def __init__(self, resuming: bool) -> None:
        self.resuming = resuming

    def after_load_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Hand on the trained weights instead of the average."""
        if self.resuming and TRAINED in checkpoint:
            runner.logger.warning("the checkpoint was saved with ema; without it training goes on "
                                  "from the trained weights, and their average is lost")
            checkpoint["state_dict"].update(checkpoint[TRAINED])


class WeightAverageHook(Hook):
    """Validate and save the average of the weights; train on with the weights themselves.

    momentum: the share of the newest weights, see :class:`WeightAverage`
    resuming: whether the checkpoint to be loaded is one to go on from; whoever assembles the run
        says so

    A checkpoint's ``state_dict`` holds the average; the weights that training goes on from are
    beside it, for resuming. Raises ConfigError for a momentum that is none.
    """

    def __init__(self, momentum: float = 0.0002, resuming: bool = False) -> None:
        if not isinstance(momentum, float) or not 0 < momentum < 1:
            raise ConfigError(f"ema.momentum = {momentum!r}: give a number between 0 and 1, such "
                              "as 0.0002")
        self.momentum = momentum
        self.resuming = resuming

    def before_run(self, runner: Any) -> None:
        """Start the average; weights that are loaded later replace it."""
        self.average = WeightAverage(unwrap(runner.model), self.momentum)

    def before_train(self, runner: Any) -> None:
        """Start from the weights that were loaded, unless an average was."""
        if self.average.steps == 0:
            self.average.restart()

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None,
                         outputs: Any = None) -> None:
        """Take in the weights, unless their gradients are still being accumulated."""
        if runner.optim_wrapper.should_update():
            self.average.update()

    def before_val_epoch(self, runner: Any) -> None:
        """Put the average in place."""
        self.average.swap()

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Put the trained weights back."""
        self.average.swap()

    def before_save_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Save the average as the weights, and the trained ones beside it."""
        state = checkpoint["state_dict"]
        checkpoint[TRAINED] = {name: state[name] for name in self.average.values}
        checkpoint[_STEPS] = self.average.steps
        state.update({name: value.cpu() for name, value in self.average.values.items()})

    def after_load_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """On resuming, take the average from a checkpoint and hand on the trained weights."""
        if not self.resuming:
            return
        if TRAINED not in checkpoint:
            runner.logger.warning("the checkpoint holds no average of weights: it starts anew")
            return
        state = checkpoint["state_dict"]
        for name, value in self.average.values.items():
            # Shape mismatches are reported when the network is loaded.
            if name in state and state[name].shape == value.shape:
                value.copy_(state[name])
        self.average.steps = checkpoint[_STEPS]
        state.update(checkpoint[TRAINED])
