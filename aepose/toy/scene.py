"""Compose a toy image: who stands where, the drawing of everyone, and the annotations."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin

import numpy as np

from aepose.toy.annotation import (
    Annotation,
    annotate_crowd,
    annotate_far,
    annotate_person,
)
from aepose.toy.background import draw_background, draw_occluder, finish
from aepose.toy.canvas import OWNER_STEP, SCALE, Canvas, capsule, hull, shade
from aepose.toy.figure import Figure, draw_figure, extent, place
from aepose.toy.look import random_colour, sample_look
from aepose.toy.pose import sample_body, sample_pose, solve

_Box = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Preset:
    """How hard the pictures are; ranges are (low, high) and odds are probabilities.

    people: odds of 0, 1, 2 ... people with keypoints
    height: share of the picture's height (of an upright one, of 1.2 widths at most) that a lone
        person fills
    cover: greatest share of the smaller of two boxes that the other may cover
    room: least width of the picture per person, in heights of a standing person
    cut, occluder, far, crowd: odds of a person cut by the border, and of things in the picture
    """

    people: tuple[float, ...]
    height: tuple[float, float]
    cover: float
    room: float
    cut: float
    occluder: float
    far: float
    crowd: float


DEFAULT = Preset(people=(0.04, 0.30, 0.30, 0.22, 0.14), height=(0.60, 0.92), cover=0.45,
                 room=0.42, cut=0.12, occluder=0.25, far=0.08, crowd=0.06)
HARD = Preset(people=(0.05, 0.10, 0.15, 0.20, 0.20, 0.17, 0.13), height=(0.25, 0.95), cover=0.85,
              room=0.18, cut=0.25, occluder=0.45, far=0.15, crowd=0.12)

# People become smaller as there are more of them; index: number of people.
SHRINK = (1.0, 1.0, 0.92, 0.80, 0.70, 0.66, 0.62)


def draw_scene(rng: np.random.Generator, preset: Preset) -> tuple[np.ndarray, list[Annotation]]:
    """Draw one picture; returns it, (H, W, 3) uint8, BGR, and the annotations of its people."""
    canvas, light = empty_scene(rng)
    # Owner numbers: 1 is the crowd, then the far people, then those with keypoints.
    crowd = rng.random() < preset.crowd
    if crowd:
        _draw_crowd(rng, canvas, 1)
    far = list(range(2, 2 + (int(rng.integers(1, 4)) if rng.random() < preset.far else 0)))
    for number in far:
        _draw_far_person(rng, canvas, number, *_sample_far_spot(rng, canvas))
    figures = _compose(rng, canvas, preset, light, first=2 + len(far))
    full = [_draw_and_count(canvas, figure) for figure in figures]
    if rng.random() < preset.occluder:
        draw_occluder(rng, canvas)
    annotations = [annotate_person(rng, canvas, f, n) for f, n in zip(figures, full, strict=True)]
    annotations += [annotate_far(canvas, number) for number in far]
    if crowd:
        annotations.append(annotate_crowd(canvas, 1))
    return finish(rng, canvas.picture()), [a for a in annotations if a is not None]


def empty_scene(rng: np.random.Generator) -> tuple[Canvas, tuple[float, float]]:
    """A canvas with a background, and the direction of the light, x right and y up."""
    height, width = _sample_size(rng)
    angle = radians(rng.uniform(40, 140))
    return Canvas(draw_background(rng, height, width)), (cos(angle), sin(angle))


def _sample_size(rng: np.random.Generator) -> tuple[int, int]:
    """Height and width, pixels: a short side of 200-300 and a long one of up to 420."""
    short = int(rng.integers(200, 301))
    long = min(420, int(short * rng.uniform(1.0, 1.6)))
    return (short, long) if rng.random() < 0.65 else (long, short)


def _compose(rng: np.random.Generator, canvas: Canvas, preset: Preset,
             light: tuple[float, float], first: int) -> list[Figure]:
    """Choose people and their places; the list is in painter's order, far to near."""
    rows, columns = canvas.owner.shape
    count = int(rng.choice(len(preset.people), p=preset.people))
    common = rng.uniform(*preset.height) * SHRINK[count]
    figures: list[Figure] = []
    boxes: list[_Box] = []
    for number in range(first, first + count):
        body, pose = sample_body(rng), sample_pose(rng)
        skeleton = solve(body, pose)
        low, high = extent(body, skeleton)
        span = high - low
        share = np.clip(common * rng.uniform(0.8, 1.2), preset.height[0] * 0.6, 0.96)
        size = min(share * min(rows, 1.2 * columns) / max(span[1], 0.72), 0.94 * columns / span[0],
                   columns / (count * preset.room))
        corner = find_spot(rng, canvas, span * size, boxes, preset)
        figures.append(place(number, body, pose, sample_look(rng, light), corner - low * size,
                             size, skeleton))
    return figures


