"""Hooks that write checkpoints and results."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import master_only
from mmengine.hooks import CheckpointHook, Hook

from aepose.registry import HOOKS
from aepose.structures import PoseResult

_PLAIN = (str, int, float, bool, type(None))


@HOOKS.register_module()
class PoseCheckpointHook(CheckpointHook):
    """The engine's checkpoint hook, whose files hold only weights and plain values.

    The log history is left out (it is in the log), so that a checkpoint can be read without
    running what is in it. Options are those of the engine's hook that an experiment may need.
    """

    def __init__(
        self,
        interval: int = 1,
        by_epoch: bool = True,
        max_keep_ckpts: int = -1,
        save_last: bool = True,
        save_best: str | None = None,
        rule: str | None = None,
    ) -> None:
        super().__init__(interval, by_epoch, max_keep_ckpts=max_keep_ckpts, save_last=save_last,
                         save_best=save_best, rule=rule)

    def before_save_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Reduce what the engine would save to what can be loaded safely."""
        hub = checkpoint["message_hub"]
        # A NumPy scalar passes for a float, but is pickled as a call of NumPy's.
        items = {k: v.item() if isinstance(v, np.generic) else v
                 for k, v in hub["runtime_info"].items()}
        info = {k: v for k, v in items.items() if isinstance(v, _PLAIN)}
        resumed = {k: v for k, v in hub["resumed_keys"].items() if k in info}
        checkpoint["message_hub"] = {
            "log_scalars": {}, "runtime_info": info, "resumed_keys": resumed,
        }
        checkpoint["meta"]["aepose_config"] = json.dumps(runner.cfg.to_dict())


@HOOKS.register_module()
class SaveResultsHook(Hook):
    """Write ``metrics.json`` and ``predictions.json`` to the work dir after each evaluation."""

    @master_only
    def _save(self, runner: Any, evaluator: Any, metrics: dict[str, float], stage: str) -> None:
        folder = Path(runner.work_dir)
        summary = {"stage": stage, "epoch": runner.epoch, "iter": runner.iter, "metrics": metrics}
        write_json(folder / "metrics.json", summary)
        for metric in evaluator.metrics:
            write_json(folder / "predictions.json", metric.records)

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Write what validation found."""
        self._save(runner, runner.val_evaluator, metrics, "val")

    def after_test_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Write what the test found."""
        self._save(runner, runner.test_evaluator, metrics, "test")


class ForEachResultHook(Hook):
    """Call ``function`` with each PoseResult of a test."""

    def __init__(self, function: Callable[[PoseResult], None]) -> None:
        self.function = function

    def after_test_iter(
        self,
        runner: Any,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[PoseResult] | None = None,
    ) -> None:
        """Hand on the results of one batch."""
        for result in outputs or ():
            self.function(result)


def write_json(path: Path, content: Any) -> None:
    """Write JSON; the file appears whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(content, indent=None if isinstance(content, list) else 2) + "\n")
    os.replace(part, path)
