"""Collate items into batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from aepose.structures import EvalItem, MapTargets, TrainItem


def collate_train(items: Sequence[TrainItem]) -> dict[str, Any]:
    """Return images (N, 3, H, W) uint8, targets per output resolution, and the pictures' paths.

    ``bad_images`` lists (path, reason) of pictures that were drawn but could not be read.
    """
    return {
        "images": torch.stack([item.image for item in items]),
        "targets": [MapTargets.stack(list(level))
                    for level in zip(*(item.targets for item in items), strict=True)],
        "image_paths": [item.image_path for item in items],
        "bad_images": [pair for item in items for pair in item.bad_images],
    }


def collate_eval(items: Sequence[EvalItem]) -> dict[str, Any]:
    """Keep test items as they are; their pictures are joined where they are normalised."""
    return {"items": list(items)}
