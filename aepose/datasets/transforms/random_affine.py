"""Random scale, rotation and translation onto the network input and its maps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np

from aepose.codecs import AssociativeEmbeddingCodec
from aepose.errors import ConfigError
from aepose.ranges import NotNegative
from aepose.registry import TRANSFORMS
from aepose.structures import MapView, PoseSample


@dataclass(frozen=True)
class AffineDraw:
    """What one random affine drew: scale factor, rotation in degrees, shift in picture pixels."""

    scale: float
    rotation: float
    shift: tuple[int, int]


def warp_points(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Apply a (2, 3) matrix to points (..., 2); float32."""
    return (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def grey_mask(mask: np.ndarray) -> np.ndarray:
    """Return a boolean mask as 0 and 255, uint8, which can be interpolated."""
    # uint8 of 0 and 255 is int8 of 0 and -1.
    return np.negative(mask.view(np.int8)).view(np.uint8)


def warp_mask(grey: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Warp a mask of :func:`grey_mask` to a boolean one of ``size`` (W, H).

    Linear, then True above one half; False outside.
    """
    return cv2.warpAffine(grey, matrix, size, flags=cv2.INTER_LINEAR) > 127


def warp_sample(
    sample: PoseSample, codec: AssociativeEmbeddingCodec, out: tuple[int, int],
    matrix: Callable[[tuple[int, int]], np.ndarray],
) -> PoseSample:
    """Warp a sample to the network input ``out`` (W, H) and to the maps of such an input.

    matrix: gives the (2, 3) matrix from the picture to an input or map of a size (W, H)
    """
    grey = grey_mask(sample.loss_mask)
    views = []
    for size in codec.map_sizes_of(out):
        mask = warp_mask(grey, matrix(size), size)
        views.append(MapView(warp_points(sample.keypoints, matrix(size)), mask))
    return replace(
        sample,
        image=cv2.warpAffine(sample.image, matrix(out), out, flags=cv2.INTER_LINEAR),
        keypoints=warp_points(sample.keypoints, matrix(out)),
        loss_mask=warp_mask(grey, matrix(out), out),
        views=tuple(views),
    )


@TRANSFORMS.register_module()
class RandomAffine:
    """Map a random source window of the picture to the network input and to every map size.

    scale: range of the window's size relative to the one that ``scale_type`` names
    rotation: largest rotation, degrees
    translation: largest shift of the window's centre, as a percentage of half the picture times the
        drawn scale: integers in [-t * size / 200, t * size / 200)
    scale_type: 'short' takes the largest window inside the picture, which fills the output and
        crops what is too long, 'long' the smallest one around it, which pads what is too short. For
        a square input that is a window as long as the short or the long side of the picture.

    The window has the aspect of ``codec.train_size``, (W, H): of numbers of pixels in the classic
    convention, of steps from the first pixel to the last in UDP. With r = min(w / W, h / H), or max
    for 'long', it is scale * r * (W, H) for a picture of w * h; in UDP W - 1 and H - 1 stand for W
    and H.

    Fills ``sample.views``, one per map size of the codec; each is warped from the picture by its
    own matrix, which shows the same window. Keypoints move whatever their visibility.
    """

    def __init__(
        self,
        codec: AssociativeEmbeddingCodec,
        scale: tuple[float, float] = (0.75, 1.5),
        rotation: NotNegative = 30,
        translation: NotNegative = 40,
        scale_type: Literal["short", "long"] = "short",
    ) -> None:
        if scale_type not in ("short", "long"):
            raise ConfigError(f"RandomAffine.scale_type = {scale_type!r}: give 'short' or 'long'")
        if not 0 < scale[0] <= scale[1]:
            raise ConfigError(f"RandomAffine.scale = {scale}: give two rising positive numbers")
        self.codec = codec
        self.scale = tuple(scale)
        self.rotation = rotation
        self.translation = translation
        self.scale_type = scale_type

    def draw(self, size: tuple[int, int], rng: np.random.RandomState) -> AffineDraw:
        """Draw the parameters for a picture of ``size`` (w, h)."""
        low, high = self.scale
        scale = rng.random_sample() * (high - low) + low
        rotation = (rng.random_sample() * 2 - 1) * self.rotation
        # Truncated towards zero; a picture too small to shift by a pixel is not shifted.
        limits = [int(self.translation * scale * side / 200) for side in size]
        dx, dy = (rng.randint(-limit, limit) if limit else 0 for limit in limits)
        return AffineDraw(scale, rotation, (dx, dy))

    def source_window(self, size: tuple[int, int], scale: float) -> np.ndarray:
        """Window (2,) in pixels of a picture of ``size`` (w, h)."""
        return self.codec.geometry.random_window(
            size, self.codec.train_size, scale, inside=self.scale_type == "short")

    def matrix(
        self, size: tuple[int, int], drawn: AffineDraw, out: tuple[int, int]
    ) -> np.ndarray:
        """Matrix (2, 3) from a picture of ``size`` (w, h) to an input or map of ``out`` (W, H)."""
        geometry = self.codec.geometry
        center = geometry.image_center(size) + drawn.shift
        window = self.source_window(size, drawn.scale)
        return geometry.affine_matrix(center, window, drawn.rotation, out)

    def __call__(self, sample: PoseSample, rng: np.random.RandomState) -> PoseSample:
        size = sample.image.shape[1], sample.image.shape[0]
        drawn = self.draw(size, rng)
        return warp_sample(sample, self.codec, self.codec.train_size,
                           lambda out: self.matrix(size, drawn, out))
