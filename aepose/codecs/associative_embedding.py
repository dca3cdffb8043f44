"""The Associative Embedding codec: people to maps (encode) and maps to people (decode).

Newell, Huang, Deng: Associative Embedding: End-to-End Learning for Joint Detection and Grouping
(NIPS 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import cv2
import numpy as np
import torch

from aepose.codecs.gaussian import draw_gaussians
from aepose.codecs.geometry import CONVENTIONS, SIZE_MULTIPLE
from aepose.codecs.maps import check_maps
from aepose.codecs.matching import match_by_tag
from aepose.codecs.options import checked_order, checked_size, checked_strides
from aepose.codecs.read_maps import read_maps
from aepose.codecs.refine import drop_far, person_scores, refine
from aepose.errors import ConfigError
from aepose.metainfo import Metainfo, PoseClass
from aepose.ranges import Count
from aepose.registry import CODECS
from aepose.results import PoseResult
from aepose.stage_clock import stage
from aepose.structures import EvalItem, MapTargets, MapView, PoseSample, TrainItem


def _planar(image: np.ndarray) -> np.ndarray:
    """Return (H, W, 3) uint8 as (3, H, W), contiguous."""
    planes = np.empty((3, *image.shape[:2]), np.uint8)
    cv2.split(image, list(planes))  # writes into them; many times as fast as a NumPy transpose
    return planes


def _order_of(order: Sequence[int], pose_class: PoseClass) -> tuple[int, ...]:
    """Return a class's keypoints, counted from its first, in the order in which all are visited."""
    own = pose_class.keypoints
    return tuple(k - own.start for k in order if own.start <= k < own.stop)


class Grouped(NamedTuple):
    """The people of one picture in the pixels of its maps.

    people: (P, K, 3 + L) float32: x, y (map cells), value, tags; scores: (P,) float32
    found: (P, K) bool, False for keypoints that were filled in or are missing
    class_ids: (P,) int64 into the metainfo's ``classes``; keypoints of other classes are 0
    """

    people: np.ndarray
    scores: np.ndarray
    found: np.ndarray
    class_ids: np.ndarray

    @classmethod
    def join(cls, groups: Sequence[Grouped], metainfo: Metainfo) -> Grouped:
        """Return the people of all classes, one after the other, their keypoints in their places.

        groups: of each class, with its own keypoints alone
        """
        keypoints = metainfo.num_keypoints
        people = [np.zeros((len(g.people), keypoints, g.people.shape[2]), np.float32)
                  for g in groups]
        found = [np.zeros((len(g.found), keypoints), bool) for g in groups]
        for index, (own, group) in enumerate(zip(metainfo.classes, groups, strict=True)):
            people[index][:, own.keypoints] = group.people
            found[index][:, own.keypoints] = group.found
        scores, class_ids = (np.concatenate([getattr(g, name) for g in groups])
                             for name in ("scores", "class_ids"))
        return cls(np.concatenate(people), scores, np.concatenate(found), class_ids)


