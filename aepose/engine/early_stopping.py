"""Ending a training whose validation does not get better any more."""

from __future__ import annotations

import math
from typing import Any

from mmengine.hooks import Hook

from aepose.engine.checkpoint_hook import PoseCheckpointHook
from aepose.errors import ConfigError
from aepose.ranges import Count
from aepose.registry import HOOKS

_STATE = "early_stopping"


@HOOKS.register_module()
class PoseEarlyStoppingHook(Hook):
    """Stop after ``patience`` validations in a row none of which is the best so far.

    What is better is said by the checkpoint hook's ``save_best`` and ``rule``, so that ``best.pth``
    is the best. A number that is not finite is no better one, and is warned of. The count is part
    of checkpoints: a training that is resumed goes on with it.

    Raises ConfigError when training begins, unless the checkpoint hook names a metric and a rule,
    and if a validation does not give that metric.
    """

    priority = "LOW"  # before the checkpoint hook, which stores the count with the best

    def __init__(self, patience: Count = 5) -> None:
        self.patience = patience
        self._metric, self._rule = "", ""

    def before_train(self, runner: Any) -> None:
        """Find what the best checkpoint goes by, and say where the count is."""
        named = [(hook.key_indicators[0], hook.rules[0]) for hook in runner.hooks
                 if isinstance(hook, PoseCheckpointHook) and hook.save_best]
        if runner.val_loop is None or not named or named[0][0] == "auto":
            raise ConfigError("PoseEarlyStoppingHook needs validations, and the metric that the "
                              "best checkpoint goes by: set val_dataloader, and "
                              "default_hooks.checkpoint.save_best and rule")
        self._metric, self._rule = named[0]
        if self._state(runner)["bad"]:
            runner.logger.info(f"early stopping: {self._told(runner)}")

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Count this validation, and stop where it is one too many."""
        if self._metric not in metrics:
            raise ConfigError(f"early stopping goes by {self._metric!r} "
                              "(default_hooks.checkpoint.save_best), but validation gives "
                              f"{', '.join(metrics)}; name one of these")
        state, value = self._state(runner), float(metrics[self._metric])
        if not math.isfinite(value):
            runner.logger.warning(f"{self._metric} of epoch {runner.epoch} is {value}: it counts "
                                  "as no better for early stopping")
        best = state["best"]
        better = math.isfinite(value) and (best is None or (
            value > best if self._rule == "greater" else value < best))
        state = {"best": value, "epoch": runner.epoch, "bad": 0} if better else {
            **state, "bad": state["bad"] + 1}
        runner.message_hub.update_info(_STATE, state)
        if state["bad"] >= self.patience and runner.epoch < runner.max_epochs:
            runner.train_loop.stop_training = True
            runner.logger.info(f"training stops early, after epoch {runner.epoch} of "
                               f"{runner.max_epochs}: {self._told(runner)}")

    def _state(self, runner: Any) -> dict[str, Any]:
        """Return the best value, None if there was none, its epoch, and the validations since."""
        return runner.message_hub.get_info(_STATE, {"best": None, "epoch": 0, "bad": 0})

    def _told(self, runner: Any) -> str:
        state = self._state(runner)
        best = "no validation gave a finite number" if state["best"] is None else (
            f"the best {self._metric} is {state['best']:.4f}, of epoch {state['epoch']}")
        return (f"{best}; validations since then: {state['bad']}, of {self.patience} that end the "
                "training")
