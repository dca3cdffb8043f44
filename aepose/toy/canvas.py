"""A canvas that remembers who owns each pixel, and the shapes that figures are drawn with.

Everything is drawn at ``SCALE`` times the size of the final picture and made smaller at the end,
which smooths the edges of the picture and makes the masks exact to a fraction of a pixel.
"""

from __future__ import annotations

import cv2
import numpy as np

SCALE = 2
OWNER_STEP = 128  # owner value = figure * OWNER_STEP + part
_SHIFT = 4  # sub-pixel bits of OpenCV's polygon coordinates
_ARC = np.linspace(-np.pi / 2, np.pi / 2, 9)
_CIRCLE = np.stack([np.cos(np.linspace(0, 2 * np.pi, 16, endpoint=False)),
                    np.sin(np.linspace(0, 2 * np.pi, 16, endpoint=False))], axis=1)

Colour = tuple[float, float, float]
"""Blue, green, red, 0-255."""


def shade(colour: Colour, factor: float) -> Colour:
    """Return a colour made darker (factor < 1) or lighter, clipped to 0-255."""
    return tuple(min(255.0, max(0.0, c * factor)) for c in colour)


def capsule(start: np.ndarray, end: np.ndarray, r_start: float, r_end: float) -> np.ndarray:
    """Outline (18, 2) of a tapered limb with round ends, in the frame of its (2,) end points."""
    axis = end - start
    angle = np.arctan2(axis[1], axis[0])
    arc = np.stack([np.cos(_ARC + angle), np.sin(_ARC + angle)], axis=1)
    return np.concatenate([end + r_end * arc, start - r_start * arc])


def hull(centres: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Convex outline (N, 2) of discs with (M, 2) centres and (M,) radii."""
    points = (centres[:, None] + radii[:, None, None] * _CIRCLE).reshape(-1, 2)
    return cv2.convexHull(points.astype(np.float32))[:, 0]


def band(start: np.ndarray, end: np.ndarray, r_start: float, r_end: float,
         low: float, high: float) -> np.ndarray:
    """A cross stripe (4, 2) of a limb, between two fractions of its length."""
    axis = end - start
    across = np.array([-axis[1], axis[0]]) / max(float(np.hypot(*axis)), 1e-6)
    corners = []
    for at, sign in ((low, 1), (low, -1), (high, -1), (high, 1)):
        radius = r_start + (r_end - r_start) * at
        corners.append(start + axis * at + sign * radius * across)
    return np.array(corners)


class Canvas:
    """A picture under construction.

    image: (SCALE * H, SCALE * W, 3) uint8, BGR
    owner: (SCALE * H, SCALE * W) uint16; 0 is the scenery, other values are given by the caller
    All coordinates are pixels of these arrays.
    """

    def __init__(self, background: np.ndarray) -> None:
        """Start from a picture (H, W, 3) uint8, BGR, of the final size."""
        height, width = background.shape[:2]
        self.image = cv2.resize(background, (width * SCALE, height * SCALE))
        self.owner = np.zeros((height * SCALE, width * SCALE), np.uint16)

    def fill(self, polygon: np.ndarray, colour: Colour, owner: int | None = None) -> None:
        """Fill a convex polygon (N, 2); the pixels change hands if an owner is given."""
        points = np.round(polygon * (1 << _SHIFT)).astype(np.int32)
        cv2.fillConvexPoly(self.image, points, colour, cv2.LINE_8, _SHIFT)
        if owner is not None:
            cv2.fillConvexPoly(self.owner, points, owner, cv2.LINE_8, _SHIFT)

    def limb(self, ends: tuple[np.ndarray, np.ndarray], radii: tuple[float, float],
             colour: Colour, owner: int, edge: float, light: np.ndarray) -> None:
        """Draw a tapered limb: dark edge, plain body, a lighter strip on the side of the light.

        ends: two (2,) points, and radii and edge: in pixels; light: (2,) direction, y down
        """
        (a, b), (ra, rb) = ends, radii
        self.fill(capsule(a, b, ra + edge, rb + edge), shade(colour, 0.5), owner)
        self.fill(capsule(a, b, ra, rb), colour)
        self.fill(capsule(a + 0.3 * ra * light, b + 0.3 * rb * light, 0.5 * ra, 0.5 * rb),
                  shade(colour, 1.22))

    def owned_by(self, number: int) -> int:
        """How many pixels of the canvas a figure owns."""
        low = number * OWNER_STEP
        return int(((self.owner >= low) & (self.owner < low + OWNER_STEP)).sum())

    def window(self, low: np.ndarray, high: np.ndarray) -> tuple[slice, slice] | None:
        """Rows and columns between two (2,) corners, or None where nothing is on the canvas."""
        rows, columns = self.owner.shape
        x0, y0 = max(int(np.floor(low[0])), 0), max(int(np.floor(low[1])), 0)
        x1, y1 = min(int(np.ceil(high[0])) + 1, columns), min(int(np.ceil(high[1])) + 1, rows)
        return (slice(y0, y1), slice(x0, x1)) if x0 < x1 and y0 < y1 else None

    def picture(self) -> np.ndarray:
        """The drawing at its final size, (H, W, 3) uint8, BGR."""
        rows, columns = self.owner.shape
        return cv2.resize(self.image, (columns // SCALE, rows // SCALE),
                          interpolation=cv2.INTER_AREA)
