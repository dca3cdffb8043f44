"""Crops of a fixed size around creatures, at the scale of tests."""

from __future__ import annotations

import numpy as np

from aepose.codecs import AssociativeEmbeddingCodec
from aepose.codecs.options import checked_size
from aepose.datasets.transforms.random_affine import warp_sample
from aepose.errors import ConfigError
from aepose.ranges import Count, NotNegative, Share
from aepose.registry import TRANSFORMS
from aepose.structures import PoseSample


@TRANSFORMS.register_module()
class RandomCrop:
    """Crop a window around a random person of the picture, turned and scaled at random.

    Where people are small in large pictures, training on crops learns from the pixels that matter:
    people are as large as in a test of the whole picture, times the drawn scale.

    size: (W, H) of the crop, or the side of a square, in pixels of the network input
    scale: range of the size of people relative to that of a test at scale 1
    rotation: largest rotation, degrees; 180 where pictures are taken from above
    shift: largest shift of the crop's centre from the middle of the person's labelled keypoints, as
        a share of the crop's sides
    anywhere: share of crops around a random place of the picture instead, for the network to learn
        what nobody is; in a picture without labelled people it is all of them

    Fills ``sample.views`` as :class:`RandomAffine` does; keypoints move whatever their visibility.
    """

    def __init__(
        self,
        codec: AssociativeEmbeddingCodec,
        size: Count | tuple[Count, Count],
        scale: tuple[float, float] = (0.8, 1.25),
        rotation: NotNegative = 180,
        shift: Share = 0.25,
        anywhere: Share = 0.1,
    ) -> None:
        if not 0 < scale[0] <= scale[1]:
            raise ConfigError(f"RandomCrop.scale = {scale}: give two rising positive numbers")
        self.codec = codec
        self.size = checked_size(size, codec.size_multiple, "RandomCrop.size")
        self.scale = tuple(scale)
        self.rotation = rotation
        self.shift = shift
        self.anywhere = anywhere

    def _center(
        self, sample: PoseSample, window: np.ndarray, rng: np.random.RandomState
    ) -> np.ndarray:
        """Draw the centre (2,) of the window, in pixels of the picture."""
        labelled = sample.visibility > 0
        people = np.flatnonzero(labelled.any(axis=1))
        if not len(people) or rng.random_sample() < self.anywhere:
            return rng.random_sample(2) * (sample.image.shape[1], sample.image.shape[0])
        person = rng.choice(people)
        keypoints = sample.keypoints[person, labelled[person]]
        middle = (keypoints.min(axis=0) + keypoints.max(axis=0)) / 2
        return middle + rng.uniform(-self.shift, self.shift, 2) * window

    def __call__(self, sample: PoseSample, rng: np.random.RandomState) -> PoseSample:
        size = sample.image.shape[1], sample.image.shape[0]
        geometry = self.codec.geometry
        # Drawn so that growing and shrinking by a factor are as likely.
        scale = np.exp(rng.uniform(*np.log(self.scale)))
        rotation = rng.uniform(-self.rotation, self.rotation)
        window = geometry.crop_window(size, self.codec.train_size, self.size, scale)
        center = self._center(sample, window, rng)
        return warp_sample(sample, self.codec, self.size,
                           lambda out: geometry.affine_matrix(center, window, rotation, out))
