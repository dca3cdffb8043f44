"""Scenery of the toy pictures: textured backgrounds, things in front of people, light and noise.

Pictures are (H, W, 3) uint8, BGR.
"""

from __future__ import annotations

import cv2
import numpy as np

from aepose.toy.canvas import Canvas, Colour, capsule, hull, shade
from aepose.toy.look import random_colour


def draw_background(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Draw one of several kinds of background, (height, width, 3) uint8."""
    kinds = (_gradient, _clouds, _stripes, _checkerboard, _room, _landscape)
    image = kinds[rng.integers(len(kinds))](rng, height, width)
    if rng.random() < 0.6:
        _scatter_shapes(rng, image, int(rng.integers(2, 12)))
    image = _add_grain(rng, image)
    if rng.random() < 0.4:
        image = cv2.blur(image, (int(rng.integers(2, 8)),) * 2)
    return image


def _mix(first: Colour, second: Colour, weight: np.ndarray) -> np.ndarray:
    """Blend two colours by a weight (H, W) in 0-1."""
    low, high = np.float32(first), np.float32(second)
    return (low + (high - low) * weight[..., None].astype(np.float32)).astype(np.uint8)


def _smooth_noise(rng: np.random.Generator, height: int, width: int, cells: int) -> np.ndarray:
    """(height, width) float32 in 0-1 that varies over about ``cells`` waves a side."""
    coarse = rng.random((cells + 1, cells + 1), dtype=np.float32)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)


def _ramp(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.ogrid[-1:1:height * 1j, -1:1:width * 1j]
    return 0.5 + (np.cos(angle) * x + np.sin(angle) * y) / 2.9


def _gradient(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    return _mix(random_colour(rng), random_colour(rng), _ramp(rng, height, width))


def _clouds(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    weight = sum(_smooth_noise(rng, height, width, cells) * share
                 for cells, share in ((3, 0.5), (9, 0.3), (30, 0.2)))
    return _mix(random_colour(rng), random_colour(rng), weight)


def _stripes(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    ramp = _ramp(rng, height, width) * rng.uniform(4, 22)
    bend = 1.5 * rng.random() * _smooth_noise(rng, height, width, 4)
    weight = ((ramp + bend) % 1.0 < rng.uniform(0.3, 0.7)) * rng.uniform(0.25, 1.0)
    return _mix(random_colour(rng), random_colour(rng), weight)


def _checkerboard(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    period = rng.uniform(14, 60)
    across = (np.arange(width) / period % 1.0 < 0.5)[None]
    along = (np.arange(height) / period / rng.uniform(0.6, 1.6) % 1.0 < 0.5)[:, None]
    return _mix(random_colour(rng), random_colour(rng), (across ^ along) * rng.uniform(0.2, 1.0))


def _room(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A wall, a floor, and rectangles in the place of furniture and pictures."""
    image = _gradient(rng, height, width)
    floor = int(height * rng.uniform(0.6, 0.9))
    wall, boards = random_colour(rng), random_colour(rng)
    image[:floor] = (image[:floor] * 0.35 + np.float32(wall) * 0.65).astype(np.uint8)
    image[floor:] = np.uint8(shade(boards, 0.8))
    for x in range(0, width, int(rng.integers(12, 40))):
        cv2.line(image, (x, floor), (2 * x - width // 2, height), shade(boards, 0.55), 1)
    for _ in range(rng.integers(1, 6)):
        w, h = int(width * rng.uniform(0.08, 0.4)), int(height * rng.uniform(0.1, 0.55))
        x = int(rng.integers(-w // 2, width))
        y = floor - h if rng.random() < 0.6 else int(rng.integers(0, max(1, floor - h)))
        colour = random_colour(rng)
        cv2.rectangle(image, (x, y), (x + w, y + h), colour, -1)
        cv2.rectangle(image, (x, y), (x + w, y + h), shade(colour, 0.5), 2)
        for shelf in range(y, y + h, max(8, h // int(rng.integers(1, 6)))):
            cv2.line(image, (x, shelf), (x + w, shelf), shade(colour, 0.6), 1)
    return image


def _landscape(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Sky, rolling ground and trees."""
    sky = np.linspace(0, 1, height)[:, None].repeat(width, 1)
    image = _mix((rng.uniform(150, 250), rng.uniform(120, 200), rng.uniform(80, 190)),
                 (235, 225, 215), sky)
    horizon = height * rng.uniform(0.35, 0.75)
    for layer in range(3):
        ridge = horizon + layer * 0.1 * height + 0.12 * height * (
            _smooth_noise(rng, 1, width, 5)[0] - 0.5)
        green = (rng.uniform(30, 90), rng.uniform(80, 150), rng.uniform(40, 120))
        image[np.arange(height)[:, None] > ridge[None]] = np.uint8(green)
    for _ in range(rng.integers(0, 5)):
        _draw_tree(rng, image, int(rng.integers(0, width)), int(horizon + 0.1 * height))
    return image


def _draw_tree(rng: np.random.Generator, image: np.ndarray, x: int, y: int) -> None:
    size = int(image.shape[0] * rng.uniform(0.1, 0.35))
    cv2.rectangle(image, (x - size // 10, y - size), (x + size // 10, y), (40, 65, 95), -1)
    leaves = (rng.uniform(20, 70), rng.uniform(70, 140), rng.uniform(20, 100))
    for _ in range(6):
        dx, dy = (rng.normal(0, 0.3, 2) * size).astype(int)
        cv2.circle(image, (x + int(dx), y - size + int(dy)), max(2, int(size * 0.35)),
                   shade(leaves, rng.uniform(0.8, 1.2)), -1)


def _scatter_shapes(rng: np.random.Generator, image: np.ndarray, count: int) -> None:
    """Bars, discs, and boxes in the colours of clothes: things that are not people."""
    height, width = image.shape[:2]
    for _ in range(count):
        centre = rng.uniform(0, 1, 2) * (width, height)
        size = rng.uniform(0.03, 0.2) * height
        kind, colour = rng.integers(3), random_colour(rng)
        if kind == 0:
            cv2.circle(image, centre.astype(int), int(size / 2), colour, -1, cv2.LINE_AA)
        else:
            end = centre + rng.normal(0, 1.2, 2) * size
            shape = capsule(centre, end, size * 0.3, size * 0.2) if kind == 1 else cv2.boxPoints(
                (centre, (size, size * rng.uniform(0.3, 2)), rng.uniform(0, 180)))
            cv2.fillConvexPoly(image, shape.astype(np.int32), colour, cv2.LINE_AA)


def _add_grain(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Grain of one to four pixels, the same in the three colours."""
    height, width = image.shape[:2]
    cell = int(rng.integers(1, 5))
    grain = rng.integers(0, 256, (height // cell + 1, width // cell + 1), dtype=np.uint8)
    grain = cv2.resize(grain, (width, height), interpolation=cv2.INTER_LINEAR)
    strength = rng.uniform(0.0, 0.22)
    return cv2.addWeighted(image, 1.0, cv2.cvtColor(grain, cv2.COLOR_GRAY2BGR), strength,
                           -128 * strength)


def draw_occluder(rng: np.random.Generator, canvas: Canvas) -> None:
    """Put a post, a box or a bush in front of whatever is there."""
    rows, columns = canvas.owner.shape
    x, y = rng.uniform(0, columns), rng.uniform(0.35, 1.0) * rows
    colour = random_colour(rng)
    kind = rng.integers(3)
    if kind == 0:
        lean, radius = rng.normal(0, 0.08) * columns, rng.uniform(0.008, 0.022) * columns
        _solid(canvas, capsule(np.array([x, -20.0]), np.array([x + lean, rows + 20.0]), radius,
                               radius), colour)
    elif kind == 1:
        w, h = rng.uniform(0.1, 0.3) * columns, rng.uniform(0.06, 0.25) * rows
        _solid(canvas, np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]]), colour)
    else:
        size = rng.uniform(0.06, 0.14) * rows
        for _ in range(7):
            centre = np.array([x, y]) + rng.normal(0, 0.6, 2) * size
            _solid(canvas, hull(centre[None], np.array([size * rng.uniform(0.3, 0.6)])),
                   shade((50, 120, 60), rng.uniform(0.6, 1.3)))


def _solid(canvas: Canvas, outline: np.ndarray, colour: Colour) -> None:
    canvas.fill(outline, shade(colour, 0.5), 0)
    centre = outline.mean(0)
    canvas.fill(centre + 0.93 * (outline - centre), colour)


def finish(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Light that varies over the picture, contrast, a little blur and sensor noise."""
    height, width = image.shape[:2]
    if rng.random() < 0.5:
        light = 0.75 + 0.45 * _smooth_noise(rng, height, width, 2)
        image = cv2.multiply(image, cv2.merge([light] * 3), dtype=cv2.CV_8U)
    image = cv2.convertScaleAbs(image, alpha=rng.uniform(0.85, 1.1), beta=rng.uniform(0, 18))
    if rng.random() < 0.25:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 0.9))
    noise = rng.integers(0, 256, image.shape, dtype=np.uint8)
    strength = rng.uniform(0.0, 0.08)
    return cv2.addWeighted(image, 1.0, noise, strength, -128 * strength)
