"""Drawing of people on their image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import cv2
import numpy as np

from aepose.drawing.image import Color, Label, check_image
from aepose.errors import ConfigError
from aepose.metainfo import Metainfo

# One per person, in turn; far from the usual limb colours (green, orange, light blue).
PERSON_COLORS: tuple[Color, ...] = (
    (255, 60, 200), (255, 235, 60), (70, 240, 240), (235, 40, 50), (150, 80, 255), (250, 250, 250),
    (190, 255, 120), (255, 160, 190), (0, 150, 140), (175, 105, 50), (60, 80, 235), (190, 190, 110),
)
_DARK: Color = (20, 20, 20)
_DOUBT: Color = (255, 0, 0)
# Line width as a share of the person's size; its bound as a share of the picture's long side.
_LINE_SHARE, _LINE_BOUND = 0.012, 0.005
# A keypoint's disc is no larger than this share of the way to the next one: faces have many.
_DISC_SHARE = 0.4
# cv2 takes coordinates as integers with this many binary digits behind the point.
_SHIFT = 4


class People(Protocol):
    """What drawing needs of a :class:`~aepose.results.PoseResult`."""

    keypoints: np.ndarray
    keypoint_scores: np.ndarray
    scores: np.ndarray
    tags: np.ndarray
    found: np.ndarray
    class_ids: np.ndarray
    identities: np.ndarray | None

    @property
    def grouping_margin(self) -> np.ndarray: ...


@dataclass(frozen=True)
class DrawStyle:
    """What is drawn of people, and how.

    keypoint_threshold: least score of a keypoint that is drawn; one with score 0 never is
    limbs, boxes, scores, identities: whether to draw these; the label gives a person's class, where
        there are several, its identity or, where there is none, its index, and its score
    classes: whether the label gives the class
    color_by: a person's own colour, of outline, box and label, goes by its identity or index, or by
        its mean tag: alike colours are people whom the network could take for one
    doubts: ring keypoints in red whose ``grouping_margin`` is below ``doubtful``: they may belong
        to somebody else
    """

    keypoint_threshold: float = 0.1
    limbs: bool = True
    boxes: bool = True
    scores: bool = True
    identities: bool = True
    classes: bool = True
    color_by: Literal["person", "tag"] = "person"
    doubts: bool = False
    doubtful: float = 0.5

    def __post_init__(self) -> None:
        if self.color_by not in ("person", "tag"):
            raise ConfigError(f"color_by = {self.color_by!r}: give 'person' or 'tag'")


@dataclass(frozen=True)
class _Figure:
    """A person as it is drawn.

    keypoints: (K, 2) float32, pixels of the picture; shown, hollow, doubtful: (K,) bool; line: limb
        width in pixels; radii: (K,) of the discs
    box: x0, y0, x1, y1 in pixels, around the shown keypoints with a margin
    """

    label: str
    color: Color
    keypoints: np.ndarray
    shown: np.ndarray
    hollow: np.ndarray
    doubtful: np.ndarray
    line: int
    radii: np.ndarray
    box: tuple[int, int, int, int]


def draw_poses(
    image: np.ndarray, people: People, metainfo: Metainfo, style: DrawStyle = DrawStyle()
) -> np.ndarray:
    """Return a copy of ``image`` with people drawn on it.

    image: (H, W, 3) uint8 RGB, the picture whose pixels the keypoints are in

    Limbs and keypoints have the colours of ``metainfo``; a limb needs both its ends. Keypoints that
    were filled in, not found, are hollow. People with high scores are drawn over those with lower
    ones; lines are as wide as the person is large. What lies outside the picture is left out.

    Raises ValueError for another kind of image and for people with other keypoints.
    """
    check_image(image)
    if people.keypoints.shape[1] != metainfo.num_keypoints:
        raise ValueError(f"result has {people.keypoints.shape[1]} keypoints, metainfo "
                         f"'{metainfo.name}' has {metainfo.num_keypoints}")
    canvas = np.array(image, order="C")
    size = canvas.shape[1], canvas.shape[0]
    figures = _figures(people, size, metainfo, style)
    for figure in figures if style.boxes else ():
        _draw_box(canvas, figure)
    for figure in figures:
        _draw_figure(canvas, figure, metainfo, style.limbs)
    _draw_labels(canvas, [figure for figure in figures if figure.label])
    return canvas


def _figures(people: People, size: tuple[int, int], metainfo: Metainfo, style: DrawStyle
             ) -> list[_Figure]:
    """Return the people with something to draw, lowest score first."""
    xy, scores = people.keypoints, people.keypoint_scores
    shown = (scores >= style.keypoint_threshold) & (scores > 0) & (
        (xy >= 0) & (xy < size)).all(axis=2)
    doubtful = np.zeros_like(shown)
    if style.doubts:
        doubtful = people.grouping_margin < style.doubtful  # NaN is no doubt
    colors = _colors(people, style)
    classes = [one.name for one in metainfo.classes] if style.classes else []
    figures = []
    for p in np.argsort(people.scores, kind="stable"):
        if not shown[p].any():
            continue
        low, high = xy[p, shown[p]].min(axis=0), xy[p, shown[p]].max(axis=0)
        bound = max(1.0, _LINE_BOUND * max(size))
        line = round(float(np.clip(_LINE_SHARE * np.hypot(*(high - low)), 1, bound)))
        margin = 4 * line
        x0, y0 = np.maximum(low - margin, 0).astype(int).tolist()
        x1, y1 = np.minimum(high + margin, np.array(size) - 1).astype(int).tolist()
        figures.append(_Figure(
            _label(people, int(p), classes, style), colors[p], xy[p], shown[p],
            shown[p] & ~people.found[p], shown[p] & doubtful[p], line,
            _radii(xy[p], shown[p], line), (x0, y0, x1, y1)))
    return figures


def _label(people: People, p: int, classes: list[str], style: DrawStyle) -> str:
    name = classes[people.class_ids[p]] if len(classes) > 1 else ""
    number = p if people.identities is None else int(people.identities[p])
    number = ("?" if number < 0 else str(number)) if style.identities else ""
    score = f"{people.scores[p]:.2f}" if style.scores else ""
    return ": ".join(filter(None, (" ".join(filter(None, (name, number))), score)))


def _colors(people: People, style: DrawStyle) -> list[Color]:
    """Return a colour per person."""
    if style.color_by == "person":
        numbers = range(len(people.scores)) if people.identities is None else people.identities
        return [PERSON_COLORS[int(number) % len(PERSON_COLORS)] for number in numbers]
    found = people.found & (people.keypoint_scores > 0)
    tags = (people.tags[..., 0] * found).sum(axis=1) / np.maximum(found.sum(axis=1), 1)
    if not len(tags):
        return []
    levels = np.round(25 + 205 * (tags - tags.min()) / max(float(np.ptp(tags)), 1e-6))
    table = cv2.applyColorMap(np.arange(256, dtype=np.uint8), cv2.COLORMAP_TURBO)[:, 0, ::-1]
    return [tuple(table[int(level)].tolist()) for level in levels]


def _radii(xy: np.ndarray, shown: np.ndarray, line: int) -> np.ndarray:
    """Return the discs' radii (K,): as the line, but smaller where keypoints lie close together."""
    radii = np.full(len(xy), line + 0.5)
    if shown.sum() > 1:
        steps = xy[shown][:, None] - xy[shown][None]
        gaps = np.hypot(steps[..., 0], steps[..., 1])
        np.fill_diagonal(gaps, np.inf)
        radii[shown] = np.clip(_DISC_SHARE * gaps.min(axis=1), 1, line + 0.5)
    return radii


