"""Move batches to the network's device and normalise their images there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor

from aepose.stage_clock import stage
from aepose.structures import EvalItem

# RGB mean and standard deviation of ImageNet pictures in [0, 1]: published backbones expect them.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class PosePreprocessor(BaseDataPreprocessor):
    """Move a batch to the device.

    Pictures travel as uint8, a quarter of the bytes of float32, and are normalised there.
    """

    def __init__(self) -> None:
        super().__init__()
        for name, values in (("mean", IMAGENET_MEAN), ("std", IMAGENET_STD)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    def normalise(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) uint8 RGB on any device -> float32, normalised, on this one.

        The order in memory stays. In place, as at large test scales every copy counts.
        """
        images = images.to(self.mean.device, non_blocking=True)
        return images.to(torch.float32).div_(255).sub_(self.mean).div_(self.std)

    def _test_images(self, items: Sequence[EvalItem]) -> list[torch.Tensor]:
        """Return one (N, 3, H, W) tensor per test scale."""
        return [self._send(torch.from_numpy(stack)).permute(0, 3, 1, 2)
                for stack in EvalItem.stack(items)]

    def _send(self, images: torch.Tensor) -> torch.Tensor:
        if self.mean.is_cuda:
            # Out of memory that the system may move, they would come after all that the GPU has
            # to do, and be waited for.
            images = images.pin_memory()
        return images.to(self.mean.device, non_blocking=True)

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """Return what :meth:`AssociativeEmbedding.forward` takes.

        A training batch gets normalised ``images`` and its targets; a test batch (``items``) gets
        ``images``, one (N, 3, H, W) uint8 tensor per test scale, to be normalised in their turn.

        Raises DataError if the sizes of the pictures of a test batch differ.
        """
        if "items" in data:
            with stage("batch"):
                return {"images": self._test_images(data["items"]), "items": data["items"]}
        targets = [t.to(self.mean.device) for t in data["targets"]]
        return {"images": self.normalise(data["images"]), "targets": targets}
