"""The engine's runner, with our checkpoint reading and whole-or-nothing checkpoint files."""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable
from copy import copy
from functools import wraps
from logging import FileHandler, StreamHandler
from pathlib import Path
from typing import Any

from mmengine.dist import master_only
from mmengine.logging import MMLogger
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.registry import DefaultScope
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch.utils.data import DataLoader

from aepose.at_fault import built
from aepose.engine.distributed import unwrap
from aepose.engine.resume import (
    PROGRESS,
    check_resumable,
    describe_progress,
    follows_metric,
    keep_settings,
    place_to_resume,
    resume_schedulers,
    settings_of,
)
from aepose.engine.stored_state import check_readable, reduce_checkpoint, stored_scheduler
from aepose.engine.train_loop import PoseTrainLoop
from aepose.errors import AeposeError, CheckpointError
from aepose.files import whole_file
from aepose.registry import SCOPE
from aepose.weights.checkpoint import load_weights, read_checkpoint
from aepose.weights.trained_with import warn_of_differences

# What the engine tells its own authors, and what is of use in the file of the log alone.
_ENGINE_TALK = ('"FileClient" will be deprecated', '"HardDiskBackend" is the alias',
                "Hooks will be executed in the following order",
                "Distributed training is not used, all SyncBatchNorm")
_FILE_ALONE = ("\n" + "-" * 60, "Config:\n")


def build_loader(options: dict[str, Any], seed: int | None = None) -> DataLoader:
    """Build a data loader from the engine's description of it, outside of a run."""
    # Without a runner, the engine would look for the sampler among its own only.
    with DefaultScope.overwrite_default_scope(SCOPE):
        return Runner.build_dataloader(options, seed=seed)


# What the engine builds out of a config, and where that is described.
_BUILT = {
    "setup_env": "env_cfg", "set_randomness": "randomness", "build_log_processor": "log_processor",
    "build_visualizer": "visualizer", "register_default_hooks": "default_hooks",
    "register_custom_hooks": "custom_hooks", "build_train_loop": "train_cfg",
    "build_optim_wrapper": "optim_wrapper",
    "build_val_loop": "val_dataloader", "build_test_loop": "test_dataloader",
}


def _naming_its_place(name: str, key: str) -> Callable[..., Any]:
    method = getattr(Runner, name)

    @wraps(method)
    def build(self: Runner, *described: Any, **options: Any) -> Any:
        if options:
            return built(key, lambda changed: method(self, **changed), options)
        return built(key, lambda changed: method(self, changed), *described)

    return build


_Runner = type("_Runner", (Runner,), {name: _naming_its_place(name, key)
                                      for name, key in _BUILT.items()})


