"""When checkpoints are written, and which of them are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook

from aepose.engine.resume import POINTER
from aepose.files import whole_file
from aepose.ranges import Count
from aepose.registry import HOOKS


@HOOKS.register_module()
class PoseCheckpointHook(CheckpointHook):
    """The engine's checkpoint hook, which removes a file only after the next one is whole.

    interval: epochs between checkpoints, or iterations with ``by_epoch=False``; then a file waits
        for the step for which gradients are being accumulated
    max_keep_ckpts: keep so many, the newest; -1 keeps all
    save_last: write one at the end of training, too
    save_best, rule: a metric, and whether 'greater' or 'less' of it is better
    """

    def __init__(
        self,
        interval: Count = 1,
        by_epoch: bool = True,
        max_keep_ckpts: int = -1,
        save_last: bool = True,
        save_best: str | None = None,
        rule: str | None = None,
    ) -> None:
        super().__init__(interval, by_epoch, max_keep_ckpts=max_keep_ckpts, save_last=save_last,
                         save_best=save_best, rule=rule)
        self._due = False

    def before_train(self, runner: Any) -> None:
        """Remove what a killed run left half written."""
        super().before_train(runner)
        if is_main_process():
            for part in Path(runner.work_dir).glob(".*.pth.part"):
                part.unlink()

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Save every ``interval`` iterations, or at the end of the step that one falls into."""
        if self.by_epoch:
            return
        last = self.save_last and self.is_last_train_iter(runner)
        self._due |= last or self.every_n_train_iters(runner, self.interval)
        if self._due and runner.optim_wrapper.should_update():
            self._due = False
            runner.logger.info(f"saving a checkpoint at iteration {runner.iter + 1}")
            self._save_checkpoint(runner)

    def _save_checkpoint_with_step(self, runner: Any, step: int, meta: dict) -> None:
        """Write a checkpoint, note it as the newest, and only then remove the oldest."""
        if not runner.optim_wrapper.should_update():
            runner.logger.warning("gradients are being accumulated over the end of the epoch; a "
                                  "checkpoint does not hold them (train_cfg.type='PoseTrainLoop' "
                                  "ends steps with epochs)")
        name = self.filename_tmpl.format(step)
        self.last_ckpt = str(Path(self.out_dir) / name)
        runner.message_hub.update_info("last_ckpt", self.last_ckpt)
        kept: list[int] = []
        if self.max_keep_ckpts > 0:
            kept = [number for number in self.keep_ckpt_ids if number != step] + [step]
            # With those that are about to go: a run killed before they do removes them later.
            runner.message_hub.update_info("keep_ckpt_ids", kept)
        runner.save_checkpoint(self.out_dir, name, meta=meta, by_epoch=self.by_epoch)
        if self.max_keep_ckpts > 0:
            self.keep_ckpt_ids.clear()
            self.keep_ckpt_ids.extend(kept)
            runner.message_hub.update_info("keep_ckpt_ids", list(self.keep_ckpt_ids))
        if is_main_process():
            with whole_file(Path(runner.work_dir) / POINTER) as part:
                part.write_text(self.last_ckpt)
            for number in kept[: -self.max_keep_ckpts]:
                Path(self.out_dir, self.filename_tmpl.format(number)).unlink(missing_ok=True)

    def _save_best_checkpoint(self, runner: Any, metrics: dict[str, float]) -> None:
        """Write the best checkpoint if this is one, and only then remove the former best."""
        if not self.save_best:
            return
        (best,) = self.key_indicators
        if best not in ("auto", *metrics):
            runner.logger.warning(
                f"default_hooks.checkpoint.save_best = {best!r}: validation gives "
                f"{', '.join(metrics)}; no best checkpoint is kept")
            return
        # The engine removes first what it finds here.
        former, self.best_ckpt_path = self.best_ckpt_path, None
        super()._save_best_checkpoint(runner, metrics)
        if self.best_ckpt_path is None:
            self.best_ckpt_path = former
        elif former and former != self.best_ckpt_path and is_main_process():
            Path(former).unlink(missing_ok=True)
