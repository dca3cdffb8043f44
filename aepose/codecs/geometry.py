"""Pixel conventions: where a picture's pixels land in network inputs and maps, and back.

All differences between pixel conventions live in the objects of this file; :data:`CONVENTIONS`
names them. *Classic*: pixel i covers [i, i+1), and a size is a number of pixels. *UDP* (Huang et
al., The Devil is in the Details: Delving into Unbiased Data Processing, CVPR 2020): pixel i is the
point i, and a size is the distance from the first pixel to the last.

A *source window* is the rectangle of the picture that fills an output: its centre (x, y) and its
size (w, h), both in pixels of the picture as loaded.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from aepose.codecs.dark import Subpixel, newton_step, step_in_cells
from aepose.codecs.refine import PIXEL_CENTRE, adjust

# Classic windows handed from resize to decode are measured in units of 200 pixels, as published
# results were made; keeping the unit keeps the rounding.
SCALE_UNIT = 200.0
SIZE_MULTIPLE = 64  # as published; networks halve their input up to six times


@dataclass(frozen=True)
class EvalFrame:
    """The source window of a test picture and the network input that it fills.

    base_size: (W, H) of the network input at test scale 1
    center: (2,) float64, pixels of the picture
    scale: (2,) float64, window size in units of 200 pixels (classic) or in pixels (UDP)
    sizes: (W, H) of the network input at each test scale, in the order asked for
    axis: 0 for x, 1 for y: in it the picture fills the input; in the other it may end before
    """

    base_size: tuple[int, int]
    center: np.ndarray
    scale: np.ndarray
    sizes: tuple[tuple[int, int], ...]
    axis: int


def _tight_axis(size: Sequence[float], frame: Sequence[float]) -> int:
    """Return the axis in which ``size`` (w, h) is shorter, as a share of ``frame`` (W, H)."""
    return int(size[0] * frame[1] > size[1] * frame[0])


def _shaped(extent: np.ndarray, axis: int, length: float) -> np.ndarray:
    """Return a window (2,) shaped like ``extent`` (2,) and as long as ``length`` in ``axis``."""
    return extent / extent[axis] * length


class Geometry(ABC):
    """One pixel convention.

    size_multiple: both sides of a test picture are rounded up to multiples of it
    """

    # Added to the position of a cell that decoding fills in, which then points to its middle.
    cell_offset: float
    # How positions between cells are found, and maps joined, unless a config says otherwise.
    subpixel: Subpixel
    joining: Mapping[str, bool]

    def __init__(self, size_multiple: int = SIZE_MULTIPLE) -> None:
        self.size_multiple = size_multiple

    @abstractmethod
    def image_center(self, size: tuple[int, int]) -> np.ndarray:
        """Centre (2,) float64 of a picture of ``size`` (w, h), in its pixels."""

    @abstractmethod
    def _extent(self, size: tuple[int, int]) -> np.ndarray:
        """Lengths (2,) float64 of the sides of ``size`` (W, H), whose ratio windows must have."""

    def random_window(
        self, size: tuple[int, int], output: tuple[int, int], scale: float, inside: bool
    ) -> np.ndarray:
        """Return a source window (2,), in pixels, that ``output`` (W, H) shows undistorted.

        It is ``scale`` times the largest such window inside a picture of ``size`` (w, h), or else
        the smallest one around it.
        """
        extent = self._extent(output)
        tight = _tight_axis(size, extent)
        axis = tight if inside else 1 - tight
        return _shaped(extent, axis, size[axis] * scale)

    def crop_window(
        self, size: tuple[int, int], train_size: tuple[int, int], output: tuple[int, int],
        scale: float,
    ) -> np.ndarray:
        """Return the source window (2,), in pixels, that a crop ``output`` (W, H) shows.

        Things of a picture of ``size`` (w, h) are ``scale`` times as long in the crop as in a test
        at scale 1, see :meth:`eval_frame`.
        """
        frame = self.eval_frame(size, train_size, (1.0,))
        factor = self.test_matrix(frame, frame.base_size)[frame.axis, frame.axis]
        return self._extent(output) / (factor * scale)

    @abstractmethod
    def affine_matrix(
        self,
        center: np.ndarray,
        window: np.ndarray,
        rotation: float,
        size: tuple[int, int],
    ) -> np.ndarray:
        """Return the (2, 3) float64 matrix from picture pixels to an output of ``size`` (W, H).

        center, window: (2,) source window in pixels; rotation: degrees, see the convention.
        """

    @abstractmethod
    def test_matrix(self, frame: EvalFrame, size: tuple[int, int]) -> np.ndarray:
        """Return the (2, 3) matrix from picture pixels to the network input of ``size`` (W, H).

        size: one of ``frame.sizes``
        """

    @abstractmethod
    def peak_centers(self, keypoints: np.ndarray) -> np.ndarray:
        """Centres (..., 2) of the target Gaussians of keypoints (..., 2), pixels of one map."""

    def locate(
        self, people: np.ndarray, heatmaps: np.ndarray, subpixel: Subpixel | None = None
    ) -> np.ndarray:
        """Return people (P, K, 3 + L) moved from whole cells to sub-pixel positions.

        heatmaps: (K, H, W) float32, whose pixels the positions are in; subpixel: as the decoder's
        """
        if (subpixel or self.subpixel) == "quarter":
            return adjust(people, heatmaps, self.cell_offset)
        if self.subpixel == "newton":
            return newton_step(people, heatmaps)
        return step_in_cells(people, heatmaps, self.cell_offset)

    @abstractmethod
    def to_image(
        self, xy: np.ndarray, map_size: tuple[int, int], center: np.ndarray, scale: np.ndarray
    ) -> np.ndarray:
        """Map positions (..., 2) in a map of ``map_size`` (W, H) to float32 picture pixels.

        center, scale: the source window as :class:`EvalFrame` gives it.
        """

    @abstractmethod
    def to_map(
        self, xy: np.ndarray, map_size: tuple[int, int], center: np.ndarray, scale: np.ndarray
    ) -> np.ndarray:
        """Map picture pixels (..., 2) to float32 positions in a map; undoes ``to_image``."""

    @abstractmethod
    def _test_window(
        self, size: tuple[int, int], axis: int, smallest: tuple[int, int],
        base_size: tuple[int, int],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return ``center`` and ``scale`` of the test frame of a picture of ``size`` (w, h).

        axis: of :class:`EvalFrame`
        smallest, base_size: (W, H) of the network input at the smallest scale and at scale 1
        """

    def eval_frame(
        self, size: tuple[int, int], train_size: tuple[int, int], scales: tuple[float, ...]
    ) -> EvalFrame:
        """Return where a test picture of ``size`` (w, h) goes.

        All of the picture is shown. It is scaled by one factor, the smallest with which it covers
        ``train_size`` (W, H) at test scale 1, max(W / w, H / h): one side fits, the other may run
        over. For a square that is: the short side becomes the square's. Both sides of the input
        are rounded up to multiples of ``size_multiple`` at the *smallest* scale in use, so that
        every scale fits the network.
        """
        smallest, axis = min(scales), _tight_axis(size, train_size)
        fitted = self._round_up(smallest * train_size[axis])
        other = self._round_up(fitted / size[axis] * size[1 - axis])
        width, height = (other, fitted) if axis else (fitted, other)

        def at(scale: float) -> tuple[int, int]:
            return int(width * scale / smallest), int(height * scale / smallest)

        center, window = self._test_window(size, axis, (width, height), at(1.0))
        return EvalFrame(at(1.0), center, window, tuple(at(s) for s in scales), axis)

    def _round_up(self, value: float) -> int:
        """The smallest multiple of ``size_multiple`` that is no less than ``value``."""
        return math.ceil(value / self.size_multiple) * self.size_multiple


