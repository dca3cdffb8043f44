"""From batches as the data loader gives them to what the network takes, on its device."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from mmengine.model import BaseDataPreprocessor

# RGB mean and standard deviation of ImageNet pictures in [0, 1]: published backbones expect them.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class PosePreprocessor(BaseDataPreprocessor):
    """Move a batch to the device and normalise its pictures there.

    Pictures travel as uint8, a quarter of the bytes of float32.
    """

    def __init__(self) -> None:
        super().__init__()
        for name, values in (("mean", IMAGENET_MEAN), ("std", IMAGENET_STD)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    def normalise(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) uint8 RGB on any device -> float32, normalised, on this one."""
        images = images.to(self.mean.device, non_blocking=True)
        return (images.float() / 255 - self.mean) / self.std

    def _test_image(self, image: np.ndarray) -> torch.Tensor:
        planar = np.ascontiguousarray(image.transpose(2, 0, 1))
        return self.normalise(torch.from_numpy(planar)[None])

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """Return what :meth:`AssociativeEmbedding.forward` takes.

        A training batch gets normalised ``images`` and its targets; a test batch (``items``) gets
        ``images``: per item, per scale, one (1, 3, H, W) tensor.
        """
        if "items" in data:
            images = [[self._test_image(i) for i in item.images] for item in data["items"]]
            return {"images": images, "items": data["items"]}
        targets = [t.to(self.mean.device) for t in data["targets"]]
        return {"images": self.normalise(data["images"]), "targets": targets}