@CODECS.register_module()
@dataclass
class AssociativeEmbeddingCodec:
    """What a heatmap and a tag mean, for one keypoint set and one network input size.

    input_size: (W, H) of the training input, or the side of a square one; test pictures are scaled
        to cover it, see :meth:`aepose.codecs.geometry.Geometry.eval_frame`
    map_strides: input pixels per map cell, one per output resolution; kept in falling order, which
        is that of rising resolution
    sigma: standard deviation of the heatmap Gaussians, in map cells
    max_num_people: M, people of all classes per training picture, and candidates per keypoint in
        decoding. More than M people of a class can be found unless ``ignore_too_much`` limits them.
    nms_kernel: side of the window in which a peak is the maximum
    detection_threshold: least heatmap value of a candidate
    tag_threshold: largest tag distance at which a candidate joins a person
    use_detection_val: let the heatmap value break ties of the rounded tag distance; without it the
        unrounded distance decides
    ignore_too_much: keep at most M people of a class
    first_people_only: give candidates to the first M people alone, as the authors of HigherHRNet
        and SWAHR do; every other candidate becomes a person of its own, who is kept
    grouping_order: names of the keypoints that grouping visits first; None: those of the metainfo
    adjust, refine: run these stages of decoding: sub-pixel positions, missing keypoints
    reach: a candidate farther than so many pixels of the network input at scale 1, times
        ``tag_threshold``, from the middle of a person's keypoints does not join; position is then
        part of the tags, in units of it, and parts people whom the network never sees together.
        Nor is a missing keypoint filled in beyond it. None: tags alone, as published
    convention: what pixel positions mean, see :mod:`aepose.codecs.geometry`
    size_multiple: sides of network inputs are multiples of it; that of a network must divide it

    ``train_size`` is ``input_size`` as (W, H), ``geometry`` the object of the convention,
    ``grouping_index`` the keypoints as grouping visits them.
    """

    metainfo: Metainfo
    input_size: Count | tuple[Count, Count]
    map_strides: Sequence[Count] = (4,)
    sigma: float = 2
    max_num_people: Count = 30
    nms_kernel: Count = 5
    detection_threshold: float = 0.1
    tag_threshold: float = 1.0
    use_detection_val: bool = True
    ignore_too_much: bool = False
    first_people_only: bool = False
    grouping_order: Sequence[str] | None = None
    adjust: bool = True
    refine: bool = True
    reach: float | None = None
    convention: Literal["classic", "udp"] = "classic"
    size_multiple: Count = SIZE_MULTIPLE

    def __post_init__(self) -> None:
        if str(self.convention) not in CONVENTIONS:
            raise ConfigError(f"codec.convention = {self.convention!r}: give 'classic' or 'udp'")
        for name in ("sigma", "max_num_people", "nms_kernel", "size_multiple"):
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or value <= 0:
                raise ConfigError(f"codec.{name} = {value!r}: give a positive number")
        if not (self.reach is None or (isinstance(self.reach, (int, float)) and self.reach > 0)):
            raise ConfigError(f"codec.reach = {self.reach!r}: give a positive number, or None")
        for name in ("max_num_people", "nms_kernel", "size_multiple"):
            if not isinstance(getattr(self, name), int):
                raise ConfigError(f"codec.{name} = {getattr(self, name)}: give a whole number")
        for name in ("detection_threshold", "tag_threshold"):
            value = getattr(self, name)
            # A comparison with NaN is false.
            if not isinstance(value, (int, float)) or not value >= 0:
                raise ConfigError(f"codec.{name} = {value!r}: give a number that is not negative")
        if self.nms_kernel % 2 == 0:
            raise ConfigError(f"codec.nms_kernel = {self.nms_kernel}: give an odd number")
        self.grouping_index = checked_order(self.metainfo, self.grouping_order)
        self._classes = [(own.keypoints, _order_of(self.grouping_index, own))
                         for own in self.metainfo.classes]
        self.train_size = checked_size(self.input_size, self.size_multiple)
        self.map_strides = checked_strides(self.map_strides)
        self.geometry = CONVENTIONS[self.convention](self.size_multiple)

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

    def decode(
        self,
        heatmaps: np.ndarray | torch.Tensor,
        tags: np.ndarray | torch.Tensor,
        item: EvalItem,
    ) -> PoseResult:
        """Find the people of one picture.

        heatmaps: (K, H, W) float32; tags: (K, H, W, L) float32, or (1, H, W, L) with one tag map
        for all keypoints; arrays, or tensors on any device: maps on a GPU stay there. Fastest where
        the cells of a map follow each other in memory, as :mod:`aepose.codecs.aggregation` leaves
        them. Returns people in pixels of the picture, in order of creation.

        Raises ValueError for maps of another shape or type, with values that are not finite, or
        with fewer than M cells.
        """
        people, scores, found, class_ids = self.group(heatmaps, tags, item.base_size[0])
        map_size = heatmaps.shape[2], heatmaps.shape[1]
        xy = self.geometry.to_image(people[..., :2], map_size, item.center, item.scale)
        if len(self._classes) > 1:
            # Those of other classes are at 0, not where the corner of the maps is in the picture.
            xy[~self.metainfo.own_keypoints(class_ids)] = 0
        return PoseResult(
            keypoints=xy,
            keypoint_scores=people[..., 2],
            scores=scores,
            tags=people[..., 3:],
            image_id=item.image_id,
            image_path=item.image_path,
            image_size=item.image_size,
            dataset=item.dataset,
            metainfo=self.metainfo,
            found=found,
            class_ids=class_ids,
        )

    def map_matrix(self, item: EvalItem, map_size: tuple[int, int]) -> np.ndarray:
        """Return (2, 3) float64 from the centres of a picture's pixels to those of its map cells.

        map_size: (W, H)
        """
        corners = np.array([[0, 0], [1, 0], [0, 1]]) * item.image_size
        offset = self.geometry.cell_offset  # from a pixel's position to its centre
        cells = self.geometry.to_map(corners + offset, map_size, item.center, item.scale) - offset
        return cv2.getAffineTransform(corners.astype(np.float32), cells.astype(np.float32))

    def group(
        self, heatmaps: np.ndarray | torch.Tensor, tags: np.ndarray | torch.Tensor,
        input_width: int | None = None,
    ) -> Grouped:
        """Find the people in the pixels of the maps, as :meth:`decode` does.

        input_width: of the network input at scale 1, which ``reach`` is measured in; None: as wide
            as the maps

        Each class is looked for in its own heatmaps and tags, as if there were no other.
        """
        if len(self._classes) == 1:
            return self._group_class(heatmaps, tags, 0, input_width)
        check_maps(heatmaps, tags)
        if len(heatmaps) != self.metainfo.num_keypoints:
            raise ValueError(f"heatmaps: expected {self.metainfo.num_keypoints} for the keypoints "
                             f"of '{self.metainfo.name}', got {len(heatmaps)}")
        shared = len(tags) == 1
        return Grouped.join([
            self._group_class(heatmaps[own], tags if shared else tags[own], index, input_width)
            for index, (own, _) in enumerate(self._classes)], self.metainfo)

    def _group_class(
        self, heatmaps: np.ndarray | torch.Tensor, tags: np.ndarray | torch.Tensor, index: int,
        input_width: int | None,
    ) -> Grouped:
        """Find the people of one class in its maps, with its own keypoints alone."""
        with stage("peaks"):
            maps = read_maps(heatmaps, tags)
            peaks = maps.find_peaks(self.max_num_people, self.nms_kernel, self.detection_threshold)
        reach = self.reach
        if reach is not None and input_width is not None:
            reach *= heatmaps.shape[2] / input_width
        with stage("match"):
            people = match_by_tag(
                peaks,
                self._classes[index][1],
                self.max_num_people,
                detection_threshold=self.detection_threshold,
                tag_threshold=self.tag_threshold,
                use_detection_val=self.use_detection_val,
                ignore_too_much=self.ignore_too_much,
                first_people_only=self.first_people_only,
                reach=reach,
            )
        if self.adjust:
            with stage("adjust"):
                people = self.geometry.locate(people, maps.heatmaps)
        # The score counts what was seen, so it is taken before missing keypoints are filled in.
        scores, found = person_scores(people), people[..., 2] > 0
        if self.refine:
            with stage("refine"):
                people = refine(people, maps, self.geometry.cell_offset)
                if reach is not None:
                    people = drop_far(people, found, reach)
        return Grouped(people, scores, found, np.full(len(people), index, np.int64))
