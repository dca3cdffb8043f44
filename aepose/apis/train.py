"""Train the network of an experiment."""

from __future__ import annotations

import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from aepose.engine import Hook, PoseRunner
from aepose.engine.distributed import goes_on
from aepose.engine.failures import explained
from aepose.engine.resume import follows_metric
from aepose.engine.work_dir import check_unused, held
from aepose.errors import AeposeError, ConfigError
from aepose.experiment import Experiment
from aepose.experiment.assemble import make_runner, work_dir_of


def train(
    experiment: Experiment, work_dir: str | Path | None = None, resume: str | bool = False
) -> PoseRunner:
    """Train as an experiment says; return the runner, whose ``model`` is trained.

    resume: True goes on from the newest checkpoint of the work dir, a path from that checkpoint.
        A run that torchrun starts again goes on from its own newest one.

    Raises ConfigError if another training is writing to the work dir, or an earlier one has left
    checkpoints there that would be replaced; OutputError that names the work dir if it cannot be
    written any more; DataError if a data-loader worker is killed.
    """
    folder = work_dir_of(experiment, work_dir)
    with explained(folder, "; checkpoints written before are whole; go on with train --resume"):
        resume = True if goes_on(folder) else resume
        with held(folder):
            if not resume:
                check_unused(folder)
            runner = make_runner(experiment, folder, "train", resume)
            runner.train()
    return runner


def dry_run(experiment: Experiment) -> str:
    """Begin a training as it would begin, test one batch, and return a report of it.

    All parts are built, hooks and schedulers take part in the first step, and a checkpoint is
    written. Nothing is left on disk. Raises ConfigError for whatever fails on the way.
    """
    quiet = experiment.changed({"log_level": "ERROR", "visualizer": None})
    first = _FirstStep()
    with tempfile.TemporaryDirectory() as folder:
        runner = make_runner(quiet, Path(folder), "train", hooks=[first])
        with _trying("the first step"), suppress(_EnoughError):
            runner.train()
        with _trying("the first validation"):
            validation = _try_validation(runner) if runner.val_loop else 0
        model, batch = runner.model, first.batch
        lines = [
            f"config        {experiment.file}",
            f"train / val   {len(runner.train_dataloader.dataset)} / {validation} pictures",
            f"parameters    {sum(p.numel() for p in model.parameters()) / 1e6:.2f} M",
            f"images        {tuple(batch['images'].shape)} {batch['images'].dtype}",
        ]
    for target in batch["targets"]:
        people = int(target.tag_valid.any(dim=2).sum())
        lines.append(f"heatmaps      {tuple(target.heatmaps.shape)}, tag indices "
                     f"{tuple(target.tag_index.shape)} of {people} people")
    lines += [f"{name:<13} {value.item():.6f}" for name, value in first.losses.items()]
    lines.append(f"peak memory   {_peak_memory() / 2**20:.0f} MiB")
    return "\n".join(lines)


@contextmanager
def _trying(what: str) -> Iterator[None]:
    try:
        yield
    except AeposeError:
        raise
    except Exception as error:  # of the engine, of PyTorch, or of a part of the user's own
        raise ConfigError(f"{what} with this config fails: "
                          f"{str(error) or type(error).__name__}") from error


class _EnoughError(Exception):
    """Ends a training that was begun to see whether it can be."""


class _FirstStep(Hook):
    """Keeps the first batch and its losses, writes a checkpoint, and ends the training."""

    priority = "LOWEST"

    def after_train_iter(self, runner: PoseRunner, batch_idx: int, data_batch: Any = None,
                         outputs: Any = None) -> None:
        self.batch, self.losses = data_batch, outputs
        for scheduler in runner.param_schedulers or []:
            if scheduler.by_epoch and not follows_metric(scheduler):
                scheduler.step()
        runner.save_checkpoint(runner.work_dir, "epoch_1.pth", by_epoch=False)
        raise _EnoughError


def _try_validation(runner: PoseRunner) -> int:
    """Test one batch; return how many pictures there are."""
    loop = runner.val_loop
    for batch, results in loop.find_people(islice(loop.dataloader, 1)):
        loop.evaluator.process(data_samples=results, data_batch=batch)
    return len(loop.dataloader.dataset)


def _peak_memory() -> int:
    """Bytes: of the GPU where one is used, else of the process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
