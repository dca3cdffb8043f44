"""The typed things that flow through training and testing.

Letters: N pictures, K keypoints, P people, M ``max_num_people``, L tags per keypoint (1, or 2
with flip test), H x W height x width. Coordinates are (x, y), x right, y down, 0-based; each
field says in which pixel frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

import numpy as np

from aepose.errors import ConfigError, DataError

if TYPE_CHECKING:
    import torch


@dataclass
class MapView:
    """The people of one sample as seen by one heatmap resolution.

    keypoints: (P, K, 2) float32, pixels of this map
    loss_mask: (H, W) bool, False where annotations are missing
    """

    keypoints: np.ndarray
    loss_mask: np.ndarray

    @property
    def size(self) -> tuple[int, int]:
        """(W, H) of the map."""
        return self.loss_mask.shape[1], self.loss_mask.shape[0]


@dataclass
class PoseSample:
    """One training picture with its people.

    image: (H, W, 3) uint8, RGB
    keypoints: (P, K, 2) float32, pixels of ``image``
    visibility: (P, K) uint8, 0 absent, 1 hidden, 2 visible
    loss_mask: (H, W) bool, pixels of ``image``; False where annotations are missing
    views: one entry per heatmap resolution, lowest first; filled by the random affine transform
    """

    image: np.ndarray
    keypoints: np.ndarray
    visibility: np.ndarray
    loss_mask: np.ndarray
    image_id: int
    image_path: str
    views: tuple[MapView, ...] = ()


@dataclass
class MapTargets:
    """What one network output is trained towards; a leading N once collated.

    heatmaps: (K, H, W) float32, in [0, 1]
    loss_mask: (H, W) bool, False where no loss counts
    tag_index: (M, K) int64, flat index k*H*W + y*W + x of a person's visible keypoints, packed to
        the front; 0 behind them
    tag_valid: (M, K) bool, True where ``tag_index`` holds a keypoint
    """

    heatmaps: torch.Tensor
    loss_mask: torch.Tensor
    tag_index: torch.Tensor
    tag_valid: torch.Tensor

    def _map(self, function) -> MapTargets:
        return MapTargets(*(function(getattr(self, f.name)) for f in fields(self)))

    def to(self, device: torch.device | str) -> MapTargets:
        """Return a copy on ``device``."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> MapTargets:
        """Return a copy in page-locked memory (called by the data loader)."""
        return self._map(lambda tensor: tensor.pin_memory())

    @classmethod
    def stack(cls, items: list[MapTargets]) -> MapTargets:
        """Join N targets of one picture each into one with a leading N."""
        import torch

        return cls(*(torch.stack([getattr(i, f.name) for i in items]) for f in fields(cls)))


@dataclass
class TrainItem:
    """One encoded training picture.

    image: (3, H, W) uint8, RGB
    targets: one entry per network output resolution, lowest first
    bad_images: (path, reason) of pictures that could not be read and that this one stands for
    """

    image: torch.Tensor
    targets: list[MapTargets]
    image_path: str
    bad_images: tuple[tuple[str, str], ...] = ()


@dataclass
class EvalItem:
    """One test picture at each test scale.

    images: one (H_s, W_s, 3) uint8 RGB picture per scale, in the order of ``scales``
    scales: the test scales, largest first
    base_size: (W, H) that projected maps are resized to (pixels of the scale-1 network input)
    center, scale: the source window in the picture's pixels, as ``geometry`` defines it
    image_size: (W, H) of the picture as loaded
    dataset: the name of its test set, of several
    """

    images: list[np.ndarray]
    scales: tuple[float, ...]
    base_size: tuple[int, int]
    center: np.ndarray
    scale: np.ndarray
    image_size: tuple[int, int]
    image_id: int
    image_path: str
    dataset: str = ""

    @staticmethod
    def stack(items: Sequence[EvalItem]) -> list[np.ndarray]:
        """Join the pictures of N items: (N, H_s, W_s, 3) for each test scale.

        Raises DataError that names two whose sizes differ.
        """
        first = items[0]
        sizes = [image.shape[1::-1] for image in first.images]
        for item in items[1:]:
            others = [image.shape[1::-1] for image in item.images]
            if others != sizes:
                raise DataError(
                    f"{first.image_path} and {item.image_path} go into one batch, but the network "
                    f"takes them as {sizes} and {others}; use batch_size=1 or a "
                    "batch_sampler=dict(type='SameSizeBatches')")
        by_scale = zip(*(item.images for item in items), strict=True)
        # One picture alone is not copied.
        return [images[0][None] if len(images) == 1 else np.stack(images) for images in by_scale]


LARGEST_SCALE = 16  # of a test picture


@dataclass(frozen=True)
class EvalSettings:
    """How test pictures go through the network and how its maps are aggregated.

    scales: test scales; multi_scales: what ``--multi-scale`` uses instead
    flip: average with the mirrored picture; its tags become a second value (L = 2)
    project2image: resize maps to the network input size before decoding
    align_corners: of that bilinear resize; in a config both follow ``codec.convention``
    outputs: indices of the head's outputs that are used, None for all; exactly one of them has tags
    outputs_first: resize all maps to the size of the last output before anything else, as the
        authors of HigherHRNet and SWAHR do; else each output's to the final size in one step
    dtype: 'bfloat16' or 'float16' tests the backbone under autocast; None: in float32, however the
        network was trained
    faster: change the network before a test so that maps differ by rounding alone; False computes
        them as it was trained and as reference values were made
    """


    scales: tuple[float, ...] = (1,)
    multi_scales: tuple[float, ...] = (0.5, 1, 2)
    flip: bool = True
    project2image: bool = True
    align_corners: bool = False
    outputs: tuple[int, ...] | None = None
    outputs_first: bool = False
    dtype: Literal["bfloat16", "float16"] | None = None
    faster: bool = True

    def __post_init__(self) -> None:
        from aepose.precision import autocast_type

        autocast_type(self.dtype, "test_time.dtype")
        chosen = self.outputs
        if chosen is not None and not (
                isinstance(chosen, (list, tuple)) and chosen
                and all(type(index) is int and index >= 0 for index in chosen)
                and len(set(chosen)) == len(chosen)):
            raise ConfigError(f"test_time.outputs = {chosen!r}: give a list of different indices "
                              "from 0, such as [3], or None for all outputs of the head")
        for name in ("scales", "multi_scales"):
            scales = getattr(self, name)
            if not scales or min(scales) <= 0 or max(scales) > LARGEST_SCALE or (
                    len(scales) > 1 and 1 not in scales):
                raise ConfigError(f"test_time.{name} = {scales}: give one positive number up to "
                                  f"{LARGEST_SCALE}, or several with 1 among them (tags are taken "
                                  "from scale 1)")


@dataclass
class HeadOutput:
    """One output of a head, split into its parts.

    heatmaps: (N, K, H, W), or None where this output has none
    tags: (N, K, H, W), or (N, 1, H, W) with one tag map for all keypoints, or None
    scales: (N, K, H, W), or None
    """

    heatmaps: torch.Tensor | None
    tags: torch.Tensor | None
    scales: torch.Tensor | None = None


@dataclass
class AggregatedMaps:
    """What the people of one picture are found in.

    heatmaps: (K, H, W) float32; tags: (K, H, W, L) float32, or (1, H, W, L) with one tag map for
    all keypoints; on the network's device
    matrix: (2, 3) from the centres of the picture's pixels to those of the cells, where it is known
    """

    heatmaps: torch.Tensor
    tags: torch.Tensor
    matrix: np.ndarray | None = None
