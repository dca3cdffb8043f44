"""Drawing of people on their image."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from aepose.metainfo import Metainfo
from aepose.structures import PoseResult
from aepose.visualization.image import Color, Label, check_image

# One per person, in turn; far from the usual limb colours (green, orange, light blue).
PERSON_COLORS: tuple[Color, ...] = (
    (255, 60, 200), (255, 235, 60), (70, 240, 240), (235, 40, 50), (150, 80, 255), (250, 250, 250),
    (190, 255, 120), (255, 160, 190), (0, 150, 140), (175, 105, 50), (60, 80, 235), (190, 190, 110),
)
_DARK: Color = (20, 20, 20)
# Line width as a share of the person's size; its bound as a share of the picture's long side.
_LINE_SHARE, _LINE_BOUND = 0.012, 0.005
# cv2 takes coordinates as integers with this many binary digits behind the point.
_SHIFT = 4


@dataclass(frozen=True)
class _Figure:
    """A person as it is drawn.

    keypoints: (K, 2) float32, pixels of the picture; shown: (K,) bool; line: limb width in pixels
    box: x0, y0, x1, y1 in pixels, around the shown keypoints with a margin
    """

    number: int
    score: float
    keypoints: np.ndarray
    shown: np.ndarray
    line: int
    box: tuple[int, int, int, int]

    @property
    def color(self) -> Color:
        return PERSON_COLORS[self.number % len(PERSON_COLORS)]


def draw_poses(
    image: np.ndarray, result: PoseResult, metainfo: Metainfo, keypoint_threshold: float = 0.1,
    show_scores: bool = True,
) -> np.ndarray:
    """Return a copy of ``image`` with the people of ``result`` drawn on it.

    image: (H, W, 3) uint8 RGB, the picture whose pixels ``result`` speaks of
    keypoint_threshold: least score of a keypoint that is drawn; a limb needs both its ends, and a
        keypoint with score 0 was not found and is never drawn
    show_scores: False for people who were annotated, not found

    Limbs and keypoints have the colours of ``metainfo``; outline, box and label have one colour
    per person. The label gives the person's index in ``result`` and its score. People with high
    scores are drawn over those with lower ones. What lies outside the picture is left out.

    Raises ValueError for another kind of image and for a result with other keypoints.
    """
    check_image(image)
    if result.keypoints.shape[1] != metainfo.num_keypoints:
        raise ValueError(f"result has {result.keypoints.shape[1]} keypoints, metainfo "
                         f"'{metainfo.name}' has {metainfo.num_keypoints}")
    canvas = np.array(image, order="C")
    size = canvas.shape[1], canvas.shape[0]
    figures = _figures(result, size, keypoint_threshold)
    for figure in figures:
        _draw_box(canvas, figure)
    for figure in figures:
        _draw_figure(canvas, figure, metainfo)
    _draw_labels(canvas, figures, show_scores)
    return canvas


def _figures(result: PoseResult, size: tuple[int, int], threshold: float) -> list[_Figure]:
    """Return the people with something to draw, lowest score first."""
    xy, scores = result.keypoints, result.keypoint_scores
    shown = (scores >= threshold) & (scores > 0) & ((xy >= 0) & (xy < size)).all(axis=2)
    figures = []
    for p in np.argsort(result.scores, kind="stable"):
        if not shown[p].any():
            continue
        low, high = xy[p, shown[p]].min(axis=0), xy[p, shown[p]].max(axis=0)
        bound = max(1.0, _LINE_BOUND * max(size))
        line = round(float(np.clip(_LINE_SHARE * np.hypot(*(high - low)), 1, bound)))
        margin = 4 * line
        x0, y0 = np.maximum(low - margin, 0).astype(int).tolist()
        x1, y1 = np.minimum(high + margin, np.array(size) - 1).astype(int).tolist()
        score = float(result.scores[p])
        figures.append(_Figure(int(p), score, xy[p], shown[p], line, (x0, y0, x1, y1)))
    return figures


def _draw_box(canvas: np.ndarray, figure: _Figure) -> None:
    x0, y0, x1, y1 = figure.box
    cv2.rectangle(canvas, (x0, y0), (x1, y1), figure.color, max(1, figure.line // 3))


def _draw_figure(canvas: np.ndarray, figure: _Figure, metainfo: Metainfo) -> None:
    """Draw limbs and keypoints over an outline in the person's colour."""
    points = np.round(figure.keypoints[figure.shown] * 2**_SHIFT).astype(int)
    at = dict(zip(np.flatnonzero(figure.shown).tolist(), points.tolist(), strict=True))
    limbs = [
        (at[a], at[b], color)
        for (a, b), color in zip(
            metainfo.skeleton_index.tolist(), metainfo.skeleton_colors, strict=True
        )
        if a in at and b in at
    ]
    line, edge = figure.line, max(1, round(figure.line * 0.9))
    for start, end, _ in limbs:
        _line(canvas, start, end, figure.color, line + 2 * edge)
    for point in at.values():
        _disc(canvas, point, figure.color, line + edge)
    for start, end, color in limbs:
        _line(canvas, start, end, color, line)
    for k, point in at.items():
        _disc(canvas, point, _DARK, line + 0.5)
        _disc(canvas, point, metainfo.keypoint_colors[k], max(0.75, line - 0.5))


def _line(canvas: np.ndarray, start: list[int], end: list[int], color: Color, width: int) -> None:
    cv2.line(canvas, start, end, color, width, cv2.LINE_AA, _SHIFT)


def _disc(canvas: np.ndarray, center: list[int], color: Color, radius: float) -> None:
    cv2.circle(canvas, center, round(radius * 2**_SHIFT), color, cv2.FILLED, cv2.LINE_AA, _SHIFT)


def _draw_labels(canvas: np.ndarray, figures: list[_Figure], show_scores: bool) -> None:
    """Label each box where the label covers least of the labels already there."""
    height, width = canvas.shape[:2]
    taken = np.empty((0, 4), int)
    for figure in reversed(figures):
        score = f": {figure.score:.2f}" if show_scores else ""
        label = Label(f"{figure.number}{score}", (width, height))
        w, h = label.size
        if w > width or h > height:
            continue
        x0, y0, x1, y1 = figure.box
        right = x1 - w + 1
        corners = [(x0, y0 - h), (right, y0 - h), (x0, y0), (right, y0),
                   (x0, y1 + 1), (right, y1 + 1), (x0, y1 - h + 1), (right, y1 - h + 1)]
        fitting = np.clip(corners, 0, (width - w, height - h))
        places = np.concatenate([fitting, fitting + np.array(label.size)], axis=1)
        place = places[_overlaps(places, taken).argmin()]
        label.draw(canvas, int(place[0]), int(place[1]), figure.color)
        taken = np.concatenate([taken, place[None]])


def _overlaps(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return (n,) areas that (n, 4) boxes share with all (m, 4) others; x0, y0, x1, y1."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    return np.maximum(high - low, 0).prod(axis=2).sum(axis=1)