class ClassicGeometry(Geometry):
    """Pixel i covers [i, i+1): a map of W cells spans W pixels of its input."""

    cell_offset = PIXEL_CENTRE
    subpixel = "quarter"
    joining = {"project2image": True, "align_corners": False}

    def image_center(self, size: tuple[int, int]) -> np.ndarray:
        return self._extent(size) / 2

    def _extent(self, size: tuple[int, int]) -> np.ndarray:
        """Numbers of pixels."""
        return np.array(size, dtype=np.float64)

    def affine_matrix(
        self,
        center: np.ndarray,
        window: np.ndarray,
        rotation: float,
        size: tuple[int, int],
    ) -> np.ndarray:
        """A positive rotation turns the window clockwise on screen.

        Three points fix the matrix: the centre, a point half a width above it, and the one that
        makes a right angle with them. So both axes have the factor of the width.
        """
        source, target = np.zeros((3, 2), np.float32), np.zeros((3, 2), np.float32)
        angle = np.deg2rad(rotation)
        half = window[0] * -0.5
        up = np.array([-half * np.sin(angle), half * np.cos(angle)])
        middle = np.array(size, dtype=np.float64) * 0.5
        source[:2] = center, center + up
        target[:2] = middle, middle - (0, size[0] * 0.5)
        for points in (source, target):
            direction = points[0] - points[1]
            points[2] = points[1] + (-direction[1], direction[0])
        return cv2.getAffineTransform(source, target)

    def test_matrix(self, frame: EvalFrame, size: tuple[int, int]) -> np.ndarray:
        return self.affine_matrix(frame.center, frame.scale * SCALE_UNIT, 0.0, size)

    def peak_centers(self, keypoints: np.ndarray) -> np.ndarray:
        """The cells that hold the keypoints: truncated positions."""
        return np.trunc(keypoints)

    def to_image(
        self, xy: np.ndarray, map_size: tuple[int, int], center: np.ndarray, scale: np.ndarray
    ) -> np.ndarray:
        window = np.asarray(scale, np.float64) * SCALE_UNIT
        # In float32, as the published coordinates were computed.
        step, start = (window / map_size).astype(np.float32), (window * 0.5).astype(np.float32)
        return xy.astype(np.float32) * step + np.asarray(center, np.float32) - start

    def to_map(
        self, xy: np.ndarray, map_size: tuple[int, int], center: np.ndarray, scale: np.ndarray
    ) -> np.ndarray:
        window = np.asarray(scale, np.float64) * SCALE_UNIT
        return ((xy - (center - window * 0.5)) / window * map_size).astype(np.float32)

    def _test_window(
        self, size: tuple[int, int], axis: int, smallest: tuple[int, int],
        base_size: tuple[int, int],
    ) -> tuple[np.ndarray, np.ndarray]:
        # The half-to-even rounding of the centre and this window belong to the published numbers.
        center = np.array([round(v / 2) for v in size], dtype=np.float64)
        return center, _shaped(self._extent(smallest), axis, size[axis]) / SCALE_UNIT