def _draw_box(canvas: np.ndarray, figure: _Figure) -> None:
    x0, y0, x1, y1 = figure.box
    cv2.rectangle(canvas, (x0, y0), (x1, y1), figure.color, max(1, figure.line // 3))


def _draw_figure(canvas: np.ndarray, figure: _Figure, metainfo: Metainfo, limbs: bool) -> None:
    """Draw limbs and keypoints over an outline in the person's colour."""
    points = np.round(figure.keypoints[figure.shown] * 2**_SHIFT).astype(int)
    at = dict(zip(np.flatnonzero(figure.shown).tolist(), points.tolist(), strict=True))
    drawn = [
        (at[a], at[b], color)
        for (a, b), color in zip(
            metainfo.skeleton_index.tolist(), metainfo.skeleton_colors, strict=True
        )
        if a in at and b in at
    ] if limbs else []
    line, edge = figure.line, max(1, round(figure.line * 0.9))
    for start, end, _ in drawn:
        _line(canvas, start, end, figure.color, line + 2 * edge)
    for k, point in at.items():
        radius = figure.radii[k]
        _disc(canvas, point, figure.color, radius + min(edge - 0.5, 0.6 * radius))
    for start, end, color in drawn:
        _line(canvas, start, end, color, line)
    for k, point in at.items():
        _draw_keypoint(canvas, point, figure, k, metainfo.keypoint_colors[k])


def _draw_keypoint(
    canvas: np.ndarray, point: list[int], figure: _Figure, k: int, color: Color
) -> None:
    radius = figure.radii[k]
    if figure.doubtful[k]:
        _disc(canvas, point, _DOUBT, 2 * radius + 1)
    _disc(canvas, point, _DARK, radius)
    _disc(canvas, point, color, max(0.75, min(0.85 * radius, radius - 1)))
    if figure.hollow[k]:
        _disc(canvas, point, _DARK, max(0.5, 0.55 * radius - 0.5))


def _line(canvas: np.ndarray, start: list[int], end: list[int], color: Color, width: int) -> None:
    cv2.line(canvas, start, end, color, width, cv2.LINE_AA, _SHIFT)


def _disc(canvas: np.ndarray, center: list[int], color: Color, radius: float) -> None:
    cv2.circle(canvas, center, round(radius * 2**_SHIFT), color, cv2.FILLED, cv2.LINE_AA, _SHIFT)


def _draw_labels(canvas: np.ndarray, figures: list[_Figure]) -> None:
    """Label each box where the label covers least of the labels already there."""
    height, width = canvas.shape[:2]
    taken = np.empty((0, 4), int)
    for figure in reversed(figures):
        label = Label(figure.label, (width, height))
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
