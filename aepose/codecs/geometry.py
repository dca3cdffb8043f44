"""The classic pixel convention: where a picture's pixels land in network inputs and maps.

All differences between pixel conventions live in an object like :class:`ClassicGeometry`.
A *source window* is the rectangle of the picture that fills an output: its centre (x, y) and its
size (w, h), both in pixels of the picture as loaded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

# Windows handed from resize to decode are measured in units of 200 pixels, as published results
# were made; keeping the unit keeps the rounding.
SCALE_UNIT = 200.0
SIZE_MULTIPLE = 64


@dataclass(frozen=True)
class TestFrame:
    """The source window of a test picture and the network input that it fills.

    base_size: (W, H) of the network input at test scale 1
    center: (2,) float64, pixels of the picture
    scale: (2,) float64, window size in units of 200 pixels
    sizes: (W, H) of the network input at each test scale, in the order asked for
    """

    __test__ = False

    base_size: tuple[int, int]
    center: np.ndarray
    scale: np.ndarray
    sizes: tuple[tuple[int, int], ...]


def _round_up(value: float) -> int:
    """The smallest multiple of 64 that is no less than ``value``."""
    return math.ceil(value / SIZE_MULTIPLE) * SIZE_MULTIPLE


class ClassicGeometry:
    """Pixel i covers [i, i+1): a map of W cells spans W pixels of its input."""

    # Added to a decoded position, which then points to the middle of its cell.
    cell_offset = 0.5

    def picture_center(self, size: tuple[int, int]) -> np.ndarray:
        """Centre (2,) of a picture of ``size`` (w, h)."""
        return np.array(size, dtype=np.float64) / 2

    def affine_matrix(
        self,
        center: np.ndarray,
        window: np.ndarray,
        rotation: float,
        size: tuple[int, int],
    ) -> np.ndarray:
        """Return the (2, 3) float64 matrix from picture pixels to an output of ``size`` (W, H).

        center, window: (2,) source window in pixels; rotation: degrees, clockwise on screen.
        Three points fix it: the centre, a point half a width above it, and the one that makes a
        right angle with them.
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

    def test_frame(
        self, size: tuple[int, int], input_size: int, scales: tuple[float, ...]
    ) -> TestFrame:
        """Return where a test picture of ``size`` (w, h) goes.

        The short side becomes ``input_size`` at scale 1; both sides are rounded up to multiples of
        64 at the *smallest* scale in use, so that every scale fits the network.
        """
        smallest = min(scales)
        short, long = min(size), max(size)
        short_out = _round_up(smallest * input_size)
        long_out = _round_up(short_out / short * long)
        # The half-to-even rounding of the centre and this window belong to the published numbers.
        window = np.array([short, long_out / short_out * short]) / SCALE_UNIT
        outputs = np.array([short_out, long_out])
        if size[0] >= size[1]:
            window, outputs = window[::-1].copy(), outputs[::-1]
        width, height = (int(v) for v in outputs)

        def at(scale: float) -> tuple[int, int]:
            return int(width * scale / smallest), int(height * scale / smallest)

        center = np.array([round(v / 2) for v in size], dtype=np.float64)
        return TestFrame(at(1.0), center, window, tuple(at(s) for s in scales))

    def test_matrix(self, frame: TestFrame, size: tuple[int, int]) -> np.ndarray:
        """Return the (2, 3) matrix from picture pixels to the network input of ``size`` (W, H)."""
        return self.affine_matrix(frame.center, frame.scale * SCALE_UNIT, 0.0, size)

    def to_picture(
        self, xy: np.ndarray, map_size: tuple[int, int], center: np.ndarray, scale: np.ndarray
    ) -> np.ndarray:
        """Map positions (..., 2) in a map of ``map_size`` (W, H) to float32 picture pixels.

        center, scale: the source window as :class:`TestFrame` gives it.
        """
        window = np.asarray(scale, np.float64) * SCALE_UNIT
        # In float32, as the published coordinates were computed.
        step, start = (window / map_size).astype(np.float32), (window * 0.5).astype(np.float32)
        return xy.astype(np.float32) * step + np.asarray(center, np.float32) - start

    def to_map(
        self, xy: np.ndarray, map_size: tuple[int, int], center: np.ndarray, scale: np.ndarray
    ) -> np.ndarray:
        """Map picture pixels (..., 2) to float32 positions in a map; undoes ``to_picture``."""
        window = np.asarray(scale, np.float64) * SCALE_UNIT
        return ((xy - (center - window * 0.5)) / window * map_size).astype(np.float32)