class UdpGeometry(Geometry):
    """Pixel i is the point i: a map of W cells spans W - 1 steps from its first to its last."""

    cell_offset = 0.0
    subpixel = "newton"
    joining = {"project2image": False, "align_corners": True}

    def image_center(self, size: tuple[int, int]) -> np.ndarray:
        return (np.array(size, dtype=np.float64) - 1) / 2

    def _extent(self, size: tuple[int, int]) -> np.ndarray:
        """Distances from the first pixel to the last.

        A side of a single pixel has no length; it counts as one pixel long, so that positions stay
        finite.
        """
        return np.maximum(np.array(size, dtype=np.float64) - 1, 1)

    def random_window(
        self, size: tuple[int, int], output: tuple[int, int], scale: float, inside: bool
    ) -> np.ndarray:
        # Both factors in float32, for the same reason as in ``affine_matrix``.
        return super().random_window(np.float32(size), output, np.float32(scale), inside)

    def affine_matrix(
        self,
        center: np.ndarray,
        window: np.ndarray,
        rotation: float,
        size: tuple[int, int],
    ) -> np.ndarray:
        """A positive rotation turns the picture clockwise on screen, unlike the classic one.

        The window's edges land on the first and last pixels of the output. Each axis has its own
        factor.
        """
        # Factors and matrix are rounded to float32: published networks saw pictures warped so, and
        # at sharp edges the last digit can change a pixel by several grey levels.
        extent = self._extent(size).astype(np.float32)
        factor = (extent / window.astype(np.float32)).astype(np.float64)
        angle = np.deg2rad(rotation)
        cos, sin = np.cos(angle), np.sin(angle)
        turn = np.array([[cos, -sin], [sin, cos]])
        shift = window.astype(np.float64) * 0.5 - turn @ center
        matrix = factor[:, None] * np.column_stack([turn, shift])
        return matrix.astype(np.float32).astype(np.float64)

    def test_matrix(self, frame: EvalFrame, size: tuple[int, int]) -> np.ndarray:
        """Every size shows the window of the smallest one.

        That window is some tenths of a percent longer than the one decoding goes by; the
        published multi-scale results were made with this small mismatch.
        """
        window = _shaped(self._extent(min(frame.sizes)), frame.axis, frame.scale[frame.axis])
        return self.affine_matrix(window / 2, window, 0.0, size)

    def peak_centers(self, keypoints: np.ndarray) -> np.ndarray:
        """The keypoints themselves, between cells."""
        return keypoints

    def to_image(
        self, xy: np.ndarray, map_size: tuple[int, int], center: np.ndarray, scale: np.ndarray
    ) -> np.ndarray:
        window = np.asarray(scale, np.float64)
        # In float32, as the published coordinates were computed.
        step = (window / self._extent(map_size)).astype(np.float32)
        return xy.astype(np.float32) * step + (center - window * 0.5).astype(np.float32)

    def to_map(
        self, xy: np.ndarray, map_size: tuple[int, int], center: np.ndarray, scale: np.ndarray
    ) -> np.ndarray:
        window = np.asarray(scale, np.float64)
        return ((xy - (center - window * 0.5)) / window * self._extent(map_size)).astype(np.float32)

    def _test_window(
        self, size: tuple[int, int], axis: int, smallest: tuple[int, int],
        base_size: tuple[int, int],
    ) -> tuple[np.ndarray, np.ndarray]:
        # The window begins at the picture's first pixel; what it has more than the picture lies
        # to the right or below.
        window = _shaped(self._extent(base_size), axis, self._extent(size)[axis])
        return window / 2, window


CONVENTIONS: dict[str, type[Geometry]] = {"classic": ClassicGeometry, "udp": UdpGeometry}
