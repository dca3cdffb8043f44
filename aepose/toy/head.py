"""The head of a toy person, shaded per pixel on a sphere so that it can turn any way."""

from __future__ import annotations

import numpy as np

from aepose.toy.canvas import Canvas, shade
from aepose.toy.look import Look
from aepose.toy.pose import EYE

_HAIR_AXIS = np.array([0.0, 0.75, -0.66])


def draw_head(canvas: Canvas, centre: np.ndarray, radius: float, rotation: np.ndarray,
              look: Look, owner: int) -> None:
    """Draw skull, hair, eyes and mouth.

    centre (2,) and radius are pixels of the canvas; rotation (3, 3) has the axes of the head
    (left, up, forwards) as columns in the view frame.
    """
    window = canvas.window(centre - radius, centre + radius)
    if window is None:
        return
    rows, columns = window
    x = (np.arange(columns.start, columns.stop, dtype=np.float32) - centre[0]) / radius
    y = (centre[1] - np.arange(rows.start, rows.stop, dtype=np.float32)) / radius
    square = x[None] ** 2 + y[:, None] ** 2
    inside = square <= 1.0
    normal = np.empty((*square.shape, 3), np.float32)
    normal[..., 0], normal[..., 1] = x[None], y[:, None]
    normal[..., 2] = np.sqrt(np.maximum(1.0 - square, 0.0))
    colours = _colours(normal @ rotation.astype(np.float32), look)
    lit = 0.80 + 0.22 * normal[..., 2] + 0.14 * (normal[..., :2] @ np.float32(look.light))
    colours *= np.where(square > 0.87, 0.6, lit)[..., None]
    canvas.image[window][inside] = np.clip(colours[inside], 0, 255).astype(np.uint8)
    canvas.owner[window][inside] = owner


def _colours(local: np.ndarray, look: Look) -> np.ndarray:
    """Unlit BGR colours (h, w, 3) float32 of points (h, w, 3) on the unit sphere of the head."""
    colours = np.empty_like(local)
    colours[:] = look.skin
    if look.beard:
        colours[(local[..., 1] < -0.42) & (local[..., 2] > 0.1)] = look.hair
    mouth = (np.abs(local[..., 1] + 0.52) < 0.07) & (np.abs(local[..., 0]) < 0.3)
    colours[mouth & (local[..., 2] > 0)] = shade((70, 60, 170), 0.9)
    colours[local @ np.float32(_HAIR_AXIS) > look.hair_edge] = look.hair
    for sign in (1.0, -1.0):
        cosine = local @ np.float32(EYE * (sign, 1, 1))
        colours[cosine > np.cos(0.27)] = (240, 240, 240)
        colours[cosine > np.cos(0.15)] = (30, 22, 18)
        brow = local @ np.float32((sign * 0.42, 0.50, 0.757))
        colours[(brow > np.cos(0.2)) & (local[..., 1] > 0.46)] = shade(look.hair, 0.8)
    return colours
