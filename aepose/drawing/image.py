"""Images as canvases: checks, text on them, writing them to disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from aepose.errors import DataError

Color = tuple[int, int, int]
FONT = cv2.FONT_HERSHEY_SIMPLEX
_SUFFIXES = (".png", ".jpg", ".jpeg")
# Text height as a share of the picture's long side, and the least that can be read, in pixels.
_TEXT_SHARE, _TEXT_MIN = 0.018, 8
_GROUND = 255  # white


def check_image(image: np.ndarray) -> None:
    """Raise ValueError for anything but a (H, W, 3) uint8 array with at least one pixel."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise ValueError(f"image: expected (H, W, 3) uint8, got {image.shape} {image.dtype}")


class Label:
    """One line of text on a filled rectangle.

    size: (width, height) in pixels of the rectangle, fitting for a picture of ``image_size``
    """

    def __init__(self, text: str, image_size: tuple[int, int]) -> None:
        self.text = text
        height = int(max(_TEXT_SHARE * max(image_size), _TEXT_MIN))
        self.thickness = max(1, height // 10)
        self.scale = cv2.getFontScaleFromHeight(FONT, height, self.thickness)
        (text_width, self.ascent), _ = cv2.getTextSize(text, FONT, self.scale, self.thickness)
        self.margin = max(2, height // 4)
        self.size = text_width + 2 * self.margin, self.ascent + 2 * self.margin

    def draw(self, canvas: np.ndarray, x: int, y: int, color: Color) -> None:
        """Write into ``canvas``, top left corner at pixel (x, y), on a ground of ``color``."""
        right, bottom = x + self.size[0] - 1, y + self.size[1] - 1
        cv2.rectangle(canvas, (x, y), (right, bottom), color, cv2.FILLED)
        # Luma of the ground decides between black and white letters.
        ink = (0, 0, 0) if np.dot(color, (0.299, 0.587, 0.114)) > 120 else (255, 255, 255)
        origin = x + self.margin, y + self.margin + self.ascent
        cv2.putText(canvas, self.text, origin, FONT, self.scale, ink, self.thickness, cv2.LINE_AA)


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Write a (H, W, 3) uint8 RGB picture as PNG or JPEG, by suffix; parent folders are made.

    Raises DataError that names the path for another suffix and for a path that cannot be written.
    """
    check_image(image)
    path = Path(path)
    if path.suffix.lower() not in _SUFFIXES:
        raise DataError(f"cannot write picture {path}: end its name in {', '.join(_SUFFIXES)}")
    _, data = cv2.imencode(path.suffix.lower(), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise DataError(f"cannot write picture {path}: {error.strerror}") from None


def fit_width(image: np.ndarray, width: int) -> np.ndarray:
    """Return a picture resized to ``width`` pixels, its proportions kept."""
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def tile_images(
    images: Sequence[np.ndarray], width: int = 1280, height: int = 280, gap: int = 8
) -> np.ndarray:
    """Return RGB pictures in rows on white, like lines of justified text, (H, width, 3) uint8.

    height: of a row, in pixels, before it is stretched or shrunk to fill the width; gap: between
        pictures and around them
    """
    rows, row = [], []
    for image in images:
        row.append(image)
        if sum(_shares(row)) * height >= width - gap * (len(row) + 1):
            rows.append(_row(row, width, gap))
            row = []
    if row:
        rows.append(_row(row, width, gap, height))
    edge = np.full((gap, width, 3), _GROUND, np.uint8)
    return np.vstack([edge, *(part for line in rows for part in (line, edge))])


def _shares(images: Sequence[np.ndarray]) -> list[float]:
    """Return width by height of each."""
    return [image.shape[1] / image.shape[0] for image in images]


def _row(
    images: Sequence[np.ndarray], width: int, gap: int, most: float = np.inf
) -> np.ndarray:
    """Return pictures of one height side by side; ``most``: that height at most."""
    shares = np.array(_shares(images))
    height = min((width - gap * (len(images) + 1)) / shares.sum(), most)
    line = np.full((max(1, round(height)), width, 3), _GROUND, np.uint8)
    ends = np.round(shares.cumsum() * height).astype(int)
    for index, (image, start, end) in enumerate(zip(images, [0, *ends], ends, strict=False)):
        size = max(1, int(end - start)), len(line)
        x = int(start) + gap * (index + 1)
        line[:, x : x + size[0]] = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return line