def find_spot(rng: np.random.Generator, canvas: Canvas, span: np.ndarray, boxes: list[_Box],
              preset: Preset) -> np.ndarray:
    """Top left corner (2,) for a box of ``span`` (2,), the least crowded of a few tries.

    boxes: of those who have their places; the new one is added
    """
    frame = np.array(canvas.owner.shape[::-1], float)
    cut = rng.random() < preset.cut
    best, least = np.zeros(2), np.inf
    for _ in range(8):
        corner = (frame - span) * (rng.random(), rng.beta(2.0, 1.2))
        if cut:
            corner += (span * rng.uniform(0.08, 0.4)) * ((1, 0), (-1, 0), (0, 1))[rng.integers(3)]
            corner = np.clip(corner, -0.4 * span, frame - 0.6 * span)
        cover = max((_coverage((corner, corner + span), box) for box in boxes), default=0.0)
        if cover < least:
            best, least = corner, cover
        if cover <= preset.cover * rng.uniform(0.3, 1.0):
            break
    boxes.append((best, best + span))
    return best


def _coverage(first: _Box, second: _Box) -> float:
    """Share of the smaller box that lies in the other one."""
    overlap = np.minimum(first[1], second[1]) - np.maximum(first[0], second[0])
    smaller = min(np.prod(first[1] - first[0]), np.prod(second[1] - second[0]))
    return float(np.prod(np.maximum(overlap, 0)) / smaller)


def _draw_and_count(canvas: Canvas, figure: Figure) -> int:
    """Draw a person; returns the canvas pixels owned before anyone else is drawn."""
    draw_figure(canvas, figure)
    return canvas.owned_by(figure.number)


def _sample_far_spot(rng: np.random.Generator, canvas: Canvas) -> tuple[np.ndarray, float]:
    rows, columns = canvas.owner.shape
    foot = np.array([rng.uniform(0.05, 0.95) * columns, rng.uniform(0.35, 0.8) * rows])
    return foot, SCALE * rng.uniform(18, 34)


def _draw_far_person(rng: np.random.Generator, canvas: Canvas, number: int, foot: np.ndarray,
                     size: float) -> None:
    """A person too small for keypoints; foot (2,) and size in pixels of the canvas."""
    owner = number * OWNER_STEP
    shirt, trousers = random_colour(rng), random_colour(rng)
    skin = shade((120, 160, 215), rng.uniform(0.4, 1.1))
    hip, neck = foot - (0, 0.47 * size), foot - (0, 0.80 * size)
    for sign in (-1, 1):
        step = np.array([sign * rng.uniform(0.03, 0.12) * size, 0.0])
        canvas.fill(capsule(hip + 0.3 * step, foot + step, 0.06 * size, 0.035 * size), trousers,
                    owner)
        hand = np.array([sign * rng.uniform(0.12, 0.3), rng.uniform(-0.1, 0.32)]) * size
        shoulder = np.array([sign * 0.09, 0.03]) * size
        canvas.fill(capsule(neck + shoulder, neck + hand, 0.04 * size, 0.03 * size),
                    shade(shirt, 0.85), owner)
    chest = neck - (0, -0.05 * size)
    canvas.fill(capsule(chest, hip, 0.10 * size, 0.08 * size), shirt, owner)
    head = neck - (0, 0.09 * size)
    canvas.fill(hull(head[None], np.array([0.09 * size])), skin, owner)
    canvas.fill(hull(head[None] - (0, 0.03 * size), np.array([0.075 * size])), (40, 45, 60), owner)


def _draw_crowd(rng: np.random.Generator, canvas: Canvas, number: int) -> None:
    """Rows of small people that overlap, all with one owner."""
    rows, columns = canvas.owner.shape
    size = SCALE * rng.uniform(20, 40)
    left, right = np.sort(rng.uniform(0.0, 1.0, 2)) * columns
    right = max(right, left + 0.25 * columns)
    ground = rng.uniform(0.3, 0.75) * rows
    for line in range(int(rng.integers(1, 4))):
        for x in np.arange(left, right, 0.42 * size):
            foot = np.array([x + rng.normal(0, 0.1) * size, ground + 0.3 * line * size])
            _draw_far_person(rng, canvas, number, foot, size * rng.uniform(0.85, 1.15))
