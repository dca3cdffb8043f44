"""Store a training step whose numbers broke, and read it back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import get_rank

from aepose.engine.distributed import unwrap
from aepose.engine.seeding import seed_step
from aepose.errors import CheckpointError
from aepose.files import whole_file
from aepose.structures import MapTargets
from aepose.weights.checkpoint import read_checkpoint

_KEY = "bad_step"


@dataclass
class BadStep:
    """What is needed to compute a step again, on the process that stored it.

    config: of the experiment, for :class:`~aepose.experiment.Experiment`
    state_dict: weights before the step, which are also those after it
    batches: those of the step in their order, as the data loader gave them; see
        :func:`aepose.datasets.collate_train`
    seed, iteration, rank: what the random state of the last batch came from
    """

    config: dict[str, Any]
    state_dict: dict[str, torch.Tensor]
    batches: list[dict[str, Any]]
    seed: int
    iteration: int
    rank: int

    def seed_all(self) -> None:
        """Set the random states that the last batch of the step began with."""
        seed_step(self.seed, self.iteration, self.rank)


def save_bad_step(runner: Any, batches: Sequence[dict[str, Any]], iteration: int) -> Path:
    """Write the step that has just gone wrong to the work dir of ``runner``; return the file.

    iteration: training steps before the last of ``batches``
    """
    model = unwrap(runner.model)
    content = {
        "state_dict": {name: value.cpu() for name, value in model.state_dict().items()},
        _KEY: {
            "config": runner.config_text,
            "batches": [_plain(batch) for batch in batches],
            "seed": runner.seed, "iteration": iteration, "rank": get_rank(),
        },
    }
    path = Path(runner.work_dir) / f"bad_step_iter_{iteration + 1}_rank_{get_rank()}.pth"
    with whole_file(path) as part:
        torch.save(content, part)
    return path


def read_bad_step(path: str | Path) -> BadStep:
    """Read what a training left that gave up; nothing in the file is run.

    Raises CheckpointError if the file is missing, damaged or something else.
    """
    content = read_checkpoint(path)
    if _KEY not in content:
        raise CheckpointError(f"{path} is a checkpoint, not a stored step; such files are called "
                              "bad_step_iter_N_rank_R.pth")
    stored = content[_KEY]
    batches = [_typed(batch) for batch in stored["batches"]]
    return BadStep(json.loads(stored["config"]), content["state_dict"], batches,
                   stored["seed"], stored["iteration"], stored["rank"])


def _plain(batch: dict[str, Any]) -> dict[str, Any]:
    """Turn targets into dicts: a file of tensors and plain values can be read without trust."""
    targets = [{f.name: getattr(level, f.name) for f in fields(level)}
               for level in batch["targets"]]
    return {**batch, "targets": targets}


def _typed(batch: dict[str, Any]) -> dict[str, Any]:
    return {**batch, "targets": [MapTargets(**level) for level in batch["targets"]]}
