"""Drawings of heatmaps and tags."""

from __future__ import annotations

import cv2
import numpy as np

from aepose.drawing.image import Label, check_image

# Cells below this heatmap value do not count for the range of the tag colours.
_LEAST = 0.1
# Part of the tag colour map that shows on a dark ground.
_BRIGHT = 0.1, 0.9
_LABEL_GROUND = (30, 30, 30)


def draw_maps(image: np.ndarray, heatmaps: np.ndarray, tags: np.ndarray) -> np.ndarray:
    """Return two pictures side by side, (H, 2W, 3) uint8 RGB: heatmaps and tags over ``image``.

    image: (H, W, 3) uint8 RGB, the network input that the maps belong to

    Each has a label with its range; see :func:`draw_heatmaps` and :func:`draw_tags`.
    """
    tag, highest = _tags_of(heatmaps, tags)
    low, high = _range(tag, highest)
    panels = [(draw_heatmaps(image, heatmaps), f"max {highest.max():.2f}"),
              (draw_tags(image, heatmaps, tags), f"tag {low:.2f} to {high:.2f}")]
    for panel, text in panels:
        _label(panel, text)
    return np.concatenate([panel for panel, _ in panels], axis=1)


def draw_heatmaps(
    image: np.ndarray, heatmaps: np.ndarray, matrix: np.ndarray | None = None
) -> np.ndarray:
    """Return the maximum over K of (K, h, w) heatmaps over the (H, W, 3) picture, uint8 RGB.

    matrix: (2, 3) from pixels of the picture to cells of the maps; None: they are as large
    """
    check_image(image)
    highest = heatmaps.max(axis=0).astype(np.float32)
    return _overlay(faded(image), highest, highest, cv2.COLORMAP_INFERNO, matrix)


def draw_tags(
    image: np.ndarray, heatmaps: np.ndarray, tags: np.ndarray, matrix: np.ndarray | None = None
) -> np.ndarray:
    """Return the tags over the picture, (H, W, 3) uint8 RGB: equal colours are one person.

    heatmaps: (K, h, w); tags: (K, h, w, L), or (1, h, w, L) with one tag map for all keypoints; the
        first of the L tags of the keypoint with the highest heatmap gives the colour, that heatmap
        the opacity
    matrix: as for :func:`draw_heatmaps`

    Raises ValueError for shapes that do not fit.
    """
    check_image(image)
    tag, highest = _tags_of(heatmaps, tags)
    low, high = _range(tag, highest)
    position = np.clip((tag - low) / max(high - low, 1e-6), 0, 1)
    position = _BRIGHT[0] + position * (_BRIGHT[1] - _BRIGHT[0])
    return _overlay(faded(image), position, highest, cv2.COLORMAP_TURBO, matrix)


def _tags_of(heatmaps: np.ndarray, tags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the tag of the keypoint with the highest heatmap, and that heatmap, both (h, w)."""
    if heatmaps.ndim != 3 or not heatmaps.size:
        raise ValueError(f"heatmaps: expected (K, h, w), got {heatmaps.shape}")
    if (tags.ndim != 4 or tags.shape[0] not in (1, len(heatmaps))
            or tags.shape[1:3] != heatmaps.shape[1:] or not tags.shape[3]):
        raise ValueError(f"tags: expected (K, h, w, L) for heatmaps {heatmaps.shape}, "
                         f"got {tags.shape}")
    highest = heatmaps.max(axis=0).astype(np.float32)
    best = heatmaps.argmax(axis=0)[None] if len(tags) > 1 else np.zeros((1, *highest.shape), int)
    return np.take_along_axis(tags[..., 0], best, axis=0)[0].astype(np.float32), highest


def _range(tag: np.ndarray, heatmap: np.ndarray) -> tuple[float, float]:
    """Return the lowest and highest tag of cells that could be keypoints; (0, 0) without any.

    tag, heatmap: (h, w)
    """
    counted = tag[heatmap > _LEAST]
    return (float(counted.min()), float(counted.max())) if counted.size else (0.0, 0.0)


def faded(image: np.ndarray) -> np.ndarray:
    """Return (H, W, 3) float32: the picture in dark grey, so that colours stand out."""
    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    return np.repeat(grey[..., None].astype(np.float32) * 0.5, 3, axis=2)


def _overlay(
    ground: np.ndarray, values: np.ndarray, opacity: np.ndarray, colormap: int,
    matrix: np.ndarray | None,
) -> np.ndarray:
    """Return (H, W, 3) uint8: (h, w) values in [0, 1] as colours over the (H, W, 3) ground."""
    size = ground.shape[1], ground.shape[0]
    levels = np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)
    # Colours of neighbouring people must not blend into a third person's, so they are not
    # interpolated; the opacity is.
    colors = cv2.cvtColor(cv2.applyColorMap(levels, colormap), cv2.COLOR_BGR2RGB)
    colors = _fitted(colors, size, cv2.INTER_NEAREST, matrix).astype(np.float32)
    alpha = _fitted(np.clip(opacity, 0, 1), size, cv2.INTER_LINEAR, matrix)[..., None]
    return np.round(ground + (colors - ground) * alpha).astype(np.uint8)


def _fitted(
    cells: np.ndarray, size: tuple[int, int], interpolation: int, matrix: np.ndarray | None
) -> np.ndarray:
    """Return map cells as pixels of a picture of ``size`` (W, H)."""
    if matrix is None:
        return cv2.resize(cells, size, interpolation=interpolation)
    return cv2.warpAffine(cells, matrix, size, flags=interpolation | cv2.WARP_INVERSE_MAP)


def _label(panel: np.ndarray, text: str) -> None:
    height, width = panel.shape[:2]
    label = Label(text, (width, height))
    if label.size[0] <= width and label.size[1] <= height:
        label.draw(panel, 0, height - label.size[1], _LABEL_GROUND)
