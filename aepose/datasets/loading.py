"""Options of data loaders, as the engine takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.utils.data import Dataset

from aepose.datasets.collate import collate_eval, collate_train


def describe_loader(
    options: Mapping[str, Any], dataset: Dataset, split: str
) -> dict[str, Any]:
    """Return all options of a data loader: those of a config, and for the rest what suits.

    Training draws its samples with seeds of their own; a test has batches of images of one size.
    """
    training = split == "train"
    options = {**options, "dataset": dataset,
               "collate_fn": collate_train if training else collate_eval}
    workers = options.setdefault("num_workers", 0)
    sampler = "SeededSampler" if training else "DefaultSampler"
    defaults = {
        "batch_size": 1,
        "persistent_workers": training and workers > 0,
        # Out of such memory a batch gets to a GPU while that computes.
        "pin_memory": training and torch.cuda.is_available(),
        "sampler": {"type": sampler, "shuffle": training},
        **({} if training else {"batch_sampler": {"type": "SameSizeBatches"}}),
        "disable_subprocess_warning": True,
    }
    return {**defaults, **options}
