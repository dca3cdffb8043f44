"""The Associative Embedding codec: people to maps (encode) and maps to people (decode).

Newell, Huang, Deng: Associative Embedding: End-to-End Learning for Joint Detection and Grouping
(NIPS 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from aepose.codecs.decoder import Decoder
from aepose.codecs.gaussian import draw_gaussians
from aepose.codecs.options import check_positive, checked_strides
from aepose.errors import ConfigError
from aepose.ranges import Count
from aepose.registry import CODECS
from aepose.structures import MapTargets, MapView, PoseSample, TrainItem


def _planar(image: np.ndarray) -> np.ndarray:
    """Return (H, W, 3) uint8 as (3, H, W), contiguous."""
    planes = np.empty((3, *image.shape[:2]), np.uint8)
    cv2.split(image, list(planes))  # writes into them; many times as fast as a NumPy transpose
    return planes


@CODECS.register_module()
@dataclass
class AssociativeEmbeddingCodec(Decoder):
    """What a heatmap and a tag mean, for one keypoint set and one network input size.

    Decoding, and its options, are those of :class:`~aepose.codecs.decoder.Decoder`; in training
    ``max_num_people`` is M, people of all classes per picture.

    map_strides: input pixels per map cell, one per output resolution; kept in falling order, which
        is that of rising resolution
    sigma: standard deviation of the heatmap Gaussians, in map cells
    """

    map_strides: Sequence[Count] = (4,)
    sigma: float = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive("sigma", self.sigma)
        self.map_strides = checked_strides(self.map_strides)

    @property
    def map_sizes(self) -> tuple[tuple[int, int], ...]:
        """(W, H) of the training maps, lowest resolution first."""
        return self.map_sizes_of(self.train_size)

    def map_sizes_of(self, size: tuple[int, int]) -> tuple[tuple[int, int], ...]:
        """(W, H) of the maps of an input of ``size`` (W, H), lowest resolution first."""
        return tuple((size[0] // stride, size[1] // stride) for stride in self.map_strides)

    def encode(self, sample: PoseSample) -> TrainItem:
        """Turn an augmented sample, whose views are filled, into what the network is trained on.

        Raises ConfigError if no transform has filled them.
        """
        if not sample.views:
            raise ConfigError("train_dataloader.dataset.transforms: none of them brings pictures "
                              "and people to the network's size; RandomAffine does")
        image = torch.from_numpy(_planar(sample.image))
        targets = [self.encode_view(view, sample.visibility) for view in sample.views]
        return TrainItem(image, targets, sample.image_path)

    def encode_view(self, view: MapView, visibility: np.ndarray) -> MapTargets:
        """Return the targets of one map resolution.

        visibility: (P, K). Keypoints with visibility above 0 whose truncated position lies inside
        the map are drawn and grouped. Of more than M people those with most keypoints stay.
        """
        width, height = view.size
        cells = np.trunc(view.keypoints).astype(np.int64)
        inside = ((cells >= 0) & (cells < (width, height))).all(axis=2)
        valid = inside & (visibility > 0)
        if len(valid) > self.max_num_people:
            most = np.argsort(-valid.sum(axis=1), kind="stable")[: self.max_num_people]
            kept = np.zeros(len(valid), bool)
            kept[most] = True
        else:
            kept = np.ones(len(valid), bool)
        heatmaps = draw_gaussians(
            self.geometry.peak_centers(view.keypoints[valid]),
            np.nonzero(valid)[1],
            self.metainfo.num_keypoints,
            view.size,
            self.sigma,
        )
        index, mask = self._tag_targets(cells[kept], valid[kept], view.size)
        arrays = heatmaps, np.ascontiguousarray(view.loss_mask), index, mask
        return MapTargets(*(torch.from_numpy(a) for a in arrays))

    def _tag_targets(
        self, cells: np.ndarray, valid: np.ndarray, size: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Flat map indices (M, K) int64 of each person's valid keypoints, packed, and their mask.

        cells: (P, K, 2) int64; valid: (P, K) bool, P <= M.
        """
        width, height = size
        num_keypoints = self.metainfo.num_keypoints
        flat = (np.arange(num_keypoints) * height + cells[..., 1]) * width + cells[..., 0]
        front = np.argsort(~valid, axis=1, kind="stable")
        index = np.zeros((self.max_num_people, num_keypoints), np.int64)
        mask = np.zeros((self.max_num_people, num_keypoints), bool)
        mask[: len(valid)] = np.take_along_axis(valid, front, axis=1)
        index[: len(valid)] = np.take_along_axis(flat, front, axis=1)
        index[~mask] = 0
        return index, mask
