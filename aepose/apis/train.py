"""Train the network of an experiment."""

from __future__ import annotations

import errno
import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from aepose.engine import PoseRunner
from aepose.engine.distributed import goes_on
from aepose.errors import OutputError
from aepose.experiment import Experiment
from aepose.experiment.assemble import make_runner, work_dir_of


def train(
    experiment: Experiment, work_dir: str | Path | None = None, resume: str | bool = False
) -> PoseRunner:
    """Train as an experiment says; return the runner, whose ``model`` is trained.

    resume: True goes on from the newest checkpoint of the work dir, a path from that checkpoint.
        A run that torchrun starts again goes on from its own newest one.

    Raises OutputError that names the work dir if its disk is full.
    """
    folder = work_dir_of(experiment, work_dir)
    with _full_disk_named(folder):
        runner = make_runner(experiment, folder, "train", True if goes_on(folder) else resume)
        runner.train()
    return runner


@contextmanager
def _full_disk_named(work_dir: Path) -> Iterator[None]:
    """Say where there is no room; checkpoints do so themselves, logs and scalars do not."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise OutputError(
            f"cannot write to {error.filename or work_dir}: {error.strerror}; checkpoints written "
            "before are whole; make room and go on with train.py --resume") from error


def dry_run(experiment: Experiment) -> str:
    """Build everything, run one training step on one batch, and return a report of it.

    Nothing is left on disk.
    """
    quiet = experiment.changed({"log_level": "ERROR", "visualizer": None})
    with tempfile.TemporaryDirectory() as folder:
        runner = make_runner(quiet, Path(folder), "train")
        batch = next(iter(experiment.dataloader("train")))
        wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
        model = runner.model
        losses = model.train_step(batch, wrapper)
        validation = len(runner.val_dataloader.dataset) if runner.val_loop else 0
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
    lines += [f"{name:<13} {value.item():.6f}" for name, value in losses.items()]
    lines.append(f"peak memory   {_peak_memory() / 2**20:.0f} MiB")
    return "\n".join(lines)


def _peak_memory() -> int:
    """Bytes: of the GPU where one is used, else of the process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
