"""Random state of a training step."""

from __future__ import annotations

import random

import numpy as np
import torch


def seed_step(seed: int, iteration: int, rank: int = 0) -> None:
    """Set Python's, NumPy's and PyTorch's random states for one training step.

    They depend on the three numbers alone. So a run that goes on after a stop draws what it would
    have drawn, whatever was drawn in between by validation or by starting data workers, and no
    process's states need to be stored.

    seed: of the run; iteration: training steps before this one; rank: number of the process
    """
    words = np.random.SeedSequence([seed, rank, iteration]).generate_state(3)
    random.seed(int(words[0]))
    np.random.seed(int(words[1]))
    torch.manual_seed(int(words[2]))
