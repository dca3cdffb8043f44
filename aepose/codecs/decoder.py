"""Decoding of Associative Embedding: maps to people.

Newell, Huang, Deng: Associative Embedding: End-to-End Learning for Joint Detection and Grouping
(NIPS 2017). Needs no PyTorch, so that exported networks run without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import cv2
import numpy as np

from aepose.codecs.dark import Subpixel
from aepose.codecs.geometry import CONVENTIONS, SIZE_MULTIPLE
from aepose.codecs.maps import check_maps
from aepose.codecs.matching import match_by_tag
from aepose.codecs.options import check_positive, checked_order, checked_size
from aepose.codecs.read_maps import read_maps
from aepose.codecs.refine import drop_far, person_scores, refine
from aepose.errors import ConfigError
from aepose.metainfo import Metainfo, PoseClass
from aepose.ranges import Count
from aepose.results import PoseResult
from aepose.stage_clock import stage
from aepose.structures import EvalItem

if TYPE_CHECKING:
    import torch


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


@dataclass
class Decoder:
    """What finds people in maps, for one keypoint set and one network input size.

    input_size: (W, H) of the training input, or the side of a square one; test pictures are scaled
        to cover it, see :meth:`aepose.codecs.geometry.Geometry.eval_frame`
    max_num_people: M, candidates per keypoint. More than M people of a class can be found unless
        ``ignore_too_much`` limits them.
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
    subpixel: 'quarter' moves a keypoint by a quarter of a map cell towards its higher neighbours,
        'newton' to where the curvature of the heatmap puts its centre; None: as results of the
        convention were published, quarter (classic) or newton (UDP)
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
    _: KW_ONLY
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
    subpixel: Subpixel | None = None
    reach: float | None = None
    convention: Literal["classic", "udp"] = "classic"
    size_multiple: Count = SIZE_MULTIPLE

    def __post_init__(self) -> None:
        if str(self.convention) not in CONVENTIONS:
            raise ConfigError(f"codec.convention = {self.convention!r}: give 'classic' or 'udp'")
        if self.subpixel not in (None, *get_args(Subpixel)):
            raise ConfigError(f"codec.subpixel = {self.subpixel!r}: give 'quarter', 'newton', or "
                              "None for that of codec.convention")
        for name in ("max_num_people", "nms_kernel", "size_multiple"):
            check_positive(name, getattr(self, name))
        if self.reach is not None:
            check_positive("reach", self.reach, ", or None")
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
        self.geometry = CONVENTIONS[self.convention](self.size_multiple)

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
                people = self.geometry.locate(people, maps.heatmaps, self.subpixel)
        # The score counts what was seen, so it is taken before missing keypoints are filled in.
        scores, found = person_scores(people), people[..., 2] > 0
        if self.refine:
            with stage("refine"):
                people = refine(people, maps, self.geometry.cell_offset)
                if reach is not None:
                    people = drop_far(people, found, reach)
        return Grouped(people, scores, found, np.full(len(people), index, np.int64))
