"""Hooks around an evaluation: result files, a callback per result, a clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import master_only
from mmengine.hooks import Hook

from aepose.evaluation.metric import files_of, scores_of
from aepose.files import write_json
from aepose.registry import HOOKS
from aepose.results import PoseResult


@HOOKS.register_module()
class SaveResultsHook(Hook):
    """Write ``metrics.json``, and what the metrics save, to the work dir after each evaluation."""

    @master_only
    def _save(self, runner: Any, evaluator: Any, metrics: dict[str, float], stage: str) -> None:
        folder = Path(runner.work_dir)
        columns = {prefix: scores.columns
                   for prefix, scores in scores_of(evaluator.metrics, metrics).items()}
        write_json(folder / "metrics.json", {
            "stage": stage, "epoch": runner.epoch, "iter": runner.iter, "metrics": metrics,
            "columns": columns})
        for name, content in files_of(evaluator.metrics).items():
            write_json(folder / name, content)

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


class StageTimer(Hook):
    """Measures what a test loop spends its time on, in seconds.

    ``load``: waiting for pictures; ``people``: network and decoding; ``metric``: from the last
    picture to the numbers
    """

    priority = "LOWEST"

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.clock = clock
        self.seconds = {"load": 0.0, "people": 0.0, "metric": 0.0}
        self._start = self._last = 0.0

    def before_test_epoch(self, runner: Any) -> None:
        """Start the clock."""
        self._start = self._last = self.clock()

    def after_test_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Note that a batch is done."""
        self._last = self.clock()

    def after_test_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Note that the metric is computed."""
        waited = runner.test_loop.waited
        self.seconds = {"load": waited, "people": self._last - self._start - waited,
                        "metric": self.clock() - self._last}