class PoseRunner(_Runner):
    """Runs the loops over an already built model and data sets."""

    @property
    def config_text(self) -> str:
        """The config of the experiment as JSON, which checkpoints carry."""
        return json.dumps(self.cfg.to_dict())

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """Return the engine's logger, without what is of no use to who runs it.

        On the terminal it writes to stderr, so that stdout holds results alone.
        """
        logger = super().build_logger(*args, **kwargs)
        logger.addFilter(lambda record: not str(record.msg).startswith(_ENGINE_TALK))
        for handler in logger.handlers:
            if isinstance(handler, StreamHandler) and not isinstance(handler, FileHandler):
                handler.setStream(sys.stderr)
                handler.addFilter(lambda record: not str(record.msg).startswith(_FILE_ALONE))
        return logger

    def build_param_scheduler(self, scheduler: Any) -> Any:
        """Build the schedulers, after their first and last step with a copy of the settings.

        Raises ConfigError that names the option with which they cannot be built or step, such as
        a number of steps that ends before the training.
        """
        if not isinstance(self.optim_wrapper, OptimWrapperDict):
            built("param_scheduler", self._rehearse, scheduler)
        return super().build_param_scheduler(scheduler)

    def _rehearse(self, described: Any) -> None:
        unused = copy(self.optim_wrapper.optimizer)
        unused.param_groups = [dict(group) for group in unused.param_groups]
        several = described if isinstance(described, (list, tuple)) else [described]
        kept, self.optim_wrapper = self.optim_wrapper, OptimWrapper(unused)
        try:
            schedulers = super().build_param_scheduler(
                [one for one in several if isinstance(one, dict)])
        finally:
            self.optim_wrapper = kept
        for scheduler in schedulers:
            if not follows_metric(scheduler):
                with warnings.catch_warnings(action="ignore"):  # nothing was trained before
                    scheduler.step()
                    scheduler.step()
                    self._step_last(scheduler)

    def _step_last(self, scheduler: Any) -> None:
        """Step a scheduler once, as it will be at the end of the training."""
        loop = self.train_loop
        last = min(loop.max_epochs if scheduler.by_epoch else loop.max_iters, scheduler.end - 1)
        if last > max(scheduler.begin, scheduler._global_step):
            scheduler._global_step = last - 1
            scheduler.last_step = last - scheduler.begin - 1
            scheduler.step()

    def call_hook(self, fn_name: str, **kwargs: Any) -> None:
        """Call all hooks; what is no plain value does not get into a checkpoint.

        Raises ConfigError for a state that could not be read again: before the training, or, of
        what hooks add, before the first checkpoint is written.
        """
        super().call_hook(fn_name, **kwargs)
        if fn_name == "before_train":
            check_readable(self.optim_wrapper.state_dict(), "optimizer")
            states = [stored_scheduler(s.state_dict()) for s in self.param_schedulers or []]
            check_readable(states, "param_schedulers")
        elif fn_name == "before_save_checkpoint":
            reduce_checkpoint(kwargs["checkpoint"], self.config_text)

    def load_checkpoint(self, filename: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Load weights that fit exactly, from a file that is not trusted."""
        checkpoint = read_checkpoint(filename)
        self.call_hook("after_load_checkpoint", checkpoint=checkpoint)
        load_weights(unwrap(self.model), checkpoint["state_dict"], filename)
        warn_of_differences(checkpoint["meta"], self.cfg, filename)
        self.logger.info(f"loaded checkpoint {filename}")
        return checkpoint

    def resume(self, filename: str, *args: Any, **kwargs: Any) -> None:
        """Go on from a checkpoint of training, also from one written inside an epoch.

        Raises CheckpointError for one that has only weights, and where data or loop have changed
        so that the place is not to be found.
        """
        try:
            self._go_on_from(filename)
        except AeposeError:
            raise
        except Exception as error:  # what a file says of a training may be anything
            raise CheckpointError(f"cannot resume from {filename}: its state of training does not "
                                  f"fit this run ({error or type(error).__name__}); to start from "
                                  "its weights use --cfg-options load_from=PATH") from error

    def _go_on_from(self, filename: str) -> None:
        checkpoint = check_resumable(filename)
        meta, loop = checkpoint["meta"], self.train_loop
        place = place_to_resume(meta, describe_progress(self.train_dataloader), filename)
        options = settings_of(self.optim_wrapper.param_groups)
        super().resume(filename, resume_param_scheduler=False)
        if isinstance(loop, PoseTrainLoop):
            loop.resume_at(*place)
        elif isinstance(loop, EpochBasedTrainLoop) and place[1] % len(self.train_dataloader):
            raise CheckpointError(f"cannot resume from {filename}: it was written inside an epoch, "
                                  f"where {type(loop).__name__} cannot go on; use "
                                  "train_cfg.type='PoseTrainLoop'")
        # The engine takes over the checkpoint's seed, too late for the sampler.
        if hasattr(self.train_dataloader.sampler, "seed"):
            self.train_dataloader.sampler.seed = self.seed
        schedulers = self.param_schedulers or []
        keep_settings(self.optim_wrapper.param_groups, options,
                      {scheduler.param_name for scheduler in schedulers}, self.logger)
        resume_schedulers(schedulers, checkpoint.get("param_schedulers", []), meta, self.logger)

    @master_only
    def save_checkpoint(self, out_dir: str, filename: str, *args: Any, meta: dict | None = None,
                        **kwargs: Any) -> None:
        """Write a checkpoint that is whole or not there; an interrupted save costs no older one.

        ``last.pth`` or ``best.pth`` then points to the file. Raises OutputError that names the
        folder if the disk is full.
        """
        folder = Path(out_dir)
        meta = {**(meta or {}), PROGRESS: describe_progress(self.train_dataloader)}
        advice = "; make room and go on with train --resume"
        with whole_file(folder / filename, advice) as part:
            super().save_checkpoint(out_dir, part.name, *args, meta=meta, **kwargs)
        # last.pth and best.pth point to the newest of each kind, whatever its number.
        link = folder / f".{filename}.link"
        link.unlink(missing_ok=True)
        link.symlink_to(filename)
        os.replace(link, folder / ("best.pth" if filename.startswith("best") else "last.pth"))
