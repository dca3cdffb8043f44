"""Random horizontal flip."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from aepose.metainfo import Metainfo
from aepose.ranges import Share
from aepose.registry import TRANSFORMS
from aepose.structures import MapView, PoseSample

LEFT_TO_RIGHT = 1


def _mirror_mask(mask: np.ndarray) -> np.ndarray:
    # Every later step needs contiguous arrays, and OpenCV makes them much faster than NumPy.
    return cv2.flip(mask.view(np.uint8), LEFT_TO_RIGHT).view(bool)


@TRANSFORMS.register_module()
class RandomFlip:
    """Mirror the picture, its masks and its people with ``probability``.

    Left and right keypoints change places; a keypoint at x goes to W - 1 - x of each frame.
    """

    def __init__(self, metainfo: Metainfo, probability: Share = 0.5) -> None:
        self.flip_index = metainfo.flip_index
        self.probability = probability

    def _mirror_people(self, keypoints: np.ndarray, width: int) -> np.ndarray:
        mirrored = keypoints[:, self.flip_index]
        mirrored[..., 0] = width - 1 - mirrored[..., 0]
        return mirrored

    def __call__(self, sample: PoseSample, rng: np.random.RandomState) -> PoseSample:
        if rng.random_sample() >= self.probability:
            return sample
        views = tuple(
            MapView(self._mirror_people(v.keypoints, v.size[0]), _mirror_mask(v.loss_mask))
            for v in sample.views
        )
        return replace(
            sample,
            image=cv2.flip(sample.image, LEFT_TO_RIGHT),
            keypoints=self._mirror_people(sample.keypoints, sample.image.shape[1]),
            visibility=sample.visibility[:, self.flip_index],
            loss_mask=_mirror_mask(sample.loss_mask),
            views=views,
        )
